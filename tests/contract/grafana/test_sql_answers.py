"""The questions of ``grafana/sql`` on readings made by hand, with answers computed by hand.

Household: Rome, 230 V, a washer and a fridge of power factor 1 unless a test says otherwise. 1 A over a day of 24 hours
is 230 V x 24 h = 5520 Wh.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from database.fixtures import Home, Users, home, mariadb, users
from ecms_bridge.messages import Reading
from ecms_bridge.schema import grants
from grafana.history import FRIDGE, FRIDGE_BOX, OTHER_BOX, WASHER, WASHER_BOX, reopen, steady, store
from grafana.queries import Reader

__all__ = ["home", "mariadb", "users"]

ROME = ZoneInfo("Europe/Rome")
MINUTE, HOUR, DAY = 60, 3600, 86400


def at(text: str) -> int:
    """Return a time by Rome's clock in Unix s."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ROME).timestamp())


NOON = at("2024-06-12 12:00")
"""A Wednesday."""

MIDNIGHT = at("2024-06-12 00:00")


@pytest.fixture
def reader(home: Home, users: Users) -> Reader:
    return Reader(home, users.make(grants.grafana_grants(home.slug)))


def tariff(valid_from: str, price: float, per_month: float = 0) -> dict[str, Any]:
    return {
        "valid_from": valid_from,
        "prices": {"": price},
        "hours": [],
        "other_hours": "",
        "holiday_country": "",
        "holiday_band": "",
        "fixed_per_month": per_month,
        "fixed_per_year": 0,
        "correction": False,
    }


def rated(valid_from: str, power_factor: float, voltage_v: float = 230) -> list[dict[str, Any]]:
    rating = {"valid_from": valid_from, "voltage_v": voltage_v, "power_factor": power_factor}
    return [{"id": 1, "name": "lavatrice", "ratings": []}, {"id": 2, "name": "frigorifero", "ratings": [rating]}]


class TestNow:
    def test_the_latest_reading_of_each_box_counts_once_and_for_35_seconds(self, home: Home, reader: Reader) -> None:
        store(
            home,
            [
                Reading(WASHER_BOX, NOON - 12, WASHER, 9.0),
                Reading(WASHER_BOX, NOON - 2, WASHER, 5.0),
                Reading(FRIDGE_BOX, NOON - 35, FRIDGE, 1.0),
                Reading(OTHER_BOX, NOON - 36, FRIDGE, 7.0),
            ],
        )
        assert reader.ask("total_now", NOON).of("total_w") == [((5.0 + 1.0) * 230,)]
        assert reader.ask("total_now", NOON + 1).of("total_w") == [(5.0 * 230,)]
        assert reader.ask("total_now", NOON + 34).of("total_w") == [(None,)]

    def test_two_boxes_of_one_appliance_add_up(self, home: Home, reader: Reader) -> None:
        store(home, [Reading(FRIDGE_BOX, NOON, FRIDGE, 1.0), Reading(OTHER_BOX, NOON - 3, FRIDGE, 0.5)])
        assert reader.ask("total_now", NOON).of("total_w") == [(345.0,)]
        now = reader.ask("appliances_now", NOON)
        assert now.by("appliance", "watt")["frigorifero"] == 345.0
        assert now.by("appliance", "ampere")["frigorifero"] == 1.5
        assert now.by("appliance", "watt")["lavatrice"] is None

    def test_the_rating_is_the_one_of_now(self, home: Home, reader: Reader) -> None:
        home.apply(devices=rated("2024-06-13", 0.5))
        for moment, watt in (("2024-06-12 23:59", 460.0), ("2024-06-13 00:09", 230.0)):
            now = at(moment)
            store(home, [Reading(FRIDGE_BOX, now, FRIDGE, 2.0)])
            assert reader.ask("total_now", now).of("total_w") == [(watt,)]

    def test_throughput(self, home: Home, reader: Reader) -> None:
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, NOON - 300, NOON), [Reading(WASHER_BOX, NOON - 59, WASHER, 1.0)])
        found = reader.ask("throughput", NOON).by("appliance", "packets_per_minute")
        assert (found["frigorifero"], found["lavatrice"], found["forno"]) == (6, 1, 0)

    def test_the_settings(self, reader: Reader) -> None:
        row = reader.ask("limits", NOON).of("name", "contract_power_w", "alert_power_w", "mains_voltage_v", "currency")
        assert row == [("Mario Rossi", 3000, 2500, 230.0, "EUR")]


