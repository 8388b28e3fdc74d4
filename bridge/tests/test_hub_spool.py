"""The spool against a model of it, with real SQLite on disk: what was stored is there, also after a crash."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ecms_bridge.hub.spool import Row, Spool, SpoolError

MAX = 40


def row(number: int) -> Row:
    return Row(f"t-{number:x}", number.to_bytes(19), b"message %d" % number)


def contents(spool: Spool) -> list[str]:
    return [r.id for r in spool.load(10_000)]


class SpoolMachine(RuleBasedStateMachine):
    """The model is a list of ids in the order they were stored."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.spool = Spool(self.directory, MAX)
        self.number = 0
        self.stored: list[int] = []
        self.unloaded: list[int] = []
        self.loaded: dict[int, int] = {}
        self.unwritten: set[int] = set()
        self.signed: set[bytes] = set()
        self.unwritten_signed: set[bytes] = set()

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.directory)

    @rule(count=st.integers(0, 8))
    def store(self, count: int) -> None:
        new = list(range(self.number, self.number + min(count, self.spool.room)))
        self.number += count
        self.spool.store([row(n) for n in new])
        self.stored += new
        self.unloaded += new
        self._written()

    @precondition(lambda self: self.stored)
    @rule(data=st.data())
    def store_again(self, data: st.DataObject) -> None:
        """A reading that is stored already is not stored twice, under whatever id it comes."""
        known = row(data.draw(st.sampled_from(self.stored)))
        self.spool.store([Row("other-1", known.identity, b"again")])
        self._written()

    @rule(limit=st.integers(1, 6))
    def load(self, limit: int) -> None:
        rows = self.spool.load(limit)
        expected, self.unloaded = self.unloaded[:limit], self.unloaded[limit:]
        assert [(r.id, r.identity, r.message) for r in rows] == [
            (row(n).id, row(n).identity, row(n).message) for n in expected
        ]
        self.loaded |= {n: r.n for n, r in zip(expected, rows, strict=True)}
        assert self.spool.all_loaded or self.unloaded or len(rows) == limit

    @precondition(lambda self: self.loaded)
    @rule(data=st.data())
    def confirm_loaded(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.loaded)))
        self.spool.confirm_row(self.loaded.pop(number))
        self.unwritten.add(number)

    @rule(data=st.data())
    def confirm_by_id(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from([*self.stored, 10**6]))
        self.spool.confirm_id(row(number).id)
        self.unwritten.add(number)

    @rule(number=st.integers(0, 3))
    def sign(self, number: int) -> None:
        mac = bytes([2, 0, 0, 0, 0, number])
        self.spool.note_signed(mac)
        if mac not in self.signed:
            self.signed.add(mac)
            self.unwritten_signed.add(mac)

    @rule()
    def flush(self) -> None:
        self.spool.flush()
        self._written()
        assert self.spool.unwritten == 0

    @rule()
    def shrink(self) -> None:
        self.spool.shrink()

    @rule(crash=st.booleans())
    def reopen(self, crash: bool) -> None:
        """After a crash, what was not committed is unknown again, and only that."""
        if crash:
            copy = Path(tempfile.mkdtemp())
            for file in self.directory.iterdir():
                shutil.copy(file, copy)
            self.spool.close()
            shutil.rmtree(self.directory)
            self.directory = copy
        else:
            self.spool.close()
        self.spool = Spool(self.directory, MAX)
        self.unwritten = set()
        self.signed -= self.unwritten_signed
        self.unwritten_signed = set()
        self.loaded = {}
        self.unloaded = list(self.stored)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "spool"):
            return
        assert self.spool.count == len(self.stored)
        assert self.spool.room == MAX - len(self.stored)
        assert self.spool.signed == self.signed
        for number in range(max(0, self.number - 10), self.number):
            assert self.spool.holds(row(number).identity) == (number in self.stored)

    def _written(self) -> None:
        self.stored = [n for n in self.stored if n not in self.unwritten]
        self.unloaded = [n for n in self.unloaded if n not in self.unwritten]
        self.loaded = {n: r for n, r in self.loaded.items() if n not in self.unwritten}
        self.unwritten = set()
        self.unwritten_signed = set()


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=25, stateful_step_count=25)


