"""Upkeep of a household's schema: raw rows leave after their time, rollups stay for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ecms_bridge import names
from ecms_bridge.schema.household import Household
from ecms_bridge.session import Session

STATUS_DAYS = 30
"""So long is kept what a hub said of itself."""

_CHUNK_ROWS = 2000


def retire(session: Session, household: Household, now: datetime | None = None) -> list[str]:
    """Delete raw and quarantined readings older than the retention, and old statuses; return what left.

    Each chunk is a transaction of its own, so that writers never wait long. ``now`` is naive UTC.
    """
    now = now or datetime.now(UTC).replace(tzinfo=None)
    retention = timedelta(days=household.retention_days)
    raw = names.data_table(household.slug)
    changes = []
    for table, column, age in (
        (raw, "updated_at", retention),
        ("quarantine", "updated_at", retention),
        ("hub_status", "received_at", timedelta(days=STATUS_DAYS)),
    ):
        rows = _delete_chunks(session, table, column, now - age)
        if rows:
            changes.append(f"{table}: delete {rows} rows older than {age.days} days")
    return changes


def _delete_chunks(session: Session, table: str, column: str, before: datetime) -> int:
    # Without ORDER BY: the time leads the raw table's key, and elsewhere a sort would read the whole table.
    statement = f"DELETE FROM {table} WHERE {column} < %s LIMIT {_CHUNK_ROWS}"  # noqa: S608
    total = 0
    while True:
        with session.cursor() as cursor:
            rows = cursor.execute(statement, (before,))
        session.commit()
        total += rows
        if rows < _CHUNK_ROWS:
            return total
