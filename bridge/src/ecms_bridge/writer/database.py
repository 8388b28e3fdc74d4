"""The database of all households, seen by the writer: what the project's first document calls mysqlConnect."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TypeVar

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from ecms_bridge.config import ConfigError, DatabaseSettings
from ecms_bridge.datagram import format_mac
from ecms_bridge.messages import Reading, encode_reading
from ecms_bridge.session import Session, explain, is_clustered, node_of, open_session, tls_context
from ecms_bridge.throttle import ThrottledLog
from ecms_bridge.writer import tally
from ecms_bridge.writer.household import Household
from ecms_bridge.writer.inbox import MAX_LETTER_BYTES, Batch, Letter
from ecms_bridge.writer.rollups import touched_quarters, utc

IO_TIMEOUT_S = 30
LOCK_WAIT_S = 10
DEAD_LETTERS_KEPT = 1000
RELEASE_ROWS = 2000

_ATTEMPTS = 3
_MAX_REASON_LENGTH = 200

_TRY_AGAIN = frozenset({ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, ER.CHECKREAD})
_NOT_SET_UP = frozenset(
    {
        ER.BAD_DB_ERROR,
        ER.NO_SUCH_TABLE,
        ER.BAD_FIELD_ERROR,
        ER.DBACCESS_DENIED_ERROR,
        ER.TABLEACCESS_DENIED_ERROR,
        ER.COLUMNACCESS_DENIED_ERROR,
    }
)

_BAD_ROW = frozenset(
    {
        ER.BAD_NULL_ERROR,
        ER.WARN_DATA_OUT_OF_RANGE,
        ER.WARN_DATA_TRUNCATED,
        ER.TRUNCATED_WRONG_VALUE,
        ER.TRUNCATED_WRONG_VALUE_FOR_FIELD,
        ER.DATA_TOO_LONG,
        ER.CONSTRAINT_FAILED,
        3819,  # the same of MySQL 8
    }
)

# The first value stays: a reading that comes again is the same reading.
_INSERT = (
    "INSERT INTO {} (updated_at, idDevice, mac, sensorData) "
    "VALUES (%s, %s, %s, %s) ON DUPLICATE KEY UPDATE sensorData = sensorData"
)

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class DatabaseUnavailableError(Exception):
    """The database cannot store now but may later; the message is one sentence for the user."""


class UnknownHouseholdError(Exception):
    """The household has no schema that the writer may use; the message is one sentence for the user."""


@dataclass(slots=True)
class Outcome:
    """What became of a batch: rows added, repeated, quarantined, dead-lettered."""

    stored: int = 0
    repeated: int = 0
    quarantined: int = 0
    dead: int = 0


@dataclass(slots=True)
class _Sorted:
    """The readings of a batch by where they go, with the appliance they belong to."""

    stored: list[tuple[Reading, int]] = field(default_factory=list)
    quarantined: list[Reading] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)


class ReadingsDatabase:
    """Stores batches of readings, each batch in one transaction, each reading once however often it comes.

    ``progress`` is called whenever the database has answered. Raises ConfigError if the CA file cannot be read.
    """

    def __init__(self, settings: DatabaseSettings, password: str, progress: Callable[[], None] = lambda: None) -> None:
        for node in settings.nodes:
            tls_context(node)
        self._settings = settings
        self._password = password
        self._progress = progress
        self._session: Session | None = None
        self._clustered = False
        self._households: dict[str, Household] = {}
        self._releasable: set[str] = set()
        self._throttled = ThrottledLog(_log)

    def store(self, batch: Batch) -> Outcome:
        """Store and commit a batch; when this returns, the fate of all its messages is final.

        Raises DatabaseUnavailableError or UnknownHouseholdError, and then nothing of it is stored or it may be
        stored again.
        """
        return self._attempt(batch.slug, lambda household, cursor: self._store(household, cursor, batch))

    def release(self, slug: str) -> None:
        """Move quarantined readings whose appliance is known by now, at most 2000 in one transaction.

        Raises as ``store``.
        """
        self._attempt(slug, self._release)

    def releasable(self) -> list[str]:
        """Return the households whose quarantine should be looked into now."""
        return list(self._releasable)

    def quarantined(self) -> list[str]:
        """Return the households whose quarantine holds readings."""
        return [h.slug for h in self._households.values() if h.quarantined]

    def overdue(self) -> list[str]:
        """Return the households of which something should be written even though no reading comes."""
        return [h.slug for h in self._households.values() if h.overdue()]

    def hasten(self) -> list[str]:
        """Make everything due that is not written yet; return the households concerned."""
        for household in self._households.values():
            household.hasten()
        return [h.slug for h in self._households.values() if h.pending()]

    def look(self) -> None:
        """Return if the database answers; else raise DatabaseUnavailableError."""
        try:
            self._connected().ping(reconnect=False)
        except (pymysql.MySQLError, OSError) as error:
            self.close()
            raise DatabaseUnavailableError(explain(error, self._settings)) from error
        except ConfigError as error:
            raise DatabaseUnavailableError(str(error)) from error

    def close(self) -> None:
        """Leave the database; what is not committed is lost."""
        if self._session is not None:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                self._session.close()
            self._session = None

    def _attempt(self, slug: str, work: Callable[[Household, Cursor], _T]) -> _T:
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._transaction(slug, work)
            except (pymysql.MySQLError, OSError) as error:
                code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
                if code in _TRY_AGAIN and attempts < _ATTEMPTS:
                    self._roll_back()
                elif code in _NOT_SET_UP:
                    self._roll_back()
                    self._households.pop(slug, None)
                    self._releasable.discard(slug)
                    raise _unknown(slug) from error
                else:
                    # Whatever else went wrong, a session in an unknown state is never used again.
                    place = node_of(self._session, self._settings)
                    self.close()
                    raise DatabaseUnavailableError(explain(error, place)) from error
            except ConfigError as error:
                raise DatabaseUnavailableError(str(error)) from error

    def _transaction(self, slug: str, work: Callable[[Household, Cursor], _T]) -> _T:
        session = self._connected()
        household = self._households.get(slug) or Household(slug)
        with session.cursor() as cursor:
            if not household.lock(cursor, clustered=self._clustered):
                self._roll_back()
                raise _unknown(slug)
            self._progress()
            try:
                result = work(household, cursor)
            finally:
                self._note_quarantine(household)
        self._households[slug] = household
        return result

    def _connected(self) -> Session:
        if self._session is None:
            # Kept before it is asked anything, so that it is closed whatever comes next.
            self._session = open_session(
                self._settings, self._password, io_timeout_s=IO_TIMEOUT_S, lock_wait_s=LOCK_WAIT_S
            )
            self._clustered = is_clustered(self._session)
        return self._session

    def _note_quarantine(self, household: Household) -> None:
        if household.quarantined and household.release_from is not None:
            self._releasable.add(household.slug)
        else:
            self._releasable.discard(household.slug)

    def _commit(self) -> None:
        assert self._session is not None  # noqa: S101 - for the type checker: transactions have a session
        self._progress()
        self._session.commit()
        self._progress()

    def _roll_back(self) -> None:
        if self._session is not None:
            try:
                self._session.rollback()
            except (pymysql.MySQLError, OSError):
                self.close()

    def _store(self, household: Household, cursor: Cursor, batch: Batch) -> Outcome:
        found = self._sort(household, cursor, batch)
        outcome = Outcome(quarantined=len(found.quarantined))
        if found.stored:
            stored, letters = self._insert(household, cursor, found.stored)
            outcome.stored = stored
            outcome.repeated = len(found.stored) - stored - len(letters)
            found.letters += letters
            self._progress()
            if stored:
                moments = [(r.timestamp, r.mac) for r, _ in found.stored]
                household.rollups.recompute(cursor, moments, self._progress)
                self._sum_days(household, cursor, moments)
        if found.quarantined:
            self._quarantine(household, cursor, found.quarantined)
        outcome.dead = len(found.letters)
        if found.letters:
            self._bury(household, cursor, found.letters)
        draft = household.boxes.draft([*found.stored, *((r, r.device) for r in found.quarantined)])
        household.boxes.write(cursor, draft)
        statuses = household.status.write(cursor, batch.statuses)
        counts = household.tally.draft(_counts(batch, found, outcome), (letter.reason for letter in found.letters))
        written = counts.due and self._write_tally(household, cursor, counts)
        self._commit()
        household.boxes.committed(draft)
        household.status.committed(statuses)
        household.tally.committed(counts, written=written)
        household.quarantined = household.quarantined or bool(found.quarantined)
        return outcome

    def _write_tally(self, household: Household, cursor: Cursor, counts: tally.Draft) -> bool:
        """Write what was counted; return false where the schema is older than this writer: readings matter more."""
        try:
            household.tally.write(cursor, counts, self._free_bytes(cursor))
        except pymysql.MySQLError as error:
            self._excuse_old_schema(household, error)
            return False
        return True

    def _sum_days(self, household: Household, cursor: Cursor, moments: list[tuple[int, bytes]]) -> None:
        """Bring the sums of days that have ended up to readings (Unix s, MAC), if the schema has such sums yet."""
        try:
            runs = ((utc(run.begins), utc(run.ends)) for run in touched_quarters(moments))
            household.days.refresh(cursor, runs, self._progress)
        except pymysql.MySQLError as error:
            self._excuse_old_schema(household, error)

    def _excuse_old_schema(self, household: Household, error: pymysql.MySQLError) -> None:
        """Warn that something could not be written because the schema is older than this writer, or raise."""
        if error.args[0] not in _NOT_SET_UP:
            raise error
        self._throttled.warning(
            f"old {household.slug}",
            "the schema of %r is older than this writer: its readings are stored; run the playbook for it",
            household.slug,
        )

    def _free_bytes(self, cursor: Cursor) -> int | None:
        """Return what the database's file system has left for it, None if it is not this host's."""
        if not node_of(self._session, self._settings).socket:
            return None
        cursor.execute("SELECT @@datadir")
        row = cursor.fetchone()
        try:
            left = os.statvfs(str(row[0]) if row else "")
        except OSError:
            return None
        return left.f_bavail * left.f_frsize

    def _sort(self, household: Household, cursor: Cursor, batch: Batch) -> _Sorted:
        found = _Sorted(letters=list(batch.letters))
        belongs = [(r, household.device_of(r.mac, r.timestamp, r.device)) for r in batch.readings]
        if not all(household.has(device) for _, device in belongs):
            household.load(cursor)
            belongs = [(r, household.device_of(r.mac, r.timestamp, r.device)) for r in batch.readings]
        for reading, device in belongs:
            if household.has(device):
                found.stored.append((reading, device))
            else:
                found.quarantined.append(reading)
                self._throttled.warning(
                    f"unknown {household.slug}",
                    "box %s of %r sends the unknown appliance %d: its readings are kept in quarantine "
                    "until you add the appliance to ecms_devices or assign the box in ecms_boxes",
                    format_mac(reading.mac),
                    household.slug,
                    device,
                )
        return found

    def _insert(
        self, household: Household, cursor: Cursor, readings: list[tuple[Reading, int]]
    ) -> tuple[int, list[Letter]]:
        """Insert readings, one by one if the database takes exception to one; return how many and the refused."""
        # In the order of the key, but the first that came first: of two values for one key the first is kept.
        rows = sorted(
            ((utc(r.timestamp), device, r.mac, f"{r.amps:.3f}") for r, device in readings), key=itemgetter(0, 1, 2)
        )
        statement = _INSERT.format(household.data)
        try:
            return cursor.executemany(statement, rows) or 0, []
        except pymysql.MySQLError as error:
            if error.args[0] not in _BAD_ROW:
                raise
        stored, letters = 0, []
        for reading, device in readings:
            row = (utc(reading.timestamp), device, reading.mac, f"{reading.amps:.3f}")
            try:
                stored += cursor.execute(statement, row)
            except pymysql.MySQLError as error:
                if error.args[0] not in _BAD_ROW:
                    raise
                letters.append(Letter(str(error.args[1]), encode_reading(reading), reading.id))
            self._progress()
        return stored, letters

    def _quarantine(self, household: Household, cursor: Cursor, readings: list[Reading]) -> None:
        cursor.executemany(
            f"INSERT INTO {household.quarantine} (idDevice, mac, updated_at, sensorData) "  # noqa: S608
            "VALUES (%s, %s, %s, %s) ON DUPLICATE KEY UPDATE sensorData = sensorData",
            [(r.device, r.mac, utc(r.timestamp), f"{r.amps:.3f}") for r in readings],
        )

    def _bury(self, household: Household, cursor: Cursor, letters: list[Letter]) -> None:
        total = household.dead_letters
        for letter in letters:
            total += 1
            self._throttled.warning(
                f"dead {household.slug} {letter.reason[:20]}",
                "a message of %r can never be stored (%s): see the table dead_letter",
                household.slug,
                letter.reason,
            )
            if not household.may_bury():
                continue
            cursor.execute(
                f"INSERT INTO {household.dead_letter} (slot, number, received_at, reason, payload) "  # noqa: S608
                "VALUES (%(slot)s, %(number)s, %(at)s, %(reason)s, %(payload)s) ON DUPLICATE KEY UPDATE "
                "number = %(number)s, received_at = %(at)s, reason = %(reason)s, payload = %(payload)s",
                {
                    "slot": total % DEAD_LETTERS_KEPT,
                    "number": total,
                    "at": utc(int(time.time())),
                    "reason": letter.reason[:_MAX_REASON_LENGTH],
                    "payload": letter.payload[:MAX_LETTER_BYTES],
                },
            )
        cursor.execute(f"UPDATE {household.state} SET dead_letters = %s WHERE id = 1", (total,))  # noqa: S608

    def _release(self, household: Household, cursor: Cursor) -> None:
        progress = household.release_from
        if progress is None:
            self._commit()
            return
        cursor.execute(
            f"SELECT idDevice, mac, MIN(updated_at) FROM {household.quarantine} GROUP BY idDevice, mac"  # noqa: S608
        )
        groups = cursor.fetchall()
        for named, mac, oldest in groups:
            begins = progress.get((named, mac), oldest)
            if begins is not None and (household.has(named) or household.is_assigned(mac)):
                following = self._release_some(household, cursor, named, mac, begins)
                self._commit()
                household.release_from = {**progress, (named, mac): following}
                return
        self._commit()
        household.release_from = None
        household.quarantined = bool(groups)

    def _release_some(
        self, household: Household, cursor: Cursor, named: int, mac: bytes, begins: datetime
    ) -> datetime | None:
        """Move readings of one box; return from when on to look further, None if these were the last."""
        cursor.execute(
            f"SELECT updated_at, sensorData FROM {household.quarantine} "  # noqa: S608
            "WHERE idDevice = %s AND mac = %s AND updated_at >= %s ORDER BY updated_at LIMIT %s",
            (named, mac, begins, RELEASE_ROWS),
        )
        rows = cursor.fetchall()
        moved = []
        for moment, amps in rows:
            timestamp = int(moment.replace(tzinfo=UTC).timestamp())
            device = household.device_of(mac, timestamp, named)
            if household.has(device):
                moved.append((timestamp, (moment, device, mac, amps)))
        if moved:
            cursor.executemany(_INSERT.format(household.data), [row for _, row in moved])
            self._progress()
            moments = [(timestamp, mac) for timestamp, _ in moved]
            household.rollups.recompute(cursor, moments, self._progress)
            self._sum_days(household, cursor, moments)
            cursor.execute(
                f"DELETE FROM {household.quarantine} "  # noqa: S608
                "WHERE idDevice = %s AND mac = %s AND updated_at IN %s",
                (named, mac, [row[0] for _, row in moved]),
            )
            _log.info(
                "released %d readings of box %s of %r from quarantine", len(moved), format_mac(mac), household.slug
            )
        return rows[-1][0] + timedelta(seconds=1) if len(rows) == RELEASE_ROWS else None


def _counts(batch: Batch, found: _Sorted, outcome: Outcome) -> tally.Counts:
    late = time.time() - tally.LATE_S
    return tally.Counts(
        batches=1 if batch.readings or batch.letters else 0,
        stored=outcome.stored,
        repeated=outcome.repeated,
        late=sum(1 for reading, _ in found.stored if reading.timestamp < late),
        quarantined=outcome.quarantined,
        dead_lettered=outcome.dead,
    )


def _unknown(slug: str) -> UnknownHouseholdError:
    return UnknownHouseholdError(
        f"the household {slug!r} is not set up in the database: run the playbook for it; its hub keeps its readings"
    )
