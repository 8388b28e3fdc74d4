"""What the writer says it has done is what the tables hold, and saying so never stands in the way of storing."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

import ecms_bridge
from database import model
from database.fixtures import PASSWORD, Home, Users
from ecms_bridge.messages import Reading
from ecms_bridge.schema import grants
from ecms_bridge.writer import tally
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch, Letter

BOX = bytes.fromhex("a4cf12000001")
COUNTS = "SELECT batches, stored, repeated, late, quarantined, dead_lettered FROM writer_status"


@pytest.fixture
def writer(home: Home, users: Users) -> Iterator[ReadingsDatabase]:
    user = users.make(grants.writer_grants(home.slug))
    with closing(ReadingsDatabase(home.server.settings_of(user), PASSWORD)) as made:
        yield made


def reading(age_s: float, amps: float = 1.0, device: int = 1) -> Reading:
    return Reading(BOX, int(time.time() - age_s), device, amps, id="r-1")


def finish(writer: ReadingsDatabase) -> None:
    """Do what the daemon does when it ends."""
    for slug in writer.hasten():
        writer.store(Batch(slug))


def test_counts_are_what_was_done(home: Home, writer: ReadingsDatabase) -> None:
    fresh, late = reading(1), reading(3600)
    writer.store(Batch(home.slug, [fresh, late, reading(2, device=200)], [Letter("json", b"?"), Letter("amps", b"!")]))
    assert home.rows(COUNTS) == ((1, 2, 0, 1, 1, 2),)
    writer.store(Batch(home.slug, [fresh, reading(5)], [Letter("json", b"?")]))
    assert home.rows(COUNTS) == ((1, 2, 0, 1, 1, 2),), "written again within the minute"
    finish(writer)
    assert home.rows(COUNTS) == ((2, 3, 1, 1, 1, 3),)
    assert len(model.raw(home)) == 3
    assert home.rows("SELECT reason, messages FROM dead_letter_count ORDER BY reason") == (("amps", 1), ("json", 2))
    assert writer.hasten() == []


def test_a_writer_says_who_it_is_and_what_room_there_is(home: Home, writer: ReadingsDatabase) -> None:
    writer.store(Batch(home.slug, [reading(1)]))
    [(name, version, free, age, uptime)] = home.rows(
        "SELECT writer, version, database_free_bytes, UNIX_TIMESTAMP() - UNIX_TIMESTAMP(written_at), "
        "UNIX_TIMESTAMP(written_at) - UNIX_TIMESTAMP(started_at) FROM writer_status"
    )
    assert name == os.uname().nodename[:64]
    assert version == ecms_bridge.__version__
    # The private server of the tests is on this host unless the run was given another.
    assert (free is not None and free > 0) if home.server.settings.socket else free is None
    assert abs(age) < 60
    assert abs(uptime) < 60


def test_reasons_in_the_databases_own_words_are_one_kind(home: Home, writer: ReadingsDatabase) -> None:
    writer.store(Batch(home.slug, [], [Letter(f"Out of range value {n} for column", b"?") for n in range(3)]))
    assert home.rows("SELECT reason, messages FROM dead_letter_count") == (("database", 3),)


def test_a_minute_later_the_counts_are_due_without_a_message(home: Home, writer: ReadingsDatabase) -> None:
    now = 0.0
    made = tally.Tally(home.slug, monotonic=lambda: now)
    first = made.draft(tally.Counts(stored=1), [])
    assert first.due
    made.committed(first, written=True)
    made.committed(made.draft(tally.Counts(stored=1), ["json"]), written=False)
    assert made.pending()
    assert not made.overdue()
    now = tally.EVERY_S
    assert made.overdue()
    again = made.draft(tally.Counts(), [])
    assert (again.due, again.counts.stored, again.letters["json"]) == (True, 2, 1)
    made.committed(again, written=True)
    assert not made.pending()
    now += tally.EVERY_S
    assert not made.overdue()


def test_a_schema_older_than_the_writer_is_stored_into(
    home: Home, writer: ReadingsDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    home.rows("DROP TABLE writer_status")
    home.rows("DROP TABLE dead_letter_count")
    with caplog.at_level(logging.WARNING):
        writer.store(Batch(home.slug, [reading(1)], [Letter("json", b"?")]))
        finish(writer)
    assert len(model.raw(home)) == 1
    assert [r.message for r in caplog.records if "older" in r.message] == [
        f"the schema of '{home.slug}' is older than this writer: its readings are stored; run the playbook for it"
    ]


@pytest.mark.parametrize(
    ("table", "privilege"),
    [
        ("writer_status", "INSERT"),
        ("writer_status", "UPDATE"),
        ("dead_letter_count", "INSERT"),
        ("dead_letter_count", "UPDATE"),
        ("dead_letter_count", "SELECT"),
    ],
)
def test_counting_needs_each_of_its_rights(
    home: Home, users: Users, caplog: pytest.LogCaptureFixture, table: str, privilege: str
) -> None:
    rights = grants.writer_grants(home.slug)
    for grant in rights:
        if grant["on"].endswith(f"`{table}`"):
            grant["privileges"] = [p for p in grant["privileges"] if p != privilege]
    user = users.make(rights)
    with closing(ReadingsDatabase(home.server.settings_of(user), PASSWORD)) as writer, caplog.at_level(logging.WARNING):
        writer.store(Batch(home.slug, [reading(1)], [Letter("json", b"?")]))
    assert any("is older than this writer" in r.message for r in caplog.records)
    assert len(model.raw(home)) == 1
