"""The household's local days in UTC, for servers without zone tables and for queries that use an index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ecms_bridge.session import Session

FIRST_DAY = date(2020, 1, 1)
"""Before this no reading is accepted."""

_AHEAD = timedelta(days=731)
_STEP = timedelta(days=31)
"""Extended by the month, so that two runs of the playbook on two days need not differ."""

Day = tuple[date, datetime, datetime]
"""A local day, and when it begins and ends, in naive UTC."""


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day.

    Where clocks spring forward at midnight, ``fold=0`` reads the missing 00:00 by the old offset, which is
    the very instant of the change; where they fall back onto midnight it is the first of the two.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def local_days(zone: ZoneInfo, first: date, last: date) -> Iterator[Day]:
    """Yield the days from ``first`` to ``last``: 24 hours long, 23 or 25 where the clocks change."""
    day = first
    begins = _utc(day_begins(day, zone))
    while day <= last:
        following = day + timedelta(days=1)
        ends = _utc(day_begins(following, zone))
        yield day, begins, ends
        day, begins = following, ends


class Calendar:
    """The table ``calendar`` of the schema in use, from 2020 to at least two years from now."""

    def __init__(self, session: Session, zone: ZoneInfo, today: date) -> None:
        self._session = session
        self._least = today + _AHEAD
        self._wanted = {day[0]: day for day in local_days(zone, FIRST_DAY, self._least + _STEP)}

    def plan(self, stored: dict[date, Day]) -> tuple[list[Day], list[Day]]:
        """Return the days that are missing and those that differ, since zones and their rules change."""
        missing = [day for key, day in self._wanted.items() if key not in stored]
        if missing and missing[0][0] > self._least:
            missing = []
        wrong = [day for key, day in self._wanted.items() if stored.get(key, day) != day]
        return missing, wrong

    def stored(self) -> dict[date, Day]:
        with self._session.cursor() as cursor:
            cursor.execute("SELECT day, begins, ends FROM calendar")
            return {row[0]: (row[0], row[1], row[2]) for row in cursor.fetchall()}

    def write(self, missing: list[Day], wrong: list[Day]) -> None:
        """Add and correct days in one transaction."""
        with self._session.cursor() as cursor:
            cursor.executemany(
                "UPDATE calendar SET begins = %s, ends = %s WHERE day = %s",
                [(begins, ends, day) for day, begins, ends in wrong],
            )
            cursor.executemany("INSERT INTO calendar (day, begins, ends) VALUES (%s, %s, %s)", missing)
        self._session.commit()


def describe(missing: list[Day], wrong: list[Day]) -> list[str]:
    """Return what ``write`` would change, for people."""
    changes = []
    if missing:
        changes.append(f"calendar: add {len(missing)} days up to {missing[-1][0]}")
    if wrong:
        changes.append(f"calendar: correct {len(wrong)} days from {wrong[0][0]} to {wrong[-1][0]}")
    return changes


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