class TestSeries:
    def test_every_10_seconds_with_two_lost_readings_bridged_and_a_gap_shown(self, home: Home, reader: Reader) -> None:
        begin = NOON - 100
        kept = (0, 10, 40, 80)  # two lost before 40, three before 80
        store(home, [Reading(FRIDGE_BOX, begin + second, FRIDGE, 2.0) for second in kept])
        assert reader.ask("ampere", NOON, NOON - HOUR, NOON).series() == {
            "frigorifero": [
                (begin, 2.0),
                (begin + 10, 2.0),
                (begin + 40, 2.0),
                (begin + 50, None),
                (begin + 80, 2.0),
            ]
        }
        assert [value for _, value in reader.ask("watt", NOON, NOON - HOUR, NOON).series()["frigorifero"]] == [
            460.0,
            460.0,
            460.0,
            None,
            460.0,
        ]

    def test_boxes_that_measure_at_odd_seconds_share_a_grid(self, home: Home, reader: Reader) -> None:
        store(home, [Reading(FRIDGE_BOX, NOON - 57, FRIDGE, 1.0), Reading(OTHER_BOX, NOON - 52, FRIDGE, 2.0)])
        assert reader.ask("ampere", NOON, NOON - HOUR, NOON).series() == {"frigorifero": [(NOON - 60, 3.0)]}

    @pytest.mark.parametrize(
        ("seconds", "step"), [(2 * HOUR, 10), (6 * HOUR, 60), (7 * DAY, 900), (31 * DAY, 3600), (32 * DAY, DAY)]
    )
    def test_steps_grow_with_the_range_and_means_stay(
        self, home: Home, reader: Reader, seconds: int, step: int
    ) -> None:
        """1 A and 3 A in turns of five minutes: 2 A on the mean, and from the hour on nothing else."""
        begin = MIDNIGHT - DAY
        store(
            home,
            (
                Reading(FRIDGE_BOX, moment, FRIDGE, 1.0 + 2 * ((moment - begin - 10) // 300 % 2))
                for moment in range(begin + 10, MIDNIGHT + 1, 10)
            ),
        )
        reopen(home, NOON)
        points = reader.ask("watt", NOON, MIDNIGHT - seconds, MIDNIGHT - 1).series()["frigorifero"]
        values = [value for _, value in points if value is not None]
        assert all(time % step == begin % step for time, _ in points)
        if step < 3600:
            expected = min(seconds, DAY) // step
            assert abs(len(values) - expected) <= 1
        else:
            assert len(values) == DAY // step
            assert values[1:] == [pytest.approx(460.0, rel=0.02)] * (DAY // step - 1)
            assert values[0] == pytest.approx(460.0, rel=0.02)

    @pytest.mark.parametrize("days", [1, 20, 60])
    def test_an_outage_is_a_gap_at_every_step(self, home: Home, reader: Reader, days: int) -> None:
        begin = MIDNIGHT - 12 * DAY
        store(
            home,
            steady(FRIDGE_BOX, FRIDGE, 1.0, begin, begin + DAY, 30),
            steady(FRIDGE_BOX, FRIDGE, 1.0, MIDNIGHT - DAY, MIDNIGHT - DAY + 4 * HOUR, 30),
            steady(FRIDGE_BOX, FRIDGE, 1.0, MIDNIGHT - 4 * HOUR, MIDNIGHT, 30),
        )
        reopen(home, NOON)
        points = reader.ask("appliance_watt", NOON, MIDNIGHT - days * DAY, MIDNIGHT, device=FRIDGE).series()
        nulls = [time for time, value in points["frigorifero"] if value is None]
        assert len(nulls) == {1: 1, 20: 2, 60: 1}[days]
        assert "lavatrice" not in points

    def test_packets_over_the_range(self, home: Home, reader: Reader) -> None:
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, MIDNIGHT - DAY, MIDNIGHT, 20))
        reopen(home, NOON)
        for days in (1, 20, 60):
            points = reader.ask("packets", NOON, MIDNIGHT - days * DAY, MIDNIGHT - 1).series()["frigorifero"]
            assert points[-1][1] == pytest.approx(3.0, abs=0.1), days


class TestDays:
    @pytest.mark.parametrize(
        ("day", "hours"), [("2024-06-11", 24), ("2024-03-31", 23), ("2024-10-27", 25)], ids=["24", "23", "25"]
    )
    def test_a_steady_ampere_is_as_many_hours_as_the_clock_says(
        self, home: Home, reader: Reader, day: str, hours: int
    ) -> None:
        begin = at(f"{day} 00:00")
        length = hours * HOUR
        store(
            home,
            steady(FRIDGE_BOX, FRIDGE, 9.0, begin - 2 * HOUR, begin - 10, 30),
            steady(FRIDGE_BOX, FRIDGE, 1.0, begin - 10, begin + length - 10, 30),
            steady(FRIDGE_BOX, FRIDGE, 9.0, begin + length - 10, begin + length + 2 * HOUR, 30),
        )
        for now in (begin + length + 3 * HOUR, begin + length + 3 * DAY):
            reopen(home, now)
            points = reader.ask("daily_wh", now, begin + HOUR, begin + 2 * HOUR).series()
            # The readings before midnight reach up to 30 s into the day, at 9 A instead of 1 A.
            assert points == {"frigorifero": [(begin, pytest.approx(230 * hours, abs=230 * 8 * 30 / 3600))]}
            found = reader.ask("daily_coverage", now, begin + HOUR, begin + 2 * HOUR).series()
            assert found == {"frigorifero": [(begin, pytest.approx(100, abs=0.1))]}

    def test_the_running_day_counts_up_to_now(self, home: Home, reader: Reader) -> None:
        store(home, steady(FRIDGE_BOX, FRIDGE, 2.0, MIDNIGHT, NOON))
        reopen(home, NOON)
        assert reader.ask("daily_wh", NOON).series()["frigorifero"] == [(MIDNIGHT, pytest.approx(2 * 230 * 12))]
        assert reader.ask("daily_coverage", NOON).series()["frigorifero"][-1] == (MIDNIGHT, pytest.approx(100))

    def test_lost_readings_are_made_up_for_and_an_outage_is_not(self, home: Home, reader: Reader) -> None:
        """Every 20th reading is lost, and six hours: 18 of 24 hours are covered, and no Wh is invented."""
        begin = MIDNIGHT - DAY
        readings = [r for i, r in enumerate(steady(FRIDGE_BOX, FRIDGE, 1.0, begin, MIDNIGHT)) if i % 20 != 7]
        store(home, (r for r in readings if not begin + 6 * HOUR < r.timestamp <= begin + 12 * HOUR))
        reopen(home, NOON)
        wh = dict(reader.ask("daily_wh", NOON, begin, MIDNIGHT - 1).series()["frigorifero"])[begin]
        coverage = dict(reader.ask("daily_coverage", NOON, begin, MIDNIGHT - 1).series()["frigorifero"])[begin]
        assert wh == pytest.approx(230 * 18, rel=0.001)
        assert coverage == pytest.approx(75, abs=0.1)

    def test_a_day_without_a_reading_has_no_coverage(self, home: Home, reader: Reader) -> None:
        store(home, [Reading(FRIDGE_BOX, MIDNIGHT - 3 * DAY + 10, FRIDGE, 1.0), Reading(FRIDGE_BOX, NOON, FRIDGE, 1.0)])
        home.rows("UPDATE box SET first_seen = FROM_UNIXTIME(%s)", MIDNIGHT - 3 * DAY + 10)
        reopen(home, NOON)
        days = reader.ask("daily_coverage", NOON, MIDNIGHT - 5 * DAY, NOON).series()["frigorifero"]
        assert [time for time, _ in days] == [MIDNIGHT - n * DAY for n in (3, 2, 1, 0)]
        assert [value for _, value in days][1:3] == [0, 0]

    def test_two_boxes_of_one_appliance(self, home: Home, reader: Reader) -> None:
        begin = MIDNIGHT - DAY
        store(
            home,
            steady(FRIDGE_BOX, FRIDGE, 1.0, begin, MIDNIGHT, 30),
            steady(OTHER_BOX, FRIDGE, 0.5, begin, MIDNIGHT, 30),
        )
        reopen(home, NOON)
        wh = reader.ask("daily_wh", NOON, begin, MIDNIGHT - 1).series()["frigorifero"]
        assert wh == [(begin, pytest.approx(1.5 * 5520, rel=0.001))]
        coverage = reader.ask("daily_coverage", NOON, begin, MIDNIGHT - 1).series()["frigorifero"]
        assert coverage == [(begin, pytest.approx(100, abs=0.1))]

    def test_a_rating_changes_what_comes_after_it_only(self, home: Home, reader: Reader) -> None:
        begin = MIDNIGHT - 2 * DAY
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, begin, MIDNIGHT, 30))
        home.apply(devices=rated("2024-06-11", 0.8))
        reopen(home, NOON)
        wh = reader.ask("daily_wh", NOON, begin, MIDNIGHT - 1).series()["frigorifero"]
        assert wh == [
            (begin, pytest.approx(5520, rel=0.001)),
            (begin + DAY, pytest.approx(5520 * 0.8, rel=0.001)),
        ]

    def test_means_over_ended_days_with_readings(self, home: Home, reader: Reader) -> None:
        """Two days of 1 A, one of 2 A, one without, and a running one that does not count."""
        begin = MIDNIGHT - 4 * DAY
        store(
            home,
            steady(FRIDGE_BOX, FRIDGE, 1.0, begin, begin + 2 * DAY - 30, 30),
            steady(FRIDGE_BOX, FRIDGE, 2.0, begin + 3 * DAY, NOON, 30),
        )
        reopen(home, NOON)
        mean = reader.ask("mean_daily_wh", NOON, begin, NOON)
        assert mean.of("appliance", "days") == [("frigorifero", 3)]
        assert mean.of("mean_wh") == [(pytest.approx(4 / 3 * 5520, rel=0.001),)]
        assert mean.of("coverage_percent") == [(pytest.approx(100, abs=0.1),)]
        weeks = reader.ask("weekly_mean_wh", NOON, begin, NOON).series()["frigorifero"]
        # 8 and 9 June are a Saturday and a Sunday; of the new week Monday has no reading and Tuesday has 2 A.
        assert weeks == [
            (at("2024-06-03 00:00"), pytest.approx(5520, rel=0.001)),
            (at("2024-06-10 00:00"), pytest.approx(2 * 5520, rel=0.001)),
        ]


