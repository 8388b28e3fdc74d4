from __future__ import annotations

from ecms_bridge.messages import Reading
from ecms_bridge.writer.boxes import Boxes, News

MAC = bytes([2, 0, 0, 0, 0, 1])
OTHER = bytes([2, 0, 0, 0, 0, 2])


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def reading(timestamp: int, mac: bytes = MAC, flags: tuple[str, ...] = (), firmware: str = "1.0.0") -> Reading:
    return Reading(mac, timestamp, 1, 1.0, rssi=-60 - timestamp, sequence=timestamp, flags=flags, firmware=firmware)


def boxes() -> tuple[Boxes, Clock]:
    clock = Clock()
    made = Boxes("casa", clock)
    draft = made.draft([(reading(0), 1)])
    assert draft.due == [MAC]
    made.committed(draft)
    return made, clock


def test_news_wait_for_their_minute() -> None:
    made, clock = boxes()
    for moment in (10, 20, 50):
        clock.now = moment
        draft = made.draft([(reading(moment), 1)])
        assert draft.due == []
        made.committed(draft)
    assert made.pending()
    assert not made.overdue()
    clock.now = 60
    assert made.overdue()
    draft = made.draft([(reading(60), 1)])
    assert draft.due == [MAC]
    assert draft.pending[MAC] == News(1, 10, 60, -120, "1.0.0", 60, calibrated=False, readings=4)
    made.committed(draft)
    assert not made.pending()


def test_what_matters_does_not_wait() -> None:
    made, _ = boxes()
    assert made.draft([(reading(10), 2)]).due == [MAC]
    assert made.draft([(reading(10, firmware="1.0.1"), 1)]).due == [MAC]
    assert made.draft([(reading(10, flags=("boot",)), 1)]).due == [MAC]
    assert made.draft([(reading(10, OTHER), 1)]).due == [OTHER]
    assert made.draft([(reading(10), 1)]).due == []


def test_a_transaction_that_fails_leaves_no_trace() -> None:
    made, clock = boxes()
    made.committed(made.draft([(reading(10), 1)]))
    for _ in range(3):
        draft = made.draft([(reading(20, flags=("clipped",)), 1), (reading(5), 1)])
    clock.now = 60
    draft = made.draft([])
    assert draft.pending[MAC] == News(1, 10, 10, -70, "1.0.0", 10, calibrated=False, readings=1)


def test_an_older_reading_counts_but_is_not_the_latest() -> None:
    made, _ = boxes()
    draft = made.draft([(reading(30, flags=("calibrated",)), 1), (reading(20, flags=("clipped", "boot")), 2)])
    assert draft.pending[MAC] == News(
        1, 20, 30, -90, "1.0.0", 30, calibrated=True, boots=frozenset({20}), clipped=1, readings=2
    )


def test_at_the_end_everything_is_due() -> None:
    made, _ = boxes()
    made.committed(made.draft([(reading(10), 1)]))
    made.hasten()
    assert made.draft([]).due == [MAC]
