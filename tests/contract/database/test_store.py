"""The writer's database on a real server: each reading once, whatever way it takes."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pymysql
import pytest
from pymysql.constants import CR, ER
from pymysql.cursors import Cursor

from database import model
from database.fixtures import PASSWORD, Home, Users, new_home
from database.server import Server
from ecms_bridge.messages import Reading
from ecms_bridge.schema import cli, grants
from ecms_bridge.schema.migrator import packaged_migrations
from ecms_bridge.writer import database as module
from ecms_bridge.writer.database import Outcome, ReadingsDatabase, UnknownHouseholdError
from ecms_bridge.writer.inbox import Batch, Letter, Status

BOX = bytes.fromhex("a4cf12000001")
OTHER = bytes.fromhex("a4cf12000002")
BEGIN = 1_718_000_100  # 2024-06-10 06:15:00 UTC, the begin of a bucket


def reading(
    second: int, amps: float = 1.0, device: int = 1, mac: bytes = BOX, flags: tuple[str, ...] = (), **more: object
) -> Reading:
    """Return a reading ``second`` s after the begin of a bucket."""
    return Reading(mac, BEGIN + second, device, amps, id=f"r-{mac[-1]}-{second}-{device}", flags=flags, **more)  # type: ignore[arg-type]


@pytest.fixture
def writer(home: Home, users: Users) -> Iterator[ReadingsDatabase]:
    """The writer's database with the rights of ``ecms-writer`` and no others."""
    with closing(writer_of(home, users)) as made:
        yield made


def writer_of(home: Home, users: Users) -> ReadingsDatabase:
    user = users.make(grants.writer_grants(home.slug))
    return ReadingsDatabase(home.server.settings_of(user), PASSWORD)


def store(writer: ReadingsDatabase, home: Home, *readings: Reading) -> Outcome:
    return writer.store(Batch(home.slug, list(readings)))


def test_a_reading_is_stored_as_it_was_measured(home: Home, writer: ReadingsDatabase) -> None:
    assert store(writer, home, reading(10, 1.2345), reading(20, 0.0), reading(30, 100.0)) == Outcome(stored=3)
    assert home.rows("SELECT UNIX_TIMESTAMP(updated_at), idDevice, mac, sensorData FROM {data}") == (
        (BEGIN + 10, 1, BOX, Decimal("1.234")),
        (BEGIN + 20, 1, BOX, Decimal("0.000")),
        (BEGIN + 30, 1, BOX, Decimal("100.000")),
    )


def test_a_reading_that_comes_again_is_stored_once_with_its_first_value(home: Home, writer: ReadingsDatabase) -> None:
    store(writer, home, reading(10, 1.0), reading(20, 2.0))
    assert store(writer, home, reading(10, 9.0), reading(20, 9.0), reading(30, 3.0)) == Outcome(stored=1, repeated=2)
    assert store(writer, home, reading(40, 4.0), reading(40, 9.0)) == Outcome(stored=1, repeated=1)
    assert [row.amps for row in sorted(model.raw(home))] == [1, 2, 3, 4]
    model.check(home)


def test_hand_computed_rollups(home: Home, writer: ReadingsDatabase) -> None:
    """Nothing before, then a neighbour, two gaps after which a reading stands for its own 10 s, the next bucket."""
    store(writer, home, reading(0, 1.0), reading(10, 2.0), reading(60, 3.0), reading(895, 4.0), reading(905, 5.0))
    assert model.stored(home) == {
        (15, BEGIN, 1, BOX): model.Sums(4, 40, Decimal(10 + 20 + 30 + 40), Decimal(1), Decimal(4)),
        (15, BEGIN + 900, 1, BOX): model.Sums(1, 10, Decimal(50), Decimal(5), Decimal(5)),
        (60, BEGIN - 900, 1, BOX): model.Sums(5, 50, Decimal(150), Decimal(1), Decimal(5)),
    }


def test_a_late_reading_changes_its_successor_in_the_next_bucket(home: Home, writer: ReadingsDatabase) -> None:
    store(writer, home, reading(880, 1.0), reading(905, 2.0))
    assert model.stored(home)[(15, BEGIN + 900, 1, BOX)].cov_s == 25
    store(writer, home, reading(895, 4.0))
    assert model.stored(home)[(15, BEGIN + 900, 1, BOX)].cov_s == 10
    model.check(home)


