"""Readings made by hand, stored as the writer stores them, and days that end when a test says so."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from database.fixtures import Home
from ecms_bridge.messages import Reading
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch

WASHER, FRIDGE = 1, 2
WASHER_BOX, FRIDGE_BOX, OTHER_BOX = (bytes([2, 0, 0, 0, 0, number]) for number in (1, 2, 3))

_BATCH = 2000


def steady(box: bytes, device: int, amps: float, begins: int, ends: int, step: int = 10) -> list[Reading]:
    """Return a reading every ``step`` s, the first ``step`` s after ``begins``, the last at ``ends`` (Unix s)."""
    return [Reading(box, moment, device, amps) for moment in range(begins + step, ends + 1, step)]


def store(home: Home, *readings: Iterable[Reading]) -> None:
    """Store readings in the order of their times."""
    rows = sorted((reading for some in readings for reading in some), key=lambda reading: reading.timestamp)
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        for first in range(0, len(rows), _BATCH):
            writer.store(Batch(home.slug, rows[first : first + _BATCH]))


def reopen(home: Home, now: int) -> None:
    """Let no day be closed that has not ended at ``now`` (Unix s), as a writer that is at work then has it."""
    home.rows(
        "UPDATE closed_day JOIN calendar ON calendar.begins <= FROM_UNIXTIME(%s) AND calendar.ends > FROM_UNIXTIME(%s) "
        "SET closed_day.day = calendar.day - INTERVAL 1 DAY, closed_day.ends = calendar.begins",
        now,
        now,
    )
    home.rows("DELETE FROM rollup_day WHERE day > (SELECT day FROM closed_day)")
