"""Statistics over all homes: answers computed by hand, who is in them, and what their reader can never see.

Every home has 230 V and power factor 1: 1 A over a day of 24 hours is 5520 Wh.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contract.database.test_grants import allowed, deed, tables
from database.fixtures import PASSWORD, Home, Users, facts, new_home, users
from database.server import PrivateServer, Server
from ecms_bridge import names
from ecms_bridge.days import Day, Days
from ecms_bridge.schema import cli, grants
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.migrator import Migrator, packaged_migrations
from ecms_bridge.schema.statistics import Choice, Statistics, Wanted
from role_plugins import ROOT

__all__ = ["users"]

DAY_WH = 5520
MONDAY = date(2026, 6, 1)
WASHER, FRIDGE = 1, 2
SCHEMA = names.schema_name(names.STATISTICS)
ALL_VIEWS = ("appliance_day", "appliance_month", "load_profile", "overview", "participant", "standby")
ZONES = ("Europe/Rome", "America/New_York", "Asia/Kolkata")
Hours = Callable[[int], float]


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    """A server of this module's own that spares the disk: nothing here cuts its power."""
    made = PrivateServer("--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync")
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def made(mariadb: Server) -> Iterator[list[Home]]:
    """Three homes in three zones; a wildcard could take one for another."""
    with ExitStack() as stack:
        found = [stack.enter_context(new_home(mariadb, slug, apply=False)) for slug in ("a_b", "acb", "verdi")]
        for home, zone, name in zip(found, ZONES, ("Anna", "Carlo", "Giuseppe Verdi"), strict=True):
            home.apply(timezone=zone, name=name)
        yield found


@pytest.fixture
def homes(made: list[Home]) -> list[Home]:
    """The three homes without a reading, and without statistics."""
    for home in made:
        usual = facts(home.slug)["devices"]
        if home.facts["devices"] != usual or not home.session.cursor().execute(
            "SHOW DATABASES LIKE %s", (home.schema,)
        ):
            home.apply(devices=usual)
        home.rows("DELETE FROM device_rating WHERE valid_from > '1970-01-02'")
        home.rows("DELETE FROM {roll}")
        home.rows("DELETE FROM rollup_day")
        home.rows(f"DROP DATABASE IF EXISTS {SCHEMA}")
    return made


@pytest.fixture
def reader(users: Users) -> Callable[[str], list[tuple[Any, ...]]]:
    """Asks as ``ecms-statistics`` does; the views must be there."""
    user: list[str] = []

    def ask(statement: str) -> list[tuple[Any, ...]]:
        if not user:
            user.append(users.make(grants.statistics_grants()))
        with closing(users.session(user[0])) as session, session.cursor() as cursor:
            cursor.execute(f"USE {SCHEMA}")
            cursor.execute(statement)
            return [
                tuple(float(cell) if isinstance(cell, Decimal) else cell for cell in row) for row in cursor.fetchall()
            ]

    return ask


def choice(home: Home, *, takes_part: bool = True, named: bool = False, since: date | None = MONDAY) -> Choice:
    return Choice(home.slug, home.facts["name"], takes_part, named, since)


def apply(home: Home, *choices: Choice, minimum: int = 3, check: bool = False) -> list[str]:
    return Statistics(home.session).apply(Wanted(minimum, choices), check=check)


