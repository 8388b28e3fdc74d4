"""Dimensioned drawings of the printed parts: three views by hidden-line removal, third angle, A3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from build123d import Edge, GeomType, Shape

from ecms_box import VERSION
from ecms_box import parameters as p
from ecms_box.layout import CORNER_BLOCK, RECESS_DIAMETER, Layout
from ecms_box.sheet import GREY, Sheet

PAGE = (420.0, 297.0)


@dataclass(frozen=True)
class _View:
    """A projection: where the eye is and which way is up."""

    eye: tuple[float, float, float]
    up: tuple[float, float, float]


TOP = _View((0, 0, 1000), (0, 1, 0))
BOTTOM = _View((0, 0, -1000), (0, 1, 0))
FRONT = _View((0, -1000, 0), (0, 0, 1))
RIGHT = _View((1000, 0, 0), (0, 0, 1))

Points = list[tuple[float, float]]


def _project(shape: Shape, view: _View) -> tuple[list[Points], list[Points]]:
    """Return visible and hidden lines, centred on the part."""
    centre = shape.bounding_box().center()
    eye = tuple(c + e for c, e in zip(centre, view.eye, strict=True))
    visible, hidden = shape.project_to_viewport(eye, view.up, tuple(centre))
    return [_points(e) for e in visible], [_points(e) for e in hidden]


def _points(edge: Edge) -> Points:
    steps = 1 if edge.geom_type == GeomType.LINE else min(48, max(8, round(edge.length)))
    found = [edge.position_at(i / steps) for i in range(steps + 1)]
    return [(v.X, -v.Y) for v in found]


def _place(
    sheet: Sheet, lines: tuple[list[Points], list[Points]], x: float, y: float, scale: float, hidden: bool = True
) -> None:
    visible, unseen = lines
    if hidden:
        for line in unseen:
            sheet.line(*((x + a * scale, y + b * scale) for a, b in line), width=0.1, colour=GREY, dash=True)
    for line in visible:
        sheet.line(*((x + a * scale, y + b * scale) for a, b in line), width=0.3)


def _title(sheet: Sheet, name: str, notes: Sequence[str]) -> None:
    w, h = PAGE
    sheet.box(8, 8, w - 16, h - 16, 0.5)
    sheet.box(w - 148, h - 48, 140, 40, 0.5)
    sheet.text(w - 144, h - 40, name, 4.2, bold=True)
    for row, note in enumerate(notes):
        sheet.text(w - 144, h - 33 + row * 4.6, note, 2.5)
    sheet.text(w - 144, h - 11, f"ECMS box {VERSION}   mm   1:1   NOT CERTIFIED", 2.5)


def lower_drawing(shape: Shape, layout: Layout, name: str) -> Sheet:
    """Draw a lower part: top, front, right."""
    sheet = Sheet(*PAGE, name)
    w, n, h = layout.width, layout.length, layout.lid_inner
    x, y = 95.0, 95.0
    _place(sheet, _project(shape, TOP), x, y, 1.0)
    _place(sheet, _project(shape, FRONT), x, y + 115, 1.0, hidden=False)
    _place(sheet, _project(shape, RIGHT), x + 115, y + 115, 1.0, hidden=False)
    left, top, bottom = x - w / 2, y - n / 2, y + n / 2
    sheet.dimension((left, top), (left + w, top), f"{w:g}", -20)
    sheet.dimension((left, bottom), (left, top), f"{n:g}", -24)
    (ax, ay), (bx, _), (_, cy), _ = layout.corners
    sheet.dimension((left + ax, top + n - cy), (left + bx, top + n - cy), f"{bx - ax:g} screws M3", -10)
    sheet.dimension((left + ax, bottom - ay), (left + ax, bottom - cy), f"{cy - ay:g}", -16)
    c = layout.socket_centre
    sheet.dimension((left, bottom - c), (left + c, bottom - c), f"{c:.1f}", c + 12)
    sheet.dimension((left + w, bottom), (left + w, bottom - c), f"{c:.1f}", 14)
    hole = layout.socket.body_diameter + 2 * p.PRINT.fit
    sheet.text(left + c, bottom - c, f"socket dia. {hole:g}", 2.6, "middle")
    sheet.text(
        left + c,
        bottom - c + 4,
        f"4 x dia. 3.4 on {layout.socket.hole_pitch:g} x {layout.socket.hole_pitch:g}",
        2.4,
        "middle",
    )
    fx, fy = x - w / 2, y + 115 + h / 2
    sheet.dimension((fx, fy), (fx, fy - h), f"{h:g}", -14)
    sheet.dimension((fx + w, fy), (fx + w, fy - p.PRINT.wall), f"{p.PRINT.wall:g}", 10)
    i, m2 = p.INSERT_M3, p.INSERT_M2
    _title(
        sheet,
        name,
        (
            f"walls and floor {p.PRINT.wall:g}",
            f"pillars: insert {i.source}, depth {i.hole_depth:g}",
            f"sensor boss {p.SENSOR.boss:g} high: insert {m2.source}, depth {m2.hole_depth:g}",
            "printed floor down, no supports; 0.2 layers, 20 %, 4 perimeters, PETG",
        ),
    )
    return sheet


def lid_drawing(shape: Shape, layout: Layout, name: str, corner: float = CORNER_BLOCK) -> Sheet:
    """Draw a lid in its place: from below (inside), from above (outside), front."""
    sheet = Sheet(*PAGE, name)
    w, n = layout.width, layout.length
    x, y = 95.0, 95.0
    _place(sheet, _project(shape, BOTTOM), x, y, 1.0)
    _place(sheet, _project(shape, TOP), x + 130, y, 1.0, hidden=False)
    _place(sheet, _project(shape, FRONT), x, y + 100, 1.0, hidden=False)
    left, top, bottom = x - w / 2, y - n / 2, y + n / 2
    sheet.text(x, bottom + 8, "inside", 2.8, "middle")
    sheet.text(x + 130, bottom + 8, "outside", 2.8, "middle")
    sheet.dimension((left, top), (left + w, top), f"{w:g}", -20)
    sheet.dimension((left, bottom), (left, top), f"{n:g}", -24)
    screws = layout.board_screws
    xs, ys = sorted({round(a, 3) for a, _ in screws}), sorted({round(b, 3) for _, b in screws})
    mirrored = [left + w - a for a in xs]
    sheet.dimension(
        (mirrored[1], bottom - ys[1]), (mirrored[0], bottom - ys[1]), f"{xs[1] - xs[0]:g} bosses", -(n - ys[1]) - 8
    )
    sheet.dimension((left + w, bottom - ys[0]), (left + w, bottom - ys[1]), f"{ys[1] - ys[0]:g}", 14)
    right_left = x + 130 - w / 2
    if layout.variant.inlet is p.Inlet.PLUG:
        c = layout.socket_centre
        hole = layout.plug.inner_diameter + 2 * p.PRINT.fit
        sheet.dimension((right_left, bottom - c), (right_left + c, bottom - c), f"{c:.1f}", c + 16)
        sheet.text(right_left + c, bottom - c, f"plug dia. {hole:g}", 2.6, "middle")
        sheet.text(right_left + c, bottom - c + 4, f"4 x 3.4 on {layout.plug.bolt_circle:g}", 2.4, "middle")
    (ax, _), (bx, _), _, _ = layout.corners
    sheet.dimension((right_left + ax, top + ax), (right_left + bx, top + ax), f"{bx - ax:g}", -14)
    i = p.INSERT_M3_SHORT
    sunk = (
        f"4 x M3 sunk: dia. {RECESS_DIAMETER:g}, corner {corner:g} thick" if corner > p.PRINT.wall else "4 x dia. 3.4"
    )
    _title(
        sheet,
        name,
        (
            f"plate {p.PRINT.wall:g}; {sunk}",
            f"board bosses: insert {i.source}, depth {i.hole_depth:g}",
            "printed outer face down, no supports; 0.2 layers, 20 %, 4 perimeters, PETG",
        ),
    )
    return sheet


def small_drawing(parts: list[tuple[str, Shape]]) -> Sheet:
    """Draw the small parts, each from the front and the side."""
    sheet = Sheet(*PAGE, "small parts")
    x = 70.0
    for name, shape in parts:
        size = shape.bounding_box().size
        y = 70.0
        _place(sheet, _project(shape, FRONT), x, y, 1.0, hidden=False)
        _place(sheet, _project(shape, TOP), x, y + 75, 1.0, hidden=False)
        left = x - size.X / 2
        sheet.dimension((left, y - size.Z / 2), (left + size.X, y - size.Z / 2), f"{size.X:.4g}", -8)
        sheet.dimension((left, y + size.Z / 2), (left, y - size.Z / 2), f"{size.Z:.4g}", -8)
        sheet.dimension((left, y + 75 + size.Y / 2), (left, y + 75 - size.Y / 2), f"{size.Y:.4g}", -8)
        sheet.text(x, y + 75 + size.Y / 2 + 9, name, 3.0, "middle", bold=True)
        x += max(size.X, 25.0) + 40.0
    _title(sheet, "Small parts", ("partition lies flat, plunger stands on its flange, cap lies flat", "no supports"))
    return sheet
