"""One simulated box: a ring of readings that stay until the hub acknowledges them.

It owns neither clock nor socket: it is told the time and what arrived, and says what to send.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace

from ecms_bridge.datagram import NO_FLAGS, Datagram, Flag, encode, read_acknowledgement

FIRMWARE = (0, 1, 0)
RING = 720
"""Two hours of readings, one each 10 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How a box sends again: first after ``first_s``, doubling to ``last_s``; one each ``drain_s`` when it drains.

    ``window``: how many unacknowledged readings may be under way before new ones wait; ``per_second``: how many
    datagrams a second go out at most.
    """

    first_s: float = 5.0
    last_s: float = 60.0
    drain_s: float = 0.2
    window: int = RING
    per_second: float = float("inf")


REAL_BOX = Pacing()


@dataclass(slots=True)
class Statistics:
    """What a box has done: ``sent`` counts readings, ``datagrams`` what went over the air."""

    sent: int = 0
    datagrams: int = 0
    acknowledged: int = 0
    refused: int = 0
    dropped: int = 0
    foreign: int = 0


@dataclass(slots=True, eq=False)
class _Reading:
    datagram: Datagram
    sent_at: float | None = None


@dataclass(slots=True, eq=False)
class SimulatedBox:
    """A box of ``device``, version 2 unless ``version`` is 1; times are monotonic s, currents mA RMS."""

    mac: bytes
    device: int
    key: bytes = field(repr=False)
    version: int = 2
    pacing: Pacing = REAL_BOX
    ring: int = RING
    rssi: int = -60
    statistics: Statistics = field(default_factory=Statistics)
    _sequence: int = 0
    _booted: bool = False
    _readings: OrderedDict[int, _Reading] = field(default_factory=OrderedDict, repr=False)
    _unsent: deque[int] = field(default_factory=deque, repr=False)
    _delay_s: float = 0.0
    _resend_at: float = float("inf")
    _answered_at: float = float("-inf")
    _looked_at: float = float("-inf")
    _allowance: float = 0.0

    def __post_init__(self) -> None:
        self._delay_s = self.pacing.first_s

    @property
    def pending(self) -> int:
        """How many readings wait for their acknowledgement."""
        return len(self._readings)

    def measure(self, timestamp: int, current_ma: int, flags: Flag = NO_FLAGS) -> None:
        """Put a reading in the ring; a full ring loses its oldest."""
        if not self._booted:
            self._booted = True
            flags |= Flag.BOOT
        datagram = Datagram(self.version, self.mac, timestamp, self.device, current_ma)
        if self.version != 1:
            datagram = replace(
                datagram,
                flags=flags,
                rssi=self.rssi,
                sequence=self._sequence,
                firmware=FIRMWARE,
            )
        if len(self._readings) >= self.ring:
            oldest, _ = self._readings.popitem(last=False)
            if self._unsent and self._unsent[0] == oldest:
                self._unsent.popleft()
            self.statistics.dropped += 1
        self._readings[self._sequence] = _Reading(datagram)
        self._unsent.append(self._sequence)
        self._sequence += 1

    def due(self, now: float) -> list[bytes]:
        """Return the datagrams to send now: new readings, and the oldest again when it is time."""
        result: list[bytes] = []
        allowed = self._allowed(now)
        while self._unsent and len(result) < allowed and len(self._readings) - len(self._unsent) < self.pacing.window:
            number = self._unsent.popleft()
            reading = self._readings[number]
            reading.sent_at = now
            result.append(encode(reading.datagram, self.key))
            self.statistics.sent += 1
            if self.version == 1:
                del self._readings[number]
        while now >= self._resend_at and len(result) < allowed and (oldest := self._oldest(now)) is not None:
            oldest.sent_at = now
            again = replace(oldest.datagram, flags=oldest.datagram.flags | Flag.RESENT)
            result.append(encode(again, self.key))
            if now - self._answered_at < self.pacing.first_s:
                self._resend_at = now + self.pacing.drain_s
            else:
                self._delay_s = min(self._delay_s * 2, self.pacing.last_s)
                self._resend_at = now + self._delay_s
        if not self._readings:
            self._resend_at = float("inf")
        elif self._resend_at == float("inf"):
            self._resend_at = now + self._delay_s
        self._allowance -= len(result)
        self.statistics.datagrams += len(result)
        return result

    def receive(self, ack: bytes, now: float) -> None:
        """Take what came from the hub; an acknowledgement that belongs to no reading is only counted."""
        number = int.from_bytes(ack[12:16]) if len(ack) >= 16 else -1  # noqa: PLR2004
        reading = self._readings.get(number)
        verdict = None
        if reading is not None:
            verdict = read_acknowledgement(ack, encode(reading.datagram, self.key), self.key)
        if verdict is None:
            self.statistics.foreign += 1
            return
        del self._readings[number]
        if verdict:
            self.statistics.refused += 1
        else:
            self.statistics.acknowledged += 1
        # The hub answers, so what still waits can be sent again, but not all of it at once.
        self._answered_at = now
        self._delay_s = self.pacing.first_s
        self._resend_at = min(self._resend_at, now + self.pacing.drain_s)

    def reboot(self) -> None:
        """Lose the ring and count from 0 again, as a box does that loses its power."""
        self.statistics.dropped += len(self._readings)
        self._readings.clear()
        self._unsent.clear()
        self._sequence = 0
        self._booted = False

    def _allowed(self, now: float) -> float:
        # Never more than a hundredth of a second's worth at once, or the hub's socket would overflow.
        rate = self.pacing.per_second
        if rate == float("inf"):
            return rate
        self._allowance = min(self._allowance + (now - self._looked_at) * rate, max(1.0, rate / 100))
        self._looked_at = now
        return self._allowance

    def _oldest(self, now: float) -> _Reading | None:
        for reading in self._readings.values():
            if reading.sent_at is None:
                return None
            if now - reading.sent_at >= self.pacing.first_s:
                return reading
        return None