class TestPeriods:
    def test_the_same_elapsed_part_of_the_one_before(self, home: Home, reader: Reader) -> None:
        """1 A until the end of May, 2 A from 1 to 9 June, 3 A from Monday 10 June to Wednesday noon and 7 minutes."""
        now = NOON + 7 * MINUTE
        store(
            home,
            steady(FRIDGE_BOX, FRIDGE, 1.0, at("2024-05-01 00:00"), at("2024-06-01 00:00") - 30, 30),
            steady(FRIDGE_BOX, FRIDGE, 2.0, at("2024-06-01 00:00") - 30, at("2024-06-10 00:00") - 30, 30),
            steady(FRIDGE_BOX, FRIDGE, 3.0, at("2024-06-10 00:00") - 30, now, 30),
        )
        home.apply(tariffs=[tariff("2024-01-01", 0.2), tariff("2024-06-11", 0.3)])
        reopen(home, now)
        found = reader.ask("periods", now)
        part = 12 * 230 + 7 / 60 * 230
        day, week, month = (3 * part, 3 * (2 * 5520 + part), 3 * (2 * 5520 + part) + 2 * 9 * 5520)
        assert found.of("period", "wh") == [
            ("day", pytest.approx(day, rel=0.001)),
            ("week", pytest.approx(week, rel=0.001)),
            ("month", pytest.approx(month, rel=0.001)),
        ]
        # Yesterday up to 12:07 at 3 A; last Monday to Wednesday 12:07 at 2 A; 1 to 12 May 12:07 at 1 A.
        assert found.of("period", "wh_before") == [
            ("day", pytest.approx(3 * part, rel=0.001)),
            ("week", pytest.approx(2 * (2 * 5520 + part), rel=0.001)),
            ("month", pytest.approx(11 * 5520 + part, rel=0.001)),
        ]
        assert found.of("cost", "cost_before") == [
            (pytest.approx(0.3 * day / 1000, rel=0.001), pytest.approx(0.3 * 3 * part / 1000, rel=0.001)),
            (
                pytest.approx((0.2 * 3 * 5520 + 0.3 * 3 * (5520 + part)) / 1000, rel=0.001),
                pytest.approx(0.2 * 2 * (2 * 5520 + part) / 1000, rel=0.001),
            ),
            (
                pytest.approx((0.2 * (2 * 9 + 3) * 5520 + 0.3 * 3 * (5520 + part)) / 1000, rel=0.001),
                pytest.approx(0.2 * (11 * 5520 + part) / 1000, rel=0.001),
            ),
        ]

    def test_what_was_not_measured_is_told(self, home: Home, reader: Reader) -> None:
        """Of two appliances one is off since 6 today, yesterday until 6; both came on Monday at 12."""
        monday = at("2024-06-10 00:00")
        store(
            home,
            steady(WASHER_BOX, WASHER, 1.0, monday + 12 * HOUR, NOON, 30),
            steady(FRIDGE_BOX, FRIDGE, 1.0, monday + 12 * HOUR, monday + DAY, 30),
            steady(FRIDGE_BOX, FRIDGE, 1.0, monday + DAY + 6 * HOUR, MIDNIGHT + 6 * HOUR, 30),
        )
        home.rows("UPDATE box SET first_seen = FROM_UNIXTIME(%s)", monday + 12 * HOUR)
        reopen(home, NOON)
        found = reader.ask("periods", NOON)
        # Today 18 of 24 appliance hours, yesterday until noon the same, since Monday 18 + 42 + 24 of 24 + 48 + 48; the
        # week and the month before no box was there.
        assert found.of("coverage_percent", "coverage_before_percent", "colour") == [
            (pytest.approx(75, abs=0.1), pytest.approx(75, abs=0.1), "orange"),
            (pytest.approx(100 * 84 / 120, abs=0.1), None, "orange"),
            (pytest.approx(100 * 84 / 120, abs=0.1), None, "orange"),
        ]
        begin = monday
        assert reader.ask("cost_by_month", NOON, begin, NOON).of("month", "coverage_percent") == [
            ("2024-06", pytest.approx(70, abs=0.1))
        ]
        by_appliance = reader.ask("cost_by_appliance", NOON, begin, NOON).by("appliance", "coverage_percent")
        assert by_appliance == {
            "lavatrice": pytest.approx(100 * 48 / 60, abs=0.1),
            "frigorifero": pytest.approx(100 * 36 / 60, abs=0.1),
        }
        assert reader.ask("cost_by_band", NOON, begin, NOON).of("coverage_percent") == [(pytest.approx(70, abs=0.1),)]
        weeks = reader.ask("weekly_coverage", NOON, begin, NOON).series()
        assert weeks == {
            "lavatrice": [(monday, pytest.approx(75, abs=0.1))],
            "frigorifero": [(monday, pytest.approx(100 * 30 / 48, abs=0.1))],
        }
        one = reader.ask("appliance_coverage", NOON, begin, NOON, device=FRIDGE).series()
        assert one == {"frigorifero": reader.ask("daily_coverage", NOON, begin, NOON).series()["frigorifero"]}

    def test_less_than_half_is_red_and_two_boxes_of_one_appliance_count_once(self, home: Home, reader: Reader) -> None:
        store(
            home,
            steady(FRIDGE_BOX, FRIDGE, 1.0, MIDNIGHT - DAY, MIDNIGHT + 5 * HOUR, 30),
            steady(OTHER_BOX, FRIDGE, 1.0, MIDNIGHT - DAY, MIDNIGHT + 5 * HOUR, 30),
        )
        reopen(home, NOON)
        day = reader.ask("periods", NOON).of("coverage_percent", "coverage_before_percent", "colour")[0]
        assert day == (pytest.approx(100 * 5 / 12, abs=0.3), pytest.approx(100, abs=0.3), "red")

    def test_a_long_month_is_compared_with_all_of_the_shorter_one(self, home: Home, reader: Reader) -> None:
        now = at("2024-03-30 12:00")
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, at("2024-02-01 00:00"), at("2024-03-03 00:00"), 30))
        reopen(home, now)
        (before,) = (row[1] for row in reader.ask("periods", now).of("period", "wh_before") if row[0] == "month")
        assert before == pytest.approx(29 * 5520, rel=0.001)


