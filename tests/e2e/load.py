"""A load of version 2 boxes whose every reading is known, and the proof that each is stored exactly once."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ecms_bridge import names
from ecms_bridge.simulator.box import Pacing, SimulatedBox
from ecms_bridge.simulator.cli import box_mac
from ecms_bridge.simulator.fleet import Fleet

BOXES = 12
DEVICES = 7
PER_SECOND = 10
"""Readings a second and box; a real box measures every 10 s, so this is a hundred times a home's load."""

_PACING = Pacing(first_s=2.0, last_s=5.0, drain_s=0.01)
_RING = 100_000
_SETTLE_S = 240.0
_STORED_S = 180.0
_OWN_STEP_S = 10
_LOST_S = 3.0
"""Without an acknowledgement for so long the boxes ask the network for the hub's port; real ones wait longer."""


class Receiver(Protocol):
    """The hub that the boxes send to, and its household's database; ``Hub`` is one."""

    @property
    def slug(self) -> str: ...

    @property
    def key_file(self) -> Path: ...

    @property
    def address(self) -> str: ...

    def udp_port(self) -> int: ...

    def announced_port(self) -> int: ...

    def query(self, sql: str) -> list[tuple[Any, ...]]: ...


@dataclass(slots=True)
class Load:
    """Boxes that measure 1 s apart in their own time, from hours ago on, at a hundred times the usual pace."""

    hub: Receiver
    first_box: int
    per_second: int = PER_SECOND
    boxes: list[SimulatedBox] = field(init=False)
    measured: int = 0
    begins: int = field(default_factory=lambda: int(time.time()) - 6 * 3600)

    def __post_init__(self) -> None:
        key = bytes.fromhex(self.hub.key_file.read_text(encoding="ascii"))
        self.boxes = [
            SimulatedBox(box_mac(self.first_box + n), 1 + n % DEVICES, key, pacing=_PACING, ring=_RING)
            for n in range(BOXES)
        ]

    def run(self, seconds: float, events: dict[float, Callable[[], None]]) -> None:
        """Send for so long, do each event at its second, then wait until every reading is acknowledged."""
        port = self.hub.udp_port()
        with Fleet(self.hub.address, port, self.boxes) as fleet:
            begun = time.monotonic()
            waiting = sorted(events.items())
            while (now := time.monotonic() - begun) < seconds:
                while waiting and waiting[0][0] <= now:
                    waiting.pop(0)[1]()
                self._measure(now)
                fleet.pump(0.02)
            assert not waiting
            assert fleet.settle(_SETTLE_S), fleet.summary()
        self._check_boxes()

    @contextlib.contextmanager
    def meanwhile(self) -> Iterator[None]:
        """Send all the while in a thread of its own, then wait until every reading is acknowledged."""
        ending = threading.Event()
        failures: list[BaseException] = []

        def send() -> None:
            try:
                self._send_until(ending)
            except BaseException as error:  # noqa: BLE001 - raised again where the test is
                failures.append(error)

        thread = threading.Thread(target=send, name="load", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()
        if failures:
            raise failures[0]
        assert not any(box.pending for box in self.boxes), [box.statistics for box in self.boxes]
        self._check_boxes()

    def check_stored(self) -> None:
        """Assert that the table holds exactly what was measured, and the rollups its sums."""
        expected = self.expected()
        deadline = time.monotonic() + _STORED_S
        while (stored := self.stored_in(self.hub.query)) != expected and time.monotonic() < deadline:
            time.sleep(1)
        assert len(stored) == len(expected)
        assert stored == expected
        assert self._rolled_up() == self._expected_rollups()

    def _send_until(self, ending: threading.Event) -> None:
        address, port = self.hub.address, self.hub.announced_port()
        begun = time.monotonic()
        ends = float("inf")
        fleet = Fleet(address, port, self.boxes)
        try:
            answers, answered_at = 0, begun
            while (now := time.monotonic()) < ends and not (ending.is_set() and not fleet.pending):
                if not ending.is_set():
                    self._measure(now - begun)
                elif ends == float("inf"):
                    ends = now + _SETTLE_S
                fleet.pump(0.02)
                if (seen := sum(box.statistics.acknowledged for box in self.boxes)) != answers:
                    answers, answered_at = seen, now
                elif now > answered_at + _LOST_S:
                    answered_at = now
                    with contextlib.suppress(TimeoutError):
                        if (found := self.hub.announced_port()) != port:
                            port = found
                            fleet.close()
                            fleet = Fleet(address, port, self.boxes)
        finally:
            fleet.close()

    def _measure(self, elapsed_s: float) -> None:
        while self.measured < elapsed_s * self.per_second:
            for number, box in enumerate(self.boxes):
                box.measure(self.begins + self.measured, self._current_ma(number, self.measured))
            self.measured += 1

    def _check_boxes(self) -> None:
        assert self.measured
        assert all(box.statistics.refused == box.statistics.dropped == 0 for box in self.boxes)

    def _current_ma(self, box: int, index: int) -> int:
        return (box * 700 + index * 13) % 9000

    def _expected(self) -> Iterator[tuple[int, int, str, str]]:
        for number, box in enumerate(self.boxes):
            for index in range(self.measured):
                amps = f"{self._current_ma(number, index) / 1000:.3f}"
                yield self.begins + index, box.device, box.mac.hex().upper(), amps

    def _macs(self) -> str:
        return ", ".join(f"x'{box.mac.hex()}'" for box in self.boxes)

    def expected(self) -> list[tuple[int, int, str, str]]:
        """Return what was measured as rows, in order: time, appliance, MAC, ampere."""
        return sorted(self._expected())

    def stored_in(self, query: Callable[[str], list[tuple[Any, ...]]]) -> list[tuple[int, int, str, str]]:
        """Return what a database holds of these boxes, as ``expected`` does."""
        rows = query(
            "SELECT UNIX_TIMESTAMP(updated_at), idDevice, HEX(mac), sensorData "
            f"FROM {names.data_table(self.hub.slug)} WHERE mac IN ({self._macs()})"
        )
        return sorted((int(moment), int(device), mac, amps) for moment, device, mac, amps in rows)

    def _rolled_up(self) -> dict[tuple[str, str], tuple[int, int, float]]:
        rows = self.hub.query(
            "SELECT res, HEX(mac), SUM(n), SUM(cov_s), SUM(a_s) "
            f"FROM {names.rollup_table(self.hub.slug)} WHERE mac IN ({self._macs()}) GROUP BY res, mac"
        )
        return {(res, mac): (int(n), int(covered), round(float(a_s), 3)) for res, mac, n, covered, a_s in rows}

    def _expected_rollups(self) -> dict[tuple[str, str], tuple[int, int, float]]:
        expected = {}
        for number, box in enumerate(self.boxes):
            currents = [self._current_ma(number, index) for index in range(self.measured)]
            # Each reading stands for the second since its predecessor, the first one for its own 10 s.
            ampere_seconds = (currents[0] * _OWN_STEP_S + sum(currents[1:])) / 1000
            covered = _OWN_STEP_S + len(currents) - 1
            for res in ("15", "60"):
                expected[res, box.mac.hex().upper()] = (len(currents), covered, round(ampere_seconds, 3))
        return expected
