"""The upper part: a lid that carries the plug outward and the ESP8266 inward."""

from __future__ import annotations

from build123d import Pos, Rot, Shape, Solid

from ecms_box import parameters as p
from ecms_box.layout import (
    BLADE,
    CAP_THICKNESS,
    CORNER,
    CORNER_BLOCK,
    RECESS_DIAMETER,
    Box3,
    Layout,
)
from ecms_box.parts.lower import CORNER_ROUNDING
from ecms_box.parts.small import PLUNGER_SHAFT
from ecms_box.solids import block, common, post, rounded, single, union, without

BOSS_DIAMETER = p.INSERT_M3_SHORT.hole + 2 * p.BOSS_WALL
RIM = 1.5
GUIDE_RIB = 2.0


def lid(layout: Layout) -> Solid:
    """Return the lid, in its place in the assembly."""
    w, n, wall = layout.width, layout.length, p.PRINT.wall
    plate = rounded(block(0, 0, layout.lid_inner, w, n, wall), CORNER_ROUNDING)
    solids = [plate, *_corner_blocks(layout), *_rim(layout), *_partition_guide(layout), *_board_bosses(layout)]
    if layout.variant.supply is p.Supply.BATTERY:
        solids.append(_battery_blade(layout))
    else:
        solids += [s for box in (layout.acdc, *layout.clamps) for s in _cradle(box)]
    if layout.plunger is not None:
        x, y = layout.plunger
        solids.append(post(x, y, layout.lid_inner - 2.0, PLUNGER_SHAFT + 2 * 1.8, 2.0))
    outline = rounded(block(0, 0, 0, w, n, layout.depth), CORNER_ROUNDING)
    solid = common(union(solids), outline)
    return single(without(solid, [*_board_pocket(layout), *_holes(layout)]))


def in_print_position(shape: Shape, depth: float) -> Shape:
    """Return a lid turned over so that its outer face lies on the bed."""
    return Pos(0, 0, depth) * Rot(180, 0, 0) * shape


def _corner_blocks(layout: Layout) -> list[Shape]:
    z = layout.depth - CORNER_BLOCK
    return [
        block(x, y, z, CORNER, CORNER, CORNER_BLOCK)
        for x in (0.0, layout.width - CORNER)
        for y in (0.0, layout.length - CORNER)
    ]


def _rim(layout: Layout) -> list[Shape]:
    """Low ribs just inside the walls: they centre the lid and close the joint against probing."""
    inner, slide, wall = layout.lid_inner - 2.0, p.PRINT.slide, p.PRINT.wall
    a, b = wall + slide, CORNER - 0.5
    part = layout.partition
    w, n = layout.width, layout.length
    solids: list[Shape] = [block(b, y, inner, w - 2 * b, RIM, 2.0) for y in (a, n - a - RIM)]
    for x in (a, w - a - RIM):
        solids.append(block(x, b, inner, RIM, part.y - 3.0 - b, 2.0))
        start = part.y + part.dy + 3.0
        solids.append(block(x, start, inner, RIM, n - b - start, 2.0))
    return solids


def _partition_guide(layout: Layout) -> list[Shape]:
    part, slide = layout.partition, p.PRINT.slide
    x, dx = part.x + 4.0, part.dx - 8.0
    z = layout.lid_inner - GUIDE_RIB
    return [
        block(x, part.y - slide - 1.6, z, dx, 1.6, GUIDE_RIB),
        block(x, part.y + part.dy + slide, z, dx, 1.6, GUIDE_RIB),
    ]


def _board_bosses(layout: Layout) -> list[Shape]:
    b, gap = layout.variant.board, p.STACK.component_gap
    pinched = b.hole_pitch is None
    height = gap + (p.STACK.pcb - 0.1 if pinched else 0.0)
    solids: list[Shape] = [post(x, y, layout.lid_inner - height, BOSS_DIAMETER, height) for x, y in layout.board_screws]
    if pinched:
        cx = layout.board.centre[0]
        for x, y in layout.board_screws:
            inward = 1.0 if x < cx else -1.0
            edge = cx - inward * b.length / 2
            solids.append(
                block(
                    min(x, edge + inward * 1.2), y - 2.0, layout.lid_inner - gap, abs(edge + inward * 1.2 - x), 4.0, gap
                )
            )
    return solids


def _board_pocket(layout: Layout) -> list[Shape]:
    """Room for a clamped board between the upper ends of its bosses."""
    if layout.variant.board.hole_pitch is not None:
        return []
    b, fit = layout.board, p.PRINT.fit
    seat = layout.lid_inner - p.STACK.component_gap
    return [block(b.x - fit, b.y - fit, seat - 3.0, b.dx + 2 * fit, b.dy + 2 * fit, 3.0)]


def _battery_blade(layout: Layout) -> Shape:
    """A rib that keeps the battery down."""
    b = layout.battery
    bottom = b.z + b.dz + 0.3
    return block(b.x + 8.0, layout.length - BLADE, bottom, b.dx - 16.0, 2.0, layout.lid_inner - bottom)


def _cradle(box: Box3) -> list[Shape]:
    """Four corner angles around a module that is glued to the lid, 6 mm deep."""
    wall, gap, arm, depth = 1.6, p.PRINT.fit, 5.0, 6.0
    z = box.z + box.dz - depth
    x0, x1 = box.x - gap - wall, box.x + box.dx + gap
    y0, y1 = box.y - gap - wall, box.y + box.dy + gap
    solids: list[Shape] = []
    for x, along_x in ((x0, x0), (x1, x1 + wall - arm)):
        for y, along_y in ((y0, y0), (y1, y1 + wall - arm)):
            solids.append(block(x, along_y, z, wall, arm, depth))
            solids.append(block(along_x, y, z, arm, wall, depth))
    return solids


def _holes(layout: Layout) -> list[Shape]:
    recess = CAP_THICKNESS + p.M3_LID.head_height
    holes: list[Shape] = []
    for x, y in layout.corners:
        holes.append(post(x, y, layout.depth - recess, RECESS_DIAMETER, recess + 1))
        holes.append(post(x, y, layout.depth - CORNER_BLOCK - 1, p.M3_LID.thread + 0.4, CORNER_BLOCK + 2))
    i, gap = p.INSERT_M3_SHORT, p.STACK.component_gap
    seat = layout.lid_inner - gap - (p.STACK.pcb - 0.1 if layout.variant.board.hole_pitch is None else 0.0)
    holes += [post(x, y, seat - 1, i.hole, i.hole_depth + 1) for x, y in layout.board_screws]
    if layout.plunger is not None:
        x, y = layout.plunger
        holes.append(post(x, y, layout.lid_inner - 3, PLUNGER_SHAFT + 0.5, p.PRINT.wall + 4))
    if layout.variant.inlet is p.Inlet.PLUG:
        c = layout.socket_centre
        holes.append(post(c, c, layout.lid_inner - 3, layout.plug.inner_diameter + 2 * p.PRINT.fit, 8))
        holes += [post(x, y, layout.lid_inner - 3, p.M3_FLANGE.thread + 0.4, 8) for x, y in layout.plug_holes]
    return holes
