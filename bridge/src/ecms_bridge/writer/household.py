"""What the writer remembers of a household: its appliances, the assignment of boxes, its quarantine."""

from __future__ import annotations

import time
from bisect import bisect_right
from datetime import UTC, datetime

from pymysql.cursors import Cursor

from ecms_bridge import names, turn
from ecms_bridge.days import Days
from ecms_bridge.writer.boxes import Boxes
from ecms_bridge.writer.hub_status import HubStatus
from ecms_bridge.writer.rollups import Rollups
from ecms_bridge.writer.tally import Tally

REFRESH_S = 30.0
"""So soon are appliances seen that were added past the schema tool, which would have said so at once."""

_LETTERS_A_MINUTE = 60
"""A flood of nonsense must not wear the SD card."""


class Household:
    """A household's cached appliances and assignments, and its tables."""

    def __init__(self, slug: str) -> None:
        schema = names.schema_name(slug)
        self.slug = slug
        self.data = f"{schema}.{names.data_table(slug)}"
        self.quarantine = f"{schema}.quarantine"
        self.dead_letter = f"{schema}.dead_letter"
        self.state = f"{schema}.writer_state"
        self.rollups = Rollups(slug)
        self.days = Days(slug)
        self.boxes = Boxes(slug)
        self.status = HubStatus(slug)
        self.tally = Tally(slug)
        self.dead_letters = 0
        self.quarantined = True
        """Whether the quarantine may hold rows; only a look into it can tell that it does not."""
        self.release_from: dict[tuple[int, bytes], datetime | None] | None = {}
        """From when on to look further, by appliance and box; None if there is nothing more to release."""
        self._schema = schema
        self._devices: frozenset[int] = frozenset()
        self._assignments: dict[bytes, list[tuple[int, int]]] = {}
        self._generation = -1
        self._loaded = float("-inf")
        self._minute = 0
        self._buried = 0

    def lock(self, cursor: Cursor, *, clustered: bool) -> bool:
        """Begin the household's turn: wait for other writers, then know its appliances. False if not set up."""
        row = turn.take(cursor, self._schema, clustered=clustered)
        if row is None:
            return False
        generation, self.dead_letters = row
        if generation != self._generation or time.monotonic() - self._loaded >= REFRESH_S:
            self.load(cursor)
            self._generation = generation
        return True

    def load(self, cursor: Cursor) -> None:
        """Read appliances and assignments."""
        cursor.execute(f"SELECT idDevice FROM {self._schema}.device")  # noqa: S608
        devices = frozenset(int(row[0]) for row in cursor.fetchall())
        cursor.execute(
            f"SELECT mac, valid_from, idDevice FROM {self._schema}.box_assignment ORDER BY mac, valid_from"  # noqa: S608
        )
        assignments: dict[bytes, list[tuple[int, int]]] = {}
        for mac, valid_from, device in cursor.fetchall():
            since = int(valid_from.replace(tzinfo=UTC).timestamp())
            assignments.setdefault(mac, []).append((since, device))
        if (devices, assignments) != (self._devices, self._assignments):
            self._devices, self._assignments = devices, assignments
            # Another writer may have quarantined what is now known.
            self.quarantined, self.release_from = True, {}
        self._loaded = time.monotonic()

    def device_of(self, mac: bytes, timestamp: int, named: int) -> int:
        """Return the appliance of a reading: the one its box is assigned to at that time, else the one it names.

        It depends on the reading's own time only, so that one that is sent again keeps its key.
        """
        assigned = self._assignments.get(mac)
        if assigned is None:
            return named
        position = bisect_right(assigned, (timestamp, 1 << 16))
        return assigned[position - 1][1] if position else named

    def may_bury(self) -> bool:
        """Return whether one more dead letter may be written this minute; the rest is only counted."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._buried = minute, 0
        self._buried += 1
        return self._buried <= _LETTERS_A_MINUTE

    def overdue(self) -> bool:
        """Return whether something should be written even though no message comes."""
        return self.boxes.overdue() or self.status.overdue() or self.tally.overdue()

    def pending(self) -> bool:
        """Return whether something is not written yet."""
        return self.boxes.pending() or self.status.pending() or self.tally.pending()

    def hasten(self) -> None:
        """Make everything due, because the writer ends."""
        self.boxes.hasten()
        self.status.hasten()
        self.tally.hasten()

    def is_assigned(self, mac: bytes) -> bool:
        return mac in self._assignments

    def has(self, device: int) -> bool:
        """Return whether the household has the appliance."""
        return device in self._devices