class TestCost:
    def prepare(self, home: Home) -> tuple[int, int]:
        """1 A on the last two days of May and the first of June; the price rises on 31 May."""
        begin, end = at("2024-05-30 00:00"), at("2024-06-02 00:00")
        home.apply(tariffs=[tariff("2024-05-01", 0.2, per_month=31), tariff("2024-05-31", 0.5, per_month=60)])
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, begin - 30, end - 30, 30))
        reopen(home, NOON)
        return begin, end

    def test_by_day(self, home: Home, reader: Reader) -> None:
        begin, end = self.prepare(home)
        points = reader.ask("daily_cost", NOON, begin, end - 1).series()["frigorifero"]
        assert [value for _, value in points] == [pytest.approx(p * 5.52, rel=0.001) for p in (0.2, 0.5, 0.5)]

    def test_by_month_with_fixed_costs(self, home: Home, reader: Reader) -> None:
        begin, end = self.prepare(home)
        found = reader.ask("cost_by_month", NOON, begin, end - 1)
        assert found.of("month", "wh", "cost", "fixed_cost") == [
            (
                "2024-05",
                pytest.approx(2 * 5520, rel=0.001),
                pytest.approx(0.7 * 5.52, rel=0.001),
                pytest.approx(1 + 60 / 31, abs=1e-5),
            ),
            ("2024-06", pytest.approx(5520, rel=0.001), pytest.approx(0.5 * 5.52, rel=0.001), pytest.approx(2.0)),
        ]

    def test_by_appliance_and_without_a_price(self, home: Home, reader: Reader) -> None:
        begin, end = self.prepare(home)
        store(home, steady(WASHER_BOX, WASHER, 1.0, at("2024-04-10 00:00"), at("2024-04-10 01:00"), 30))
        reopen(home, NOON)
        found = reader.ask("cost_by_appliance", NOON, at("2024-04-01 00:00"), end - 1)
        assert found.by("appliance", "cost") == {"frigorifero": pytest.approx(1.2 * 5.52, rel=0.001), "lavatrice": None}
        assert found.by("appliance", "wh")["lavatrice"] == pytest.approx(230, rel=0.01)
        assert reader.ask("cost_by_band", NOON, begin, end - 1).of("band", "wh") == [
            ("", pytest.approx(3 * 5520, rel=0.001))
        ]

    def test_by_band(self, home: Home, reader: Reader) -> None:
        """Tuesday 11 June: 11 hours of F1, 5 of F2, 8 of F3."""
        hours = [
            {"band": "F1", "days": [1], "begins": 480, "ends": 1140},
            {"band": "F2", "days": [1], "begins": 420, "ends": 480},
            {"band": "F2", "days": [1], "begins": 1140, "ends": 1380},
        ]
        bands = {"prices": {"F1": 0.3, "F2": 0.2, "F3": 0.1}, "hours": hours, "other_hours": "F3"}
        home.apply(tariffs=[tariff("2024-01-01", 0) | bands])
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, MIDNIGHT - DAY - 30, MIDNIGHT - 30, 30))
        reopen(home, NOON)
        found = reader.ask("cost_by_band", NOON, MIDNIGHT - DAY, MIDNIGHT - 1)
        assert found.of("band", "wh") == [
            ("F1", pytest.approx(11 * 230, rel=0.01)),
            ("F2", pytest.approx(5 * 230, rel=0.01)),
            ("F3", pytest.approx(8 * 230, rel=0.01)),
        ]
        assert sum(row[0] for row in found.of("cost")) == pytest.approx((11 * 0.3 + 5 * 0.2 + 8 * 0.1) * 0.23, rel=0.01)


