"""The ledger of unconfirmed readings, in simulated time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ecms_bridge.hub.ledger import Entry, Ledger
from ecms_bridge.hub.settings import Timing

TIMING = Timing()


def entry(number: int, arrived: float = 0.0, row: int | None = None) -> Entry:
    return Entry(f"t-{number}", number.to_bytes(19), b"{}", arrived, row=row)


def publish_all(ledger: Ledger, now: float) -> list[str]:
    ledger.wake(now)
    sent = []
    while (item := ledger.next()) is not None:
        ledger.sent(item, now)
        sent.append(item.id)
    return sent


def test_delays_double_from_10_s_to_5_min() -> None:
    assert TIMING.resend_delays() == [10, 20, 40, 80, 160, 300]
    assert Timing(first_resend=5, max_resend=5).resend_delays() == [5]


def test_unconfirmed_reading_is_sent_again_after_each_delay() -> None:
    ledger = Ledger(TIMING)
    ledger.add(entry(1, row=1))
    sent_at = [now for now in range(2000) if publish_all(ledger, now)]
    assert sent_at == [0, 10, 30, 70, 150, 310, 610, 910, 1210, 1510, 1810]


def test_new_readings_go_first_then_live_ones_again_then_the_spool() -> None:
    ledger = Ledger(TIMING)
    ledger.add(entry(1, row=1))
    ledger.add(entry(2))
    assert publish_all(ledger, 0) == ["t-2", "t-1"]
    ledger.add(entry(3, row=2))
    ledger.add(entry(4))
    assert publish_all(ledger, 10) == ["t-4", "t-2", "t-3", "t-1"]


def test_reconnection_calls_everything_back_oldest_first() -> None:
    ledger = Ledger(TIMING)
    ledger.add(entry(1))
    publish_all(ledger, 0)
    publish_all(ledger, 10)
    ledger.add(entry(2))
    assert publish_all(ledger, 11) == ["t-2"]
    ledger.reconnected()
    assert publish_all(ledger, 12) == ["t-1", "t-2"]
    assert publish_all(ledger, 21.9) == []
    assert publish_all(ledger, 22) == ["t-1", "t-2"]  # the delays begin anew


def test_first_confirmation_after_a_stall_calls_the_older_ones_back() -> None:
    ledger = Ledger(TIMING)
    for number in range(3):
        ledger.add(entry(number))
    publish_all(ledger, 0)
    publish_all(ledger, 10)
    publish_all(ledger, 30)
    ledger.add(entry(3))
    publish_all(ledger, 45)
    assert not ledger.confirming(45)
    assert ledger.confirm("t-0", 46) is not None
    assert ledger.confirming(46)
    assert publish_all(ledger, 46) == ["t-1", "t-2"]
    ledger.confirm("t-1", 47)
    assert publish_all(ledger, 47) == []


def test_confirmations_in_their_course_call_nothing_back() -> None:
    ledger = Ledger(TIMING)
    for number in range(3):
        ledger.add(entry(number))
    publish_all(ledger, 0)
    ledger.confirm("t-0", 1)
    ledger.confirm("t-1", 9.9)
    assert publish_all(ledger, 9.95) == []


def test_unknown_confirmation() -> None:
    ledger = Ledger(TIMING)
    assert ledger.confirm("t-1", 0) is None
    assert not ledger.confirming(0)


def test_overdue() -> None:
    ledger = Ledger(TIMING)
    for number in range(5):
        ledger.add(entry(number, arrived=number * 10.0))
    ledger.add(entry(9, arrived=0.0, row=1))
    assert ledger.overdue(59) == []
    assert [e.id for e in ledger.overdue(70)] == ["t-0", "t-1"]
    assert [e.id for e in ledger.overdue(0, keep=2)] == ["t-0", "t-1", "t-2"]
    assert [e.id for e in ledger.overdue(0, keep=0)] == [f"t-{n}" for n in range(5)]
    assert ledger.oldest_age(70) == 70
    assert Ledger(TIMING).oldest_age(70) == 0


def test_lost_spool_makes_its_readings_overdue_live_ones() -> None:
    ledger = Ledger(TIMING)
    ledger.add(entry(1, arrived=100.0))
    ledger.add(entry(2, arrived=100.0, row=7))
    assert (ledger.live, ledger.loaded) == (1, 1)
    ledger.spool_lost(100)
    assert (ledger.live, ledger.loaded) == (2, 0)
    assert [e.id for e in ledger.overdue(100)] == ["t-2"]


def test_find_by_identity() -> None:
    ledger = Ledger(TIMING)
    ledger.add(entry(1))
    found = ledger.find((1).to_bytes(19))
    assert found is not None
    assert found.id == "t-1"
    ledger.forget(found)
    assert ledger.find((1).to_bytes(19)) is None
    assert len(ledger) == 0


class LedgerMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, each unconfirmed reading is kept and sent in time."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(TIMING)
        self.now = 0.0
        self.numbers = 0
        self.kept: dict[str, Entry] = {}
        self.waiting_since: dict[str, float] = {}

    @rule(spooled=st.booleans())
    def add(self, spooled: bool) -> None:
        self.numbers += 1
        new = entry(self.numbers, self.now, row=self.numbers if spooled else None)
        self.ledger.add(new)
        self.kept[new.id] = new
        self.waiting_since[new.id] = self.now

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 10.0, 45.0, 300.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(limit=st.integers(0, 5))
    def publish_some(self, limit: int) -> None:
        self.ledger.wake(self.now)
        for _ in range(limit):
            item = self.ledger.next()
            if item is None:
                break
            self.ledger.sent(item, self.now)
            self.waiting_since[item.id] = self.now

    @rule()
    def publish_everything(self) -> None:
        for reading_id in publish_all(self.ledger, self.now):
            self.waiting_since[reading_id] = self.now
        late = [i for i, since in self.waiting_since.items() if self.now - since > TIMING.max_resend]
        assert late == []

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        reading_id = data.draw(st.sampled_from(sorted(self.kept)))
        assert self.ledger.confirm(reading_id, self.now) is self.kept[reading_id]
        self._gone(reading_id)
        assert self.ledger.confirm(reading_id, self.now) is None

    @rule()
    def reconnect(self) -> None:
        self.ledger.reconnected()
        ready = set()
        while (item := self.ledger.next()) is not None:
            self.ledger.sent(item, self.now)
            self.waiting_since[item.id] = self.now
            ready.add(item.id)
        assert ready == set(self.kept)

    @rule(keep=st.none() | st.integers(0, 3))
    def spool(self, keep: int | None) -> None:
        overdue = self.ledger.overdue(self.now, keep=keep)
        old = {i for i, e in self.kept.items() if e.row is None and self.now - e.arrived >= TIMING.spool_after}
        assert old <= {e.id for e in overdue}
        for item in overdue:
            assert item.row is None
            self.ledger.forget(item)
            self._gone(item.id)
        if keep is not None:
            assert self.ledger.live <= keep

    @rule()
    def lose_spool(self) -> None:
        self.ledger.spool_lost(self.now)
        assert self.ledger.loaded == 0

    @invariant()
    def counts(self) -> None:
        assert len(self.ledger) == len(self.kept) == self.ledger.live + self.ledger.loaded
        assert all(self.ledger.find(e.identity) is e for e in self.kept.values())

    def _gone(self, reading_id: str) -> None:
        del self.kept[reading_id]
        del self.waiting_since[reading_id]


TestLedgerMachine = LedgerMachine.TestCase
