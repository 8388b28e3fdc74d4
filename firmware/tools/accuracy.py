"""Print the accuracy table of docs/firmware.md: what the library makes of waves whose RMS is known.

Runs the real code through the library that `make native` builds. The ADC is ideal apart from its 10 bits and the noise.
"""

from __future__ import annotations

import ctypes
import math
import random
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2] / "build/firmware/cmake/libecms_c.so"
PARTS = (("05B", 5, 185), ("20A", 20, 100), ("30A", 30, 66))
SHARES = (0.02, 0.05, 0.10, 0.25, 0.50, 1.00)
ZERO, NOISE, SAMPLES, WINDOWS = 514.0, 1.2, 367, 200
FLOOR, CUT = NOISE, NOISE * 1.35
STEP_S = 0.000545
CLIPPED = 2

Wave = Callable[[float], float]


def sine(angle: float) -> float:
    return math.sin(angle)


def switching_supply(angle: float) -> float:
    return math.sin(angle) + 0.6 * math.sin(3 * angle) + 0.3 * math.sin(5 * angle)


def dimmer(angle: float) -> float:
    return math.sin(angle) if angle % math.pi > math.pi / 2 else 0.0


WAVES: tuple[tuple[str, Wave, float], ...] = (
    ("sine, 50 Hz", sine, 50),
    ("sine, 60 Hz", sine, 60),
    ("harmonics", switching_supply, 50),
    ("dimmer, half", dimmer, 50),
)


def error_percent(
    library: ctypes.CDLL, part: int, wave: Wave, hertz: float, ampere: float, noise: float
) -> list[float]:
    """Return the errors of single windows, %; at 0 A the shown currents, mA; nothing if the wave does not fit."""
    sensitivity_mv = PARTS[part][2]
    scale = math.sqrt(statistics.fmean(wave(math.tau * i / 4000) ** 2 for i in range(4000)))
    errors = []
    source = random.Random(part * 1000 + round(ampere * 100))  # noqa: S311 (repeatable noise, no secret)
    for _ in range(WINDOWS):
        phase = source.uniform(0, math.tau)
        angles = [math.tau * hertz * i * STEP_S + phase for i in range(SAMPLES)]
        counts = [
            round(ZERO + wave(a) / scale * ampere * sensitivity_mv / 2500 * ZERO + source.gauss(0, noise))
            for a in angles
        ]
        mean, deviation, current = ctypes.c_double(), ctypes.c_double(), ctypes.c_uint32()
        state = library.c_measure(
            part,
            (ctypes.c_int * SAMPLES)(*counts),
            ctypes.c_size_t(SAMPLES),
            ctypes.c_uint32(round(FLOOR * 1000)),
            ctypes.c_uint32(round(CUT * 1000)),
            ctypes.c_uint32(1_000_000),
            ctypes.byref(mean),
            ctypes.byref(deviation),
            ctypes.byref(current),
        )
        if state & CLIPPED:
            return []
        errors.append((current.value / 1000 / ampere - 1) * 100 if ampere else current.value)
    return errors


def main() -> None:
    if not LIBRARY.exists():
        sys.exit("Build the library first: make -C firmware native.")
    library = ctypes.CDLL(str(LIBRARY))
    print("| part | current | " + " | ".join(name for name, _, _ in WAVES) + " |")
    print("|---|---|" + "---|" * len(WAVES))
    for part, (name, range_a, _) in enumerate(PARTS):
        shown = [max(error_percent(library, part, wave, hertz, 0, NOISE)) for _, wave, hertz in WAVES]
        print(f"| {name} | 0 A | " + " | ".join(f"{value / 1000:.3f} A" for value in shown) + " |")
        for share in SHARES:
            cells = []
            for _, wave, hertz in WAVES:
                # Full scale is the part's peak; the pointed waves would leave it before the sine does.
                errors = error_percent(library, part, wave, hertz, range_a * share / math.sqrt(2), NOISE)
                found = f"{statistics.fmean(errors):+.2f} ± {statistics.pstdev(errors):.2f} %" if errors else "clipped"
                cells.append(found)
            print(f"| {name} | {range_a * share / math.sqrt(2):.2f} A ({share:.0%}) | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
