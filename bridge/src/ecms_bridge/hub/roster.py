"""What the hub has heard of each box, for its status: signal, firmware, and readings that did not arrive."""

from __future__ import annotations

from dataclasses import dataclass, field

from ecms_bridge.datagram import Datagram, Flag, format_mac

MAX_BOXES = 64
"""Anyone can make up MACs in unsigned datagrams, and the status must stay a short message."""

MAX_MISSING = 1000
"""A box's ring holds fewer readings than this; what is missing beyond will not come."""


@dataclass(slots=True, eq=False)
class Box:
    """One box since the hub's start; ``heard`` is monotonic (s), counts are of datagrams that are authentic.

    ``missing`` holds the sequences never received that may still come, ``lost`` counts those that cannot: the
    box has restarted or its ring has gone on.
    """

    version: int
    device: int
    heard: float
    rssi: int | None = None
    firmware: tuple[int, int, int] | None = None
    received: int = 0
    resent: int = 0
    refused: int = 0
    lost: int = 0
    missing: set[int] = field(default_factory=set)
    _highest: int = -1
    _newest: int = 0

    def note(self, datagram: Datagram, now: float) -> None:
        """Take note of a datagram."""
        self.heard = now
        self.received += 1
        if datagram.sequence is None:
            self.device = datagram.device
            return
        if datagram.flags and Flag.RESENT in datagram.flags:
            self.resent += 1
        self._follow(datagram.sequence, datagram.timestamp)
        if datagram.timestamp >= self._newest:
            self._newest = datagram.timestamp
            self.device = datagram.device
            self.rssi = datagram.rssi
            self.firmware = datagram.firmware

    def _follow(self, sequence: int, timestamp: int) -> None:
        if self._highest < 0:
            self._highest = sequence
        elif sequence > self._highest:
            self._miss(self._highest + 1, sequence)
            self._highest = sequence
        elif sequence in self.missing:
            self.missing.remove(sequence)
        elif timestamp > self._newest:
            # Newer, yet counted lower: the box has started anew, and what its memory held is gone.
            self.lost += len(self.missing)
            self.missing.clear()
            self._miss(0, sequence)
            self._highest = sequence

    def _miss(self, first: int, end: int) -> None:
        if end - first > MAX_MISSING:
            self.lost += end - first - MAX_MISSING
            first = end - MAX_MISSING
        self.missing.update(range(first, end))
        for sequence in sorted(self.missing)[: max(0, len(self.missing) - MAX_MISSING)]:
            self.missing.remove(sequence)
            self.lost += 1


class Roster:
    """The boxes heard since the start, at most 64; signed ones take the place of unsigned ones."""

    def __init__(self) -> None:
        self._boxes: dict[bytes, Box] = {}

    def note(self, datagram: Datagram, now: float) -> None:
        """Take note of an authentic or unsigned datagram that arrived now (monotonic s)."""
        box = self._boxes.get(datagram.mac)
        if box is None or box.version < datagram.version:
            if box is None and not self._make_room(datagram.version):
                return
            box = self._boxes[datagram.mac] = Box(datagram.version, datagram.device, now)
        elif datagram.version < box.version:
            return  # whoever sends unsigned datagrams in a signing box's name is not that box
        box.note(datagram, now)

    def refused(self, datagram: Datagram) -> None:
        """Count an authentic datagram that was refused."""
        box = self._boxes.get(datagram.mac)
        if box is not None and datagram.version == box.version:
            box.refused += 1

    def as_list(self, now: float, wall: float | None) -> list[dict[str, object]]:
        """Return the boxes for the status; ``wall`` is Unix time (s), None while the clock is not right."""
        return [
            {
                "mac": format_mac(mac),
                "device": box.device,
                "last_seen": None if wall is None else int(wall - (now - box.heard)),
                "rssi": box.rssi,
                "firmware": None if box.firmware is None else ".".join(str(part) for part in box.firmware),
                "received": box.received,
                "resent": box.resent,
                "refused": box.refused,
                "missing": len(box.missing),
                "lost": box.lost,
            }
            for mac, box in sorted(self._boxes.items())
        ]

    def _make_room(self, version: int) -> bool:
        if len(self._boxes) < MAX_BOXES:
            return True
        others = [(box.heard, mac) for mac, box in self._boxes.items() if box.version < version]
        if not others:
            return False
        del self._boxes[min(others)[1]]
        return True
