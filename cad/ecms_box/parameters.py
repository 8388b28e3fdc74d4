"""Every dimension of the model, in mm, with where it comes from.

`nominal` marks sizes that differ between makers or sellers: measure the part you hold and change the figure here;
the checks then tell whether the box still closes, and the box grows if it must.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Rating(Enum):
    """The box's current class; `marking` is what may be drawn from it."""

    A5 = "5a"
    A10 = "10a"

    @property
    def marking(self) -> str:
        """Current printed on the box: an ACS712-05B ends at 5 A peak, 3.5 A RMS of a sine."""
        return "MAX 3.5 A" if self is Rating.A5 else "MAX 10 A"

    @property
    def fuse(self) -> str:
        """Fuse printed on the box: 5 x 20 mm, time-lag, high breaking capacity."""
        return "T5AH" if self is Rating.A5 else "T10AH"


class Supply(Enum):
    """What feeds the electronics."""

    BATTERY = "battery"
    MAINS = "mains"


class Inlet(Enum):
    """How the mains reaches the box: a plug on the lid, or a flexible cord through a gland."""

    PLUG = "plug"
    CORD = "cord"


class Standard(Enum):
    """Plug and socket system."""

    F = "f"
    L = "l"


@dataclass(frozen=True)
class Board:
    """An ESP8266 board; `hole_pitch` is None where the board has no holes and is clamped at its short edges."""

    key: str
    name: str
    length: float
    width: float
    hole_pitch: tuple[float, float] | None
    flash_button: tuple[float, float] | None
    """Centre of the FLASH button from the board's centre, USB end at +x; None: the board has none."""
    source: str


NODEMCU_V2 = Board(
    "v2",
    "NodeMCU v2",
    49.0,
    26.0,
    (44.0, 21.0),
    (16.8, 6.2),
    "nominal, Amica NodeMCU 1.0: 48.5 to 49 x 25.8 to 26, hole centres about 44 x 21; button's place differs",
)
NODEMCU_V3 = Board(
    "v3",
    "NodeMCU v3",
    58.0,
    32.0,
    (52.9, 26.4),
    (21.5, 7.0),
    "nominal, LoLin NodeMCU v3: 57.5 to 58 x 31 to 32, hole centres 2.3 from the edges; button's place differs",
)
D1_MINI = Board("d1mini", "D1 mini", 34.2, 25.6, None, None, "WEMOS D1 mini: 34.2 x 25.6, no mounting holes")
BOARDS = {board.key: board for board in (NODEMCU_V2, NODEMCU_V3, D1_MINI)}


@dataclass(frozen=True)
class BoardStack:
    """Heights common to the three boards, mounted with the components towards the lid."""

    pcb: float = 1.6
    component_gap: float = 6.5
    """Lid to board: the highest part there is the radio's can, 3.2, or the USB socket, 2.9."""
    wires: float = 10.5
    """Header pins (8.5) with wires soldered on and bent."""
    button_height: float = 2.5
    source: str = "nominal; pins 2.54 mm headers, 8.5 below the board"


@dataclass(frozen=True)
class Socket:
    """Panel socket: flange outside, round body inside."""

    standard: Standard
    flange: float
    flange_thickness: float
    hole_pitch: float
    body_diameter: float
    depth: float
    """Behind the flange."""
    source: str


SOCKETS = {
    Standard.F: Socket(
        Standard.F,
        50.0,
        3.0,
        38.0,
        43.0,
        32.0,
        "nominal 50 x 50 panel socket; 32 is the largest depth DIN 49440-5 allows behind the mounting face",
    ),
    Standard.L: Socket(
        Standard.L,
        50.0,
        3.0,
        38.0,
        43.0,
        36.0,
        "nominal: P17/11 (CEI 23-50) insert on a 50 x 50 flange; deeper than type F, measure yours",
    ),
}


