"""Sums of ended days are what the quarters of an hour say, whenever readings come and however tariffs change."""

from __future__ import annotations

from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from database.fixtures import PASSWORD, Home, Users
from ecms_bridge.messages import Reading
from ecms_bridge.schema import cli, grants
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.migrator import packaged_migrations
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch

BOX, OTHER = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2])
BEGIN = 1_711_839_600
"""2024-03-31 00:00 in Rome, a day of 23 hours."""

HOUR, DAY = 3600, 86400
FRIDGE = 2


def tariff(valid_from: str, **changed: object) -> dict[str, Any]:
    """Return a tariff of Italy's three bands as the playbook writes it."""
    weekdays = [0, 1, 2, 3, 4]
    return {
        "valid_from": valid_from,
        "prices": {"F1": 0.3, "F2": 0.25, "F3": 0.2},
        "hours": [
            {"band": "F1", "days": weekdays, "begins": 480, "ends": 1140},
            {"band": "F2", "days": weekdays, "begins": 420, "ends": 480},
            {"band": "F2", "days": weekdays, "begins": 1140, "ends": 1380},
            {"band": "F2", "days": [5], "begins": 420, "ends": 1380},
        ],
        "other_hours": "F3",
        "holiday_country": "IT",
        "holiday_band": "F3",
        "fixed_per_month": 10,
        "fixed_per_year": 36.5,
        "correction": False,
        **changed,
    }


def single(valid_from: str, price: float, **changed: object) -> dict[str, Any]:
    return tariff(valid_from, prices={"": price}, hours=[], other_hours="", holiday_country="", **changed)


def store(home: Home, *readings: Reading) -> None:
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        for first in range(0, len(readings), 500):
            writer.store(Batch(home.slug, list(readings[first : first + 500])))


def every(step: int, begins: int, ends: int, amps: float = 1.0, box: bytes = BOX) -> list[Reading]:
    return [Reading(box, BEGIN + second, FRIDGE, amps) for second in range(begins, ends, step)]


def reopen(home: Home, day: str) -> None:
    """Have ``day`` be the last that is closed."""
    home.rows("DELETE FROM rollup_day WHERE day > %s", day)
    home.rows(
        "UPDATE closed_day JOIN calendar ON calendar.day = %s SET closed_day.day = %s, closed_day.ends = calendar.ends",
        day,
        day,
    )


def sums(home: Home) -> dict[tuple[date, str], tuple[int, int, Decimal]]:
    """Return readings, seconds covered and ampere-seconds by day and band."""
    found = home.rows("SELECT day, name, n, cov_s, a_s FROM rollup_day JOIN band USING (band)")
    return {(row[0], row[1]): row[2:] for row in found}


def expected(home: Home) -> dict[tuple[date, str], tuple[int, int, Decimal]]:
    """Add the quarters up in Python, by slot."""
    slots = home.rows("SELECT begins, ends, day, name FROM tariff_slot JOIN band USING (band) ORDER BY begins")
    ((until,),) = home.rows("SELECT ends FROM closed_day")
    found: dict[tuple[date, str], tuple[int, int, Decimal]] = {}
    for bucket, n, cov_s, a_s in home.rows("SELECT bucket, n, cov_s, a_s FROM {roll} WHERE res = 15"):
        if bucket < until:
            ((day, band),) = [(row[2], row[3]) for row in slots if row[0] <= bucket < row[1]]
            old = found.get((day, band), (0, 0, Decimal(0)))
            found[day, band] = (old[0] + n, old[1] + cov_s, old[2] + a_s)
    return found


def test_a_new_household_has_all_its_days_closed(home: Home) -> None:
    ((day, ends),) = home.rows("SELECT day, ends FROM closed_day")
    assert home.rows("SELECT UTC_TIMESTAMP() BETWEEN %s AND %s", ends, ends + timedelta(hours=25)) == ((1,),)
    assert home.rows("SELECT ends FROM calendar WHERE day = %s", day) == ((ends,),)
    assert sums(home) == {}


