"""Boxes of one home that send as fast as they are answered, or at a home's own pace."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from bench.stand import BOXES, KEY, Stand
from ecms_bridge.simulator.box import REAL_BOX, Pacing, SimulatedBox
from ecms_bridge.simulator.cli import box_mac
from ecms_bridge.simulator.fleet import Fleet

STEP_S = 10
"""Boxes measure every 10 s."""

_PACING = Pacing(first_s=3.0, last_s=10.0, drain_s=0.001, window=400, per_second=2_000)
_PUMP_S = 0.005
_JITTER_S = 0.3
_ANSWER_S = 90.0
_OLD_S = 6 * 24 * 3600
"""A flood begins so long ago: the hub refuses what is older than 7 days."""


class LostError(Exception):
    """Readings were lost, refused or doubled; the message says how many."""


def current_ma(box: int, index: int) -> int:
    """Return what a box of the flood measures, mA."""
    return (box * 700 + index * 13) % 9000


def boxes(first: int, ring: int, pacing: Pacing = _PACING) -> list[SimulatedBox]:
    """Return a home's boxes, one for each appliance."""
    return [SimulatedBox(box_mac(first + n), 1 + n, KEY, pacing=pacing, ring=ring) for n in range(BOXES)]


class Flood:
    """``readings`` of all boxes together, measured 10 s apart in the days before, sent at full speed."""

    def __init__(self, readings: int, first_box: int) -> None:
        each = -(-readings // BOXES)
        self.readings = each * BOXES
        self.boxes = boxes(first_box, each)
        begins = int(time.time()) // STEP_S * STEP_S - _OLD_S
        for index in range(each):
            for number, box in enumerate(self.boxes):
                box.measure(begins + index * STEP_S, current_ma(number, index))
        self.sum_ma = sum(current_ma(number, index) for index in range(each) for number in range(BOXES))

    def send(self, stand: Stand, timeout_s: float) -> float:
        """Send everything until it is acknowledged, and return how long that took, in s.

        Raises LostError unless every reading was acknowledged and none refused.
        """
        with Fleet("127.0.0.1", stand.udp_port, self.boxes) as fleet:
            begun = time.monotonic()
            while fleet.pending and time.monotonic() < begun + timeout_s:
                fleet.pump(_PUMP_S)
            took = time.monotonic() - begun
        lost = sum(box.pending + box.statistics.refused + box.statistics.dropped for box in self.boxes)
        if lost:
            raise LostError(f"{lost} of {self.readings} readings were not accepted within {timeout_s:g} s")
        return took

    @property
    def datagrams(self) -> int:
        """How many datagrams went out, repetitions included."""
        return sum(box.statistics.datagrams for box in self.boxes)

    def check_stored(self, stand: Stand) -> None:
        """Raise LostError unless the table and both rollups hold exactly these readings of these boxes."""
        macs = ", ".join(f"x'{box.mac.hex()}'" for box in self.boxes)
        found = stand.home.rows(f"SELECT COUNT(*), SUM(sensorData) * 1000 FROM {{data}} WHERE mac IN ({macs})")[0]
        if (int(found[0]), int(found[1] or 0)) != (self.readings, self.sum_ma):
            raise LostError(
                f"the table holds {found[0]} readings of {found[1]} mA together instead of {self.readings} "
                f"of {self.sum_ma} mA"
            )
        rolled = stand.home.rows(f"SELECT res, SUM(n) FROM {{roll}} WHERE mac IN ({macs}) GROUP BY res ORDER BY res")
        if [(int(res), int(n)) for res, n in rolled] != [(15, self.readings), (60, self.readings)]:
            raise LostError(f"the rollups count {rolled} instead of {self.readings} readings")


class Pace:
    """Boxes at a home's own pace: a reading each 10 s, all within 0.3 s as DESIGN says, or ``every_s``."""

    def __init__(self, stand: Stand, first_box: int, every_s: float = STEP_S) -> None:
        self._boxes = boxes(first_box, ring=1000, pacing=REAL_BOX)
        self._fleet = Fleet("127.0.0.1", stand.udp_port, self._boxes)
        self._every_s = every_s
        self._measured_at: dict[int, list[float]] = {number: [] for number in range(BOXES)}
        self._answered = [0] * BOXES
        self._due = [
            (math.floor(time.time() / every_s) + 1) * every_s + _JITTER_S * number / BOXES for number in range(BOXES)
        ]
        self.latencies: list[float] = []
        """Seconds from a datagram's sending to its acknowledgement, which follows the commit."""

    def run(self, done: Callable[[], bool]) -> None:
        """Measure and send until ``done``, then wait until all is acknowledged; raise LostError if it is not."""
        with self._fleet:
            while not done():
                self._measure()
                self._pump()
            end = time.monotonic() + _ANSWER_S
            while self._fleet.pending and time.monotonic() < end:
                self._pump()
        lost = sum(box.pending + box.statistics.refused + box.statistics.dropped for box in self._boxes)
        if lost:
            raise LostError(f"{lost} of {self.measured} readings at a home's pace were not accepted")

    @property
    def measured(self) -> int:
        """How many readings were taken."""
        return sum(len(moments) for moments in self._measured_at.values())

    def _measure(self) -> None:
        now = time.time()
        for number, box in enumerate(self._boxes):
            if now >= self._due[number]:
                box.measure(int(self._due[number]), current_ma(number, len(self._measured_at[number])))
                self._measured_at[number].append(time.monotonic())
                self._due[number] += self._every_s

    def _pump(self) -> None:
        self._fleet.pump(_PUMP_S)
        now = time.monotonic()
        for number, box in enumerate(self._boxes):
            for moment in self._measured_at[number][self._answered[number] : box.statistics.acknowledged]:
                self.latencies.append(now - moment)
            self._answered[number] = box.statistics.acknowledged
