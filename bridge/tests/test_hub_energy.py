"""Each second of a box counts once, in whatever order and how often its readings come."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.hub.energy import MAX_SPANS, Meter

BEGIN = 1_767_265_200
times = st.lists(st.integers(BEGIN, BEGIN + 2000), max_size=80)


def covered(meter: Meter) -> set[int]:
    return {second for begins, ends in meter.spans for second in range(begins, ends)}


@given(times)
def test_no_second_counts_twice(moments: list[int]) -> None:
    meter = Meter()
    total = 0
    for moment in moments:
        before = covered(meter)
        counted = meter.count(moment)
        after = covered(meter)
        assert before <= after
        assert counted == len(after - before)
        assert meter.count(moment) == 0, "a reading that comes again"
        total += counted
    assert total == len(covered(meter))
    assert meter.spans == sorted(meter.spans)
    assert all(a[1] < b[0] for a, b in zip(meter.spans, meter.spans[1:], strict=False))


@given(times)
def test_in_order_it_counts_as_the_rollups_do(moments: list[int]) -> None:
    meter = Meter()
    previous = -31
    for moment in sorted(set(moments)):
        gap = moment - previous
        previous = moment
        assert meter.count(moment) == (gap if gap <= 30 else 10)


@given(st.randoms(use_true_random=False))
def test_an_outage_that_is_sent_later_is_counted_whole(order: random.Random) -> None:
    late = []
    for begins in range(110, 3700, 500):  # boxes drain their ring in order, and the network shuffles a little
        some = [BEGIN + n for n in range(begins, min(begins + 500, 3700), 10)]
        order.shuffle(some)
        late += some
    meter = Meter()
    total = sum(meter.count(BEGIN + n) for n in range(0, 110, 10))
    total += sum(meter.count(BEGIN + n) for n in range(3700, 3800, 10))
    total += sum(meter.count(moment) for moment in late)
    assert total == 3800
    assert meter.spans == [(BEGIN - 10, BEGIN + 3790)]


def test_what_was_counted_before_a_restart_counts_no_more() -> None:
    meter = Meter([(0, BEGIN)])
    assert [meter.count(BEGIN - 500), meter.count(BEGIN), meter.count(BEGIN + 10)] == [0, 0, 10]
    assert Meter(meter.spans).count(BEGIN + 10) == 0


def test_many_gaps_are_bounded_and_still_nothing_counts_twice() -> None:
    meter = Meter()
    total = sum(meter.count(BEGIN + 100 * n) for n in range(10 * MAX_SPANS))
    assert total == 10 * 10 * MAX_SPANS
    assert len(meter.spans) == MAX_SPANS
    assert sum(meter.count(BEGIN + 100 * n) for n in range(10 * MAX_SPANS)) == 0
    assert meter.count(BEGIN + 50) == 0