@dataclass(frozen=True)
class Plug:
    """Plug insert on the lid: flange and body outside, terminals inside."""

    standard: Standard
    flange_diameter: float
    flange_thickness: float
    bolt_circle: float
    inner_diameter: float
    inner_depth: float
    body_diameter: float
    body_length: float
    pin_diameter: float
    pin_length: float
    pin_spacing: float
    source: str


PLUGS = {
    Standard.F: Plug(
        Standard.F,
        46.0,
        2.5,
        40.0,
        33.0,
        12.0,
        37.0,
        17.5,
        4.8,
        19.0,
        19.0,
        "pins and 17.5 mm recess by CEE 7/4; flange, bolts and inner depth nominal",
    ),
    Standard.L: Plug(
        Standard.L,
        46.0,
        2.5,
        40.0,
        33.0,
        12.0,
        37.0,
        8.0,
        4.0,
        19.0,
        19.0,
        "pins by CEI 23-50 S11 (10 A); flange, bolts and inner depth nominal",
    ),
}


@dataclass(frozen=True)
class Sensor:
    """ACS712 module. Along its length: mains terminals, the chip as the barrier, low-voltage header."""

    length: float = 31.0
    width: float = 14.0
    pcb: float = 1.6
    height: float = 12.5
    mains_length: float = 13.0
    barrier_length: float = 4.0
    """Pins of the chip's two sides are about 4 mm apart: basic insulation at mains voltage (Allegro ACS712)."""
    hole_from_mains_end: float = 21.5
    hole_off_centre: float = 4.5
    boss: float = 4.0
    source: str = "nominal module 31 x 14; chip SOIC-8 by Allegro's ACS712 data sheet"


@dataclass(frozen=True)
class Battery:
    """9 V block lying on its narrow side."""

    length: float = 48.5
    width: float = 26.5
    thickness: float = 17.5
    snap: float = 5.0
    """The clip with its leads."""
    source: str = "6LR61 by IEC 60086-2, greatest dimensions; clip nominal"


@dataclass(frozen=True)
class FuseBlock:
    """Closed 5 x 20 mm fuse block, inside: changing a fuse means opening the unplugged box with a tool."""

    length: float = 29.0
    width: float = 11.0
    height: float = 14.0
    rise: float = 3.0
    source: str = "29 long, 10 A: Schurter OG with cover or alike; width with cover nominal"


@dataclass(frozen=True)
class AcDc:
    """Encapsulated 5 V AC-DC module, HLK-PM01 class; the mains pins at one end, 5 V at the other."""

    length: float = 34.0
    width: float = 20.0
    height: float = 15.0
    mains_end: float = 8.0
    lv_end: float = 6.0
    wires: float = 7.0
    """Between its pins and the socket's rear."""
    source: str = "Hi-Link HLK-PM01: 34 x 20 x 15"


@dataclass(frozen=True)
class LeverClamp:
    """Three-conductor lever terminal, in the mains-powered box for the branch to the AC-DC module."""

    length: float = 18.6
    width: float = 18.8
    height: float = 8.3
    source: str = "WAGO 221-413"


@dataclass(frozen=True)
class Regulator:
    """5 V step-down converter from the battery, in the shape of a 7805."""

    length: float = 11.7
    width: float = 7.6
    height: float = 10.2
    source: str = "Traco TSR 1-2450 / Recom R-78E5.0-0.5 class: 11.7 x 7.6 x 10.2"


@dataclass(frozen=True)
class Gland:
    """PG9 cable gland of polyamide: the strain relief of the cord."""

    hole: float = 15.4
    thread: float = 15.2
    nut_corners: float = 21.9
    nut: float = 5.0
    thread_length: float = 8.0
    outer: float = 19.0
    cable: float = 7.5
    source: str = "PG9: thread 15.2, clamps 4 to 8 mm; nut 19 across flats"


@dataclass(frozen=True)
class Screw:
    """Pan-head screw."""

    thread: float
    head_diameter: float
    head_height: float
    length: float
    source: str


