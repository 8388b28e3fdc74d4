"""What this writer did for a household, written at most once a minute and with its readings where there are any."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields

from pymysql.cursors import Cursor

import ecms_bridge
from ecms_bridge import names
from ecms_bridge.messages import FAULTS
from ecms_bridge.writer.rollups import utc

EVERY_S = 60.0
LATE_S = 60
"""A reading measured so long before it came was held up by a box, the hub's spool or the broker."""

_OUR_REASONS = frozenset({*FAULTS, "time_old", "time_ahead"})
_OF_THE_DATABASE = "database"
"""Whatever else the database said of a value it refused: its sentences are too many to count by."""

_MAX_WRITER_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts since the start; ``late`` are those of the stored and repeated readings that came late."""

    batches: int = 0
    stored: int = 0
    repeated: int = 0
    late: int = 0
    quarantined: int = 0
    dead_lettered: int = 0

    def plus(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(slots=True)
class Draft:
    """The counts with those of a batch added; they hold once the batch is committed."""

    counts: Counts
    letters: Counter[str] = field(default_factory=Counter)
    due: bool = False


class Tally:
    """The tables ``writer_status`` and ``dead_letter_count`` of one household.

    Counts are since the start, so writing them twice does no harm; several writers have a row each, by host.
    """

    def __init__(
        self, slug: str, clock: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._writer = socket.gethostname()[:_MAX_WRITER_LENGTH]
        self._started = int(clock())
        self._counts = Counts()
        self._letters: Counter[str] = Counter()
        self._told = Counts()
        self._told_at = float("-inf")
        self._hasty = False
        schema = names.schema_name(slug)
        columns = ("started_at", "written_at", "version", *(f.name for f in fields(Counts)), "database_free_bytes")
        self._statement = (
            f"INSERT INTO {schema}.writer_status (writer, {', '.join(columns)}) "  # noqa: S608
            f"VALUES (%(writer)s, {', '.join(f'%({name})s' for name in columns)}) "
            f"ON DUPLICATE KEY UPDATE {', '.join(f'{name} = %({name})s' for name in columns)}"
        )
        self._count_letters = (
            f"INSERT INTO {schema}.dead_letter_count (reason, messages, last_at) "  # noqa: S608
            "VALUES (%(reason)s, %(messages)s, %(at)s) "
            "ON DUPLICATE KEY UPDATE messages = messages + %(messages)s, last_at = %(at)s"
        )

    def draft(self, done: Counts, reasons: Iterable[str]) -> Draft:
        """Return the counts with those of a batch added; ``reasons`` are those of its dead letters."""
        letters = self._letters.copy()
        letters.update(reason if reason in _OUR_REASONS else _OF_THE_DATABASE for reason in reasons)
        counts = self._counts.plus(done)
        return Draft(counts, letters, self._is_due(counts))

    def write(self, cursor: Cursor, draft: Draft, database_free_bytes: int | None) -> None:
        """Write the counts; None where the database's disk is not to be seen from here."""
        now = utc(int(self._clock()))
        cursor.execute(
            self._statement,
            {
                "writer": self._writer,
                "started_at": utc(self._started),
                "written_at": now,
                "version": ecms_bridge.__version__,
                **{f.name: getattr(draft.counts, f.name) for f in fields(Counts)},
                "database_free_bytes": database_free_bytes,
            },
        )
        for reason, messages in sorted(draft.letters.items()):
            cursor.execute(self._count_letters, {"reason": reason, "messages": messages, "at": now})

    def committed(self, draft: Draft, *, written: bool) -> None:
        """Take over a draft whose transaction has been committed; not ``written`` it is tried in a minute again."""
        self._counts = draft.counts
        self._letters = Counter() if draft.due and written else draft.letters
        if draft.due:
            self._told_at = self._monotonic()
            if written:
                self._told = draft.counts

    def pending(self) -> bool:
        """Return whether something is not written yet."""
        return self._counts != self._told

    def overdue(self) -> bool:
        """Return whether something should be written even though no message comes."""
        return self.pending() and self._is_due(self._counts)

    def hasten(self) -> None:
        """Make everything due, because the writer ends."""
        self._hasty = True

    def _is_due(self, counts: Counts) -> bool:
        return counts != self._told and (self._hasty or self._monotonic() - self._told_at >= EVERY_S)
