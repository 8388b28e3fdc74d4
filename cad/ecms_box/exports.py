"""Which printed parts are offered, and their STEP, STL and 3MF files in print position."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from build123d import Pos, Rot, Shape, export_step

from ecms_box import parameters as p
from ecms_box import threemf
from ecms_box.layout import Layout, smallest
from ecms_box.meshing import mesh_of
from ecms_box.parts.document import document_layout, document_lid, document_lower
from ecms_box.parts.lid import in_print_position, lid
from ecms_box.parts.lower import lower
from ecms_box.parts.small import cap, partition, plunger
from ecms_box.solids import single

TIMESTAMP = "2000-01-01T00:00:00"
"""In STEP headers: a rebuild without a change gives the same file."""
_USAGE = re.compile(r"(NEXT_ASSEMBLY_USAGE_OCCURRENCE\(')\d+'")
"""The kernel counts these over the life of the process."""


@dataclass(frozen=True)
class PrintedPart:
    """A part as it is printed: on the bed at z = 0."""

    name: str
    build: Callable[[], Shape]


def _on_bed(shape: Shape) -> Shape:
    return Pos(0, 0, -shape.bounding_box().min.Z) * shape


def printed_lid(layout: Layout) -> Shape:
    """Return the lid, outer face on the bed."""
    return _on_bed(in_print_position(lid(layout), layout.depth))


def printed_partition(layout: Layout) -> Shape:
    """Return the partition lying flat."""
    return _on_bed(Rot(90, 0, 0) * partition(layout))


def parts_of(variant: p.Variant) -> list[PrintedPart]:
    """Return all printed parts of one box."""
    layout = smallest(variant)
    parts = [
        PrintedPart(f"lower-{variant.key}", lambda: lower(layout)),
        PrintedPart(f"lid-{variant.key}", lambda: printed_lid(layout)),
        PrintedPart(f"partition-{variant.key}", lambda: printed_partition(layout)),
        PrintedPart("cap", lambda: _on_bed(cap(0, 0, 0))),
    ]
    if layout.plunger is not None:
        parts.append(PrintedPart("plunger", lambda: _on_bed(plunger(layout))))
    return parts


def offered() -> list[PrintedPart]:
    """Return the parts whose files are kept in the repository."""
    cord = p.Inlet.CORD
    mains = p.Supply.MAINS
    five, ten = p.Rating.A5, p.Rating.A10
    battery = smallest(p.Variant())
    battery_v3 = smallest(p.Variant(board=p.NODEMCU_V3))
    battery_d1 = smallest(p.Variant(board=p.D1_MINI))
    powered = smallest(p.Variant(supply=mains, inlet=cord))
    powered_d1 = smallest(p.Variant(supply=mains, inlet=cord, board=p.D1_MINI))
    document = document_layout(p.Variant())
    return [
        PrintedPart("lower-5a-battery-plug", lambda: lower(smallest(p.Variant(rating=five)))),
        PrintedPart("lower-10a-battery-plug", lambda: lower(battery)),
        PrintedPart("lower-10a-battery-plug-v3", lambda: lower(battery_v3)),
        PrintedPart("lower-5a-mains-cord", lambda: lower(smallest(p.Variant(five, mains, cord)))),
        PrintedPart("lower-10a-mains-cord", lambda: lower(smallest(p.Variant(ten, mains, cord)))),
        PrintedPart("lid-battery-plug-v2", lambda: printed_lid(battery)),
        PrintedPart("lid-battery-plug-v3", lambda: printed_lid(battery_v3)),
        PrintedPart("lid-battery-plug-d1mini", lambda: printed_lid(battery_d1)),
        PrintedPart("lid-mains-cord-v2", lambda: printed_lid(powered)),
        PrintedPart("lid-mains-cord-d1mini", lambda: printed_lid(powered_d1)),
        PrintedPart("partition-battery", lambda: printed_partition(battery)),
        PrintedPart("partition-mains", lambda: printed_partition(powered)),
        PrintedPart("plunger", lambda: _on_bed(plunger(battery))),
        PrintedPart("cap", lambda: _on_bed(cap(0, 0, 0))),
        PrintedPart("document-lower", lambda: document_lower(document)),
        PrintedPart("document-lid", lambda: _on_bed(in_print_position(document_lid(document), document.depth))),
    ]


def write(part: PrintedPart, folder: Path) -> list[Path]:
    """Write one part's three files into folder/step, folder/stl and folder/3mf; return their paths."""
    shape = part.build()
    mesh = mesh_of(shape)
    paths = [folder / kind / f"{part.name}.{kind}" for kind in ("step", "stl", "3mf")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    named = single(shape)
    named.label = part.name
    if not export_step(named, paths[0], write_pcurves=False, timestamp=TIMESTAMP):
        raise OSError(f"{paths[0]} could not be written: check that the folder is writable")
    text = paths[0].read_text(encoding="utf-8")
    paths[0].write_text(_USAGE.sub(r"\g<1>1'", text), encoding="utf-8")
    header = f"ECMS {part.name}".encode().ljust(80, b" ")
    data = cast("bytes", mesh.export(file_type="stl"))
    paths[1].write_bytes(header + data[80:])
    threemf.write(mesh, part.name, paths[2])
    return paths
