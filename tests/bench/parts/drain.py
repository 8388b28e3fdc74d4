"""A full spool drains while the home goes on measuring, everything on one core."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

from bench import processes
from bench.load import STEP_S, LostError, Pace, current_ma
from bench.report import Figure, Table
from bench.scale import Scale
from bench.stand import BOXES, Stand
from ecms_bridge.hub.spool import Row, Spool
from ecms_bridge.messages import Reading, encode_reading
from ecms_bridge.simulator.cli import box_mac

_TIMEOUT_S = 300.0
_BAR_PER_S = 5_000
_LIVE_BAR_S = 2.0
_ROWS_A_COMMIT = 5_000
_FIRST_BOX = 3000
_LIVE_FIRST_BOX = 4000
_LIVE_EVERY_S = 1.0
_LOOK_S = 0.25


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return readings a second out of the spool, and how long live readings take meanwhile."""
    rates: list[float] = []
    latencies: list[float] = []
    each: list[float] = []
    for _ in range(scale.runs):
        with Stand(processes.cores()[0]) as stand:
            _fill(stand, scale.spooled)
            stand.start_writer()
            stand.start_hub()
            used = sum(processes.cpu_s(pid) for pid in stand.pids().values())
            begun = time.monotonic()
            watch = _Watch(stand, scale.spooled, begun)
            pace = Pace(stand, _LIVE_FIRST_BOX, _LIVE_EVERY_S)
            pace.run(functools.partial(_over, watch, begun + scale.live_s))
            stored = stand.stored()
            if stored != scale.spooled + pace.measured:
                raise LostError(f"the table holds {stored} readings instead of {scale.spooled + pace.measured}")
            used = sum(processes.cpu_s(pid) for pid in stand.pids().values()) - used
            each.append(used / stored * 1e6)
            rates.append(scale.spooled / watch.took)
            during = pace.latencies[: max(1, int(watch.took / _LIVE_EVERY_S) * BOXES)]
            latencies.append(sorted(during)[int(len(during) * 0.99)])
            say(f"{scale.spooled} readings out of the spool in {watch.took:.1f} s")
    return [
        Table(
            "Draining the spool",
            [
                Figure("readings from the spool to the row", "1/s", tuple(rates), bar=_BAR_PER_S, at_least=True),
                Figure("processor time of all four", "µs each", tuple(each), bar=1e6 / _BAR_PER_S),
                Figure("live readings meanwhile, p99", "s", tuple(latencies), bar=_LIVE_BAR_S),
            ],
            [
                (
                    f"{scale.spooled} readings in the hub's spool, hub, Mosquitto, writer and MariaDB on one core, "
                    "and eight boxes that measure every second, ten times a home's pace. The clock starts when hub "
                    "and writer are connected, and stops when the table holds all of the spool."
                )
            ],
        )
    ]


class _Watch:
    """Looks, not too often, whether the table holds what was spooled."""

    def __init__(self, stand: Stand, count: int, begun: float) -> None:
        self._stand = stand
        self._count = count
        self._begun = begun
        self._next = begun
        self._end = begun + _TIMEOUT_S
        self.took = 0.0

    def done(self) -> bool:
        now = time.monotonic()
        if not self.took and now >= self._next:
            self._next = now + _LOOK_S
            macs = f"x'{box_mac(_FIRST_BOX).hex()}' AND x'{box_mac(_FIRST_BOX + BOXES - 1).hex()}'"
            counted = self._stand.home.rows(f"SELECT SUM(n) FROM {{roll}} WHERE res = 60 AND mac BETWEEN {macs}")
            if int(counted[0][0] or 0) >= self._count:
                self.took = now - self._begun
            elif now > self._end:
                raise LostError(f"{counted[0][0]} of {self._count} spooled readings are stored after {_TIMEOUT_S:g} s")
        return self.took > 0


def _over(watch: _Watch, end: float) -> bool:
    return watch.done() and time.monotonic() >= end


def _fill(stand: Stand, count: int) -> None:
    spool = Spool(stand.spool, count)
    begins = int(time.time()) - 6 * 86_400
    for first in range(0, count, _ROWS_A_COMMIT):
        rows = []
        for n in range(first, min(first + _ROWS_A_COMMIT, count)):
            mac, index = box_mac(_FIRST_BOX + n % BOXES), n // BOXES
            amps = current_ma(n % BOXES, index) / 1000
            reading = Reading(
                mac, begins + index * STEP_S, n % BOXES + 1, amps, f"spool-{n:x}", -60, index, (), "0.1.0"
            )
            rows.append(Row(f"spool-{n:x}", mac + index.to_bytes(8), encode_reading(reading)))
        spool.store(rows)
    spool.close()
