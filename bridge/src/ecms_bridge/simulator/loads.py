"""What appliances draw: cycles of heating, motors and pauses, the same for the same seed."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

MAINS_VOLTAGE_V = 230.0
NOISE_FLOOR_A = 0.03
"""Below this an ACS712 cannot tell a current from noise, so the box reports none."""

_RELATIVE_NOISE = 0.008
_NOISE_A = 0.004
_SPREAD = 0.08


@dataclass(frozen=True, slots=True)
class Phase:
    """Part of a cycle: ``watt`` for ``on_s`` in turn with ``rest_w`` for ``off_s``, or all the time.

    ``ramp_w`` is the power at the end of the phase, where it differs from the one at its beginning.
    """

    duration_s: float
    watt: float
    on_s: float = 0.0
    off_s: float = 0.0
    rest_w: float = 0.0
    ramp_w: float | None = None

    def power_w(self, at_s: float) -> float:
        """Return the power, W, ``at_s`` seconds into the phase."""
        if self.off_s and at_s % (self.on_s + self.off_s) >= self.on_s:
            return self.rest_w
        if self.ramp_w is None:
            return self.watt
        return self.watt + (self.ramp_w - self.watt) * at_s / self.duration_s


@dataclass(frozen=True, slots=True)
class Appliance:
    """A cycle of phases; at the start of a simulation it is ``begun_s`` into the first one."""

    phases: tuple[Phase, ...]
    begun_s: float


def _minutes(minutes: float) -> float:
    return minutes * 60


APPLIANCES = {
    "lavatrice": Appliance(
        (
            Phase(_minutes(2), 25),
            Phase(_minutes(16), 2050, on_s=280, off_s=20, rest_w=140),
            Phase(_minutes(22), 190, on_s=12, off_s=5, rest_w=12),
            Phase(_minutes(15), 160, on_s=10, off_s=14, rest_w=30),
            Phase(_minutes(7), 220, ramp_w=560),
            Phase(_minutes(110), 1.5),
        ),
        begun_s=_minutes(11),
    ),
    "frigorifero": Appliance(
        (Phase(6, 620, ramp_w=130), Phase(_minutes(13), 118, ramp_w=88), Phase(_minutes(24), 2)),
        begun_s=_minutes(2),
    ),
    "lavastoviglie": Appliance(
        (
            Phase(_minutes(8), 65),
            Phase(_minutes(17), 1920),
            Phase(_minutes(28), 75, on_s=45, off_s=8, rest_w=15),
            Phase(_minutes(12), 1920),
            Phase(_minutes(18), 6),
            Phase(_minutes(200), 0.8),
        ),
        begun_s=_minutes(7.5),
    ),
    "asciugatrice": Appliance(
        (
            Phase(_minutes(48), 2150, on_s=210, off_s=45, rest_w=230),
            Phase(_minutes(8), 230),
            Phase(_minutes(150), 1.8),
        ),
        begun_s=_minutes(48) + 20,
    ),
    "condizionatore": Appliance(
        (
            Phase(_minutes(9), 980, ramp_w=640),
            Phase(_minutes(25), 640, ramp_w=410),
            Phase(_minutes(14), 410, ramp_w=520),
            Phase(_minutes(6), 35),
        ),
        begun_s=_minutes(12),
    ),
    "forno": Appliance(
        (
            Phase(_minutes(10), 2420),
            Phase(_minutes(40), 2420, on_s=25, off_s=50, rest_w=48),
            Phase(_minutes(6), 28),
            Phase(_minutes(220), 0),
        ),
        begun_s=_minutes(11),
    ),
    "microonde": Appliance(
        (
            Phase(100, 1280),
            Phase(40, 2),
            Phase(_minutes(4), 1280, on_s=12, off_s=18, rest_w=45),
            Phase(_minutes(35), 2),
        ),
        begun_s=60,
    ),
}
GENERIC = Appliance((Phase(_minutes(12), 140, ramp_w=180), Phase(_minutes(9), 3)), begun_s=_minutes(4))


class Load:
    """One appliance in one home; a name that is not known draws what a small appliance draws."""

    def __init__(self, name: str, seed: int = 0) -> None:
        self._appliance = APPLIANCES.get(name, GENERIC)
        self._seed = f"{seed}:{name}"
        chance = random.Random(self._seed)  # noqa: S311
        self._power = 1 + chance.uniform(-_SPREAD, _SPREAD)
        self._pace = 1 + chance.uniform(-_SPREAD, _SPREAD)
        self._cycle_s = math.fsum(phase.duration_s for phase in self._appliance.phases)

    def current_a(self, second: float) -> float:
        """Return what a box measures, A RMS, this many seconds after the start; 0 below its noise floor."""
        chance = random.Random(f"{self._seed}:{second}")  # noqa: S311
        current = self._power_w(second) / MAINS_VOLTAGE_V
        current += chance.gauss(0, _NOISE_A + _RELATIVE_NOISE * current)
        return round(current, 3) if current >= NOISE_FLOOR_A else 0.0

    def _power_w(self, second: float) -> float:
        at = (self._appliance.begun_s + second * self._pace) % self._cycle_s
        for phase in self._appliance.phases:
            if at < phase.duration_s:
                return phase.power_w(at) * self._power
            at -= phase.duration_s
        return 0.0
