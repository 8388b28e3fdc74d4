from __future__ import annotations

import json

import pytest

from ecms_bridge.messages import Reading, encode_reading
from ecms_bridge.writer import inbox as module
from ecms_bridge.writer.inbox import Batch, Inbox, Letter, Status

NOW = 1_718_000_000
MAC = bytes([2, 0, 0, 0, 0, 1])


class Clock:
    """Unix time and seconds that pass together."""

    def __init__(self) -> None:
        self.passed = 0.0

    def unix(self) -> float:
        return NOW + self.passed

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(clock: Clock) -> Inbox:
    return Inbox(max_readings=3, max_age_s=1.0, clock=clock.unix, monotonic=clock.monotonic)


def message(number: int, **members: object) -> bytes:
    fields: dict[str, object] = {"id": f"x-{number}", "mac": "02:00:00:00:00:01", "timestamp": NOW, "device": 1}
    fields |= {"amps": 1.0, **members}
    return json.dumps({key: value for key, value in fields.items() if value is not None}).encode()


def test_a_batch_is_due_by_its_age(inbox: Inbox, clock: Clock) -> None:
    assert inbox.seconds_until_due() == float("inf")
    inbox.add("casa/sensori", message(1))
    assert inbox.due() == []
    assert inbox.seconds_until_due() == 1.0
    clock.passed = 0.4
    inbox.add("casa/sensori", message(2))
    assert inbox.seconds_until_due() == pytest.approx(0.6)
    clock.passed = 1.0
    assert inbox.due() == ["casa"]
    assert inbox.seconds_until_due() == 0.0


def test_a_batch_is_due_by_its_size(inbox: Inbox) -> None:
    for number in range(3):
        assert inbox.due() == []
        inbox.add("casa/sensori", message(number))
    assert inbox.due() == ["casa"]


def test_households_are_kept_apart_and_the_longest_waiting_comes_first(inbox: Inbox, clock: Clock) -> None:
    for slug, moment in (("b", 0.0), ("c", 0.1), ("a", 0.2)):
        clock.passed = moment
        inbox.add(f"{slug}/sensori", message(1))
    clock.passed = 2.0
    assert inbox.due() == ["b", "c", "a"]
    assert [len(inbox.batch(slug).readings) for slug in "abc"] == [1, 1, 1]


def test_what_is_held_stays_until_it_is_stored(inbox: Inbox, clock: Clock) -> None:
    inbox.add("casa/sensori", message(1))
    batch = inbox.batch("casa")
    assert inbox.batch("casa") == batch
    inbox.add("casa/sensori", message(2))
    inbox.done(batch)
    assert inbox.held == 1
    assert inbox.batch("casa").ids() == ["x-2"]
    clock.passed = 1.0
    assert inbox.due() == ["casa"]
    inbox.done(inbox.batch("casa"))
    assert (inbox.held, inbox.waiting(), inbox.due()) == (0, [], [])


def test_a_reading_that_waits_is_not_held_twice(inbox: Inbox) -> None:
    inbox.add("casa/sensori", message(1))
    inbox.add("casa/sensori", message(1))
    inbox.add("other/sensori", message(1))
    assert inbox.held == 2
    inbox.done(inbox.batch("casa"))
    inbox.add("casa/sensori", message(1))
    assert inbox.batch("casa").ids() == ["x-1"]


def test_a_backlog_goes_in_larger_batches(inbox: Inbox) -> None:
    for number in range(20):
        inbox.add("casa/sensori", message(number))
    batch = inbox.batch("casa")
    assert len(batch.readings) == 12
    inbox.done(batch)
    assert inbox.batch("casa").ids()[0] == "x-12"