def measure(
    home: Home, day: date, amps: float | Hours, *, appliance: int = WASHER, coverage: float = 1.0, boxes: int = 1
) -> None:
    """Have the home measure so many A in each hour of its clock on a local day, as the writer would sum it."""
    ((begins, ends),) = home.rows("SELECT begins, ends FROM calendar WHERE day = %s", day)
    draws = amps if callable(amps) else lambda _hour: amps
    quarters = [begins + timedelta(minutes=15 * number) for number in range((ends - begins) // timedelta(minutes=15))]
    hours: dict[datetime, list[float]] = {}
    rows: list[tuple[object, ...]] = []
    for number, quarter in enumerate(quarters):
        drawn = draws(number // 4)
        hours.setdefault(quarter.replace(minute=0), []).append(drawn)
        for box in range(boxes):
            mac, seconds = bytes([2, 0, 0, 0, box, appliance]), round(900 * coverage)
            rows.append((15, quarter, appliance, mac, 90, seconds, drawn * seconds, drawn, drawn))
    for hour, some in hours.items():
        mac, seconds = bytes([2, 0, 0, 0, 0, appliance]), round(900 * len(some) * coverage)
        mean = sum(some) / len(some)
        rows.append((60, hour, appliance, mac, 90 * len(some), seconds, mean * seconds, min(some), max(some)))
    with home.session.cursor() as cursor:
        place = f"{home.schema}.{names.rollup_table(home.slug)}"
        # Where the zone differs by half an hour, the day before had a part of the hour.
        cursor.executemany(
            f"INSERT INTO {place} VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE "
            "n = n + VALUES(n), cov_s = cov_s + VALUES(cov_s), a_s = a_s + VALUES(a_s), "
            "a_max = GREATEST(a_max, VALUES(a_max))",
            rows,
        )
        Days(home.slug).again(cursor, Day(day, begins, ends))
    home.session.commit()


def days(count: int, first: date = MONDAY) -> list[date]:
    return [first + timedelta(days=number) for number in range(count)]


class TestAnswers:
    def test_a_day_over_three_homes(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        for home, amps in zip(homes, (1.0, 2.0, 6.0), strict=True):
            measure(home, MONDAY, amps)
            measure(home, MONDAY, 0.5, appliance=FRIDGE, coverage=0.9)
        changes = apply(homes[0], *(choice(home) for home in homes))
        assert changes == [
            f"create the schema {SCHEMA}",
            "statistics, migration 1: statistics",
            "statistics: a group has at least 3 homes",
            "statistics: a_b takes part",
            "statistics: acb takes part",
            "statistics: verdi takes part",
        ]
        assert reader("SELECT * FROM appliance_day ORDER BY appliance") == [
            # 0.5 A over nine tenths of a day: what was not measured is not made up.
            (MONDAY, "frigorifero", 3, round(0.45 * DAY_WH), None, pytest.approx(0.9)),
            (MONDAY, "lavatrice", 3, 3 * DAY_WH, None, 1),
        ]
        assert reader("SELECT * FROM overview") == [(3, 3, 0)]
        assert apply(homes[0], *(choice(home) for home in homes)) == []

    def test_a_day_of_23_hours_is_one(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        spring = date(2026, 3, 29)
        measure(homes[0], spring, 1.0)
        measure(homes[1], spring, 1.0)
        measure(homes[2], spring, 1.0)
        apply(homes[0], *(choice(home, since=spring) for home in homes))
        # 23 hours in Rome, 24 elsewhere.
        assert reader("SELECT homes, wh_mean, coverage FROM appliance_day") == [(3, round(230 * (23 + 24 + 24) / 3), 1)]

    def test_a_day_of_which_less_than_80_percent_was_measured_does_not_count(
        self, homes: list[Home], reader: Callable[..., Any]
    ) -> None:
        for home, coverage in zip(homes, (0.8, 0.9, 0.79), strict=True):
            measure(home, MONDAY, 1.0, coverage=coverage)
        apply(homes[0], *(choice(home) for home in homes))
        assert reader("SELECT * FROM appliance_day") == []

    def test_a_month_is_the_mean_of_each_homes_days(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        for home, amps in zip(homes, (1.0, 2.0, 3.0), strict=True):
            for day in days(7):
                measure(home, day, amps)
        # More days of one home do not make it count more; six of July are too few.
        measure(homes[2], date(2026, 6, 20), 11.0)
        for day in days(6, date(2026, 7, 1)):
            for home in homes:
                measure(home, day, 1.0)
        apply(homes[0], *(choice(home) for home in homes))
        third = (7 * 3 + 11) / 8
        assert reader("SELECT * FROM appliance_month") == [
            (MONDAY, "lavatrice", 3, round((1 + 2 + third) / 3 * DAY_WH), None)
        ]

    def test_hours_are_those_of_each_homes_clock(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        for home, amps in zip(homes, (1.0, 2.0, 6.0), strict=True):
            for day in days(7):
                measure(home, day, lambda hour, amps=amps: amps if hour == 6 else 0.0, boxes=1)  # type: ignore[misc]
        apply(homes[0], *(choice(home) for home in homes))
        found = reader("SELECT month, hour, appliance, homes, w_mean, w_median FROM load_profile ORDER BY hour")
        assert len(found) == 24
        assert found[6] == (MONDAY, 6, "lavatrice", 3, 3 * 230, None)
        assert {row[4] for number, row in enumerate(found) if number != 6} == {0}

    def test_two_boxes_of_one_appliance_add_up_and_cover_once(
        self, homes: list[Home], reader: Callable[..., Any]
    ) -> None:
        for home in homes:
            for day in days(7):
                measure(home, day, 1.0, boxes=2)
        apply(homes[0], *(choice(home) for home in homes))
        assert reader("SELECT DISTINCT wh_mean, coverage FROM appliance_day") == [(2 * DAY_WH, 1)]
        assert reader("SELECT DISTINCT w_mean FROM load_profile") == [(460,)]

    def test_standby_is_the_mean_of_hours_up_to_20_w(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        for home, amps in zip(homes, (0.02, 0.04, 0.06), strict=True):
            for day in days(2):
                measure(home, day, lambda hour, amps=amps: 5.0 if hour == 12 else amps)  # type: ignore[misc]
        apply(homes[0], *(choice(home) for home in homes))
        # In Kolkata the 5 A are in two hours of UTC, none of which is quiet.
        assert reader("SELECT * FROM standby") == [(MONDAY, "lavatrice", 3, pytest.approx(9.2), None)]

    def test_a_rating_holds_from_its_day_on(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        rating = {"valid_from": "2026-06-02", "voltage_v": 230, "power_factor": 0.5}
        for home in homes:
            for day in days(2):
                measure(home, day, 1.0)
            home.apply(devices=[{"id": WASHER, "name": "Lavatrice", "ratings": [rating]}])
        apply(homes[0], *(choice(home) for home in homes))
        assert reader("SELECT wh_mean FROM appliance_day ORDER BY day") == [(DAY_WH,), (DAY_WH // 2,)]

    def test_a_median_needs_twice_the_homes(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        apply(homes[0], choice(homes[0]))
        for number, wh in enumerate((10, 20, 30, 50, 60, 1000), start=1):
            for place, day in enumerate(days(8)):
                values = (day, "forno", number, wh if place else 5, 86400, 86400)
                # Of the last day five homes only, an odd number that is too few.
                if place < 7 or number < 6:
                    homes[0].rows(f"INSERT INTO {SCHEMA}.home_day VALUES (%s, %s, %s, %s, %s, %s)", *values)
        found = reader("SELECT homes, wh_mean, wh_median FROM appliance_day ORDER BY day")
        assert found[1:] == [(6, 195, 40)] * 6 + [(5, 34, None)]
        ((homes_, median),) = reader("SELECT homes, wh_day_median FROM appliance_month")
        # Seven days of 5 and six times 30, or eight with another 50.
        assert (homes_, median) == (6, round(((5 + 6 * 30 + 30) / 8 + (5 + 6 * 50 + 50) / 8) / 2))
        homes[0].rows(f"UPDATE {SCHEMA}.setting SET minimum_homes = 4")
        assert reader("SELECT DISTINCT homes, wh_median FROM appliance_day ORDER BY homes") == [(5, None), (6, None)]

    def test_appliances_are_grouped_by_name_whatever_its_case(
        self, homes: list[Home], reader: Callable[..., Any]
    ) -> None:
        for home, name in zip(homes, ("Lavatrice", "LAVATRICE", "lavatrice"), strict=True):
            home.apply(devices=[{"id": WASHER, "name": name, "ratings": []}])
            measure(home, MONDAY, 1.0)
        apply(homes[0], *(choice(home) for home in homes))
        assert reader("SELECT appliance, homes FROM appliance_day") == [("lavatrice", 3)]


def examples() -> list[tuple[str, list[str], list[list[str]]]]:
    """Return each query of docs/statistics.md, and the head and the rows of its answer."""
    text = (ROOT / "docs/statistics.md").read_text(encoding="utf-8")
    found = []
    for query, answer in re.findall(r"```sql\n(.+?);\n```\n\n((?:\|.*\n)+)", text):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in answer.splitlines())
        found.append((query, head, rows))
    return found


def test_the_documents_examples(homes: list[Home], users: Users) -> None:
    for home, amps in zip(homes, (1.0, 2.0, 6.0), strict=True):
        for day in days(7):
            measure(home, day, lambda hour, amps=amps: amps if hour == 6 else 0.02)  # type: ignore[misc]
    apply(homes[0], *(choice(home, named=home is homes[0]) for home in homes))
    assert len(examples()) == 5
    with closing(users.session(users.make(grants.statistics_grants()))) as session, session.cursor() as cursor:
        cursor.execute(f"USE {SCHEMA}")
        for query, head, rows in examples():
            cursor.execute(query)
            assert [column[0] for column in cursor.description] == head, query
            told = [
                [f"{float(cell):g}" if isinstance(cell, Decimal) else str(cell) for cell in row]
                for row in cursor.fetchall()
            ]
            assert told == rows, query


class TestConsent:
    def test_without_anybody_there_is_nothing(self, homes: list[Home]) -> None:
        for check in (True, False):
            assert apply(homes[0], *(choice(home, takes_part=False) for home in homes), check=check) == []
        assert homes[0].session.cursor().execute("SHOW DATABASES LIKE %s", (SCHEMA,)) == 0
        assert Statistics(homes[0].session).refresh() == []
        assert Statistics(homes[0].session).leave("a_b") == []

    def test_a_group_of_too_few_homes_is_not_shown(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        for home in homes:
            for day in days(7):
                measure(home, day, 0.01)
        first, second, third = (choice(home) for home in homes)
        apply(homes[0], first, second)
        for view in ("appliance_day", "appliance_month", "load_profile", "standby"):
            assert reader(f"SELECT * FROM {view}") == []
        # One that does not take part changes nothing.
        assert apply(homes[0], choice(homes[2], takes_part=False)) == []
        assert reader("SELECT homes FROM overview") == [(2,)]
        assert apply(homes[0], third) == ["statistics: verdi takes part"]
        for view, rows in (("appliance_day", 7), ("appliance_month", 1), ("load_profile", 24), ("standby", 1)):
            assert [row[0] for row in reader(f"SELECT homes FROM {view}")] == [3] * rows
        assert apply(homes[0], minimum=4) == ["statistics: a group has at least 4 homes"]
        for view in ("appliance_day", "appliance_month", "load_profile", "standby"):
            assert reader(f"SELECT * FROM {view}") == []

    def test_who_leaves_is_gone_with_all_its_days(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        for home in homes:
            measure(home, MONDAY, 0.01)
        apply(homes[0], *(choice(home) for home in homes))
        gone = choice(homes[1], takes_part=False)
        assert apply(homes[0], gone, check=True) == ["statistics: acb leaves"]
        assert len(reader("SELECT * FROM appliance_day")) == 1
        assert apply(homes[0], gone) == ["statistics: acb leaves"]
        assert reader("SELECT * FROM appliance_day") == []
        for table in ("home", "home_day", "home_hour", "home_standby"):
            assert homes[0].rows(f"SELECT COUNT(DISTINCT home) FROM {SCHEMA}.{table}") == ((2,),)

    def test_a_removed_household_leaves(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        for home in homes:
            measure(home, MONDAY, 0.01)
        apply(homes[0], *(choice(home) for home in homes))
        homes[1].rows(f"DROP DATABASE {homes[1].schema}")
        # What was published stays as it is until then: nothing reads the household's own tables.
        assert len(reader("SELECT * FROM appliance_day")) == 1
        assert "statistics: acb leaves" in Statistics(homes[0].session).refresh()
        assert reader("SELECT * FROM appliance_day") == []
        assert reader("SELECT homes FROM overview") == [(2,)]

    def test_names_are_shown_only_where_allowed(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        apply(homes[0], *(choice(home) for home in homes))
        assert reader("SELECT * FROM participant") == []
        shown = choice(homes[2], named=True)
        assert apply(homes[0], shown, check=True) == ["statistics: verdi shows the name 'Giuseppe Verdi'"]
        assert apply(homes[0], shown) == ["statistics: verdi shows the name 'Giuseppe Verdi'"]
        assert reader("SELECT * FROM participant") == [("Giuseppe Verdi",)]
        assert reader("SELECT homes, named FROM overview") == [(3, 1)]
        assert apply(homes[0], choice(homes[2])) == ["statistics: verdi shows no name"]
        assert reader("SELECT * FROM participant") == []

    def test_days_before_the_chosen_one_are_not_taken(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        for home in homes:
            for day in days(3):
                measure(home, day, 0.01)
        apply(homes[0], *(choice(home, since=MONDAY + timedelta(days=number)) for number, home in enumerate(homes)))
        assert reader("SELECT day FROM appliance_day") == [(MONDAY + timedelta(days=2),)]
        # In Kolkata the day ends at 18:30 UTC, and the whole hour counts with the day after.
        for table, half in (("home_hour", 0), ("home_standby", 1800)):
            rows = homes[0].rows(f"SELECT home, SUM(cov_s) FROM {SCHEMA}.{table} GROUP BY home ORDER BY home")
            assert [row[1] for row in rows] == [3 * 86400, 2 * 86400, 86400 + half]
        # Without a date it is the day of joining, which is kept.
        assert apply(homes[0], choice(homes[1], since=None)) == []
        assert apply(homes[0], choice(homes[1])) == [f"statistics: acb takes part from {MONDAY} on"]
        assert apply(homes[0], choice(homes[2])) == [f"statistics: verdi takes part from {MONDAY} on"]
        assert len(reader("SELECT day FROM appliance_day")) == 3

    def test_who_says_no_day_takes_part_from_today(self, homes: list[Home]) -> None:
        measure(homes[0], MONDAY, 1.0)
        apply(homes[0], choice(homes[0], since=None))
        assert homes[0].rows(f"SELECT since = UTC_DATE() FROM {SCHEMA}.home") == ((1,),)
        assert homes[0].rows(f"SELECT COUNT(*) FROM {SCHEMA}.home_day") == ((0,),)

    def test_a_check_tells_and_changes_nothing(self, homes: list[Home]) -> None:
        told = apply(homes[0], *(choice(home) for home in homes), check=True)
        assert homes[0].session.cursor().execute("SHOW DATABASES LIKE %s", (SCHEMA,)) == 0
        assert told == apply(homes[0], *(choice(home) for home in homes))
        assert apply(homes[0], *(choice(home) for home in homes), check=True) == []


class TestRefresh:
    def test_it_takes_new_days_and_those_that_late_readings_changed(
        self, homes: list[Home], reader: Callable[..., Any]
    ) -> None:
        yesterday = homes[0].rows("SELECT day FROM closed_day")[0][0] - timedelta(days=2)
        for home in homes:
            measure(home, yesterday - timedelta(days=1), 1.0, coverage=0.5)
        apply(homes[0], *(choice(home) for home in homes))
        assert reader("SELECT * FROM appliance_day") == []
        statistics = Statistics(homes[0].session)
        for home in homes:
            home.rows("DELETE FROM {roll}")
            home.rows("DELETE FROM rollup_day")
            for day in days(2, yesterday - timedelta(days=1)):
                measure(home, day, 1.0)
        assert statistics.refresh() == [f"statistics: {home.slug} gives {2} sums of days" for home in homes]
        assert reader("SELECT day, homes, wh_mean FROM appliance_day ORDER BY day") == [
            (day, 3, DAY_WH) for day in days(2, yesterday - timedelta(days=1))
        ]

    def test_a_renamed_appliance_and_another_zone_count_for_all_days(
        self, homes: list[Home], reader: Callable[..., Any]
    ) -> None:
        for home in homes:
            for day in days(2):
                measure(home, day, 1.0)
        apply(homes[0], *(choice(home) for home in homes))
        for home in homes:
            home.apply(devices=[{"id": WASHER, "name": "lavasciuga", "ratings": []}])
        Statistics(homes[0].session).refresh()
        assert reader("SELECT day, appliance FROM appliance_day ORDER BY day") == [
            (day, "lavasciuga") for day in days(2)
        ]
        assert reader("SELECT DISTINCT appliance FROM standby") == []

    def test_an_appliance_that_the_home_no_longer_has_is_gone(
        self, homes: list[Home], reader: Callable[..., Any]
    ) -> None:
        for home in homes:
            measure(home, MONDAY, 1.0)
        apply(homes[0], *(choice(home) for home in homes))
        homes[0].rows("DELETE FROM device WHERE idDevice = %s", WASHER)
        Statistics(homes[0].session).refresh()
        assert reader("SELECT * FROM appliance_day") == []

    def test_a_home_whose_schema_is_old_does_not_keep_the_others(
        self, homes: list[Home], mariadb: Server, reader: Callable[..., Any]
    ) -> None:
        apply(homes[0], *(choice(home) for home in homes))
        for home in homes[1:]:
            measure(home, MONDAY, 1.0)
        homes[0].rows("DELETE FROM schema_version WHERE version = %s", len(packaged_migrations()))
        with closing(mariadb.session()) as session, pytest.raises(SchemaError, match="wait for a_b, not up to date"):
            Statistics(session).refresh()
        homes[0].apply()
        assert homes[0].rows(f"SELECT COUNT(*) FROM {SCHEMA}.home_day") == ((2,),)
        assert reader("SELECT homes FROM overview") == [(3,)]

    def test_an_empty_home_gives_nothing(self, homes: list[Home], reader: Callable[..., Any]) -> None:
        apply(homes[0], *(choice(home) for home in homes))
        assert Statistics(homes[0].session).refresh() == []
        assert reader("SELECT * FROM appliance_day") == []


def test_a_reader_sees_a_home_with_all_it_gives_or_not_at_all(
    homes: list[Home], mariadb: Server, reader: Callable[..., Any]
) -> None:
    for home in homes:
        for day in days(5):
            measure(home, day, 1.0)
    apply(homes[0], *(choice(home) for home in homes[:2]))
    reader("SELECT 1")
    seen: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(len(reader("SELECT homes FROM appliance_day")))

    looking = threading.Thread(target=look)
    looking.start()
    with closing(mariadb.session()) as session:
        statistics = Statistics(session)
        for _ in range(10):
            statistics.apply(Wanted(3, (choice(homes[2]),)))
            statistics.leave("verdi")
    done.set()
    looking.join()
    assert 0 in seen
    assert seen <= {0, 5}


class TestRights:
    def test_the_reader_sees_the_views_and_nothing_else(
        self, homes: list[Home], users: Users, reader: Callable[..., Any]
    ) -> None:
        apply(homes[0], *(choice(home) for home in homes))
        with closing(users.session(users.make(grants.statistics_grants()))) as session:
            for view in ALL_VIEWS:
                assert allowed(session, f"SELECT * FROM {SCHEMA}.{view}"), view
                for action in ("INSERT INTO {} SELECT * FROM {} WHERE 1 = 0", "DELETE FROM {}", "DROP VIEW {}"):
                    assert not allowed(session, action.format(*[f"{SCHEMA}.{view}"] * 2)), (view, action)
                assert not allowed(session, f"SHOW CREATE VIEW {SCHEMA}.{view}"), view
            for table in ("setting", "home", "home_day", "home_hour", "home_standby", "schema_version"):
                assert not allowed(session, f"SELECT * FROM {SCHEMA}.{table}"), table
            for home in homes:
                for table in tables(home.slug):
                    assert not allowed(session, deed("SELECT", home.schema, table)), table
            assert not allowed(session, f"CREATE TABLE {SCHEMA}.more (more INT)")
            assert not allowed(session, "CREATE DATABASE more")
            assert not allowed(session, "SELECT user FROM mysql.user")
        assert sorted(reader("SHOW DATABASES")) == [(SCHEMA,), ("information_schema",)]
        shown = "SELECT table_name FROM information_schema.tables WHERE table_schema LIKE 'ecms%' ORDER BY 1"
        assert [row[0] for row in reader(shown)] == sorted(ALL_VIEWS)
        for what in ("views", "columns"):
            found = reader(f"SELECT * FROM information_schema.{what} WHERE table_schema LIKE 'ecms%'")
            assert not [row for row in found for word in ("home_day", "verdi") if word in str(row)], what

    def test_every_view_is_granted(self, homes: list[Home]) -> None:
        apply(homes[0], choice(homes[0]))
        found = homes[0].rows("SELECT table_name FROM information_schema.views WHERE table_schema = %s", SCHEMA)
        assert sorted(row[0] for row in found) == sorted(grants.STATISTICS_VIEWS) == sorted(ALL_VIEWS)

    def test_the_administrators_rights_suffice(
        self, homes: list[Home], users: Users, reader: Callable[..., Any]
    ) -> None:
        for home in homes:
            for day in days(7):
                measure(home, day, 0.01)
        with closing(users.session(users.make(grants.admin_grants()))) as session:
            statistics = Statistics(session)
            wanted = Wanted(3, tuple(choice(home, named=True) for home in homes))
            assert statistics.apply(wanted)
            assert statistics.apply(wanted) == []
            assert len(statistics.refresh()) == 3
            for view, rows in zip(ALL_VIEWS, (7, 1, 24, 1, 3, 1), strict=True):
                assert len(reader(f"SELECT * FROM {view}")) == rows, view
            assert statistics.leave("verdi") == ["statistics: verdi leaves"]

    def test_no_household_can_be_called_statistics(self, homes: list[Home]) -> None:
        with pytest.raises(names.HouseholdNameError):
            names.slug_of("Statistics")
        with pytest.raises(names.HouseholdNameError):
            Migrator(homes[0].session, "ecms-statistics", packaged_migrations())


class TestCommand:
    @pytest.fixture
    def run(
        self, mariadb: Server, users: Users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
    ) -> Callable[..., Any]:
        user = users.make(grants.admin_grants())
        config, password = tmp_path / "schema.toml", tmp_path / "password"
        place = mariadb.settings_of(user)
        config.write_text(
            f'[database]\nhost = "{place.host}"\nport = {place.port}\nsocket = "{place.socket}"\n'
            f'user = "{user}"\ntls_ca = ""\n',
            encoding="utf-8",
        )
        password.write_text(PASSWORD, encoding="ascii")

        def run(*options: str, wanted: object = None) -> tuple[list[str], str]:
            words = ["ecms-schema", "statistics", "--config", str(config), "--password-file", str(password), *options]
            if wanted is not None:
                (tmp_path / "wanted.json").write_text(json.dumps(wanted), encoding="utf-8")
                words += ["--wanted", str(tmp_path / "wanted.json")]
            monkeypatch.setattr(sys, "argv", words)
            with suppress(SystemExit):
                cli.main()
            said = capsys.readouterr()
            return (json.loads(said.out)["changes"] if said.out else []), said.err

        return run

    def test_joining_refreshing_and_leaving(self, homes: list[Home], run: Callable[..., Any]) -> None:
        measure(homes[0], MONDAY, 1.0)
        one = {"slug": "a_b", "name": "Anna", "takes_part": True, "named": False, "since": "2026-06-01"}
        wanted = {"minimum_homes": 5, "homes": [one]}
        told, _ = run("--check", wanted=wanted)
        assert run(wanted=wanted) == (told, "")
        assert run(wanted=wanted) == ([], "")
        assert run() == (["statistics: a_b gives 1 sums of days"], "")
        assert run("--leave", "a_b") == (["statistics: a_b leaves"], "")
        assert run("--leave", "a_b") == ([], "")

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"minimum_homes": 2}, "set database_statistics_minimum_homes to at least 3, not 2"),
            ({"homes": [{"slug": "A"}]}, "'A' is no household slug"),
            (
                {"homes": [{"slug": "a", "name": "A", "takes_part": True, "named": False, "since": "tomorrow"}]},
                "write ecms_statistics_from of 'a' as a date such as 2026-01-31, not 'tomorrow'",
            ),
            (
                {"homes": [{"slug": "a", "name": "A", "takes_part": "yes", "named": False, "since": ""}]},
                "the household's 'takes_part' must be true or false, not 'yes': run the playbook again",
            ),
        ],
    )
    def test_what_is_wrong_is_a_sentence(self, run: Callable[..., Any], changed: Any, sentence: str) -> None:
        changes, complaint = run(wanted={"minimum_homes": 5, "homes": []} | changed)
        assert changes == []
        assert sentence in complaint

    def test_a_check_is_of_a_change(self, run: Callable[..., Any]) -> None:
        assert run("--check") == ([], "ecms-schema: --check goes with --wanted: add it, or leave --check out\n")
