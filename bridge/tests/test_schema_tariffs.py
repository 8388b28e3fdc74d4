from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.days import Day
from ecms_bridge.schema import prices
from ecms_bridge.schema.calendar import local_days
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.tariff_facts import parse_tariff
from ecms_bridge.schema.tariffs import Tariff, in_force, slots

TODAY = date(2026, 6, 10)


def facts(**changed: object) -> dict[str, Any]:
    return {
        "valid_from": "2026-01-01",
        "prices": {"day": 0.3, "night": 0.15},
        "hours": [{"band": "night", "days": [0, 1, 2, 3, 4, 5, 6], "begins": 0, "ends": 360}],
        "other_hours": "day",
        "holiday_country": "IT",
        "holiday_band": "night",
        "fixed_per_month": 10,
        "fixed_per_year": 0,
        "correction": False,
        **changed,
    }


def hours(**changed: object) -> dict[str, Any]:
    return facts(hours=[{"band": "night", "days": [0], "begins": 0, "ends": 360, **changed}])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "each of ecms_tariffs must be a JSON object"),
        (facts(valid_from="1/1/2026"), "write valid_from as a date such as 2026-01-31, not '1/1/2026'"),
        (facts(valid_from="2038-02-01"), "set valid_from to a date up to 2038-01-18"),
        (facts(prices={}), "set a price, or 1 to 20 bands"),
        (facts(prices={"day": "x", "night": 1}), "the price of 'day' must be a number from 0 to 1000"),
        (facts(prices={"day": float("inf"), "night": 1}), "must be a number from 0 to 1000"),
        (facts(other_hours="evening"), "the band 'evening' has no price: add it to bands"),
        (facts(holiday_band="feast"), "the band 'feast' has no price"),
        (facts(holiday_country="XX"), "the holidays of the country 'XX' are not known: set a code such as IT"),
        (facts(fixed_per_month=-1), "fixed_per_month must be a number from 0"),
        (hours(band="x"), "the band 'x' has no price"),
        (hours(days=[]), "the days of hours must be numbers from 0 (Monday) to 6"),
        (hours(days=[7]), "the days of hours must be numbers from 0 (Monday) to 6"),
        (hours(begins=10), "at quarters of an hour of one day, not 10 to 360 minutes"),
        (hours(ends=0), "at quarters of an hour of one day, not 0 to 0 minutes"),
        (hours(ends=1455), "at quarters of an hour of one day"),
    ],
)
def test_a_mistake_is_one_sentence(given: object, sentence: str) -> None:
    with pytest.raises(SchemaError) as error:
        parse_tariff(given)
    assert sentence in str(error.value)


def test_terms_are_the_same_for_the_same_tariff() -> None:
    tariff = parse_tariff(facts())
    same = parse_tariff(facts(prices={"night": 0.150, "day": 0.30}, fixed_per_month=10.0, correction=True))
    assert same.terms == tariff.terms
    assert Tariff.from_terms(tariff.valid_from, tariff.terms) == tariff
    for other in (
        facts(fixed_per_year=1),
        facts(prices={"day": 0.31, "night": 0.15}),
        hours(),
        facts(other_hours="night"),
    ):
        assert parse_tariff(other).terms != tariff.terms


def test_the_tariff_in_force() -> None:
    tariffs = [parse_tariff(facts(valid_from=day)) for day in ("2026-01-01", "2026-03-01")]
    found = [in_force(tariffs, date(2026, month, 1)) for month in (1, 2, 3, 4)]
    assert [tariff and tariff.valid_from.month for tariff in found] == [1, 1, 3, 3]
    assert in_force(tariffs, date(2025, 12, 31)) is None


def test_fixed_costs_of_a_month_and_of_a_year_add_up() -> None:
    tariff = parse_tariff(facts(fixed_per_month=12, fixed_per_year=73))
    days = [date(2028, 1, 1) + timedelta(days=n) for n in range(366)]
    assert sum(tariff.fixed(day) for day in days) == pytest.approx(Decimal(12 * 12 + 73))
    assert sum(tariff.fixed(day) for day in days if day.month == 2) == pytest.approx(
        Decimal(12) + Decimal(73) * 29 / 366
    )


quarters = st.integers(0, 95).map(lambda number: number * 15)


@given(
    zone=st.sampled_from(["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"]),
    first=st.dates(date(2024, 1, 1), date(2027, 12, 1)),
    cuts=st.lists(st.tuples(quarters, quarters), max_size=4),
)
def test_slots_fill_a_day_and_hold_the_band_that_the_clock_shows(
    zone: str, first: date, cuts: list[tuple[int, int]]
) -> None:
    entries = [
        {"band": "night", "days": list(range(7)), "begins": min(cut), "ends": max(cut)}
        for cut in cuts
        if cut[0] != cut[1]
    ]
    tariff = parse_tariff(facts(hours=entries, holiday_country="", valid_from="2024-01-01"))
    local = ZoneInfo(zone)
    for key, begins, ends in local_days(local, first, first + timedelta(days=6)):
        found = slots(tariff, Day(key, begins, ends), local)
        assert (found[0][0], found[-1][1]) == (begins, ends)
        assert all(left[1] == right[0] for left, right in itertools.pairwise(found))
        assert all(left < right for left, right, _ in found)
        if ends - begins == timedelta(hours=24):
            for slot_begins, _, band in found:
                clock = datetime.fromisoformat(f"{slot_begins}+00:00").astimezone(local)
                assert tariff.band_at(clock.date(), clock.hour * 60 + clock.minute) == band


class TestPlan:
    old, new = "2026-01-01", "2026-12-01"

    def test_what_holds_already_is_not_changed(self) -> None:
        stored = {date(2026, 1, 1): parse_tariff(facts()).terms}
        with pytest.raises(SchemaError, match="the tariff from 2026-01-01 holds already with other terms"):
            prices.plan([parse_tariff(facts(fixed_per_month=11))], stored, TODAY)
        corrected = prices.plan([parse_tariff(facts(fixed_per_month=11, correction=True))], stored, TODAY)
        assert corrected.changes == ["tariff from 2026-01-01: change"]
        assert corrected.since == [(date(2026, 1, 1), date.max)]

    def test_the_day_on_which_it_begins_is_already_its_own(self) -> None:
        stored = {TODAY: parse_tariff(facts(valid_from=str(TODAY))).terms}
        changed = parse_tariff(facts(valid_from=str(TODAY), fixed_per_month=11))
        with pytest.raises(SchemaError, match="holds already"):
            prices.plan([changed], stored, TODAY)
        assert prices.plan([changed], stored, TODAY - timedelta(days=1)).changes

    def test_what_is_to_come_is_taken_back_but_not_by_an_empty_list(self) -> None:
        tariffs = [parse_tariff(facts(valid_from=day)) for day in (self.old, self.new)]
        stored = {tariff.valid_from: tariff.terms for tariff in tariffs}
        assert prices.plan([], stored, TODAY).terms == {}
        assert prices.plan(tariffs[:1], stored, TODAY).terms == {date(2026, 12, 1): None}
        assert prices.plan(tariffs[1:], stored, TODAY).terms == {}

    def test_an_entry_between_two_touches_no_day_of_theirs(self) -> None:
        stored = {date.fromisoformat(day): parse_tariff(facts(valid_from=day)).terms for day in (self.old, self.new)}
        between = prices.plan([parse_tariff(facts(valid_from="2026-03-01"))], stored, TODAY)
        assert between.since[0] == (date(2026, 3, 1), date(2026, 12, 1))
