from __future__ import annotations

import itertools
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.writer.rollups import Run, touched_hours, touched_quarters, utc

A, B = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"
HOUR = 1_717_999_200
readings = st.lists(st.tuples(st.integers(HOUR, HOUR + 3 * 86400), st.sampled_from([A, B])), max_size=40)


def test_the_successors_bucket_is_touched_from_30_s_before_the_end() -> None:
    assert touched_quarters([(HOUR, A), (HOUR + 869, A)]) == [Run(HOUR, HOUR + 900, (A,))]
    assert touched_quarters([(HOUR + 870, A)]) == [Run(HOUR, HOUR + 1800, (A,))]


def test_neighbours_are_one_run_and_others_are_not() -> None:
    found = touched_quarters([(HOUR + 10, A), (HOUR + 910, B), (HOUR + 2700, A)])
    assert found == [Run(HOUR, HOUR + 1800, (A, B)), Run(HOUR + 2700, HOUR + 3600, (A,))]
    assert touched_hours(found) == [Run(HOUR, HOUR + 3600, (A, B))]


def test_a_long_run_is_cut_at_a_day() -> None:
    found = touched_quarters([(HOUR + 900 * step, A) for step in range(100)])
    assert [(run.ends - run.begins) for run in found] == [86400, 4 * 900]


@given(readings)
def test_every_reading_and_every_possible_successor_is_in_a_run(given_readings: list[tuple[int, bytes]]) -> None:
    quarters = touched_quarters(given_readings)
    for runs in (quarters, touched_hours(quarters)):
        assert all(first.ends <= second.begins for first, second in itertools.pairwise(runs))
        for timestamp, mac in given_readings:
            for moment in (timestamp, timestamp + 30):
                assert any(run.begins <= moment < run.ends and mac in run.macs for run in runs)


@given(readings)
def test_no_bucket_is_computed_for_nothing(given_readings: list[tuple[int, bytes]]) -> None:
    for run in touched_quarters(given_readings):
        for bucket in range(run.begins, run.ends, 900):
            assert any(t - t % 900 == bucket or bucket <= t + 30 < bucket + 900 for t, _ in given_readings)


def test_times_are_naive_utc() -> None:
    assert utc(HOUR) == datetime.fromtimestamp(HOUR, UTC).replace(tzinfo=None)
