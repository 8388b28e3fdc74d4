"""What a hub says of itself, written at once when its state changes and otherwise at most once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from pymysql.cursors import Cursor

from ecms_bridge import names
from ecms_bridge.writer.inbox import Status
from ecms_bridge.writer.rollups import utc

EVERY_S = 60


@dataclass(slots=True)
class Draft:
    """What to write now and what may wait; it holds once the transaction is committed."""

    due: list[Status] = field(default_factory=list)
    waiting: Status | None = None
    written: Status | None = None


class HubStatus:
    """The table ``hub_status`` of one household."""

    def __init__(self, slug: str, clock: Callable[[], float] = time.time) -> None:
        table = f"{names.schema_name(slug)}.hub_status"
        self._clock = clock
        self._written: Status | None = None
        self._waiting: Status | None = None
        self._hasty = False
        self._newest = f"SELECT received_at, state, payload FROM {table} ORDER BY received_at DESC LIMIT 1"  # noqa: S608
        self._insert = (
            f"INSERT INTO {table} (received_at, state, payload) VALUES (%(at)s, %(state)s, %(payload)s) "  # noqa: S608
            "ON DUPLICATE KEY UPDATE state = %(state)s, payload = %(payload)s"
        )

    def write(self, cursor: Cursor, statuses: Sequence[Status]) -> Draft:
        """Write what is due of the given statuses and of what waited."""
        draft = Draft(waiting=self._waiting, written=self._written)
        if statuses or self.overdue():
            # Not from memory: another writer hears the same, and may have written it.
            draft.written = self._read(cursor)
        for status in statuses:
            if draft.waiting is not None and draft.waiting.state != status.state:
                draft.due.append(draft.waiting)
                draft.written = draft.waiting
            draft.waiting = status
        if draft.waiting is not None:
            if draft.written is not None and _is_no_news(draft.waiting, draft.written):
                draft.waiting = None
            elif self._is_due(draft.waiting, draft.written):
                draft.due.append(draft.waiting)
                draft.written, draft.waiting = draft.waiting, None
        for status in draft.due:
            cursor.execute(
                self._insert, {"at": utc(status.received_at), "state": status.state, "payload": status.payload}
            )
        return draft

    def committed(self, draft: Draft) -> None:
        """Take over a draft whose transaction has been committed."""
        self._written = draft.written
        self._waiting = draft.waiting

    def pending(self) -> bool:
        """Return whether something is not written yet."""
        return self._waiting is not None

    def overdue(self) -> bool:
        """Return whether something should be written even though no message comes."""
        return self._waiting is not None and self._is_due(self._waiting, self._written)

    def hasten(self) -> None:
        """Make everything due, because the writer ends."""
        self._hasty = True

    def _is_due(self, status: Status, written: Status | None) -> bool:
        return (
            self._hasty
            or written is None
            or status.state != written.state
            or not 0 <= self._clock() - written.received_at < EVERY_S
        )

    def _read(self, cursor: Cursor) -> Status | None:
        cursor.execute(self._newest)
        row = cursor.fetchone()
        return None if row is None else Status(int(row[0].replace(tzinfo=UTC).timestamp()), row[1], row[2])


def _is_no_news(status: Status, written: Status) -> bool:
    # A broker repeats the retained status to every writer that comes.
    return status.payload == written.payload or (
        status.state == written.state and status.received_at < written.received_at
    )
