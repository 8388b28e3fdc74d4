"""The box of the document: 70 x 85 mm, lower part 28 mm and lid 2 mm, as its chapter 5 gives it.

It is kept beside ours to show with figures what does not fit. It has no partition, no sunk screws and no cord gland.
"""

from __future__ import annotations

from build123d import Shape, Solid

from ecms_box import parameters as p
from ecms_box.layout import FLOOR_TOP, Layout
from ecms_box.parts.lid import BOSS_DIAMETER
from ecms_box.parts.lower import CORNER_ROUNDING, pillar
from ecms_box.solids import block, common, post, rounded, single, union, without

BOSS_HEIGHT = 6.5


def document_layout(variant: p.Variant) -> Layout:
    """Return our arrangement squeezed into the document's outer size."""
    return Layout(variant, *p.DOCUMENT_BOX)


def document_lower(layout: Layout) -> Solid:
    """Return the lower part: tub, four M3 pillars, the socket's opening, the sensor's M2 boss."""
    wall, top = p.PRINT.wall, layout.lid_inner
    w, n = layout.width, layout.length
    outside = rounded(block(0, 0, 0, w, n, top), CORNER_ROUNDING)
    shell = without(outside, [block(wall, wall, wall, w - 2 * wall, n - 2 * wall, top)])
    pillars = [s for x, y in layout.corners for s in pillar(x, y, w, n, FLOOR_TOP, top - FLOOR_TOP)]
    sx, sy = layout.sensor_hole
    boss = post(sx, sy, FLOOR_TOP, p.INSERT_M2.hole + 2 * 1.6, p.SENSOR.boss)
    c, i, m2 = layout.socket_centre, p.INSERT_M3, p.INSERT_M2
    holes: list[Shape] = [
        post(c, c, -1, layout.socket.body_diameter + 2 * p.PRINT.fit, FLOOR_TOP + 2),
        *(post(x, y, -1, p.M3_FLANGE.thread + 0.4, FLOOR_TOP + 2) for x, y in layout.flange_holes),
        *(post(x, y, top - i.hole_depth, i.hole, i.hole_depth + 1) for x, y in layout.corners),
        post(sx, sy, FLOOR_TOP + p.SENSOR.boss - m2.hole_depth, m2.hole, m2.hole_depth + 1),
    ]
    return single(without(common(union([shell, *pillars, boss]), outside), holes))


def document_lid(layout: Layout) -> Solid:
    """Return the lid: a 2 mm plate with the plug's opening, four screw holes and the board's four M3 bosses."""
    wall, z = p.PRINT.wall, layout.lid_inner
    plate = rounded(block(0, 0, z, layout.width, layout.length, wall), CORNER_ROUNDING)
    bosses = [post(x, y, z - BOSS_HEIGHT, BOSS_DIAMETER, BOSS_HEIGHT) for x, y in layout.board_screws]
    c, i = layout.socket_centre, p.INSERT_M3_SHORT
    holes: list[Shape] = [
        *(post(x, y, z - 1, p.M3_LID.thread + 0.4, wall + 2) for x, y in layout.corners),
        *(post(x, y, z - BOSS_HEIGHT - 1, i.hole, i.hole_depth + 1) for x, y in layout.board_screws),
        post(c, c, z - 1, layout.plug.inner_diameter + 2 * p.PRINT.fit, wall + 2),
        *(post(x, y, z - 1, p.M3_FLANGE.thread + 0.4, wall + 2) for x, y in layout.plug_holes),
    ]
    return single(without(union([plate, *bosses]), holes))
