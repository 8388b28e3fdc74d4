"""The whole box: printed parts and bought parts in their places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ecms_box import parameters as p
from ecms_box.components import Colour, Item, Role, bought_parts
from ecms_box.layout import Layout, smallest
from ecms_box.parts.document import document_layout, document_lid, document_lower
from ecms_box.parts.lid import lid
from ecms_box.parts.lower import lower
from ecms_box.parts.small import cap, partition, plunger

PRINTED: Colour = (118, 164, 196)
PRINTED_LIGHT: Colour = (160, 194, 214)
PARTITION: Colour = (232, 196, 92)
PLUNGER: Colour = (206, 84, 70)


@dataclass(frozen=True)
class Assembly:
    """Printed and bought parts of one box."""

    layout: Layout
    document: bool = False

    @cached_property
    def printed(self) -> list[Item]:
        """The printed parts in their places."""
        layout = self.layout
        make = Role.INSULATION
        if self.document:
            return [
                Item("lower", document_lower(layout), make, PRINTED, "printed", outside=True),
                Item("lid", document_lid(layout), make, PRINTED_LIGHT, "printed", outside=True, explode=(0, 0, 80)),
            ]
        items = [
            Item("lower", lower(layout), make, PRINTED, "printed", outside=True),
            Item("lid", lid(layout), make, PRINTED_LIGHT, "printed", outside=True, explode=(0, 0, 80)),
            Item("partition", partition(layout), make, PARTITION, "printed", explode=(0, 0, 30)),
        ]
        if layout.plunger is not None:
            items.append(Item("plunger", plunger(layout), make, PLUNGER, "printed", outside=True, explode=(0, 0, 62)))
        items += [
            Item("cap", cap(x, y, layout.depth), make, PLUNGER, "printed", outside=True, explode=(0, 0, 114))
            for x, y in layout.corners
        ]
        return items

    @cached_property
    def bought(self) -> list[Item]:
        """The bought parts in their places."""
        return bought_parts(self.layout, sunk=not self.document)

    @property
    def items(self) -> list[Item]:
        """Everything."""
        return [*self.printed, *self.bought]


def box(variant: p.Variant) -> Assembly:
    """Return the smallest box for a variant."""
    return Assembly(smallest(variant))


def document_box(variant: p.Variant) -> Assembly:
    """Return the document's box with our arrangement of the real parts in it."""
    return Assembly(document_layout(variant), document=True)