def test_more_than_a_bound_is_left_to_the_hubs(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HELD", 5)
    for number in range(9):
        inbox.add("casa/sensori", message(number))
    assert (inbox.held, inbox.dropped) == (5, 4)
    assert inbox.batch("casa").ids() == [f"x-{number}" for number in range(5)]


def test_a_refused_household_is_taken_again_after_a_while(inbox: Inbox, clock: Clock) -> None:
    inbox.add("casa/sensori", message(1))
    inbox.add("other/sensori", message(1))
    inbox.refuse("casa", 30)
    inbox.add("casa/sensori", message(2))
    assert (inbox.held, inbox.waiting(), inbox.refused) == (1, ["other"], 2)
    clock.passed = 30
    inbox.add("casa/sensori", message(3))
    assert inbox.batch("casa").ids() == ["x-3"]


@pytest.mark.parametrize(
    "topic", ["Casa/sensori", "casa", "casa/conferme", "casa/sensori/x", "/sensori", "", "a b/sensori", "$SYS/sensori"]
)
def test_foreign_topics_are_counted_and_nothing_else(inbox: Inbox, topic: str) -> None:
    inbox.add(topic, message(1))
    assert (inbox.held, inbox.refused, inbox.waiting()) == (0, 1, [])


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"amps": 100.001}, "amps"),
        ({"amps": -1}, "amps"),
        ({"amps": None}, "amps"),
        ({"timestamp": module.FIRST_TIMESTAMP - 1}, "timestamp"),
        ({"timestamp": 2**31}, "timestamp"),
        ({"device": 256}, "device"),
        ({"mac": "02:00:00:00:00:0g"}, "mac"),
    ],
)
def test_what_can_never_be_stored_keeps_its_id_and_reason(
    inbox: Inbox, members: dict[str, object], reason: str
) -> None:
    payload = message(1, **members)
    inbox.add("casa/sensori", payload)
    batch = inbox.batch("casa")
    assert batch.letters == [Letter(reason, payload, "x-1")]
    assert batch.ids() == ["x-1"]


def test_a_long_letter_is_cut(inbox: Inbox) -> None:
    inbox.add("casa/sensori", b"?" * 60_000)
    assert inbox.batch("casa").letters == [Letter("json", b"?" * 1024)]


@pytest.mark.parametrize(
    ("age", "reason"),
    [(7 * 86400, None), (7 * 86400 + 1, "time_old"), (-300, None), (-301, "time_ahead"), (0, None)],
)
def test_the_time_of_a_foreign_reading_must_be_near(inbox: Inbox, age: int, reason: str | None) -> None:
    inbox.add("casa/sensori", message(1, id=None, timestamp=NOW - age))
    batch = inbox.batch("casa")
    assert [letter.reason for letter in batch.letters] == ([] if reason is None else [reason])
    assert len(batch.readings) == (reason is None)
    assert batch.ids() == []


def test_the_time_of_a_hubs_reading_was_the_hubs_to_judge(inbox: Inbox) -> None:
    inbox.add("casa/sensori", message(1, timestamp=NOW - 60 * 86400))
    inbox.add("casa/sensori", message(2, timestamp=NOW + 86400))
    assert inbox.batch("casa").ids() == ["x-1", "x-2"]
    assert inbox.batch("casa").letters == []


def test_a_reading_arrives_as_it_was_sent(inbox: Inbox) -> None:
    reading = Reading(MAC, NOW, 3, 1.234, "x-1", -60, 7, ("boot", "calibrated"), "1.2.3")
    inbox.add("casa/sensori", encode_reading(reading))
    assert inbox.batch("casa") == Batch("casa", [reading])


class TestStatus:
    def test_of_one_state_the_last_is_kept(self, inbox: Inbox, clock: Clock) -> None:
        for passed, text in ((0, "a"), (1, "b")):
            clock.passed = passed
            inbox.add("casa/stato", json.dumps({"state": "online", "x": text}).encode())
        inbox.add("casa/stato", b'{"state":"offline"}')
        statuses = inbox.batch("casa").statuses
        assert statuses == [
            Status(NOW + 1, "online", '{"state": "online", "x": "b"}'),
            Status(NOW + 1, "offline", '{"state":"offline"}'),
        ]
        assert inbox.waiting() == ["casa"]
        inbox.done(inbox.batch("casa"))
        assert inbox.waiting() == []

    @pytest.mark.parametrize(
        "payload", [b"", b"[]", b'{"state":"tired"}', b'{"state":"online","x":"%s"}' % (b"x" * 20_000)]
    )
    def test_nonsense_is_counted(self, inbox: Inbox, payload: bytes) -> None:
        inbox.add("casa/stato", payload)
        assert (inbox.refused, inbox.waiting()) == (1, [])

    def test_a_hub_that_cannot_decide_fills_no_memory(self, inbox: Inbox) -> None:
        for number in range(1000):
            inbox.add("casa/stato", b'{"state":"%s"}' % (b"online", b"offline")[number % 2])
        assert len(inbox.batch("casa").statuses) <= 20
