"""The lower part: a tub that carries the socket, the sensor, the fuse and the battery."""

from __future__ import annotations

from math import floor

from build123d import Pos, Rot, Shape, Solid

from ecms_box import VERSION
from ecms_box import parameters as p
from ecms_box.layout import (
    CORNER,
    CORNER_BLOCK,
    FLOOR_TOP,
    PILLAR,
    PILLAR_CENTRE,
    PILLAR_RADIUS,
    RIB,
    Layout,
)
from ecms_box.lettering import letters
from ecms_box.solids import bar, block, common, post, raised, rounded, single, union, without

CORNER_ROUNDING = 2.5
TEXT_HEIGHT = 4.6
TEXT_STROKE = 0.9
TEXT_RISE = 0.6


def lower(layout: Layout) -> Solid:
    """Return the lower part."""
    wall = p.PRINT.wall
    w, n, top = layout.width, layout.length, layout.lid_inner
    shell = without(
        rounded(block(0, 0, 0, w, n, top), CORNER_ROUNDING),
        [block(wall, wall, wall, w - 2 * wall, n - 2 * wall, top)],
    )
    solid = union([shell, *_pillars(layout), *_guides(layout), *_sensor_seat(layout), *_rests(layout)])
    outside = rounded(block(0, 0, 0, w, n, top), CORNER_ROUNDING)
    solid = common(solid, outside)
    solid = without(solid, [*_corner_cuts(layout), *_insert_holes(layout), *_openings(layout)])
    if layout.variant.plain:
        return single(solid)
    return single(raised(solid, _marking(layout)))


def pillar(x: float, y: float, width: float, length: float, z: float, height: float) -> list[Shape]:
    """Return a corner pillar around the screw axis (x, y), filled up to both outer walls, mm."""
    near_x = 0.0 if x < width / 2 else width - PILLAR_CENTRE
    near_y = 0.0 if y < length / 2 else length - PILLAR_CENTRE
    return [
        post(x, y, z, 2 * PILLAR_RADIUS, height),
        block(near_x, y - PILLAR_RADIUS, z, PILLAR_CENTRE, 2 * PILLAR_RADIUS, height),
        block(x - PILLAR_RADIUS, near_y, z, 2 * PILLAR_RADIUS, PILLAR_CENTRE, height),
    ]


def _pillars(layout: Layout) -> list[Shape]:
    height = layout.lid_inner - FLOOR_TOP
    return [s for x, y in layout.corners for s in pillar(x, y, layout.width, layout.length, FLOOR_TOP, height)]


def _corner_cuts(layout: Layout) -> list[Shape]:
    """Room for the lid's corner blocks, which hold the sunk screw heads."""
    size, z = CORNER + p.PRINT.slide, layout.depth - CORNER_BLOCK
    return [
        block(x, y, z, size, size, CORNER_BLOCK)
        for x in (0.0, layout.width - size)
        for y in (0.0, layout.length - size)
    ]


def _insert_holes(layout: Layout) -> list[Shape]:
    top, i = layout.depth - CORNER_BLOCK, p.INSERT_M3
    sx, sy = layout.sensor_hole
    m2 = p.INSERT_M2
    seat = FLOOR_TOP + p.SENSOR.boss
    return [
        *(post(x, y, top - i.hole_depth, i.hole, i.hole_depth + 1) for x, y in layout.corners),
        post(sx, sy, seat - m2.hole_depth, m2.hole, m2.hole_depth + 1),
    ]


def _guides(layout: Layout) -> list[Shape]:
    """Ribs that hold the partition at both side walls and on the floor; the right ones begin above the sensor."""
    part, slide, wall = layout.partition, p.PRINT.slide, p.PRINT.wall
    thickness = 1.6
    solids: list[Shape] = []
    height = layout.lid_inner - 2.5 - FLOOR_TOP
    for y in (part.y - slide - thickness, part.y + part.dy + slide):
        solids += [
            block(wall, y, FLOOR_TOP, RIB, thickness, height),
            block(layout.width - wall - RIB, y, FLOOR_TOP, RIB, thickness, height),
        ]
    far = part.y + part.dy + slide
    solids.append(block(wall, far, FLOOR_TOP, layout.sensor.x - 1.0 - wall, thickness, 1.5))
    return solids