def test_days_are_closed_by_the_first_reading_after_them(home: Home) -> None:
    reopen(home, "2024-03-30")
    store(home, *every(10, 0, 23 * HOUR), *every(10, 23 * HOUR, 24 * HOUR, amps=3.0))
    assert sums(home)[date(2024, 3, 31), ""] == (8280, 23 * HOUR, Decimal(23 * HOUR))
    assert sums(home)[date(2024, 4, 1), ""] == (360, HOUR, Decimal(3 * HOUR))
    assert sums(home) == expected(home)


def test_a_late_reading_of_a_closed_day_counts(home: Home) -> None:
    reopen(home, "2024-03-30")
    store(home, *every(20, 0, 2 * HOUR))
    before = sums(home)
    store(home, *every(20, 10, 2 * HOUR, amps=5.0))
    assert sums(home) == expected(home)
    assert sums(home) != before
    home.apply(devices=home.facts["devices"])
    quarantined = Reading(BOX, BEGIN + 3 * HOUR, 9, 2.0)
    store(home, quarantined)
    home.apply(devices=[*home.facts["devices"], {"id": 9, "name": "bollitore", "ratings": []}])
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        writer.store(Batch(home.slug, [Reading(OTHER, BEGIN + 4 * HOUR, 9, 1.0)]))
        while writer.releasable():
            writer.release(home.slug)
    assert home.rows("SELECT n, a_s FROM rollup_day WHERE idDevice = 9") == ((2, Decimal(30)),)


def test_two_boxes_of_one_appliance_add_current_and_not_coverage(home: Home) -> None:
    reopen(home, "2024-03-30")
    store(home, *every(10, 0, HOUR), *every(10, 0, HOUR, amps=2.0, box=OTHER), *every(10, HOUR, 2 * HOUR))
    assert sums(home)[date(2024, 3, 31), ""] == (1080, 2 * HOUR, Decimal(3 * HOUR + HOUR))


def test_what_was_stored_before_days_were_summed_is_summed_by_the_schema_tool(home: Home) -> None:
    store(home, *every(10, 0, 3 * HOUR), *every(600, 3 * HOUR, 60 * DAY - HOUR))
    home.rows("DELETE FROM rollup_day")
    home.rows("UPDATE closed_day SET day = '1970-01-01', ends = '1970-01-01 00:00:01'")
    assert home.apply() == []
    assert sums(home) == expected(home)
    assert len(sums(home)) == 60


def test_the_running_day_and_the_closed_ones_are_one_view(home: Home) -> None:
    store(home, *every(10, 0, 30 * HOUR))
    closed = home.rows("SELECT day, band, idDevice, n, cov_s, a_s, a_max FROM daily ORDER BY day")
    reopen(home, "2024-03-31")
    assert home.rows("SELECT day, band, idDevice, n, cov_s, a_s, a_max FROM daily ORDER BY day") == closed
    reopen(home, "2024-03-30")
    assert home.rows("SELECT day, band, idDevice, n, cov_s, a_s, a_max FROM daily ORDER BY day") == closed
    assert len(closed) == 2