def test_readings_of_one_box_under_two_appliances_share_its_time(home: Home, writer: ReadingsDatabase) -> None:
    store(writer, home, reading(10, 1.0, device=1), reading(20, 2.0, device=2), reading(20, 3.0, device=3))
    sums = model.stored(home)
    assert [sums[(15, BEGIN, device, BOX)].cov_s for device in (1, 2, 3)] == [10, 10, 0]
    model.check(home)


def test_any_order_and_any_repetition_give_the_same(home: Home, writer: ReadingsDatabase) -> None:
    chance = random.Random(7)
    readings = [
        reading(second + chance.randint(0, 3), chance.randint(0, 40000) / 1000, mac=mac, device=device)
        for second in range(0, 7200, 10)
        for mac, device in ((BOX, 1), (OTHER, 2))
        if chance.random() < 0.9
    ]
    sent = readings + chance.sample(readings, 300)
    chance.shuffle(sent)
    stored = 0
    while sent:
        batch, sent = sent[:117], sent[117:]
        stored += store(writer, home, *batch).stored
    assert stored == len(readings) == len(model.raw(home))
    model.check(home)


def test_two_writers_at_once(home: Home, users: Users) -> None:
    """Both share the stream as a shared subscription deals it, and some readings reach both."""
    chance = random.Random(11)
    readings = [reading(second, second % 7, mac=mac) for second in range(0, 3600, 10) for mac in (BOX, OTHER)]
    shares = [readings[::2] + chance.sample(readings, 100), readings[1::2] + chance.sample(readings, 100)]
    failures: list[BaseException] = []

    def work(share: list[Reading]) -> None:
        try:
            with closing(writer_of(home, users)) as writer:
                for start in range(0, len(share), 9):
                    store(writer, home, *share[start : start + 9])
        except BaseException as error:  # noqa: BLE001 - a thread must not swallow it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(model.raw(home)) == len(readings)
    model.check(home)


def test_rollups_outlive_the_raw_rows(home: Home, writer: ReadingsDatabase) -> None:
    store(writer, home, *(reading(second, 2.0) for second in range(0, 900, 10)))
    before = model.stored(home)
    home.rows("DELETE FROM {data} WHERE updated_at < FROM_UNIXTIME(%s)", BEGIN + 600)
    store(writer, home, reading(5, 9.0))
    assert model.stored(home) == before


class TestUnknownAppliance:
    def test_goes_to_quarantine_once_and_is_released_when_added(self, home: Home, writer: ReadingsDatabase) -> None:
        readings = [reading(second, 1.5, device=9) for second in range(0, 1200, 10)]
        assert store(writer, home, *readings) == Outcome(quarantined=120)
        assert store(writer, home, *readings[:7], reading(0, 2.0)) == Outcome(quarantined=7, stored=1)
        assert home.rows("SELECT COUNT(*) FROM quarantine") == ((120,),)
        self.release_all(writer, home)
        assert home.rows("SELECT COUNT(*) FROM quarantine") == ((120,),)

        home.apply(devices=[*home.facts["devices"], {"id": 9, "name": "bollitore", "ratings": []}])
        assert store(writer, home, reading(1200, 1.5, device=9)) == Outcome(stored=1)
        self.release_all(writer, home)
        assert home.rows("SELECT COUNT(*) FROM quarantine") == ((0,),)
        assert len([row for row in model.raw(home) if row.device == 9]) == 121
        model.check(home)
        assert store(writer, home, *readings) == Outcome(repeated=120)

    def test_is_released_without_a_further_reading(self, home: Home, writer: ReadingsDatabase) -> None:
        store(writer, home, reading(0, device=9))
        self.release_all(writer, home)
        home.apply(devices=[*home.facts["devices"], {"id": 9, "name": "bollitore", "ratings": []}])
        assert writer.quarantined() == [home.slug]
        writer.release(home.slug)
        self.release_all(writer, home)
        assert [row.device for row in model.raw(home)] == [9]
        assert writer.quarantined() == []

    def test_added_past_the_tool_is_seen_with_its_next_reading(self, home: Home, writer: ReadingsDatabase) -> None:
        store(writer, home, reading(0, device=9))
        home.rows("INSERT INTO device VALUES (9, 'bollitore')")
        assert store(writer, home, reading(10, device=9)).stored == 1
        self.release_all(writer, home)
        assert len(model.raw(home)) == 2
        model.check(home)

    def test_release_goes_in_portions(
        self, home: Home, writer: ReadingsDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "RELEASE_ROWS", 50)
        store(writer, home, *(reading(s, device=9, mac=mac) for s in range(0, 1000, 10) for mac in (BOX, OTHER)))
        home.apply(devices=[*home.facts["devices"], {"id": 9, "name": "bollitore", "ratings": []}])
        writer.release(home.slug)
        assert len(model.raw(home)) == 50
        model.check(home)
        self.release_all(writer, home)
        assert len(model.raw(home)) == 200
        model.check(home)

    def test_a_new_writer_finds_an_old_quarantine(self, home: Home, users: Users) -> None:
        with closing(writer_of(home, users)) as first:
            store(first, home, reading(0, device=9))
        home.apply(devices=[*home.facts["devices"], {"id": 9, "name": "bollitore", "ratings": []}])
        with closing(writer_of(home, users)) as second:
            store(second, home, reading(0))
            self.release_all(second, home)
        assert len(model.raw(home)) == 2

    @staticmethod
    def release_all(writer: ReadingsDatabase, home: Home) -> None:
        deadline = time.monotonic() + 20
        while writer.releasable():
            writer.release(home.slug)
            assert time.monotonic() < deadline


