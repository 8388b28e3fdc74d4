"""Where everything sits, and how large the box must be for it.

Origin: outer corner of the lower part. x across, y from the mains end to the low-voltage end, z from the socket's
face (the appliance's side, z = 0) to the lid's face (the wall's side, z = depth).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, sqrt

from ecms_box import parameters as p

PILLAR_CENTRE = 4.2
"""Of the corner screws, from both outer faces: 1.25 mm of wall remain beside the sunk head."""
PILLAR_RADIUS = 3.8
PILLAR = PILLAR_CENTRE + PILLAR_RADIUS
CAP_THICKNESS = 2.0
RECESS_DIAMETER = p.M3_LID.head_diameter + 0.3
SEAT = 2.0
CORNER_BLOCK = CAP_THICKNESS + p.M3_LID.head_height + SEAT
"""The lid's thickness at its corners."""
CORNER = PILLAR_CENTRE + RECESS_DIAMETER / 2 + 1.25
"""Side of the lid's corner blocks."""
BLADE = p.PRINT.wall + p.PRINT.slide + 2.0
"""From the end wall's outer face to the near side of the rib that keeps the battery down."""
RIB = 2.5
"""How far the partition's guides stand out of the walls."""
FLOOR_TOP = p.PRINT.wall


@dataclass(frozen=True)
class Box3:
    """Axis-parallel box by its least corner and its size, mm."""

    x: float
    y: float
    z: float
    dx: float
    dy: float
    dz: float

    @property
    def centre(self) -> tuple[float, float, float]:
        """Middle point."""
        return self.x + self.dx / 2, self.y + self.dy / 2, self.z + self.dz / 2


@dataclass(frozen=True)
class Layout:
    """Placement for one variant in a box of the given outer size."""

    variant: p.Variant
    width: float
    length: float
    depth: float

    @property
    def socket(self) -> p.Socket:
        """The socket used."""
        return p.SOCKETS[self.variant.standard]

    @property
    def plug(self) -> p.Plug:
        """The plug used."""
        return p.PLUGS[self.variant.standard]

    @property
    def lid_inner(self) -> float:
        """Height of the lid's inner face."""
        return self.depth - p.PRINT.wall

    @property
    def socket_centre(self) -> float:
        """Distance x and y of socket and plug: as near the corner as the flange's nut beside the pillar allows."""
        return socket_centre(self.socket)

    @property
    def corners(self) -> list[tuple[float, float]]:
        """Axes of the four lid screws."""
        c = PILLAR_CENTRE
        return [(c, c), (self.width - c, c), (c, self.length - c), (self.width - c, self.length - c)]

    @property
    def flange_holes(self) -> list[tuple[float, float]]:
        """Axes of the socket's four screws."""
        c, h = self.socket_centre, self.socket.hole_pitch / 2
        return [(c + sx * h, c + sy * h) for sx in (-1, 1) for sy in (-1, 1)]

    @property
    def plug_holes(self) -> list[tuple[float, float]]:
        """Axes of the plug's four screws."""
        c, h = self.socket_centre, self.plug.bolt_circle / 2 / sqrt(2)
        return [(c + sx * h, c + sy * h) for sx in (-1, 1) for sy in (-1, 1)]

    @property
    def mains_end(self) -> float:
        """Where, along y, the mains side ends."""
        return self.socket_centre + self.socket.body_diameter / 2

    @property
    def low_voltage_start(self) -> float:
        """Where, along y, the low-voltage side begins."""
        return self.mains_end + p.SAFETY.mains_to_low_voltage

    @property
    def partition(self) -> Box3:
        """The wall between the sides, midway, in the guides of both side walls, from floor to lid."""
        y = (self.mains_end + self.low_voltage_start - p.SAFETY.partition) / 2
        s, w = p.PRINT.slide, p.PRINT.wall
        return Box3(w + s, y, w, self.width - 2 * (w + s), p.SAFETY.partition, self.lid_inner - w - s)

    @property
    def sensor(self) -> Box3:
        """The ACS712 module, its chip under the partition's notch."""
        s = p.SENSOR
        x = self.width - p.PRINT.wall - RIB - 0.3 - s.width
        return Box3(x, self.mains_end - s.mains_length, FLOOR_TOP + s.boss, s.width, s.length, s.height)

    @property
    def sensor_hole(self) -> tuple[float, float]:
        """Axis of the M2 screw."""
        s = self.sensor
        return s.x + s.dx / 2 + p.SENSOR.hole_off_centre, s.y + p.SENSOR.hole_from_mains_end

    @property
    def fuse(self) -> Box3:
        """The fuse block, beside the socket."""
        f, s = p.FUSE, self.sensor
        return Box3(s.x, s.y - 0.5 - f.length, FLOOR_TOP + f.rise, f.width, f.length, f.height)

    @property
    def battery(self) -> Box3:
        """The battery with its clip, on its narrow side against the end wall, between the pillars."""
        b = p.BATTERY
        total = b.length + b.snap
        y = self.length - p.PRINT.wall - p.PRINT.fit - b.thickness
        return Box3(PILLAR + p.PRINT.fit, y, FLOOR_TOP, total, b.thickness, b.width)

    @property
    def regulator(self) -> Box3:
        """The step-down converter, on the floor before the battery."""
        r = p.REGULATOR
        return Box3(10.0, self.low_voltage_start + 1.0, FLOOR_TOP, r.length, r.width, r.height)

    @property
    def board(self) -> Box3:
        """The ESP8266 board with its wires, hanging from the lid; z is where the wires end."""
        b, st = self.variant.board, p.STACK
        height = st.pcb + st.wires
        z = self.lid_inner - st.component_gap - height
        return Box3(self.width / 2 - b.length / 2, self.low_voltage_start, z, b.length, b.width, height)

    @property
    def board_screws(self) -> list[tuple[float, float]]:
        """Axes of the board's four screws: through its holes, or beside its short edges where it has none."""
        cx, cy, _ = self.board.centre
        b = self.variant.board
        dx, dy = b.hole_pitch or (b.length + 2 * EDGE_CLAMP, b.width - 2 * 4.5)
        return [(cx + sx * dx / 2, cy + sy * dy / 2) for sx in (-1, 1) for sy in (-1, 1)]

    @property
    def plunger(self) -> tuple[float, float] | None:
        """Axis of the plunger over FLASH, or None if the board has no such button."""
        button = self.variant.board.flash_button
        if button is None:
            return None
        cx, cy, _ = self.board.centre
        return cx + button[0], cy + button[1]

    @property
    def gland(self) -> tuple[float, float]:
        """Axis, x and z, of the gland in the mains end's wall."""
        return self.width - PILLAR - p.GLAND.nut_corners / 2 - 0.5, 34.0

    @property
    def acdc(self) -> Box3:
        """The AC-DC module, at the lid, its 5 V end towards the partition."""
        a = p.ACDC
        return Box3(8.5, self.mains_end - a.length, self.lid_inner - a.height, a.width, a.length, a.height)

    @property
    def clamps(self) -> list[Box3]:
        """The two lever terminals (phase after the fuse, neutral), at the lid beside the AC-DC module."""
        c, a = p.CLAMP, self.acdc
        x = a.x + a.dx + p.SAFETY.mains_to_low_voltage + 0.1
        z = self.lid_inner - c.height
        return [Box3(x, y, z, c.width, c.length, c.height) for y in (6.0, 6.0 + c.length + 3.8)]