@pytest.mark.parametrize("table", ["rollup_day", "closed_day", "calendar", "tariff_slot"])
def test_without_a_right_to_sum_days_readings_are_stored(
    home: Home, users: Users, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    rights = grants.writer_grants(home.slug)
    for grant in (g for g in rights if g["on"].endswith(f"`{table}`")):
        for privilege in grant["privileges"]:
            fewer = [dict(g, privileges=[p for p in g["privileges"] if (g, p) != (grant, privilege)]) for g in rights]
            user = users.make([g for g in fewer if g["privileges"]])  # type: ignore[misc]
            home.rows("DELETE FROM {data}")
            reopen(home, "2024-03-30")
            caplog.clear()
            with closing(ReadingsDatabase(home.server.settings_of(user), PASSWORD)) as writer:
                writer.store(Batch(home.slug, every(10, 0, 60)))
                writer.store(Batch(home.slug, every(10, 60, 120)))
            assert home.rows("SELECT COUNT(*) FROM {data}") == ((12,),)
            assert "is older than this writer" in caplog.text, (table, privilege)


class TestTariffs:
    def test_a_weeks_bands_and_holidays(self, home: Home) -> None:
        home.apply(tariffs=[tariff("2024-01-01")])
        for day, bands in {
            "2024-04-03": [("F3", 7), ("F2", 1), ("F1", 11), ("F2", 4), ("F3", 1)],  # a Wednesday
            "2024-04-06": [("F3", 7), ("F2", 16), ("F3", 1)],  # a Saturday
            "2024-04-07": [("F3", 24)],
            "2024-04-01": [("F3", 24)],  # Easter Monday
            "2024-04-25": [("F3", 24)],
            "2024-08-15": [("F3", 24)],
            "2024-03-31": [("F3", 23)],
            "2024-10-27": [("F3", 25)],
            "2023-12-31": [("", 24)],
        }.items():
            rows = home.rows(
                "SELECT name, TIMESTAMPDIFF(MINUTE, begins, ends) / 60 FROM tariff_slot JOIN band USING (band) "
                "WHERE day = %s ORDER BY begins",
                day,
            )
            assert [(row[0], int(row[1])) for row in rows] == bands, day
        assert home.rows(
            "SELECT COUNT(*) FROM tariff_slot a JOIN calendar c ON c.day = a.day AND a.begins < c.begins"
        ) == ((0,),)
        assert home.apply() == []

    def test_slots_follow_one_another_without_a_gap(self, home: Home) -> None:
        night = [{"band": "night", "days": list(range(7)), "begins": 90, "ends": 165}]
        home.apply(
            tariffs=[
                tariff(
                    "2020-01-01", prices={"day": 0.3, "night": 0.1}, hours=night, other_hours="day", holiday_country=""
                )
            ]
        )
        assert home.rows(
            "SELECT COUNT(*) FROM (SELECT ends, LEAD(begins) OVER (ORDER BY begins) AS following FROM tariff_slot) s "
            "WHERE following != ends"
        ) == ((0,),)
        lengths = home.rows(
            "SELECT day, SUM(TIMESTAMPDIFF(MINUTE, begins, ends)) FROM tariff_slot JOIN band USING (band) "
            "WHERE name = 'night' AND day IN ('2024-03-31', '2024-10-27', '2024-06-01') GROUP BY day ORDER BY day"
        )
        # 01:30 to 02:45 by the clock: of the hour that is left out nothing, of the one that comes twice the first.
        assert [int(row[1]) for row in lengths] == [30, 75, 75]

    def test_prices_and_fixed_costs_by_day(self, home: Home) -> None:
        home.apply(tariffs=[single("2024-02-01", 0.25), tariff("2024-03-01")])
        prices = "SELECT name, price_kwh FROM day_price JOIN band USING (band) WHERE day = %s ORDER BY name"
        assert home.rows(prices, "2024-01-31") == ()
        assert home.rows(prices, "2024-02-29") == (("", Decimal("0.25")),)
        assert home.rows(prices, "2024-03-01") == (
            ("F1", Decimal("0.3")),
            ("F2", Decimal("0.25")),
            ("F3", Decimal("0.2")),
        )
        # 10 a month and 36.5 a year: February 2024 has 29 days, 2025 has 365.
        fixed = "SELECT fixed FROM day_fixed WHERE day = %s"
        assert home.rows(fixed, "2024-02-29") == ((Decimal("0.444554"),),)
        assert home.rows(fixed, "2025-02-28") == ((Decimal("0.457143"),),)

    def test_a_new_price_never_changes_the_past(self, home: Home) -> None:
        home.apply(tariffs=[single("2024-01-01", 0.25)])
        before = home.rows("SELECT * FROM day_price WHERE day < '2024-04-01'")
        assert home.apply(tariffs=[single("2024-01-01", 0.25), single("2024-04-01", 0.5)]) == [
            "tariff from 2024-04-01: add"
        ]
        assert home.rows("SELECT * FROM day_price WHERE day < '2024-04-01'") == before
        # The old one may leave the inventory: absence never deletes.
        assert home.apply(tariffs=[single("2024-04-01", 0.5)]) == []
        assert home.rows("SELECT * FROM day_price WHERE day < '2024-04-01'") == before

    def test_another_price_from_the_same_day_is_refused_unless_it_is_a_correction(self, home: Home) -> None:
        home.apply(tariffs=[single("2024-01-01", 0.25)])
        before = home.rows("SELECT * FROM day_price")
        wrong = [single("2024-01-01", 0.3)]
        home.facts |= {"tariffs": wrong}
        for check in (True, False):
            with pytest.raises(SchemaError, match="holds already with other terms: add the new prices as an entry"):
                cli.apply(home.session, home.household, packaged_migrations(), check=check)
        assert home.rows("SELECT * FROM day_price") == before
        corrected = [single("2024-01-01", 0.3, correction=True)]
        assert home.apply(tariffs=corrected) == ["tariff from 2024-01-01: change"]
        assert home.rows("SELECT DISTINCT price_kwh FROM day_price") == ((Decimal("0.3"),),)
        assert home.apply(tariffs=corrected) == []

    def test_a_tariff_to_come_may_change_and_be_taken_back(self, home: Home) -> None:
        later = str(datetime.now().date() + timedelta(days=40))  # noqa: DTZ005
        home.apply(tariffs=[single("2024-01-01", 0.25), single(later, 0.5)])
        assert home.apply(tariffs=[single("2024-01-01", 0.25), single(later, 0.6)]) == [f"tariff from {later}: change"]
        assert home.apply(tariffs=[]) == []
        assert home.apply(tariffs=[single("2024-01-01", 0.25)]) == [f"tariff from {later}: take back"]
        assert home.rows("SELECT DISTINCT price_kwh FROM day_price") == ((Decimal("0.25"),),)

    def test_bands_that_come_later_are_summed_again(self, home: Home) -> None:
        reopen(home, "2024-03-30")
        store(home, *every(10, 0, 23 * HOUR + 3 * DAY))
        assert {band for _, band in sums(home)} == {""}
        home.apply(tariffs=[tariff("2024-04-02")])
        assert sums(home) == expected(home)
        assert sums(home)[date(2024, 4, 1), ""][1] == DAY
        assert sums(home)[date(2024, 4, 2), "F1"][1] == 11 * HOUR
        assert (date(2024, 4, 2), "") not in sums(home)

    def test_a_check_foretells_it(self, home: Home) -> None:
        home.facts |= {"tariffs": [tariff("2024-01-01")]}
        foretold = cli.apply(home.session, home.household, packaged_migrations(), check=True)
        assert foretold == ["tariff from 2024-01-01: add"]
        assert home.rows("SELECT COUNT(*) FROM tariff") == ((0,),)
        assert home.apply() == foretold

    def test_newer_holidays_change_no_past_day(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        home.apply(tariffs=[tariff("2024-01-01")])
        past = home.rows("SELECT * FROM tariff_slot WHERE begins < UTC_TIMESTAMP() - INTERVAL 2 DAY")
        monkeypatch.setattr("ecms_bridge.schema.tariffs.public_holidays", lambda _: frozenset())
        (change,) = home.apply()
        assert change.startswith("prices: correct ")
        assert home.rows("SELECT * FROM tariff_slot WHERE begins < UTC_TIMESTAMP() - INTERVAL 2 DAY") == past

    def test_another_zone_moves_days_and_what_was_summed(self, home: Home) -> None:
        reopen(home, "2024-03-30")
        store(home, *every(10, 0, 23 * HOUR))
        home.apply(tariffs=[tariff("2024-01-01")], timezone="America/New_York")
        assert sums(home) == expected(home)
        assert {day for day, _ in sums(home)} == {date(2024, 3, 30), date(2024, 3, 31)}


def test_a_flood_of_days_is_closed_in_pieces(home: Home) -> None:
    reopen(home, "2023-12-31")
    store(home, Reading(BOX, BEGIN, FRIDGE, 1.0))
    assert home.rows("SELECT day FROM closed_day") == ((date(2024, 1, 31),),)
    store(home, Reading(BOX, BEGIN + 10, FRIDGE, 1.0))
    assert home.rows("SELECT day FROM closed_day") == ((date(2024, 3, 2),),)
