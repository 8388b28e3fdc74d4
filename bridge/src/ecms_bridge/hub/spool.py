"""The readings on disk: those that nobody confirmed in time, until somebody does.

SQLite in WAL mode with synchronous=FULL: when a commit returns, what it wrote survives the loss of power.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE reading(
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    identity BLOB NOT NULL UNIQUE,
    message BLOB NOT NULL);
CREATE TABLE signed(mac BLOB PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_SCHEMA_VERSION = 1
_JOURNAL_LIMIT_BYTES = 4 * 1024 * 1024
_SHRINK_PAGES = 2000
_SHRINK_FROM_PAGES = 256
_MAX_CONFIRMED_IDS = 20_000
_PRIMARY_CODE = 0xFF
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_log = logging.getLogger(__name__)


class SpoolError(Exception):
    """The spool cannot do what was asked; nothing of it was done. ``damaged``: its file is of no use."""

    def __init__(self, message: str, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


@dataclass(frozen=True, slots=True)
class Row:
    """One reading in the spool; ``n`` orders them and is unknown before it is stored."""

    id: str
    identity: bytes
    message: bytes
    n: int = 0


class Spool:
    """The spool of one hub; ``count`` readings are in it and ``signed`` holds the MACs once seen signed."""

    def __init__(self, directory: Path, max_readings: int) -> None:
        """Open the spool, or begin a new one; a damaged file is moved aside first.

        Raises SpoolError if that is impossible.
        """
        self._path = directory / "spool.sqlite"
        self._max_readings = max_readings
        self._loaded_up_to = 0
        self._all_loaded = False
        self._abandoned = False
        self._confirmed_rows: list[int] = []
        self._confirmed_ids: list[str] = []
        self._new_signed: list[bytes] = []
        self.count = 0
        self.signed: set[bytes] = set()
        self._db = self._open_or_begin()

    @property
    def room(self) -> int:
        """How many more readings fit."""
        return max(0, self._max_readings - self.count)

    @property
    def all_loaded(self) -> bool:
        """Whether ``load`` has nothing more to give."""
        return self._all_loaded or not self.count

    @property
    def unwritten(self) -> int:
        """How many confirmations and MACs wait for the next commit."""
        return len(self._confirmed_rows) + len(self._confirmed_ids) + len(self._new_signed)

    def store(self, rows: list[Row]) -> None:
        """Write readings, and what waits for a commit, so that they survive a loss of power.

        Raises SpoolError, nothing having been written.
        """
        with self._failing("store readings"), self._transaction() as db:
            added = db.executemany(
                "INSERT INTO reading(id, identity, message) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(row.id, row.identity, row.message) for row in rows],
            ).rowcount
            removed = self._write_waiting(db)
        self._all_loaded = False
        self._written(max(0, added) - removed)

    def flush(self) -> None:
        """Write what waits for a commit; raise SpoolError if that fails."""
        if not self.unwritten:
            return
        with self._failing("delete confirmed readings"), self._transaction() as db:
            removed = self._write_waiting(db)
        self._written(-removed)

    def load(self, limit: int) -> list[Row]:
        """Return the next readings in the order they were stored, each once; raise SpoolError."""
        with self._failing("load readings"):
            rows = [
                Row(reading_id, identity, message, n)
                for n, reading_id, identity, message in self._db.execute(
                    "SELECT n, id, identity, message FROM reading WHERE n > ? ORDER BY n LIMIT ?",
                    (self._loaded_up_to, limit),
                )
            ]
        self._all_loaded = len(rows) < limit
        if rows:
            self._loaded_up_to = rows[-1].n
        return rows

    def holds(self, identity: bytes) -> bool:
        """Return whether a reading is stored; raise SpoolError."""
        if not self.count:
            return False
        with self._failing("look for a reading"):
            found = self._db.execute("SELECT 1 FROM reading WHERE identity = ?", (identity,)).fetchone()
        return found is not None

    def oldest(self) -> bytes | None:
        """Return the message of the reading stored first, None if there is none; raise SpoolError."""
        if not self.count:
            return None
        with self._failing("look for the oldest reading"):
            row = self._db.execute("SELECT message FROM reading ORDER BY n LIMIT 1").fetchone()
        return None if row is None else bytes(row[0])

    def size(self) -> int:
        """Return how many bytes the spool takes on disk."""
        total = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(OSError):
                total += self._path.with_name(self._path.name + suffix).stat().st_size
        return total

    def free(self) -> int | None:
        """Return how many bytes its file system has left for it, None if that cannot be told."""
        try:
            return shutil.disk_usage(self._path.parent).free
        except OSError:
            return None

    def confirm_row(self, n: int) -> None:
        """Have a loaded reading deleted with the next commit."""
        self._confirmed_rows.append(n)

    def confirm_id(self, reading_id: str) -> None:
        """Have a reading deleted with the next commit that may be stored but is not loaded.

        While nothing can be written only so many are remembered; the others are sent and confirmed again.
        """
        if len(self._confirmed_ids) < _MAX_CONFIRMED_IDS:
            self._confirmed_ids.append(reading_id)

    def note_signed(self, mac: bytes) -> None:
        """Remember, with the next commit, that this MAC signs its datagrams."""
        if mac not in self.signed:
            self.signed.add(mac)
            self._new_signed.append(mac)

    def shrink(self) -> bool:
        """Give some unused space back to the file system; return whether there may be more."""
        with self._failing("give space back"):
            free = int(self._db.execute("PRAGMA freelist_count").fetchone()[0])
            pages = int(self._db.execute("PRAGMA page_count").fetchone()[0])
            if free < _SHRINK_FROM_PAGES or 2 * free < pages:
                return False
            # executescript, because execute takes one step of this statement, which frees one page.
            self._db.executescript(f"PRAGMA incremental_vacuum({_SHRINK_PAGES})")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return True

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def begin_anew(self) -> None:
        """Move the damaged file aside and begin a new one, which knows the same signers.

        Raises SpoolError if that is impossible.
        """
        self._abandoned = True
        self.close()
        self._move_aside()
        signed = self.signed
        self._db = self._open()
        self._abandoned = False
        self._written(0)
        self._loaded_up_to = 0
        self._all_loaded = True
        for mac in signed:
            self.note_signed(mac)

    def _open_or_begin(self) -> sqlite3.Connection:
        try:
            return self._open()
        except SpoolError as error:
            if not error.damaged:
                raise
        self._move_aside()
        return self._open()

    def _open(self) -> sqlite3.Connection:
        with self._failing("open it"):
            db = sqlite3.connect(self._path, isolation_level=None, timeout=1)
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        # One process owns the spool; without shared memory there is one file less that a crash can leave.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT_BYTES}")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        elif version != _SCHEMA_VERSION:
            msg = f"the spool {self._path} was written by a newer version of ECMS: install that version again"
            raise SpoolError(msg)
        check = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if check != "ok":
            msg = f"the spool {self._path} is damaged: {check}"
            raise SpoolError(msg, damaged=True)
        self.count = int(db.execute("SELECT count(*) FROM reading").fetchone()[0])
        self.signed = {mac for (mac,) in db.execute("SELECT mac FROM signed")}

    def _move_aside(self) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged-{time.time_ns()}")
        try:
            for suffix in ("-wal", "-shm", ""):
                with contextlib.suppress(FileNotFoundError):
                    self._path.with_name(self._path.name + suffix).rename(aside.with_name(aside.name + suffix))
        except OSError as error:
            msg = f"cannot move the damaged spool {self._path} aside: {error.strerror}"
            raise SpoolError(msg) from error
        _log.error("the spool was damaged: it is kept as %s, and a new one is begun", aside)

    def _write_waiting(self, db: sqlite3.Connection) -> int:
        removed = 0
        if self._confirmed_rows:
            rows = [(n,) for n in self._confirmed_rows]
            removed += db.executemany("DELETE FROM reading WHERE n = ?", rows).rowcount
        if self._confirmed_ids:
            ids = [(reading_id,) for reading_id in self._confirmed_ids]
            removed += db.executemany("DELETE FROM reading WHERE id = ?", ids).rowcount
        if self._new_signed:
            macs = [(mac,) for mac in self._new_signed]
            db.executemany("INSERT INTO signed(mac) VALUES (?) ON CONFLICT DO NOTHING", macs)
        return removed

    def _written(self, change: int) -> None:
        self.count += change
        self._confirmed_rows.clear()
        self._confirmed_ids.clear()
        self._new_signed.clear()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException:
            # After some errors SQLite has rolled back by itself, and a second rollback would hide the first.
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
            msg = f"the spool {self._path} cannot be used ({what}): {error}"
            raise SpoolError(msg, damaged=code in _DAMAGED or self._abandoned) from error