def test_loading_goes_on_after_the_spool_was_empty(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MAX)
    spool.store([row(1)])
    spool.confirm_row(spool.load(5)[0].n)
    spool.flush()
    assert spool.all_loaded
    spool.store([row(2)])
    assert not spool.all_loaded
    assert contents(spool) == [row(2).id]


def test_a_commit_that_fails_changes_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    spool.store([row(1)])
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone()
    with pytest.raises(SpoolError, match="full") as failure:
        spool.store([row(n) for n in range(2, 5000)])
    assert not failure.value.damaged
    assert spool.count == 1
    spool.note_signed(b"\2\0\0\0\0\1")
    spool._db.execute("PRAGMA max_page_count = 100000").fetchone()
    spool.store([row(2)])
    spool.close()
    reopened = Spool(tmp_path, 10**6)
    assert contents(reopened) == [row(1).id, row(2).id]
    assert reopened.signed == {b"\2\0\0\0\0\1"}


def test_space_is_given_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    spool.store([Row(f"t-{n:x}", n.to_bytes(19), bytes(200)) for n in range(10_000)])
    full = sum(path.stat().st_size for path in tmp_path.iterdir())
    for stored in spool.load(10_000):
        spool.confirm_row(stored.n)
    spool.flush()
    while spool.shrink():
        pass
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < full / 20


def test_damaged_file_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite").write_bytes(b"not a database" * 500)
    spool = Spool(tmp_path, MAX)
    assert spool.count == 0
    spool.store([row(1)])
    kept = [path for path in tmp_path.iterdir() if "damaged" in path.name]
    assert [path.read_bytes() for path in kept] == [b"not a database" * 500]


def test_damage_inside_is_found_when_opening(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    spool.store([Row(f"t-{n:x}", n.to_bytes(19), bytes(200)) for n in range(2000)])
    spool.close()
    path = tmp_path / "spool.sqlite"
    data = bytearray(path.read_bytes())
    data[8192:40960] = bytes(32768)
    path.write_bytes(data)
    assert Spool(tmp_path, 10**6).count == 0
    assert len([p for p in tmp_path.iterdir() if "damaged" in p.name]) >= 1


def test_beginning_anew_keeps_the_signers(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MAX)
    spool.note_signed(b"\2\0\0\0\0\1")
    spool.store([row(1)])
    spool.load(1)
    spool.begin_anew()
    assert spool.count == 0
    assert spool.signed == {b"\2\0\0\0\0\1"}
    spool.store([row(2)])
    assert contents(spool) == [row(2).id]
    spool.close()
    assert Spool(tmp_path, MAX).signed == {b"\2\0\0\0\0\1"}


def test_attempt_to_begin_anew_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, MAX)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", _no_rename)
        with pytest.raises(SpoolError, match="aside"):
            spool.begin_anew()
    with pytest.raises(SpoolError) as failure:
        spool.store([row(1)])
    assert failure.value.damaged
    spool.begin_anew()
    spool.store([row(1)])
    assert spool.count == 1


def _no_rename(_self: Path, _target: Path) -> Path:
    raise OSError(30, "Read-only file system")


def test_spool_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Spool(tmp_path, MAX).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "spool.sqlite")) as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(SpoolError, match="newer version"):
        Spool(tmp_path, MAX)
    assert [path.name for path in tmp_path.iterdir() if "damaged" in path.name] == []


def test_spool_has_one_owner(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MAX)
    with pytest.raises(SpoolError, match="locked"):
        Spool(tmp_path, MAX)
    spool.store([row(1)])
    assert spool.count == 1


def test_directory_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="cannot be used"):
        Spool(tmp_path / "missing", MAX)


def test_confirmations_that_cannot_be_written_are_bounded(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MAX)
    spool.store([row(1)])
    for number in range(30_000):
        spool.confirm_id(f"x-{number:x}")
    assert spool.unwritten == 20_000
    spool.flush()
    assert spool.count == 1
