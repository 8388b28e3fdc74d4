"""Whatever arrives in whatever order: the rollups equal a recomputation, and days are the household's own."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database import model
from database.fixtures import Home
from ecms_bridge.messages import Reading
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch

BEGIN = 1_718_000_100
MACS = [bytes([2, 0, 0, 0, 0, number]) for number in range(3)]

# Seconds that crowd where it matters: within 30 s of each other and at both sides of a bucket's or hour's end.
seconds = st.one_of(
    st.integers(0, 120),
    st.integers(860, 940),
    st.integers(2660, 2740),
    st.integers(-40, 7300),
    st.integers(0, 400).map(lambda step: step * 10),
)
readings = st.builds(
    lambda second, mac, device, milliampere: Reading(mac, BEGIN + second, device, milliampere / 1000),
    seconds,
    st.sampled_from(MACS),
    st.integers(1, 2),
    st.integers(0, 40_000),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=st.lists(st.lists(readings, max_size=20), min_size=1, max_size=6), again=st.randoms())
def test_any_sequence_of_batches(home: Home, batches: list[list[Reading]], again: object) -> None:
    home.rows("DELETE FROM {data}")
    home.rows("DELETE FROM {roll}")
    first: dict[tuple[int, int, bytes], Decimal] = {}
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        for batch in batches:
            writer.store(Batch(home.slug, batch))
            for reading in batch:
                key = (reading.timestamp, reading.device, reading.mac)
                first.setdefault(key, Decimal(f"{reading.amps:.3f}"))
        repeats = [reading for batch in batches for reading in batch]
        again.shuffle(repeats)  # type: ignore[attr-defined]
        outcome = writer.store(Batch(home.slug, repeats))
    assert outcome.stored == 0
    rows = [model.Raw(*key, amps) for key, amps in first.items()]
    assert sorted(model.raw(home)) == sorted(rows)
    assert model.stored(home) == model.expected(rows)


def daily(home: Home, day: date) -> tuple[Decimal, int]:
    """Return ampere-seconds and seconds covered of a local day, as a dashboard asks for them."""
    ((a_s, cov_s),) = home.rows(
        "SELECT SUM(r.a_s), SUM(r.cov_s) FROM calendar c "
        "JOIN {roll} r ON r.res = 15 AND r.bucket >= c.begins AND r.bucket < c.ends WHERE c.day = %s",
        day,
    )
    return Decimal(a_s), int(cov_s)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Rome", date(2024, 3, 31), 23),
        ("Europe/Rome", date(2024, 10, 27), 25),
        ("Europe/Rome", date(2024, 6, 1), 24),
        ("Asia/Kathmandu", date(2024, 6, 1), 24),
        ("Asia/Kolkata", date(2024, 6, 1), 24),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("Australia/Lord_Howe", date(2024, 10, 6), 23.5),
        ("Africa/Cairo", date(2024, 4, 26), 23),
    ],
)
def test_a_day_is_as_long_as_the_households_clocks_say(home: Home, zone: str, day: date, hours: float) -> None:
    """A box draws 1 A all day and 9 A on the days before and after: nothing of those is counted."""
    home.apply(timezone=zone)
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    begins = int(midnight.timestamp())
    length = int(hours * 3600)
    inside = range(begins, begins + length, 10)
    outside = [*range(begins - 1800, begins, 10), *range(begins + length, begins + length + 1800, 10)]
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        for amps, moments in ((1.0, inside), (9.0, outside)):
            writer.store(Batch(home.slug, [Reading(MACS[0], moment, 1, amps) for moment in moments]))
    assert daily(home, day) == (Decimal(length), length)
    assert home.rows("SELECT TIMESTAMPDIFF(SECOND, begins, ends) FROM calendar WHERE day = %s", day) == ((length,),)
    model.check(home)


def test_five_percent_lost_at_random_are_made_up_for(home: Home) -> None:
    """With every 20th reading missing its neighbour stands for it: less than 0.5 % off, all time covered."""
    begin = datetime(2024, 6, 1, tzinfo=UTC)
    kept = [
        Reading(MACS[0], int((begin + timedelta(seconds=10 * step)).timestamp()), 1, 2.0 + (step // 90) % 3)
        for step in range(8640)
        if step % 20 != 7
    ]
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        writer.store(Batch(home.slug, kept))
    ((a_s, cov_s),) = home.rows("SELECT SUM(a_s), SUM(cov_s) FROM {roll} WHERE res = 60")
    truth = sum((2.0 + (step // 90) % 3) * 10 for step in range(8640))
    assert abs(float(a_s) / truth - 1) < 0.005
    assert cov_s == 86400
    model.check(home)
