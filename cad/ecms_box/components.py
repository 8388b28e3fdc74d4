"""The bought parts as envelopes in their places: large enough for the real part, detailed enough to be recognised."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from build123d import Pos, Shape

from ecms_box import parameters as p
from ecms_box.layout import (
    CAP_THICKNESS,
    CORNER_BLOCK,
    FLOOR_TOP,
    Layout,
)
from ecms_box.solids import bar, block, of, post, rounded, together, union, without

Colour = tuple[int, int, int]


class Role(Enum):
    """What a solid is electrically."""

    MAINS = "mains"
    LOW_VOLTAGE = "low voltage"
    BARRIER = "certified insulation between the two"
    INSULATION = "insulating"
    METAL = "metal without connection"


@dataclass(frozen=True)
class Item:
    """One solid of a component in its place. `outside` says it may be touched from outside by its own design."""

    name: str
    shape: Shape
    role: Role
    colour: Colour
    component: str
    outside: bool = False
    explode: tuple[float, float, float] = field(default=(0.0, 0.0, 0.0))


IVORY = (236, 232, 222)
DARK = (52, 54, 60)
STEEL = (190, 194, 200)
BRASS = (205, 165, 80)
GREEN = (46, 130, 84)
BOARD_BLUE = (34, 62, 110)
RED_BOARD = (170, 52, 52)
COPPER = (196, 122, 70)
BLACK = (36, 37, 40)
WHITE = (240, 240, 238)
ORANGE = (222, 120, 40)
GOLD = (214, 178, 94)
PIN_PITCH = 2.54


def bought_parts(layout: Layout, sunk: bool = True) -> list[Item]:
    """Return every bought part of the variant, placed; `sunk` lid screws lie under caps, others on a plain lid."""
    v = layout.variant
    items = [
        *socket(layout),
        *sensor(layout),
        *fuse(layout),
        *board(layout),
        *lid_screws(layout, sunk),
        *fasteners(layout),
    ]
    items += plug(layout) if v.inlet is p.Inlet.PLUG else gland(layout)
    items += [*battery(layout), *regulator(layout)] if v.supply is p.Supply.BATTERY else mains_supply(layout)
    return items


def socket(layout: Layout) -> list[Item]:
    """Return the panel socket: flange and recess outside, body inside."""
    s, c = layout.socket, layout.socket_centre
    half = s.flange / 2
    flange = rounded(block(c - half, c - half, -s.flange_thickness, s.flange, s.flange, s.flange_thickness), 3.0)
    body = post(c, c, 0, s.body_diameter, s.depth)
    spacing = 19.0
    if s.standard is p.Standard.F:
        recess = [
            post(c, c, -s.flange_thickness - 1, 39.0, 18.5),
            *(post(c + d, c, 0, 5.6, 30.0) for d in (-spacing / 2, spacing / 2)),
        ]
        earth = [block(c - 2.5, c + side * 19.2 - 0.5, -s.flange_thickness + 1, 5.0, 1.0, 14.0) for side in (-1, 1)]
    else:
        recess = [post(c + d, c, -s.flange_thickness - 1, 5.0, 20.0) for d in (-spacing / 2, 0.0, spacing / 2)]
        earth = []
    holes = [post(x, y, -s.flange_thickness - 1, 3.4, s.flange_thickness + 2) for x, y in layout.flange_holes]
    items = [
        Item(
            "socket flange",
            without(flange, recess + holes),
            Role.INSULATION,
            IVORY,
            "socket",
            outside=True,
            explode=(0, 0, -45),
        ),
        Item("socket", without(body, recess), Role.MAINS, IVORY, "socket", outside=True, explode=(0, 0, -45)),
    ]
    items += [Item("earth contact", e, Role.MAINS, BRASS, "socket", outside=True, explode=(0, 0, -45)) for e in earth]
    return items


def plug(layout: Layout) -> list[Item]:
    """Return the plug insert: pins outside, terminals inside."""
    g, c, top = layout.plug, layout.socket_centre, layout.depth
    holes = [post(x, y, top - 1, 3.4, g.flange_thickness + 2) for x, y in layout.plug_holes]
    inner = post(c, c, top - g.inner_depth, g.inner_diameter, g.inner_depth)
    outer = union(
        [
            post(c, c, top, g.flange_diameter, g.flange_thickness),
            post(c, c, top, g.body_diameter - 6.0, g.body_length),
        ]
    )
    face = top + g.body_length
    count = (-1, 1) if g.standard is p.Standard.F else (-1, 0, 1)
    half = g.pin_spacing / 2
    pins = [post(c + n * half, c, face, g.pin_diameter, g.pin_length) for n in count]
    lift = (0.0, 0.0, 100.0)
    items = [
        Item("plug", inner, Role.MAINS, IVORY, "plug", outside=True, explode=lift),
        Item("plug body", without(outer, holes), Role.INSULATION, IVORY, "plug", outside=True, explode=lift),
    ]
    items += [Item("plug pin", pin, Role.MAINS, BRASS, "plug", outside=True, explode=lift) for pin in pins]
    return items


def sensor(layout: Layout) -> list[Item]:
    """Return the ACS712 module in three: mains terminals, the chip across, low-voltage header."""
    s, box = p.SENSOR, layout.sensor
    hole = post(*layout.sensor_hole, box.z - 1, 2.4, 4)
    mains_end, lv_start = box.y + s.mains_length, box.y + s.mains_length + s.barrier_length
    lv_length = s.length - s.mains_length - s.barrier_length
    pcb_lv = without(block(box.x, lv_start, box.z, s.width, lv_length, s.pcb), [hole])
    top = box.z + s.pcb
    mid = box.x + s.width / 2
    lift = (34.0, 0.0, 8.0)

    def make(name: str, shape: Shape, role: Role, colour: Colour) -> Item:
        return Item(name, shape, role, colour, "sensor", explode=lift)

    return [
        make("sensor board, mains", block(box.x, box.y, box.z, s.width, s.mains_length, s.pcb), Role.MAINS, RED_BOARD),
        make("sensor terminals", block(mid - 5.1, box.y, top, 10.2, 8.0, s.height - s.pcb), Role.MAINS, GREEN),
        make("sensor chip", block(mid - 2.5, mains_end, top, 5.0, s.barrier_length, 1.75), Role.BARRIER, BLACK),
        make(
            "sensor board, barrier",
            block(box.x, mains_end, box.z, s.width, s.barrier_length, s.pcb),
            Role.BARRIER,
            RED_BOARD,
        ),
        make("sensor board, low voltage", pcb_lv, Role.LOW_VOLTAGE, RED_BOARD),
        make(
            "sensor header",
            block(mid - 5.5, box.y + s.length - 3.0, top, 7.6, 2.5, s.height - s.pcb),
            Role.LOW_VOLTAGE,
            BLACK,
        ),
    ]


def fuse(layout: Layout) -> list[Item]:
    """Return the closed fuse block."""
    f = layout.fuse
    lift = (34.0, 0.0, 0.0)
    base = block(f.x, f.y, f.z, f.dx, f.dy, 6.0)
    cover = block(f.x + 0.4, f.y + 3.0, f.z + 6.0, f.dx - 0.8, f.dy - 6.0, f.dz - 6.0)
    tabs = [block(f.x + f.dx / 2 - 2, y, f.z + 6.0, 4.0, 1.0, 5.0) for y in (f.y + 0.5, f.y + f.dy - 1.5)]
    return [
        Item("fuse block", base, Role.MAINS, BLACK, "fuse", explode=lift),
        Item("fuse cover", cover, Role.MAINS, ORANGE, "fuse", explode=lift),
        *(Item("fuse terminal", tab, Role.MAINS, STEEL, "fuse", explode=lift) for tab in tabs),
    ]


def battery(layout: Layout) -> list[Item]:
    """Return the 9 V block and its clip."""
    b, box = p.BATTERY, layout.battery
    lift = (0.0, 42.0, 0.0)
    body = block(box.x + b.snap, box.y, box.z, b.length, b.thickness, b.width)
    band = 10.0
    main = block(box.x + b.snap + band, box.y, box.z, b.length - band, b.thickness, b.width)
    end = without(body, [main])
    clip = block(box.x, box.y + 2.0, box.z + 0.5, b.snap, b.thickness - 4.0, b.width - 1.0)
    return [
        Item("battery", main, Role.LOW_VOLTAGE, DARK, "battery", explode=lift),
        Item("battery top", end, Role.LOW_VOLTAGE, COPPER, "battery", explode=lift),
        Item("battery clip", clip, Role.LOW_VOLTAGE, BLACK, "battery", explode=lift),
    ]


def regulator(layout: Layout) -> list[Item]:
    """Return the 5 V step-down converter."""
    return [
        Item(
            "5 V converter",
            of(layout.regulator),
            Role.LOW_VOLTAGE,
            BLACK,
            "converter",
            explode=(-30.0, 42.0, 0.0),
        )
    ]


def board(layout: Layout) -> list[Item]:
    """Return the ESP8266 board, components towards the lid, pins and wires downwards, USB at +x."""
    b, st, box = layout.variant.board, p.STACK, layout.board
    top = layout.lid_inner - st.component_gap
    bottom = top - st.pcb
    cx, cy, _ = box.centre
    lift = (0.0, 0.0, 46.0)
    pcb: Shape = block(box.x, box.y, bottom, b.length, b.width, st.pcb)
    if b.hole_pitch is not None:
        pcb = without(pcb, [post(x, y, bottom - 1, 3.2, st.pcb + 2) for x, y in layout.board_screws])

    def make(name: str, shape: Shape, colour: Colour) -> Item:
        return Item(name, shape, Role.LOW_VOLTAGE, colour, "board", explode=lift)

    pins = min(b.length - 12.0, 38.1)
    row = b.width / 2 - 1.3
    can_x = box.x + 8.0
    items = [
        make("board", pcb, BOARD_BLUE),
        make("radio can", block(can_x, cy - 6.0, top, 15.0, 12.0, 3.2), STEEL),
        make("USB socket", block(box.x + b.length - 6.0, cy - 3.9, top, 6.0, 7.8, 2.9), STEEL),
    ]
    for side in (-1, 1):
        y = cy + side * row
        items.append(make("pin strip", block(cx - pins / 2, y - 1.25, bottom - 2.5, pins, 2.5, 2.5), BLACK))
        count = round(pins / PIN_PITCH)
        left = cx - (count - 1) * PIN_PITCH / 2 - 0.32
        comb = [
            block(left + n * PIN_PITCH, y - 0.32, bottom - st.wires, 0.64, 0.64, st.wires - 2.5) for n in range(count)
        ]
        items.append(make("pins", together(comb), GOLD))
    if b.flash_button is not None:
        bx, by = b.flash_button
        for side, name in ((1, "FLASH button"), (-1, "RST button")):
            x, y = cx + bx, cy + side * by
            items.append(
                make(
                    name,
                    union(
                        [block(x - 2, y - 1.5, top, 4.0, 3.0, 1.5), post(x, y, top + 1.5, 1.6, st.button_height - 1.5)]
                    ),
                    WHITE,
                )
            )
    return items


def mains_supply(layout: Layout) -> list[Item]:
    """Return the AC-DC module, in three by its pins, and the two lever terminals."""
    a, box = p.ACDC, layout.acdc
    lift = (0.0, 0.0, 50.0)
    middle = a.length - a.mains_end - a.lv_end
    ends = (
        (0.0, a.mains_end, Role.MAINS),
        (a.mains_end, middle, Role.BARRIER),
        (a.length - a.lv_end, a.lv_end, Role.LOW_VOLTAGE),
    )
    items = [
        Item(
            f"AC-DC module, {role.value}",
            block(box.x, box.y + start, box.z, a.width, length, a.height),
            role,
            BLACK if role is not Role.LOW_VOLTAGE else DARK,
            "AC-DC module",
            explode=lift,
        )
        for start, length, role in ends
    ]
    for c in layout.clamps:
        items.append(Item("lever terminal", of(c), Role.MAINS, WHITE, "lever terminal", explode=lift))
        for n in range(3):
            lever = block(c.x + 0.8 + n * 6.0, c.y + 7.0, c.z - 0.0, 5.0, 9.0, 1.2)
            items.append(Item("lever", lever, Role.INSULATION, ORANGE, "lever terminal", explode=lift))
    return items


def gland(layout: Layout) -> list[Item]:
    """Return the cable gland with a stub of cord."""
    g, (x, z) = p.GLAND, layout.gland
    wall = p.PRINT.wall
    lift = (0.0, -30.0, 0.0)
    thread = bar(x, 0, z, g.thread, g.thread_length)
    body = union(
        [thread, bar(x, -6.0, z, g.outer, 6.0), bar(x, -16.0, z, g.outer - 2.0, 10.0)],
    )
    bore = bar(x, -20, z, g.cable, 40)
    nut = without(bar(x, wall, z, g.nut_corners, g.nut), [bar(x, wall - 1, z, g.thread, g.nut + 2)])
    cord = bar(x, -32.0, z, g.cable, 32.0 + wall + 8.0)
    return [
        Item("gland", without(body, [bore]), Role.INSULATION, BLACK, "gland", outside=True, explode=lift),
        Item("gland nut", nut, Role.INSULATION, BLACK, "gland", explode=(0.0, 12.0, 0.0)),
        Item("cord", cord, Role.INSULATION, WHITE, "cord", outside=True, explode=lift),
    ]


def lid_screws(layout: Layout, sunk: bool) -> list[Item]:
    """Return the four screws that close the box, with their inserts."""
    seat = layout.depth - (CAP_THICKNESS + p.M3_LID.head_height if sunk else 0.0)
    insert_top = layout.depth - CORNER_BLOCK if sunk else layout.lid_inner
    items: list[Item] = []
    for x, y in layout.corners:
        screw = _screw_down(p.M3_LID, x, y, seat)
        items.append(Item("lid screw", screw, Role.METAL, STEEL, "lid fastener", explode=(0, 0, 100)))
        items.append(_insert(p.INSERT_M3, x, y, insert_top - p.INSERT_M3.length, "lid"))
    return items


def fasteners(layout: Layout) -> list[Item]:
    """Return the screws, inserts and nuts of board, sensor, socket and plug."""
    items: list[Item] = []
    seat = layout.lid_inner - p.STACK.component_gap
    clamped = layout.variant.board.hole_pitch is None
    under = seat - p.STACK.pcb
    for x, y in layout.board_screws:
        screw = _screw_up(p.M3_BOARD, x, y, under - (1.0 if clamped else 0.0))
        items.append(Item("board screw", screw, Role.INSULATION, WHITE, "board fastener", explode=(0, 0, 32)))
        if clamped:
            washer = without(post(x, y, under - 1.0, 9.0, 1.0), [post(x, y, under - 2, 3.2, 4)])
            items.append(Item("washer", washer, Role.INSULATION, WHITE, "board fastener", explode=(0, 0, 38)))
        start = seat if not clamped else under + 0.1
        items.append(_insert(p.INSERT_M3_SHORT, x, y, start, "board", (0, 0, 58)))
    sx, sy = layout.sensor_hole
    top = layout.sensor.z + p.SENSOR.pcb
    items.append(
        Item(
            "sensor screw",
            _screw_down(p.M2_SENSOR, sx, sy, top),
            Role.INSULATION,
            WHITE,
            "sensor fastener",
            explode=(34, 0, 22),
        )
    )
    items.append(_insert(p.INSERT_M2, sx, sy, FLOOR_TOP + p.SENSOR.boss - p.INSERT_M2.length, "sensor"))
    items += _flange_screws(layout)
    return items


def _flange_screws(layout: Layout) -> list[Item]:
    items: list[Item] = []
    nut = 2.4
    thickness = layout.socket.flange_thickness
    for x, y in layout.flange_holes:
        screw = _screw_up(p.M3_FLANGE, x, y, -thickness)
        items.append(
            Item("flange screw", screw, Role.INSULATION, WHITE, "socket fastener", outside=True, explode=(0, 0, -62))
        )
        items.append(_nut(x, y, FLOOR_TOP, nut, "socket", (0, 0, 6)))
    if layout.variant.inlet is p.Inlet.PLUG:
        for x, y in layout.plug_holes:
            screw = _screw_down(p.M3_FLANGE, x, y, layout.depth + layout.plug.flange_thickness)
            items.append(
                Item("flange screw", screw, Role.INSULATION, WHITE, "plug fastener", outside=True, explode=(0, 0, 124))
            )
            items.append(_nut(x, y, layout.lid_inner - nut, nut, "plug", (0, 0, 62)))
    return items


def _nut(x: float, y: float, z: float, height: float, group: str, lift: tuple[float, float, float]) -> Item:
    ring = without(post(x, y, z, 2 * p.NUT_CORNER_RADIUS, height), [post(x, y, z - 1, 3.0, height + 2)])
    return Item("flange nut", ring, Role.INSULATION, WHITE, f"{group} fastener", explode=lift)


def _screw_down(screw: p.Screw, x: float, y: float, seat: float) -> Shape:
    """Head above the seat, shank below."""
    shank = post(x, y, seat - screw.length, screw.thread, screw.length + 0.5)
    return union(
        [
            shank,
            without(
                post(x, y, seat, screw.head_diameter, screw.head_height),
                [_drive(screw, x, y, seat + screw.head_height)],
            ),
        ]
    )


def _screw_up(screw: p.Screw, x: float, y: float, seat: float) -> Shape:
    """Head below the seat, shank above."""
    shank = post(x, y, seat - 0.5, screw.thread, screw.length + 0.5)
    head = post(x, y, seat - screw.head_height, screw.head_diameter, screw.head_height)
    return union([shank, without(head, [_drive(screw, x, y, seat - screw.head_height)])])


def _drive(screw: p.Screw, x: float, y: float, z: float) -> Shape:
    arm, depth = screw.head_diameter * 0.55, screw.head_height * 0.4
    bars = [
        block(x - arm / 2, y - 0.4, z - depth, arm, 0.8, 2 * depth),
        block(x - 0.4, y - arm / 2, z - depth, 0.8, arm, 2 * depth),
    ]
    return union(bars)


def _insert(
    insert: p.Insert, x: float, y: float, z: float, group: str, explode: tuple[float, float, float] = (0, 0, 0)
) -> Item:
    """An insert at the diameter of its hole: what it melts aside is not an overlap."""
    bore = {p.INSERT_M2: p.M2_SENSOR.thread}.get(insert, p.M3_LID.thread)
    ring = without(post(x, y, z, insert.hole, insert.length), [post(x, y, z - 1, bore, insert.length + 2)])
    return Item("insert", ring, Role.METAL, BRASS, f"{group} fastener", explode=explode)


def shifted(item: Item, factor: float) -> Shape:
    """Return the item's solid moved along its way out of the box; factor 0 is in place, 1 fully exploded."""
    dx, dy, dz = item.explode
    return Pos(dx * factor, dy * factor, dz * factor) * item.shape
