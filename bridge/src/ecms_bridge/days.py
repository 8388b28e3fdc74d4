"""Sums over local days that have ended, by band of the tariff: the table ``rollup_day`` of one household.

A day is closed once, when it has ended, and computed again when a reading of it comes late or its bands change.
Until then it is summed from its quarters of an hour (view ``daily``), so that a running day costs no writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from pymysql.cursors import Cursor

from ecms_bridge import names

MAX_DAYS = 31
"""So many days are closed in one transaction, since writers wait for it."""


@dataclass(frozen=True, slots=True)
class Day:
    """A local day and its begin and end in naive UTC."""

    day: date
    begins: datetime
    ends: datetime


class Days:
    """The table ``rollup_day`` of one household and how far it reaches."""

    def __init__(self, slug: str) -> None:
        schema = names.schema_name(slug)
        quarters = f"{schema}.{names.rollup_table(slug)}"
        table, self._calendar = f"{schema}.rollup_day", f"{schema}.calendar"
        self._closed = f"{schema}.closed_day"
        values = ("n", "cov_s", "a_s", "a_max")
        update = ", ".join(f"{name} = s.{name}" for name in values)
        # Where two boxes measure one appliance, their current adds up and their coverage does not: of each
        # quarter it is the mean of the boxes that report in it.
        self._sum = f"""
            INSERT INTO {table} (day, band, idDevice, {", ".join(values)})
            SELECT s.* FROM (
              SELECT %(day)s AS day, slot.band, quarter.idDevice, SUM(quarter.n) AS n, SUM(quarter.cov_s) AS cov_s,
                SUM(quarter.a_s) AS a_s, MAX(quarter.a_max) AS a_max
              FROM (
                SELECT bucket, idDevice, SUM(n) AS n, SUM(cov_s) / COUNT(*) AS cov_s, SUM(a_s) AS a_s,
                  MAX(a_max) AS a_max
                FROM {quarters}
                WHERE res = 15 AND bucket >= %(begins)s AND bucket < %(ends)s
                GROUP BY bucket, idDevice
              ) AS quarter
              JOIN {schema}.tariff_slot AS slot
                ON slot.day = %(day)s AND quarter.bucket >= slot.begins AND quarter.bucket < slot.ends
              GROUP BY slot.band, quarter.idDevice
            ) AS s ON DUPLICATE KEY UPDATE {update}"""  # noqa: S608
        self._delete = f"DELETE FROM {table} WHERE day = %s"  # noqa: S608
        self._oldest = f"SELECT MIN(bucket) FROM {quarters} WHERE res = 15"  # noqa: S608
        self._due = f"""
            SELECT c.day, c.begins, c.ends FROM {self._calendar} AS c
            WHERE c.begins >= %s AND c.ends <= UTC_TIMESTAMP() ORDER BY c.begins LIMIT {MAX_DAYS}"""  # noqa: S608
        self._touched = f"""
            SELECT day, begins, ends FROM {self._calendar}
            WHERE begins < %s AND ends > %s AND ends <= %s ORDER BY begins"""  # noqa: S608

    def refresh(
        self, cursor: Cursor, runs: Iterable[tuple[datetime, datetime]], progress: Callable[[], None] = lambda: None
    ) -> None:
        """Compute the closed days again that ``runs`` (begin and end of quarters, naive UTC) touch, and close new ones.

        The caller holds the household's lock (``writer_state``). ``progress`` is called after each day.
        """
        cursor.execute(
            f"SELECT closed.ends, (SELECT c.ends <= UTC_TIMESTAMP() FROM {self._calendar} AS c "  # noqa: S608
            f"WHERE c.begins = closed.ends) FROM {self._closed} AS closed WHERE closed.id = 1"
        )
        row = cursor.fetchone()
        if row is None:
            return
        closed, due = row
        late: dict[date, Day] = {}
        for begins, ends in runs:
            if begins < closed:
                cursor.execute(self._touched, (ends, begins, closed))
                late |= {found[0]: Day(*found) for found in cursor.fetchall()}
        for day in late.values():
            self._compute(cursor, day)
            progress()
        if due:
            self.close(cursor, closed, progress)

    def close(self, cursor: Cursor, since: datetime, progress: Callable[[], None] = lambda: None) -> datetime | None:
        """Close at most 31 days that have ended, from the one that begins at ``since`` (naive UTC) or later.

        Return where the next one begins, None if none had ended.
        """
        cursor.execute(self._due, (since,))
        days = [Day(*found) for found in cursor.fetchall()]
        for day in days:
            self._compute(cursor, day)
            progress()
        if not days:
            return None
        cursor.execute(
            f"UPDATE {self._closed} SET day = %s, ends = %s WHERE id = 1",  # noqa: S608
            (days[-1].day, days[-1].ends),
        )
        return days[-1].ends

    def again(self, cursor: Cursor, day: Day) -> None:
        """Compute a closed day whose bands have changed; the bands that it no longer has leave."""
        cursor.execute(self._delete, (day.day,))
        self._compute(cursor, day)

    def closed(self, cursor: Cursor) -> datetime:
        """Return where the first day begins that is not closed (naive UTC), 1970 if none is."""
        cursor.execute(f"SELECT ends FROM {self._closed} WHERE id = 1")  # noqa: S608
        ((ends,),) = cursor.fetchall()
        return ends  # type: ignore[no-any-return]

    def oldest(self, cursor: Cursor) -> datetime | None:
        """Return the beginning of the first quarter that holds a reading (naive UTC)."""
        cursor.execute(self._oldest)
        ((bucket,),) = cursor.fetchall()
        return bucket  # type: ignore[no-any-return]

    def _compute(self, cursor: Cursor, day: Day) -> None:
        cursor.execute(self._sum, {"day": day.day, "begins": day.begins, "ends": day.ends})
