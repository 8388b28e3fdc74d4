"""What the hub tells of its boxes: gaps in their sequences, restarts, repeats, strangers."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.datagram import NO_FLAGS, Datagram, Flag
from ecms_bridge.hub.roster import MAX_BOXES, MAX_MISSING, Roster

MAC = bytes.fromhex("024543000001")
BEGIN = 1_767_265_200


def reading(sequence: int, *, at: int | None = None, flags: Flag = NO_FLAGS, mac: bytes = MAC) -> Datagram:
    timestamp = BEGIN + 10 * sequence if at is None else at
    return Datagram(2, mac, timestamp, 3, 1000, flags, -61, sequence, (1, 2, 3))


def told(*datagrams: Datagram) -> dict[str, object]:
    roster = Roster()
    for datagram in datagrams:
        roster.note(datagram, 5.0)
    return roster.as_list(7.0, 1_800_000_000.9)[0]


def test_one_box() -> None:
    assert told(reading(0), reading(1), reading(1, flags=Flag.RESENT)) == {
        "mac": "02:45:43:00:00:01",
        "device": 3,
        "last_seen": 1_799_999_998,
        "rssi": -61,
        "firmware": "1.2.3",
        "received": 3,
        "resent": 1,
        "refused": 0,
        "missing": 0,
        "lost": 0,
    }


def test_without_a_right_clock_no_time_is_told() -> None:
    roster = Roster()
    roster.note(reading(0), 5.0)
    assert roster.as_list(7.0, None)[0]["last_seen"] is None


def test_what_the_hub_missed_while_it_was_away_is_not_counted() -> None:
    assert told(reading(500), reading(499, flags=Flag.RESENT), reading(501))["missing"] == 0


@given(st.sets(st.integers(1, 98)), st.randoms(use_true_random=False))
def test_missing_is_what_has_not_come_in_whatever_order(gone: set[int], order: random.Random) -> None:
    sent = [reading(n) for n in range(100) if n not in gone]
    late = sorted(gone)[: len(gone) // 2]
    order.shuffle(late)
    result = told(*sent, *(reading(n, flags=Flag.RESENT) for n in late))
    assert (result["missing"], result["lost"]) == (len(gone) - len(late), 0)


def test_a_restart_makes_what_was_missing_lost() -> None:
    before = [reading(0), reading(1), reading(5)]
    after = [reading(0, at=BEGIN + 900, flags=Flag.BOOT), reading(1, at=BEGIN + 910), reading(3, at=BEGIN + 930)]
    result = told(*before, *after)
    assert (result["missing"], result["lost"]) == (1, 3)


def test_a_restart_is_seen_though_its_first_readings_did_not_come() -> None:
    result = told(reading(100), reading(2, at=BEGIN + 5000))
    assert (result["missing"], result["lost"]) == (2, 0)


def test_a_gap_larger_than_any_ring_is_lost() -> None:
    result = told(reading(0), reading(2**32 - 1, at=BEGIN + 10))
    assert result["missing"] == MAX_MISSING
    assert result["lost"] == 2**32 - 2 - MAX_MISSING


def test_many_small_gaps_are_bounded_too() -> None:
    result = told(*(reading(2 * n) for n in range(MAX_MISSING + 11)))
    assert (result["missing"], result["lost"]) == (MAX_MISSING, 10)


def test_unsigned_datagrams_do_not_speak_for_a_signing_box() -> None:
    unsigned = Datagram(1, MAC, BEGIN, 9, 4000)
    roster = Roster()
    roster.note(unsigned, 1.0)
    assert roster.as_list(1.0, 1.0)[0] | {"device": 9, "rssi": None} == roster.as_list(1.0, 1.0)[0]
    roster.note(reading(0), 2.0)
    roster.note(unsigned, 3.0)
    roster.refused(unsigned)
    [box] = roster.as_list(3.0, 3.0)
    assert (box["device"], box["received"], box["refused"], box["last_seen"]) == (3, 1, 0, 2)
    roster.refused(reading(0))
    assert roster.as_list(3.0, 3.0)[0]["refused"] == 1


def test_made_up_macs_neither_fill_the_list_for_ever_nor_grow_it() -> None:
    roster = Roster()
    for number in range(2 * MAX_BOXES):
        roster.note(Datagram(1, number.to_bytes(6), BEGIN, 1, 1000), float(number))
    assert len(roster.as_list(0.0, 0.0)) == MAX_BOXES
    signing = [reading(0, mac=bytes([2, 0, 0, 0, 0, n])) for n in range(MAX_BOXES + 1)]
    for datagram, now in zip(signing, itertools.count(1000), strict=False):
        roster.note(datagram, float(now))
    listed = roster.as_list(0.0, 0.0)
    assert len(listed) == MAX_BOXES
    assert all(box["firmware"] == "1.2.3" for box in listed)