M3_LID = Screw(3.0, 5.6, 2.4, 8.0, "ISO 7045 M3 x 8")
M3_BOARD = Screw(3.0, 5.6, 2.4, 6.0, "ISO 7045 M3 x 6, polyamide")
M3_FLANGE = Screw(3.0, 5.6, 2.4, 10.0, "ISO 7045 M3 x 10, polyamide, with nut")
M2_SENSOR = Screw(2.0, 4.0, 1.6, 5.0, "ISO 7045 M2 x 5, polyamide")
NUT_CORNER_RADIUS = 3.3
"""M3 nut: 5.5 across flats, 6.4 across corners at most (ISO 4032), with a little air."""


@dataclass(frozen=True)
class Insert:
    """Heat-set insert: hole and least wall by its maker."""

    length: float
    outer: float
    hole: float
    wall: float
    source: str

    @property
    def hole_depth(self) -> float:
        """One millimetre deeper than the insert, for the plastic it displaces."""
        return self.length + 1.0


INSERT_M3 = Insert(5.7, 4.6, 4.0, 1.6, "M3 x 5.7, hole 4.0, wall 1.6 (CNC Kitchen, ruthex RX-M3x5.7)")
INSERT_M3_SHORT = Insert(4.0, 4.6, 4.0, 1.6, "M3 x 4, hole 4.0, wall 1.6 (ruthex RX-M3Sx4.0)")
BOSS_WALL = 1.7
"""Plastic around the insert of a boss."""
INSERT_M2 = Insert(3.0, 3.6, 3.2, 1.3, "M2 x 3, hole 3.2, wall 1.3 (CNC Kitchen)")


@dataclass(frozen=True)
class Print:
    """Printing and fit."""

    layer: float = 0.2
    fit: float = 0.25
    """Between a bought part and plastic."""
    slide: float = 0.15
    """Between two printed parts, each side."""
    wall: float = 2.0
    least_wall: float = 1.2
    """Three lines of a 0.4 mm nozzle."""
    least_detail: float = 0.8
    longest_bridge: float = 10.0
    vent_width: float = 0.9
    """A wire of 1 mm does not pass."""


@dataclass(frozen=True)
class Safety:
    """Distances that the checks hold."""

    mains_to_low_voltage: float = 6.0
    partition: float = 2.0
    source: str = "at least 6 mm through air and along surfaces, after IEC 62368-1 and 60335-1"


PRINT = Print()
SAFETY = Safety()
STACK = BoardStack()
SENSOR = Sensor()
BATTERY = Battery()
FUSE = FuseBlock()
ACDC = AcDc()
CLAMP = LeverClamp()
REGULATOR = Regulator()
GLAND = Gland()

DOCUMENT_BOX = (70.0, 85.0, 30.0)
"""Width, length and depth in the document: lower part 28 and lid 2."""


@dataclass(frozen=True)
class Variant:
    """One box that can be built. Raises ValueError for a combination that would be unsafe or unusable."""

    rating: Rating = Rating.A10
    supply: Supply = Supply.BATTERY
    inlet: Inlet = Inlet.PLUG
    board: Board = NODEMCU_V2
    standard: Standard = Standard.F
    plain: bool = False
    """Without vents and lettering, for the checks that neither concerns."""

    def __post_init__(self) -> None:
        if self.supply is Supply.MAINS and self.inlet is Inlet.PLUG:
            raise ValueError(
                "a mains-powered box needs inlet=cord: with the plug on the lid the FLASH button cannot be reached "
                "while the box is powered, and the AC-DC module takes the plug's place"
            )

    @property
    def key(self) -> str:
        """File name part, such as `10a-battery-plug-v2-f`."""
        parts = (self.rating.value, self.supply.value, self.inlet.value, self.board.key, self.standard.value)
        return "-".join(parts)