EDGE_CLAMP = 3.6
"""Screw axis beside the edge of a board without holes; a 9 mm washer then covers 0.9 mm of it."""


def socket_centre(socket: p.Socket) -> float:
    """Return the socket's distance from two outer walls, mm."""
    hole = PILLAR_CENTRE + (PILLAR_RADIUS + p.NUT_CORNER_RADIUS + 0.2) / sqrt(2)
    return hole + socket.hole_pitch / 2


def smallest(variant: p.Variant) -> Layout:
    """Return the layout in the smallest outer size, whole millimetres, in which this arrangement fits.

    The D1 mini lives in the NodeMCU v2's box, so that both share the lower part.
    """
    if variant.board is p.D1_MINI:
        home = smallest(replace(variant, board=p.NODEMCU_V2))
        return replace(home, variant=variant)
    wall, fit = p.PRINT.wall, p.PRINT.fit
    socket, board, stack = p.SOCKETS[variant.standard], variant.board, p.STACK
    centre = socket_centre(socket)
    mains_end = centre + socket.body_diameter / 2
    low_voltage = mains_end + p.SAFETY.mains_to_low_voltage
    between_pillars = board.length <= p.BATTERY.length + p.BATTERY.snap

    row = p.BATTERY.length + p.BATTERY.snap + 2 * fit + 2 * PILLAR
    strip = mains_end + fit + p.SENSOR.width + 0.3 + RIB + wall
    plain_board = board.length + 2 * (wall + fit)
    width = max(row if variant.supply is p.Supply.BATTERY else 0.0, strip, plain_board, centre + socket.flange / 2)
    boss = p.INSERT_M3_SHORT.hole / 2 + p.BOSS_WALL
    overhang = max(0.0, boss - (board.width - board.hole_pitch[1]) / 2) if board.hole_pitch else 0.0
    board_end = low_voltage + board.width + fit + (overhang + wall if between_pillars else PILLAR)
    sensor_end = mains_end - p.SENSOR.mains_length + p.SENSOR.length
    battery_end = sensor_end + fit + p.BATTERY.thickness + fit + wall
    length = board_end
    if variant.supply is p.Supply.BATTERY:
        length = max(length, battery_end, low_voltage + board.width + fit + BLADE)
    behind_socket = {
        p.Inlet.PLUG: p.SAFETY.mains_to_low_voltage + plug_inside(variant),
        p.Inlet.CORD: wall + p.SAFETY.mains_to_low_voltage,
    }[variant.inlet]
    if variant.supply is p.Supply.MAINS:
        behind_socket = p.ACDC.wires + p.ACDC.height + wall
    over_battery = stack.wires + stack.pcb + stack.component_gap + wall
    depth = socket.depth + behind_socket
    if variant.supply is p.Supply.BATTERY:
        depth = max(depth, FLOOR_TOP + p.BATTERY.width + fit + over_battery)
    return Layout(variant, float(ceil(width - 1e-6)), float(ceil(length - 1e-6)), float(ceil(depth - 1e-6)))


def plug_inside(variant: p.Variant) -> float:
    """Return how deep the plug reaches below the lid's outer face, mm."""
    return p.PLUGS[variant.standard].inner_depth
