from __future__ import annotations

from pathlib import Path

import pytest

from ecms_bridge.config import ConfigError, DatabaseSettings, MqttSettings
from ecms_bridge.messages import Reading, decode_confirmation, encode_reading
from ecms_bridge.service import Service
from ecms_bridge.writer.daemon import Writer
from ecms_bridge.writer.database import DatabaseUnavailableError, Outcome, UnknownHouseholdError
from ecms_bridge.writer.inbox import Batch
from ecms_bridge.writer.settings import Settings

MAC = bytes([2, 0, 0, 0, 0, 1])
SETTINGS = Settings(
    MqttSettings("127.0.0.1", 1883, "ecms-writer", ""),
    "",
    DatabaseSettings("localhost", 0, "/nowhere", "ecms-writer", ""),
    10_000,
    1.0,
)


class Link:
    """Takes what the writer publishes."""

    up = True

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        assert not retain
        self.published.append((topic, payload))
        return True


class Database:
    """Stores nothing, and fails as it is told."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.stored: list[Batch] = []

    def store(self, batch: Batch) -> Outcome:
        if self.failure is not None:
            raise self.failure
        self.stored.append(batch)
        return Outcome(stored=len(batch.readings))

    def releasable(self) -> list[str]:
        return []


@pytest.fixture
def parts() -> tuple[Writer, Link, Database]:
    writer, link, database = Writer(SETTINGS, "x", "x", Service()), Link(), Database()
    writer._link, writer._database = link, database  # type: ignore[assignment]
    return writer, link, database


def fill(writer: Writer, count: int) -> None:
    for number in range(count):
        writer._inbox.add("casa/sensori", encode_reading(Reading(MAC, 1_718_000_000 + number, 1, 1.0, f"{number:040}")))


def test_ids_are_confirmed_in_portions_a_broker_takes(parts: tuple[Writer, Link, Database]) -> None:
    writer, link, _ = parts
    fill(writer, 1201)
    assert writer._store(writer._inbox.batch("casa"))
    assert {topic for topic, _ in link.published} == {"casa/conferme"}
    assert [len(decode_confirmation(payload)) for _, payload in link.published] == [500, 500, 201]
    assert max(len(payload) for _, payload in link.published) < 60_000
    assert len({number for _, payload in link.published for number in decode_confirmation(payload)}) == 1201


def test_nothing_is_confirmed_that_is_not_stored(parts: tuple[Writer, Link, Database]) -> None:
    writer, link, database = parts
    fill(writer, 5)
    database.failure = DatabaseUnavailableError("the database is away")
    assert not writer._store(writer._inbox.batch("casa"))
    assert (link.published, writer._inbox.held) == ([], 5)
    database.failure = None
    assert writer._store(writer._inbox.batch("casa"))
    assert decode_confirmation(link.published[0][1]) == [f"{number:040}" for number in range(5)]
    assert writer._inbox.held == 0


def test_a_database_that_is_away_is_asked_less_and_less_often(parts: tuple[Writer, Link, Database]) -> None:
    writer, _, database = parts
    fill(writer, 1)
    database.failure = DatabaseUnavailableError("the database is away")
    waits = []
    for _ in range(8):
        writer._store(writer._inbox.batch("casa"))
        waits.append(writer._retry_s)
    assert waits == [2, 4, 8, 16, 30, 30, 30, 30]
    assert writer._patience() > 0


def test_an_unknown_household_is_dropped_unconfirmed(parts: tuple[Writer, Link, Database]) -> None:
    writer, link, database = parts
    fill(writer, 3)
    database.failure = UnknownHouseholdError("not set up")
    assert writer._store(writer._inbox.batch("casa"))
    assert (link.published, writer._inbox.held, writer._inbox.refused) == ([], 0, 3)


def test_a_shared_subscription_shares_readings_only() -> None:
    shared = Settings(SETTINGS.mqtt, "ecms", SETTINGS.database, 500, 1.0)
    assert shared.subscriptions() == ["$share/ecms/+/sensori", "+/stato"]
    assert SETTINGS.subscriptions() == ["+/sensori", "+/stato"]


def test_an_unreadable_authority_is_said_before_the_start(tmp_path: Path) -> None:
    database = DatabaseSettings("db", 3306, "", "ecms-writer", str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match="cannot read the database's CA certificate"):
        Writer(Settings(SETTINGS.mqtt, "", database, 500, 1.0), "x", "x", Service())