class TestAssignedBox:
    def test_a_box_never_seen_is_assigned_from_ever(self, home: Home, writer: ReadingsDatabase) -> None:
        home.apply(boxes=[{"mac": "A4:CF:12:00:00:01", "device": 5}])
        store(writer, home, reading(0, device=1), reading(0, device=1, mac=OTHER))
        assert {(row.mac, row.device) for row in model.raw(home)} == {(BOX, 5), (OTHER, 1)}

    def test_an_unknown_appliance_is_released_by_assigning_its_box(self, home: Home, writer: ReadingsDatabase) -> None:
        store(writer, home, reading(0, device=9), reading(10, device=9))
        home.apply(boxes=[{"mac": "A4:CF:12:00:00:01", "device": 5}])
        store(writer, home, reading(20, device=9))
        TestUnknownAppliance.release_all(writer, home)
        assert [row.device for row in sorted(model.raw(home))] == [5, 5, 5]
        assert store(writer, home, reading(0, device=9), reading(10, device=9)) == Outcome(repeated=2)
        model.check(home)

    def test_a_change_holds_from_now_on_and_a_resent_reading_keeps_its_appliance(
        self, home: Home, writer: ReadingsDatabase
    ) -> None:
        store(writer, home, reading(0, device=1), reading(10, device=1))
        home.apply(boxes=[{"mac": "A4:CF:12:00:00:01", "device": 5}])
        late = [reading(0, device=1), reading(5, device=1), reading(10, device=1)]
        assert store(writer, home, *late) == Outcome(stored=1, repeated=2)
        now = int(time.time()) - BEGIN + 1
        assert store(writer, home, reading(now, device=1)) == Outcome(stored=1)
        assert [row.device for row in sorted(model.raw(home))] == [1, 1, 1, 5]
        model.check(home)

    def test_a_change_never_reaches_behind_a_stored_reading_from_ahead(
        self, home: Home, writer: ReadingsDatabase
    ) -> None:
        ahead = int(time.time()) - BEGIN + 200
        store(writer, home, reading(ahead, device=1))
        home.apply(boxes=[{"mac": "A4:CF:12:00:00:01", "device": 5}])
        assert store(writer, home, reading(ahead, device=1)) == Outcome(repeated=1)
        assert store(writer, home, reading(ahead + 1, device=1)) == Outcome(stored=1)
        assert [row.device for row in sorted(model.raw(home))] == [1, 5]


class TestDeadLetters:
    def test_are_kept_with_their_reason(self, home: Home, writer: ReadingsDatabase) -> None:
        outcome = writer.store(Batch(home.slug, [reading(0)], [Letter("amps", b"x" * 3000, "id-1")]))
        assert outcome == Outcome(stored=1, dead=1)
        assert home.rows("SELECT number, reason, payload FROM dead_letter") == ((1, "amps", b"x" * 1024),)
        assert home.rows("SELECT dead_letters FROM writer_state") == ((1,),)

    def test_a_flood_is_counted_but_not_written(self, home: Home, writer: ReadingsDatabase) -> None:
        writer.store(Batch(home.slug, [], [Letter("json", b"?")] * 500))
        assert home.rows("SELECT dead_letters FROM writer_state") == ((500,),)
        assert home.rows("SELECT COUNT(*) <= 120 FROM dead_letter") == ((1,),)

    def test_are_a_ring(self, home: Home, writer: ReadingsDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "DEAD_LETTERS_KEPT", 3)
        for number in range(5):
            writer.store(Batch(home.slug, [], [Letter("json", b"%d" % number)]))
        assert home.rows("SELECT number, payload FROM dead_letter ORDER BY number") == (
            (3, b"2"),
            (4, b"3"),
            (5, b"4"),
        )

    def test_one_bad_row_does_not_take_the_batch_with_it(self, home: Home, writer: ReadingsDatabase) -> None:
        home.rows("ALTER TABLE {data} ADD CONSTRAINT CHECK (sensorData < 50)")
        batch = Batch(home.slug, [reading(0, 1.0), reading(10, 60.0), reading(20, 2.0)])
        assert writer.store(batch) == Outcome(stored=2, dead=1)
        assert [row.amps for row in sorted(model.raw(home))] == [1, 2]
        model.check(home)
        ((reason, payload),) = home.rows("SELECT reason, payload FROM dead_letter")
        assert "CONSTRAINT" in reason
        assert b'"amps":60.0' in payload