class TestAppliance:
    def test_the_variable(self, reader: Reader) -> None:
        assert reader.ask("appliances", NOON).by("__text", "__value")["frigorifero"] == 2

    @pytest.mark.parametrize(("days", "tolerance_min"), [(0.25, 0.5), (2, 15), (40, 15)])
    def test_runs(self, home: Home, reader: Reader, days: float, tolerance_min: float) -> None:
        """A standby of 4.6 W, one run of 45 min with a pause of 4, another of 30 min two hours later; 5 A is 1150 W."""
        begin = NOON - 5 * HOUR
        parts = [
            (0, 60, 0.02),
            (60, 80, 5.0),
            (80, 84, 0.02),
            (84, 105, 5.0),
            (105, 225, 0.02),
            (225, 255, 5.0),
            (255, 300, 0.02),
        ]
        store(home, *(steady(WASHER_BOX, WASHER, amps, begin + 60 * a, begin + 60 * b) for a, b, amps in parts))
        home.apply(tariffs=[tariff("2024-01-01", 0.2)])
        reopen(home, NOON)
        found = reader.ask("appliance_cycles", NOON, int(NOON - days * DAY), NOON, device=WASHER)
        rows = found.of("time", "minutes", "wh", "cost", "peak_w")
        assert len(rows) == 2
        (second, first) = rows
        slack = tolerance_min * 60
        assert first[0] == pytest.approx(begin + 3600, abs=slack)
        assert second[0] == pytest.approx(begin + 225 * 60, abs=slack)
        assert first[1] == pytest.approx(45, abs=2 * tolerance_min)
        assert second[1] == pytest.approx(30, abs=2 * tolerance_min)
        assert first[2] == pytest.approx(41 / 60 * 1150, rel=0.01)
        assert second[2] == pytest.approx(30 / 60 * 1150, rel=0.01)
        assert second[3] == pytest.approx(second[2] * 0.0002)
        assert (first[4], second[4]) == (1150.0, 1150.0)
        peak = reader.ask("appliance_peak", NOON, int(NOON - days * DAY), NOON, device=WASHER)
        assert peak.of("peak_w") == [(1150.0,)]

    def test_standby_of_quiet_hours_and_what_it_costs(self, home: Home, reader: Reader) -> None:
        """0.04 A is 9.2 W: 80.592 kWh a year; the hour with a peak does not count."""
        begin = NOON - 10 * HOUR
        store(
            home,
            steady(WASHER_BOX, WASHER, 0.04, begin, begin + 6 * HOUR, 30),
            steady(WASHER_BOX, WASHER, 5.0, begin + 6 * HOUR, begin + 6 * HOUR + 600, 30),
            steady(WASHER_BOX, WASHER, 0.04, begin + 6 * HOUR + 600, NOON - 30, 30),
        )
        home.apply(tariffs=[tariff("2024-01-01", 0.25)])
        reopen(home, NOON)
        found = reader.ask("appliance_standby", NOON, NOON - DAY, NOON, device=WASHER)
        ((watt, hours, wh_year, cost_year),) = found.of("standby_w", "quiet_hours", "wh_year", "cost_year")
        assert watt == pytest.approx(9.2, rel=0.001)
        assert hours == 9
        assert wh_year == pytest.approx(80_592, rel=0.001)
        assert cost_year == pytest.approx(80.592 * 0.25, rel=0.001)
        assert found.of("floor_05b_w", "floor_20a_w") == [(pytest.approx(6.21), pytest.approx(11.5))]
        assert reader.ask("appliance_standby", NOON, NOON - DAY, NOON, device=FRIDGE).rows == ()

    def test_hours_of_the_week_are_the_clocks(self, home: Home, reader: Reader) -> None:
        """3 A on Tuesday from 8 to 9 by the clock, in winter and in summer; nothing else is running."""
        for day in ("2024-03-26", "2024-04-02"):
            begin = at(f"{day} 00:00")
            store(
                home,
                steady(WASHER_BOX, WASHER, 0.0, begin, begin + 8 * HOUR - 30, 30),
                steady(WASHER_BOX, WASHER, 3.0, begin + 8 * HOUR - 30, begin + 9 * HOUR - 30, 30),
                steady(WASHER_BOX, WASHER, 0.0, begin + 9 * HOUR - 30, begin + DAY - 30, 30),
            )
        now = at("2024-04-10 12:00")
        reopen(home, now)
        found = reader.ask("appliance_week", now, at("2024-03-20 00:00"), now, device=WASHER)
        assert {(day, hour) for day, hour, watt in found.of("weekday", "hour", "mean_w") if watt > 0} == {(1, "08:00")}
        assert max(row[0] for row in found.of("mean_w")) == pytest.approx(690, rel=0.01)
        assert len(found.rows) == 24


