"""Which authentic or unsigned readings are taken: by time and by signature."""

from __future__ import annotations

from ecms_bridge.datagram import Datagram, Refusal
from ecms_bridge.messages import AHEAD_S, OLDEST_S


class Judge:
    """Decides about readings; it takes no clock of its own, so the caller says what time it is."""

    def __init__(self, *, require_signed: bool, signed: set[bytes]) -> None:
        """``signed`` holds the MACs once seen signed; the caller adds to it."""
        self._require_signed = require_signed
        self._signed = signed

    def judge(self, datagram: Datagram, now: float, arrived: float) -> int | Refusal:
        """Return the reading's time, or why it is refused; all times in Unix s.

        A version 1 box is told nothing about its wrong clock, so its reading gets the time it arrived.
        """
        in_time = now - OLDEST_S <= datagram.timestamp <= now + AHEAD_S
        if datagram.version == 1:
            if self._require_signed or datagram.mac in self._signed:
                return Refusal.UNSIGNED
            return datagram.timestamp if in_time else int(arrived)
        if not datagram.sound:
            return Refusal.RESERVED
        if in_time:
            return datagram.timestamp
        return Refusal.TIME_OLD if datagram.timestamp < now else Refusal.TIME_AHEAD