class TestBoxRow:
    def row(self, home: Home) -> tuple[object, ...]:
        return home.rows(
            "SELECT idDevice, UNIX_TIMESTAMP(last_seen), rssi, firmware, sequence, calibrated, boots, readings FROM box"
        )[0]

    def test_tells_what_is_known(self, home: Home, writer: ReadingsDatabase) -> None:
        store(writer, home, reading(0, rssi=-60, sequence=0, firmware="1.2.3", flags=("boot", "calibrated"), device=9))
        assert self.row(home) == (9, BEGIN, -60, "1.2.3", 0, 1, 1, 1)

    def test_is_not_written_with_every_batch_but_at_the_end(self, home: Home, writer: ReadingsDatabase) -> None:
        store(writer, home, reading(0))
        store(writer, home, reading(10))
        store(writer, home, reading(20))
        assert self.row(home)[1] == BEGIN
        assert writer.overdue() == []
        assert writer.hasten() == [home.slug]
        writer.store(Batch(home.slug))
        assert (self.row(home)[1], self.row(home)[-1]) == (BEGIN + 20, 3)
        assert writer.hasten() == []

    def test_never_goes_backwards(self, home: Home, users: Users) -> None:
        for second, rssi in ((100, -50), (50, -99)):
            with closing(writer_of(home, users)) as writer:
                store(writer, home, reading(second, rssi=rssi, sequence=second, firmware="1.0.0"))
        assert self.row(home) == (1, BEGIN + 100, -50, "1.0.0", 100, 0, 0, 2)

    def test_counts_each_start_once(self, home: Home, writer: ReadingsDatabase) -> None:
        for second in (0, 0, 40, 0, 40):
            store(writer, home, reading(second, flags=("boot",), sequence=0))
        assert self.row(home)[6] == 2

    def test_an_old_box_does_not_unset_what_it_cannot_tell(self, home: Home, users: Users) -> None:
        with closing(writer_of(home, users)) as writer:
            store(writer, home, reading(0, rssi=-60, sequence=7, firmware="1.2.3"))
        with closing(writer_of(home, users)) as writer:
            store(writer, home, reading(10))
        assert self.row(home) == (1, BEGIN + 10, -60, "1.2.3", 7, 0, 0, 2)


class TestHubStatus:
    def states(self, home: Home) -> list[tuple[object, ...]]:
        return list(home.rows("SELECT UNIX_TIMESTAMP(received_at), state, payload FROM hub_status ORDER BY 1"))

    def say(self, writer: ReadingsDatabase, home: Home, second: int, state: str, text: str) -> None:
        writer.store(Batch(home.slug, statuses=[Status(int(time.time()) + second, state, text)]))

    def test_a_change_is_written_at_once_and_the_rest_once_a_minute(self, home: Home, writer: ReadingsDatabase) -> None:
        self.say(writer, home, -30, "online", "a")
        self.say(writer, home, -29, "online", "b")
        self.say(writer, home, -28, "online", "c")
        assert [row[1:] for row in self.states(home)] == [("online", "a")]
        self.say(writer, home, -27, "offline", "d")
        assert [row[1:] for row in self.states(home)] == [("online", "a"), ("online", "c"), ("offline", "d")]

    def test_the_last_is_written_at_the_end(self, home: Home, writer: ReadingsDatabase) -> None:
        self.say(writer, home, -30, "online", "a")
        self.say(writer, home, -29, "online", "b")
        assert writer.hasten() == [home.slug]
        writer.store(Batch(home.slug))
        assert [row[2] for row in self.states(home)] == ["a", "b"]

    def test_what_the_broker_retained_is_no_news_to_the_next_writer(self, home: Home, users: Users) -> None:
        for second in (-90, -10):
            with closing(writer_of(home, users)) as writer:
                self.say(writer, home, second, "online", "a")
        assert [row[2] for row in self.states(home)] == ["a"]


