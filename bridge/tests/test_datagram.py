"""Properties of the datagram codec."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ecms_bridge.datagram import (
    Datagram,
    DatagramError,
    Flag,
    Refusal,
    acknowledgement,
    encode,
    format_mac,
    parse,
    read_acknowledgement,
)

KEY = bytes(range(100, 132))
u32 = st.integers(0, 2**32 - 1)
u8 = st.integers(0, 255)
macs = st.binary(min_size=6, max_size=6)
v2 = st.builds(
    Datagram,
    version=st.just(2),
    mac=macs,
    timestamp=u32,
    device=u8,
    current_ma=u32,
    flags=st.integers(0, 31).map(Flag),
    rssi=st.integers(-128, 127),
    sequence=u32,
    firmware=st.tuples(u8, u8, u8),
)
v1 = st.builds(
    Datagram,
    version=st.just(1),
    mac=macs.filter(lambda m: not m[0] & 1 and any(m)),
    timestamp=u32,
    device=u8,
    current_ma=u8.map(lambda ampere: ampere * 1000),
)


@given(v2 | v1)
def test_round_trip(datagram: Datagram) -> None:
    data = encode(datagram, KEY)
    assert len(data) == (36 if datagram.version == 2 else 12)
    assert parse(data, KEY) == datagram


@given(v2, st.integers(0, 35), st.integers(1, 255))
def test_any_changed_byte_is_refused(datagram: Datagram, position: int, change: int) -> None:
    data = bytearray(encode(datagram, KEY))
    data[position] ^= change
    with pytest.raises(DatagramError):
        parse(bytes(data), KEY)


@given(v2, macs, st.binary(min_size=32, max_size=32))
def test_another_key_is_refused(datagram: Datagram, mac: bytes, key: bytes) -> None:
    assume(key != KEY)
    with pytest.raises(DatagramError) as refusal:
        parse(encode(replace(datagram, mac=mac), key), KEY)
    assert refusal.value.reason is Refusal.TAG


@given(st.binary(max_size=80))
@example(bytes(12))
@example(b"\x02" + bytes(11))
def test_random_bytes_are_refused_or_version_1(data: bytes) -> None:
    if len(data) == 12 and not data[0] & 1 and any(data[:6]):
        assert encode(parse(data, KEY), KEY) == data
    else:
        with pytest.raises(DatagramError):
            parse(data, KEY)


@given(v2, v2)
def test_acknowledgement_is_bound_to_its_reading(one: Datagram, other: Datagram) -> None:
    data = encode(one, KEY)
    for refused in (False, True):
        ack = acknowledgement(data, KEY, refused=refused)
        assert read_acknowledgement(ack, data, KEY) is refused
        if (one.mac, one.timestamp, one.sequence, one.current_ma) != (
            other.mac,
            other.timestamp,
            other.sequence,
            other.current_ma,
        ):
            assert read_acknowledgement(ack, encode(other, KEY), KEY) is None


@given(v2)
def test_acknowledgement_survives_the_resent_flag(datagram: Datagram) -> None:
    first = encode(replace(datagram, flags=datagram.flags & ~Flag.RESENT), KEY)
    again = encode(replace(datagram, flags=datagram.flags | Flag.RESENT), KEY)
    assert acknowledgement(first, KEY) == acknowledgement(again, KEY)


@given(v2, st.integers(0, 23), st.integers(1, 255))
def test_changed_acknowledgement_frees_nothing(datagram: Datagram, position: int, change: int) -> None:
    data = encode(datagram, KEY)
    ack = bytearray(acknowledgement(data, KEY))
    ack[position] ^= change
    assert read_acknowledgement(bytes(ack), data, KEY) is None


@given(v2, st.binary(max_size=40))
def test_random_acknowledgement_frees_nothing(datagram: Datagram, ack: bytes) -> None:
    assert read_acknowledgement(ack, encode(datagram, KEY), KEY) is None


@pytest.mark.parametrize(
    "change",
    [{"timestamp": 2**32}, {"device": 256}, {"current_ma": -1}, {"rssi": 128}, {"sequence": 2**32}],
)
def test_field_out_of_range_cannot_be_encoded(change: dict[str, int]) -> None:
    good = Datagram(2, bytes(6), 0, 0, 0, rssi=0, sequence=0, firmware=(0, 0, 0))
    with pytest.raises(struct.error):
        encode(replace(good, **change), KEY)  # type: ignore[arg-type]


def test_version_1_carries_whole_ampere() -> None:
    assert encode(Datagram(1, b"\x02" + bytes(5), 0, 0, 3600), KEY)[-1] == 4
    with pytest.raises(struct.error):
        encode(Datagram(1, b"\x02" + bytes(5), 0, 0, 256_000), KEY)


def test_flag_words_in_bit_order() -> None:
    assert Flag(31).words() == ["backdated", "resent", "calibrated", "clipped", "boot"]
    assert Flag(0).words() == []


def test_format_mac() -> None:
    assert format_mac(bytes.fromhex("5ccf7f01020a")) == "5C:CF:7F:01:02:0A"