class TestDiagnosis:
    def test_a_box(self, home: Home, reader: Reader) -> None:
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, NOON - 2 * DAY, NOON - 12 * HOUR, 30))
        home.rows("UPDATE box SET last_seen = FROM_UNIXTIME(%s)", NOON - 12 * HOUR)
        (row,) = reader.ask("boxes", NOON).of(
            "box", "appliance", "last_seen", "silent_s", "packets_per_minute", "coverage_percent"
        )
        assert row == (
            "02:00:00:00:00:02",
            "frigorifero",
            (NOON - 12 * HOUR) * 1000,
            12 * HOUR,
            0,
            pytest.approx(50, abs=0.1),
        )

    def test_what_is_known_of_a_box_is_a_minute_old_and_its_readings_are_not(self, home: Home, reader: Reader) -> None:
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, NOON - HOUR, NOON))
        home.rows("UPDATE box SET last_seen = FROM_UNIXTIME(%s)", NOON - 70)
        assert reader.ask("boxes", NOON).of("silent_s", "packets_per_minute") == [(0, 6)]
        assert reader.ask("gaps", NOON, NOON - HOUR, NOON).rows == ()

    @pytest.mark.parametrize(("hours", "begins", "ends"), [(6, 601, 1200), (48, 900, 1800), (10 * 24, 3600, 7200)])
    def test_gaps(self, home: Home, reader: Reader, hours: int, begins: int, ends: int) -> None:
        start = NOON - 5 * HOUR
        store(
            home,
            steady(FRIDGE_BOX, FRIDGE, 1.0, start - 10, start + begins - 1),
            steady(FRIDGE_BOX, FRIDGE, 1.0, start + ends - 10, start + 3 * HOUR),
        )
        lasting, gap = reader.ask("gaps", NOON, NOON - hours * HOUR, NOON).of("box", "begins", "ends", "minutes")
        assert lasting == ("02:00:00:00:00:02", (start + 3 * HOUR) * 1000, None, pytest.approx(120))
        assert gap[1] / 1000 == pytest.approx(start + begins, abs=10)
        assert gap[2] / 1000 == pytest.approx(start + ends, abs=10)

    def test_a_box_that_sends_has_no_gap(self, home: Home, reader: Reader) -> None:
        store(home, steady(FRIDGE_BOX, FRIDGE, 1.0, NOON - 5 * HOUR, NOON))
        for hours in (6, 48, 10 * 24):
            assert reader.ask("gaps", NOON, NOON - hours * HOUR, NOON).rows == ()

    def test_silences_count_whole_quarters_from_the_first_reading_on(self, home: Home, reader: Reader) -> None:
        """The fridge's box: 7:00 to 8:00, 9:00 to 9:05, so silent 60 min from 8:00 and 165 min from 9:15 to noon."""
        store(
            home,
            steady(FRIDGE_BOX, FRIDGE, 1.0, NOON - 5 * HOUR, NOON - 4 * HOUR - 10),
            steady(FRIDGE_BOX, FRIDGE, 1.0, NOON - 3 * HOUR, NOON - 3 * HOUR + 300),
            steady(WASHER_BOX, WASHER, 1.0, NOON - 5 * HOUR, NOON),
        )
        columns = ("box", "appliance", "silences", "minutes", "longest_minutes", "longest_begins")
        fridge = ("02:00:00:00:00:02", "frigorifero")
        found = reader.ask("silences", NOON, NOON - 10 * HOUR, NOON - 1)
        assert found.of(*columns) == [(*fridge, 2, 225, 165, (NOON - 3 * HOUR + 900) * 1000)]
        # A range that ends in a silence, and one from before the first reading that ends in the last.
        found = reader.ask("silences", NOON, NOON - 4 * HOUR, NOON - 3 * HOUR - 1)
        assert found.of(*columns) == [(*fridge, 1, 60, 60, (NOON - 4 * HOUR) * 1000)]
        assert reader.ask("silences", NOON, NOON - 10 * HOUR, NOON - 5 * HOUR - 1).rows == ()
        assert reader.ask("silences", NOON, NOON - 5 * HOUR, NOON - 4 * HOUR - 1).rows == ()

    def test_quarantine(self, home: Home, reader: Reader) -> None:
        store(home, [Reading(OTHER_BOX, NOON - 60, 9, 1.0), Reading(OTHER_BOX, NOON - 50, 9, 1.0)])
        assert reader.ask("quarantine", NOON).of("box", "appliance_id", "readings", "first", "last") == [
            ("02:00:00:00:00:03", 9, 2, (NOON - 60) * 1000, (NOON - 50) * 1000)
        ]

    def test_what_the_hub_says(self, home: Home, reader: Reader) -> None:
        payload = (
            '{"state": "online", "version": "0.1.0", "uptime_s": 60, "queue": {"memory": 2, "spool": 3, "lag_s": 4}}'
        )
        for age, state, said in ((120, "online", payload), (60, "offline", '{"state": "offline"}')):
            home.rows("INSERT INTO hub_status VALUES (FROM_UNIXTIME(%s), %s, %s)", NOON - age, state, said)
        assert reader.ask("hub", NOON).of("state", "silent_s", "version") == [("offline", 60, None)]
        queue = reader.ask("hub_queue", NOON, NOON - HOUR, NOON)
        assert queue.of("time", "memory", "spool", "lag_s") == [(NOON - 120, 2, 3, 4)]

    def test_letters_and_writers(self, home: Home, reader: Reader) -> None:
        home.rows("INSERT INTO dead_letter_count VALUES ('json', 5, FROM_UNIXTIME(%s))", NOON)
        assert reader.ask("dead_letters", NOON).of("reason", "messages", "last") == [("json", 5, NOON * 1000)]
        home.rows(
            "INSERT INTO writer_status "
            "VALUES ('pi', FROM_UNIXTIME(%s), FROM_UNIXTIME(%s), '0.1.0', 1, 2, 3, 4, 5, 6, NULL)",
            NOON - 600,
            NOON - 30,
        )
        assert reader.ask("writers", NOON).of("writer", "silent_s", "stored", "dead_lettered") == [("pi", 30, 2, 6)]
