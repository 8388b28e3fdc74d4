from __future__ import annotations

import itertools
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.schema.calendar import local_days


def hours(zone: str, day: date) -> float:
    ((_, begins, ends),) = local_days(ZoneInfo(zone), day, day)
    return (ends - begins) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("Europe/Rome", date(2024, 3, 31), 23),
        ("Europe/Rome", date(2024, 10, 27), 25),
        ("Europe/Rome", date(2024, 10, 28), 24),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        # Clocks change at midnight here: the day begins at 01:00, or ends with 23:00 twice.
        ("Africa/Cairo", date(2024, 4, 26), 23),
        ("Africa/Cairo", date(2024, 10, 31), 25),
        ("Asia/Beirut", date(2024, 3, 31), 23),
        ("Asia/Beirut", date(2024, 10, 26), 25),
        ("America/Havana", date(2024, 3, 10), 23),
        ("America/Havana", date(2024, 11, 3), 25),
        # A day that never was (the date line).
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_length_of_a_day(zone: str, day: date, length: float) -> None:
    assert hours(zone, day) == length


@given(
    st.sampled_from(
        ["Europe/Rome", "Asia/Kathmandu", "Africa/Cairo", "America/St_Johns", "Pacific/Chatham", "Africa/Casablanca"]
    ),
    st.dates(date(2020, 1, 1), date(2034, 1, 1)),
)
def test_days_follow_each_other_without_gap(zone: str, first: date) -> None:
    days = list(local_days(ZoneInfo(zone), first, first + timedelta(days=400)))
    assert len(days) == 401
    for (day, begins, ends), (following, next_begins, _) in itertools.pairwise(days):
        assert following == day + timedelta(days=1)
        assert begins < ends == next_begins
