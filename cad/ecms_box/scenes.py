"""The guide's pictures: what each shows and from where."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ecms_box import parameters as p
from ecms_box.assembly import Assembly, box, document_box
from ecms_box.components import Item
from ecms_box.render import Callout, Camera, Picture

POWERED = p.Variant(supply=p.Supply.MAINS, inlet=p.Inlet.CORD)


@cache
def _battery_box() -> Assembly:
    return box(p.Variant())


@cache
def _powered_box() -> Assembly:
    return box(POWERED)


def _only(assembly: Assembly, *wanted: str) -> list[Item]:
    """Items whose name or component is wanted."""
    return [i for i in assembly.items if i.name in wanted or i.component in wanted]


def _but(assembly: Assembly, *unwanted: str) -> list[Item]:
    return [i for i in assembly.items if i.name not in unwanted and i.component not in unwanted]


LID_SIDE = (
    "lid",
    "cap",
    "plunger",
    "plug",
    "plug fastener",
    "lid screw",
    "board",
    "board fastener",
    "AC-DC module",
    "lever terminal",
)


def closed() -> Picture:
    """The closed box, its marking and the socket's side hidden."""
    return Picture(_battery_box().items, Camera(205, 24), width=1200, height=1000)


def socket_side() -> Picture:
    """The closed box from the appliance's side."""
    return Picture(_battery_box().items, Camera(-55, -32), width=1100, height=900)


def exploded() -> Picture:
    """Everything pulled apart, numbered as in the bill of materials."""
    a = _battery_box()
    layout = a.layout
    c, w, n = layout.socket_centre, layout.width, layout.length
    calls = (
        Callout("1", (0, 10, 24), (-0.06, 0.0)),
        Callout("2", (0, 20, 129), (-0.07, -0.01)),
        Callout("3", (4, layout.partition.y, 66), (-0.08, 0.0)),
        Callout("4", (c - 20, c - 20, -47), (-0.06, 0.02)),
        Callout("5", (c - 9, c, 167), (-0.08, 0.0)),
        Callout("6", (w + 31, layout.fuse.y + 6, 15), (0.03, 0.05)),
        Callout("7", (w + 31, layout.sensor.y + 25, 16), (0.05, 0.02)),
        Callout("8", (w - 14, layout.board.y + 1, 86), (0.09, 0.0)),
        Callout("9", (w - 12, n + 26, 24), (0.07, 0.0)),
        Callout("11", (w - 4, 4, 160), (0.06, 0.0)),
        Callout("12", (w - 4, 4, 145), (0.06, 0.0)),
    )
    return Picture(a.items, Camera(-58, 20), explode=1.0, width=1100, height=1500, callouts=calls)


def inserts() -> Picture:
    """Step 1: the lower part with its inserts."""
    a = _battery_box()
    items = [
        i
        for i in a.items
        if i.name == "lower" or (i.name == "insert" and i.component in ("lid fastener", "sensor fastener"))
    ]
    calls = (
        Callout("A", (4.2, 4.2, 44), (-0.02, 0.1)),
        Callout("B", (*a.layout.sensor_hole, 6), (-0.12, 0.1)),
    )
    return Picture(items, Camera(-112, 58), callouts=calls)


def mains_side() -> Picture:
    """Step 2: socket, fuse and sensor in the lower part."""
    a = _battery_box()
    items = _only(a, "lower", "socket", "socket fastener", "fuse", "sensor", "sensor fastener", "sensor screw")
    items += [i for i in a.items if i.component == "lid fastener" and i.name == "insert"]
    f, s = a.layout.fuse, a.layout.sensor
    calls = (
        Callout("4", (a.layout.socket_centre, a.layout.socket_centre, 32), (-0.0, 0.0)),
        Callout("6", (f.x + 5, f.y + 14, 19), (0.22, 0.1)),
        Callout("7", (s.x + 7, s.y + 5, 18), (0.2, -0.02)),
    )
    return Picture(items, Camera(-78, 62), callouts=calls)


def low_voltage_side() -> Picture:
    """Step 3: partition, battery and converter, from the low-voltage end."""
    a = _battery_box()
    items = [i for i in _but(a, *LID_SIDE) if i.component != "lid fastener" or i.name == "insert"]
    b, r = a.layout.battery, a.layout.regulator
    calls = (
        Callout("3", (50, a.layout.partition.y, 48), (-0.2, -0.06)),
        Callout("9", (b.x + 30, b.y + 8, 28.5), (0.0, 0.0)),
        Callout("10", (r.x + 6, r.y + 4, 12), (0.26, 0.02)),
    )
    return Picture(items, Camera(102, 66), callouts=calls)


def lid_inside() -> Picture:
    """Step 4: the lid with board, plunger and plug, seen from inside."""
    a = _battery_box()
    items = _only(a, "lid", "board", "board fastener", "plunger", "plug", "plug fastener")
    b = a.layout.board
    px, py = a.layout.plunger or (0.0, 0.0)
    calls = (
        Callout("8", (b.x + 24, b.y + 13, 81), (0.0, 0.0)),
        Callout("13", (px, py, 98), (-0.16, 0.02)),
        Callout("5", (a.layout.socket_centre, a.layout.socket_centre, 128), (0.0, 0.0)),
    )
    return Picture(items, Camera(-60, -42, up_down=True), explode=0.9, callouts=calls)


def cutaway() -> Picture:
    """The battery box with its lower part and lid see-through: how everything lies."""
    a = _battery_box()
    return Picture(a.items, Camera(-42, 26), ghost=frozenset({"lower", "lid"}), width=1200, height=1000)


def powered() -> Picture:
    """The mains-powered box, lower part and lid see-through."""
    a = _powered_box()
    items = a.items
    acdc, clamp = a.layout.acdc, a.layout.clamps[0]
    gx, gz = a.layout.gland
    calls = (
        Callout("14", (acdc.x + 10, acdc.y + 10, acdc.z + 15), (-0.16, -0.14)),
        Callout("15", (clamp.x + 10, clamp.y + 5, clamp.z + 8), (0.2, -0.16)),
        Callout("16", (gx, -12, gz + 8), (-0.2, -0.03)),
    )
    return Picture(items, Camera(-62, 34), ghost=frozenset({"lower", "lid"}), callouts=calls, width=1200, height=1000)


def document() -> Picture:
    """The document's box with the same parts: what does not fit stands out."""
    a = document_box(p.Variant())
    return Picture(a.items, Camera(-42, 22), ghost=frozenset({"lower", "lid"}), width=1200, height=900)


SCENES: dict[str, Callable[[], Picture]] = {
    "closed": closed,
    "socket-side": socket_side,
    "exploded": exploded,
    "step-1": inserts,
    "step-2": mains_side,
    "step-3": low_voltage_side,
    "step-4": lid_inside,
    "inside": cutaway,
    "powered": powered,
    "document-box": document,
}
