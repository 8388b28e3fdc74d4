"""For how many seconds each reading of a box counts, so that every second counts once, whatever comes how often."""

from __future__ import annotations

from bisect import bisect_left

from ecms_bridge.messages import MAX_STEP_S, OWN_STEP_S

MAX_SPANS = 64
"""Beyond this many, the oldest gap in what was counted is given up: readings that fill it no longer count."""


class Meter:
    """The time that readings of one box have stood for, as spans (Unix s) with gaps between them.

    As in the rollups, a reading stands for the time since the one before it if that is at most 30 s, else for
    its own 10 s. What was counted stays: a late reading adds only seconds that none stood for, and one that
    comes again adds nothing.
    """

    def __init__(self, spans: list[tuple[int, int]] | None = None) -> None:
        self._begins = [begins for begins, _ in spans or ()]
        self._ends = [ends for _, ends in spans or ()]

    @property
    def spans(self) -> list[tuple[int, int]]:
        """What was counted, in order; each span ends with a reading."""
        return list(zip(self._begins, self._ends, strict=True))

    def count(self, timestamp: int) -> int:
        """Return for how many seconds a reading counts that was measured at this time (Unix s)."""
        place = bisect_left(self._ends, timestamp)
        if place < len(self._ends) and self._begins[place] < timestamp:
            return 0
        joined = place > 0 and timestamp - self._ends[place - 1] <= MAX_STEP_S
        begins = self._ends[place - 1] if joined else timestamp - OWN_STEP_S
        if joined:
            place -= 1
            self._ends[place] = timestamp
        else:
            self._begins.insert(place, begins)
            self._ends.insert(place, timestamp)
        self._close_gap(place)
        if len(self._ends) > MAX_SPANS:
            self._join(0)
        return timestamp - begins

    def _close_gap(self, place: int) -> None:
        if place + 1 < len(self._ends) and self._begins[place + 1] <= self._ends[place]:
            self._join(place)

    def _join(self, place: int) -> None:
        """Make one span of two neighbours."""
        del self._ends[place]
        del self._begins[place + 1]
