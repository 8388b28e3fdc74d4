"""What one home gives to the statistics: sums of its ended days, and of its months by hour and in standby."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta

from pymysql.cursors import Cursor

from ecms_bridge import names

STANDBY_W = 20
"""Hours that never exceed it are standby, as on the dashboards (``grafana/sql/appliance_standby.sql``)."""

TABLES = ("home_day", "home_hour", "home_standby")

_LATE = timedelta(days=9)
"""Readings may arrive 7 days late and change days that have ended."""

_MONTH = "calendar.day - INTERVAL (DAYOFMONTH(calendar.day) - 1) DAY"


class Sums:
    """The rows of one home, number ``home``, in the schema ``into``. Nothing is committed here."""

    def __init__(self, slug: str, home: int, into: str) -> None:
        schema = names.schema_name(names.check_slug(slug))
        self._home, self._into, self._schema = home, into, schema
        rated = (
            f"JOIN {schema}.device ON device.idDevice = measured.idDevice "
            f"JOIN {schema}.rating ON rating.idDevice = measured.idDevice "
            "AND rating.begins <= calendar.begins AND rating.ends > calendar.begins"
        )
        self._days = f"""
            INSERT INTO {into}.home_day (day, appliance, home, wh, cov_s, day_s)
            SELECT calendar.day, LOWER(device.nome), %(home)s, SUM(measured.a_s) * rating.w_per_a / 3600,
              SUM(measured.cov_s), TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends)
            FROM {schema}.rollup_day AS measured
            JOIN {schema}.calendar ON calendar.day = measured.day
            {rated}
            WHERE measured.day BETWEEN %(first)s AND %(last)s
            GROUP BY calendar.day, device.idDevice, device.nome, rating.w_per_a, calendar.begins, calendar.ends
            """  # noqa: S608
        # Quarters, not hours: zones differ from UTC by whole quarters. Where two boxes measure one appliance, their
        # current adds up and their coverage does not. The two days of the year that have no 24 hours are left out,
        # so that an hour is the clock's hour.
        self._hours = f"""
            INSERT INTO {into}.home_hour (month, appliance, hour, home, wh, cov_s)
            SELECT measured.month, LOWER(device.nome), measured.hour, %(home)s,
              SUM(measured.a_s * rating.w_per_a) / 3600, SUM(measured.cov_s)
            FROM (
              SELECT {_MONTH} AS month, calendar.begins, number.n DIV 4 AS hour, quarter.idDevice,
                SUM(quarter.a_s) AS a_s, SUM(quarter.cov_s) / COUNT(*) AS cov_s
              FROM {schema}.calendar
              JOIN {schema}.number ON number.n < 96
              JOIN {schema}.{names.rollup_table(slug)} AS quarter
                ON quarter.res = 15
                AND quarter.bucket = FROM_UNIXTIME(UNIX_TIMESTAMP(calendar.begins) + number.n * 900)
              WHERE calendar.day BETWEEN %(first)s AND %(last)s
                AND TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends) = 86400
              GROUP BY calendar.day, calendar.begins, number.n, quarter.idDevice
            ) AS measured
            {rated.replace("calendar.begins", "measured.begins")}
            GROUP BY measured.month, device.idDevice, device.nome, measured.hour
            """  # noqa: S608
        self._standby = f"""
            INSERT INTO {into}.home_standby (month, appliance, home, wh, cov_s)
            SELECT {_MONTH} AS month, LOWER(device.nome), %(home)s,
              SUM(measured.a_s * rating.w_per_a) / 3600, SUM(measured.cov_s)
            FROM {schema}.calendar
            JOIN {schema}.number
              ON number.n < 25 AND number.n * 3600 < TIMESTAMPDIFF(SECOND, calendar.begins, calendar.ends)
            JOIN {schema}.{names.rollup_table(slug)} AS measured
              ON measured.res = 60
              AND measured.bucket = FROM_UNIXTIME(UNIX_TIMESTAMP(calendar.begins) DIV 3600 * 3600 + number.n * 3600)
            {rated}
            WHERE calendar.day BETWEEN %(first)s AND %(last)s AND measured.a_max * rating.w_per_a <= {STANDBY_W}
            GROUP BY month, device.idDevice, device.nome
            """  # noqa: S608

    def facts(self, cursor: Cursor, since: date) -> str:
        """Return a checksum of what the sums depend on besides readings: begin, zone, names and ratings."""
        told = hashlib.sha256(since.isoformat().encode())
        for what in (
            "timezone FROM {}.household",
            "idDevice, nome FROM {}.device ORDER BY idDevice",
            "idDevice, valid_from, voltage_v, power_factor FROM {}.device_rating ORDER BY idDevice, valid_from",
        ):
            cursor.execute(f"SELECT {what.format(self._schema)}")
            told.update(repr(cursor.fetchall()).encode())
        return told.hexdigest()

    def remove(self, cursor: Cursor) -> None:
        """Remove all sums of the home."""
        for table in TABLES:
            cursor.execute(f"DELETE FROM {self._into}.{table} WHERE home = %s", (self._home,))  # noqa: S608

    def fill(self, cursor: Cursor, since: date, *, anew: bool) -> int:
        """Compute the sums from the local day ``since`` on; return how many sums of days were written.

        Unless ``anew``, only those that readings may have changed since the newest there is.
        """
        first, last = since, self._closed(cursor)
        if anew:
            self.remove(cursor)
        else:
            first = max(since, self._newest(cursor, since) - _LATE)
        month = first.replace(day=1)
        for table, column, begins in (
            ("home_day", "day", first),
            ("home_hour", "month", month),
            ("home_standby", "month", month),
        ):
            statement = f"DELETE FROM {self._into}.{table} WHERE home = %s AND {column} >= %s"  # noqa: S608
            cursor.execute(statement, (self._home, begins))
        written = cursor.execute(self._days, {"home": self._home, "first": first, "last": last})
        for begins, ends in _months(max(since, month), last):
            span = {"home": self._home, "first": begins, "last": ends}
            cursor.execute(self._hours, span)
            cursor.execute(self._standby, span)
        return written

    def _newest(self, cursor: Cursor, default: date) -> date:
        cursor.execute(f"SELECT MAX(day) FROM {self._into}.home_day WHERE home = %s", (self._home,))  # noqa: S608
        ((day,),) = cursor.fetchall()
        return day or default

    def _closed(self, cursor: Cursor) -> date:
        cursor.execute(f"SELECT day FROM {self._schema}.closed_day WHERE id = 1")  # noqa: S608
        ((day,),) = cursor.fetchall()
        return day  # type: ignore[no-any-return]


def _months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield the first and the last day of each month, or part of one, from ``first`` to ``last``."""
    while first <= last:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield first, min(last, following - timedelta(days=1))
        first = following