class TestTrouble:
    def test_a_household_without_a_schema_is_unknown(
        self, mariadb: Server, home: Home, writer: ReadingsDatabase
    ) -> None:
        with pytest.raises(UnknownHouseholdError, match="'nobody' is not set up"):
            writer.store(Batch("nobody", [reading(0)]))
        assert store(writer, home, reading(0)).stored == 1

    def test_a_household_that_appears_is_known_at_once(self, mariadb: Server, users: Users) -> None:
        writer = ReadingsDatabase(mariadb.settings, mariadb.password)
        with new_home(mariadb, apply=False) as home, closing(writer):
            with pytest.raises(UnknownHouseholdError):
                store(writer, home, reading(0))
            cli.apply(home.session, home.household, packaged_migrations())
            assert store(writer, home, reading(0)).stored == 1

    def test_another_households_rights_do_not_count(
        self, mariadb: Server, home: Home, writer: ReadingsDatabase
    ) -> None:
        with new_home(mariadb) as other, pytest.raises(UnknownHouseholdError):
            store(writer, other, reading(0))

    def test_a_wrong_password_is_one_sentence(self, home: Home, users: Users) -> None:
        user = users.make([])
        writer = ReadingsDatabase(home.server.settings_of(user), "wrong")
        with pytest.raises(module.DatabaseUnavailableError, match=f"refuses the user '{user}': run the playbook again"):
            store(writer, home, reading(0))

    def test_a_row_locked_for_long_is_waited_for_and_then_given_up(
        self, home: Home, users: Users, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOCK_WAIT_S", 1)
        with closing(writer_of(home, users)) as writer:
            with home.session.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {home.schema}.writer_state FOR UPDATE")
            with pytest.raises(module.DatabaseUnavailableError, match="Lock wait"):
                store(writer, home, reading(0))
            home.session.rollback()
            assert store(writer, home, reading(0)) == Outcome(stored=1)

    def test_a_short_lock_is_nobodys_business(self, home: Home, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LOCK_WAIT_S", 1)
        with closing(writer_of(home, users)) as writer:
            with home.session.cursor() as cursor:
                cursor.execute(f"SELECT * FROM {home.schema}.writer_state FOR UPDATE")
            free = threading.Timer(1.6, home.session.rollback)
            free.start()
            assert store(writer, home, reading(0)) == Outcome(stored=1)
            free.join()

    def test_a_connection_lost_after_the_commit_stores_nothing_twice(
        self, home: Home, writer: ReadingsDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store(writer, home, reading(0, flags=("boot",)))
        commit = pymysql.connections.Connection.commit

        def cut(session: pymysql.connections.Connection[Cursor]) -> None:
            commit(session)
            raise pymysql.OperationalError(CR.CR_SERVER_LOST, "Lost connection")

        monkeypatch.setattr(pymysql.connections.Connection, "commit", cut)
        with pytest.raises(module.DatabaseUnavailableError, match="does not answer"):
            store(writer, home, reading(10), reading(20, device=9), reading(30, flags=("boot",)))
        monkeypatch.undo()
        again = store(writer, home, reading(10), reading(20, device=9), reading(30, flags=("boot",)))
        assert again == Outcome(repeated=2, quarantined=1)
        assert len(model.raw(home)) == 3
        assert home.rows("SELECT COUNT(*) FROM quarantine") == ((1,),)
        assert home.rows("SELECT boots FROM box") == ((2,),)
        model.check(home)

    @pytest.mark.parametrize(
        ("code", "sentence"),
        [
            (ER.DISK_FULL, "is full (words): make room"),
            (ER.RECORD_FILE_FULL, "is full (words): make room"),
            (CR.CR_CONN_HOST_ERROR, "does not answer (words): see that it runs"),
            (ER.OPTION_PREVENTS_STATEMENT, "says words"),
        ],
    )
    def test_trouble_says_what_to_do_and_nothing_is_lost(
        self, home: Home, writer: ReadingsDatabase, monkeypatch: pytest.MonkeyPatch, code: int, sentence: str
    ) -> None:
        def fail(*_: object) -> None:
            raise pymysql.OperationalError(code, "words")

        monkeypatch.setattr(Cursor, "executemany", fail)
        with pytest.raises(module.DatabaseUnavailableError, match=re.escape(sentence)):
            store(writer, home, reading(0))
        monkeypatch.undo()
        assert store(writer, home, reading(0)) == Outcome(stored=1)
        assert home.rows("SELECT COUNT(*) FROM dead_letter") == ((0,),)