def _sensor_seat(layout: Layout) -> list[Shape]:
    """The M2 boss and a rest under the mains terminals."""
    s, (x, y) = layout.sensor, layout.sensor_hole
    boss = p.INSERT_M2.hole + 2 * 1.6
    return [
        post(x, y, FLOOR_TOP, boss, p.SENSOR.boss),
        block(s.x + 1.0, s.y + 1.0, FLOOR_TOP, s.dx - 2.0, 2.0, p.SENSOR.boss),
    ]


def _rests(layout: Layout) -> list[Shape]:
    """Two rests with stops for the fuse block, and a low wall before the battery."""
    f = layout.fuse
    solids: list[Shape] = [
        block(f.x + 1.0, f.y + 3.0, FLOOR_TOP, f.dx - 2.0, 3.0, p.FUSE.rise),
        block(f.x + 1.0, f.y + f.dy - 6.0, FLOOR_TOP, f.dx - 2.0, 3.0, p.FUSE.rise),
        block(f.x + f.dx + 0.3, f.y + 8.0, FLOOR_TOP, 1.6, f.dy - 16.0, p.FUSE.rise + 6.0),
    ]
    if layout.variant.supply is p.Supply.BATTERY:
        b = layout.battery
        end = layout.sensor.x - 2.0
        solids.append(block(b.x + 2.0, b.y - p.PRINT.fit - 1.6 - 0.2, FLOOR_TOP, end - b.x - 2.0, 1.6, 12.0))
    return solids


def _openings(layout: Layout) -> list[Shape]:
    c, socket = layout.socket_centre, layout.socket
    solids: list[Shape] = [post(c, c, -1, socket.body_diameter + 2 * p.PRINT.fit, FLOOR_TOP + 2)]
    solids += [post(x, y, -1, p.M3_FLANGE.thread + 0.4, FLOOR_TOP + 2) for x, y in layout.flange_holes]
    if layout.variant.inlet is p.Inlet.CORD:
        x, z = layout.gland
        solids.append(bar(x, -1, z, p.GLAND.hole, p.PRINT.wall + 2))
    if not layout.variant.plain:
        solids += _vents(layout)
    return solids


def _vents(layout: Layout) -> list[Shape]:
    """Upright slots: in the end wall beside the electronics and in the right wall beside the fuse."""
    slot, pitch, wall = p.PRINT.vent_width, 3.0, p.PRINT.wall
    first = PILLAR + 5.0
    count = floor((layout.width - 2 * first) / pitch) + 1
    height = layout.lid_inner - CORNER_BLOCK - 30.0
    end = [block(first + i * pitch, layout.length - wall - 1, 30.0, slot, wall + 2, height) for i in range(count)]
    side = [block(layout.width - wall - 1, 14.0 + i * pitch, 24.0, wall + 2, slot, height) for i in range(8)]
    return [*end, *side]


def marking_lines(variant: p.Variant) -> list[str]:
    """Return what the box says on its side."""
    return [
        "ECMS " + VERSION,
        "230 V~ " + variant.rating.marking,
        variant.rating.fuse,
        "UNPLUG TO OPEN",
        "NOT CERTIFIED",
    ]


def _marking(layout: Layout) -> list[Shape]:
    """Raised text on the left wall, read with the socket below; 0.1 mm of each stroke lies in the wall."""
    solids: list[Shape] = []
    lines = marking_lines(layout.variant)
    pitch = TEXT_HEIGHT + 2.6
    block_height = (len(lines) - 1) * pitch + TEXT_HEIGHT
    bottom = (layout.lid_inner - block_height) / 2 if layout.depth < 40 else 8.0  # noqa: PLR2004
    for row, line in enumerate(reversed(lines)):
        place = Pos(0.1, layout.length - 9.0, bottom + row * pitch) * Rot(0, 0, -90) * Rot(90, 0, 0)
        solids += [place * letter for letter in letters(line, TEXT_HEIGHT, TEXT_STROKE, TEXT_RISE + 0.1)]
    return solids
