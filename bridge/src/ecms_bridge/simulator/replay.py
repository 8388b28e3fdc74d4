"""Recorded days, played through boxes as if they had been the last 24 hours."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ecms_bridge.datagram import Flag
from ecms_bridge.simulator.box import Pacing, SimulatedBox
from ecms_bridge.simulator.fleet import Fleet
from ecms_bridge.simulator.loads import MAINS_VOLTAGE_V

DAY_S = 24 * 3600
_STEP_S = 10

PACING = Pacing(first_s=3.0, last_s=10.0, drain_s=0.0, window=500, per_second=1500.0)
"""As fast as the hub answers: a recording is not worth the hours a box would need for its ring."""


class RecordingError(Exception):
    """A file that is no recording; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One day: for each column the samples (second of the day, W), gaps left out."""

    columns: dict[str, list[tuple[int, float]]]

    @classmethod
    def from_csv(cls, path: Path) -> Recording:
        """Read ``second_of_day,<name>_w,...``; an empty field is a gap. Raises RecordingError."""
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return cls(_columns(csv.reader(file), path))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            msg = f"cannot read the recording {path}: {error}"
            raise RecordingError(msg) from error

    def column(self, name: str) -> list[tuple[int, float]]:
        """Return the samples of an appliance; raise RecordingError if it was not recorded."""
        if name not in self.columns:
            msg = f"the recording has no column {name}_w, only: {', '.join(self.columns)}"
            raise RecordingError(msg)
        return self.columns[name]


def _columns(reader: Iterator[list[str]], path: Path) -> dict[str, list[tuple[int, float]]]:
    header = next(reader, [])
    names = [name.removesuffix("_w") for name in header[1:]]
    if not header or header[0] != "second_of_day" or not names or not all(n.endswith("_w") for n in header[1:]):
        msg = f"the recording {path} must begin with the line second_of_day,<appliance>_w,..."
        raise RecordingError(msg)
    columns: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    for number, row in enumerate(reader, start=2):
        try:
            second = int(row[0])
            for name, text in zip(names, row[1:], strict=True):
                if text:
                    columns[name].append((second, float(text)))
        except (ValueError, IndexError) as error:
            msg = f"line {number} of the recording {path} is wrong: {','.join(row)!r}"
            raise RecordingError(msg) from error
        if not 0 <= second < DAY_S:
            msg = f"line {number} of the recording {path} is outside the day: second {second}"
            raise RecordingError(msg)
    return columns


def current_ma(watt: float, voltage_v: float = MAINS_VOLTAGE_V) -> int:
    """Return the current, mA RMS, at which an appliance of this power is measured."""
    return max(0, round(watt / voltage_v * 1000))


def day_before(now: float) -> int:
    """Return the Unix time at which the last 24 hours began, on a multiple of 10 s."""
    return int(now) // _STEP_S * _STEP_S - DAY_S


def play(
    fleet: Fleet,
    samples: dict[SimulatedBox, list[tuple[int, float]]],
    begins: int,
    *,
    voltage_v: float = MAINS_VOLTAGE_V,
    timeout_s: float = 600.0,
) -> bool:
    """Send all samples (second, W) as measured from ``begins`` (Unix s) on; true if all were acknowledged."""
    for box, recorded in samples.items():
        for second, watt in recorded:
            box.measure(begins + second, current_ma(watt, voltage_v), Flag.BACKDATED | Flag.CALIBRATED)
    return fleet.settle(timeout_s)
