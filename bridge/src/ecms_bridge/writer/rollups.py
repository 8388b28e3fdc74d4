"""Sums over 15 and 60 minutes, computed again from the raw rows wherever a reading has come in.

A reading stands for the time since the previous one of its box if that is at most 30 s, so that two lost
readings are bridged; after a longer gap, or without a previous reading, for its own 10 s. A late reading
changes the time of its successor, which lies at most 30 s later; with the buckets of both computed again,
the order in which readings arrive, or how often, makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymysql.cursors import Cursor

from ecms_bridge import names
from ecms_bridge.messages import MAX_STEP_S, OWN_STEP_S

QUARTER_S = 900
HOUR_S = 3600
_MAX_RUN_S = 86400
"""Longer runs are cut, so that no single statement reads more than a day."""

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_VALUES = ("cov_s", "a_s", "a_min", "a_max")


@dataclass(frozen=True, slots=True)
class Run:
    """Buckets without a gap, from ``begins`` up to before ``ends`` (Unix s), and the boxes to compute."""

    begins: int
    ends: int
    macs: tuple[bytes, ...]


def touched_quarters(readings: Iterable[tuple[int, bytes]]) -> list[Run]:
    """Return the 15-minute buckets of readings (Unix s, MAC) and of their successors."""
    buckets: dict[int, set[bytes]] = {}
    for timestamp, mac in readings:
        own = timestamp - timestamp % QUARTER_S
        buckets.setdefault(own, set()).add(mac)
        if timestamp + MAX_STEP_S >= own + QUARTER_S:
            buckets.setdefault(own + QUARTER_S, set()).add(mac)
    return _runs(buckets, QUARTER_S)


def touched_hours(quarters: Iterable[Run]) -> list[Run]:
    """Return the hours that hold the given 15-minute buckets."""
    buckets: dict[int, set[bytes]] = {}
    for run in quarters:
        for hour in range(run.begins - run.begins % HOUR_S, run.ends, HOUR_S):
            buckets.setdefault(hour, set()).update(run.macs)
    return _runs(buckets, HOUR_S)


def _runs(buckets: dict[int, set[bytes]], width: int) -> list[Run]:
    found: list[tuple[int, int, set[bytes]]] = []
    for begins in sorted(buckets):
        macs = buckets[begins]
        if found and found[-1][1] == begins and begins - found[-1][0] < _MAX_RUN_S:
            first, _, others = found.pop()
            found.append((first, begins + width, others | macs))
        else:
            found.append((begins, begins + width, macs))
    return [Run(begins, ends, tuple(sorted(macs))) for begins, ends, macs in found]


class Rollups:
    """The table ``roll_<slug>`` of one household."""

    def __init__(self, slug: str) -> None:
        schema = names.schema_name(slug)
        table = f"{schema}.{names.rollup_table(slug)}"
        into = f"INSERT INTO {table} (res, bucket, idDevice, mac, n, cov_s, a_s, a_min, a_max)"
        # Raw rows never change and leave only when they retire. Fewer than were once counted therefore means
        # that some have retired, and then what was computed of all of them stays.
        kept = ", ".join(f"{name} = IF(s.n >= {table}.n, s.{name}, {table}.{name})" for name in _VALUES)
        update = f"ON DUPLICATE KEY UPDATE {kept}, n = GREATEST(s.n, {table}.n)"
        self._quarters = f"""
            {into}
            SELECT s.* FROM (
              SELECT 15 AS res, FROM_UNIXTIME(t DIV {QUARTER_S} * {QUARTER_S}) AS bucket, idDevice, mac,
                COUNT(*) AS n, SUM(IF(gap <= {MAX_STEP_S}, gap, {OWN_STEP_S})) AS cov_s,
                SUM(sensorData * IF(gap <= {MAX_STEP_S}, gap, {OWN_STEP_S})) AS a_s,
                MIN(sensorData) AS a_min, MAX(sensorData) AS a_max
              FROM (
                SELECT UNIX_TIMESTAMP(updated_at) AS t, idDevice, mac, sensorData,
                  UNIX_TIMESTAMP(updated_at) - LAG(UNIX_TIMESTAMP(updated_at))
                    OVER (PARTITION BY mac ORDER BY updated_at, idDevice) AS gap
                FROM {schema}.{names.data_table(slug)}
                WHERE updated_at >= %(before)s AND updated_at < %(ends)s AND mac IN %(macs)s
              ) AS d
              WHERE t >= %(first)s
              GROUP BY bucket, idDevice, mac
            ) AS s {update}"""  # noqa: S608
        self._hours = f"""
            {into}
            SELECT s.* FROM (
              SELECT 60 AS res, FROM_UNIXTIME(UNIX_TIMESTAMP(bucket) DIV {HOUR_S} * {HOUR_S}) AS hour,
                idDevice, mac, SUM(n) AS n, SUM(cov_s) AS cov_s, SUM(a_s) AS a_s,
                MIN(a_min) AS a_min, MAX(a_max) AS a_max
              FROM {table}
              WHERE res = 15 AND bucket >= %(begins)s AND bucket < %(ends)s AND mac IN %(macs)s
              GROUP BY hour, idDevice, mac
            ) AS s {update}"""  # noqa: S608

    def recompute(
        self, cursor: Cursor, readings: Iterable[tuple[int, bytes]], progress: Callable[[], None] = lambda: None
    ) -> None:
        """Compute every bucket again that the given readings (Unix s, MAC), now stored, may have changed.

        ``progress`` is called after each statement.
        """
        quarters = touched_quarters(readings)
        for statement, runs in ((self._quarters, quarters), (self._hours, touched_hours(quarters))):
            for run in runs:
                cursor.execute(
                    statement,
                    {
                        "first": run.begins,
                        "before": utc(run.begins - MAX_STEP_S),
                        "begins": utc(run.begins),
                        "ends": utc(run.ends),
                        "macs": run.macs,
                    },
                )
                progress()


def utc(timestamp: int) -> datetime:
    """Return Unix time (s) as the naive UTC that drivers turn into TIMESTAMP without a conversion."""
    return _EPOCH + timedelta(seconds=timestamp)
