"""The JSON messages: what is encoded is decoded, and nothing makes the decoder raise anything but its own error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.messages import (
    MAX_CURRENT_A,
    MessageError,
    Reading,
    decode_confirmation,
    decode_reading,
    decode_status,
    encode_confirmation,
    encode_reading,
    encode_status,
)

u32 = st.integers(0, 2**32 - 1)
words = st.sampled_from(["backdated", "resent", "calibrated", "clipped", "boot"])
ids = st.from_regex(r"[0-9a-z-]{1,40}", fullmatch=True)
currents = st.integers(0, int(MAX_CURRENT_A * 1000)).map(lambda ma: ma / 1000)
version_2 = st.builds(
    Reading,
    mac=st.binary(min_size=6, max_size=6),
    timestamp=u32,
    device=st.integers(0, 255),
    amps=currents,
    id=ids | st.none(),
    rssi=st.integers(-128, 127),
    sequence=u32,
    flags=st.lists(words, unique=True).map(tuple),
    firmware=st.from_regex(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
)
version_1 = st.builds(
    Reading, mac=st.binary(min_size=6, max_size=6), timestamp=u32, device=st.integers(0, 255), amps=currents, id=ids
)
GOOD: dict[str, object] = {
    "id": "ab-1",
    "mac": "5C:CF:7F:01:02:03",
    "timestamp": 1767265200,
    "device": 3,
    "amps": 1.234,
    "rssi": -61,
    "seq": 7,
    "flags": ["boot"],
    "firmware": "1.2.3",
}


@given(version_2 | version_1)
def test_round_trip(reading: Reading) -> None:
    assert decode_reading(encode_reading(reading)) == reading


def test_encoded_form_is_the_published_one() -> None:
    reading = Reading(bytes.fromhex("5ccf7f010203"), 1767265200, 3, 1.2339999, "ab-1", -61, 7, ("boot",), "1.2.3")
    assert json.loads(encode_reading(reading)) == GOOD
    bare = Reading(bytes.fromhex("5ccf7f010203"), 1767265200, 3, 4.0)
    assert encode_reading(bare) == b'{"mac":"5C:CF:7F:01:02:03","timestamp":1767265200,"device":3,"amps":4.0}'


@given(st.binary())
def test_random_bytes_raise_only_message_errors(payload: bytes) -> None:
    for decode in (decode_reading, decode_confirmation, decode_status):
        with pytest.raises(MessageError):
            decode(payload + b"\xff")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("mac", None),
        ("mac", "5c:cf:7f:01:02:03"),
        ("mac", "5C:CF:7F:01:02:03\n"),
        ("timestamp", True),
        ("timestamp", -1),
        ("timestamp", 2**32),
        ("timestamp", "1767265200"),
        ("device", 256),
        ("device", 1.5),
        ("amps", -0.001),
        ("amps", 100.001),
        ("amps", 10**400),
        ("amps", True),
        ("amps", "1"),
        ("rssi", -129),
        ("seq", 1e300),
        ("flags", None),
        ("flags", ["other"]),
        ("flags", [["boot"]]),
        ("firmware", "1.2"),
        ("firmware", "1.2.\u0663"),
    ],
)
def test_wrong_member_is_named_with_the_message_id(member: str, value: object) -> None:
    with pytest.raises(MessageError) as refusal:
        decode_reading(json.dumps(GOOD | {member: value}).encode())
    assert (refusal.value.reason, refusal.value.message_id) == (member, "ab-1")


@pytest.mark.parametrize("bad", ["", "A", "a" * 41, "a\n", 5, ["a"]])
def test_wrong_id(bad: object) -> None:
    with pytest.raises(MessageError) as refusal:
        decode_reading(json.dumps(GOOD | {"id": bad}).encode())
    assert (refusal.value.reason, refusal.value.message_id) == ("id", None)


@pytest.mark.parametrize("member", ["mac", "timestamp", "device", "amps"])
def test_missing_member_is_named(member: str) -> None:
    message = {k: v for k, v in GOOD.items() if k != member}
    with pytest.raises(MessageError, match=rf"^{member}$"):
        decode_reading(json.dumps(message).encode())


@pytest.mark.parametrize("payload", [b"", b"[]", b"1", b'{"amps":NaN}', b"[" * 100_000, b"1" * 5000, b'{"a":1}x'])
def test_not_an_object(payload: bytes) -> None:
    with pytest.raises(MessageError, match=r"^json$"):
        decode_reading(payload)


def test_whole_numbers_may_be_written_with_a_point() -> None:
    decoded = decode_reading(json.dumps(GOOD | {"timestamp": 1767265200.0, "device": 3.0, "seq": 7.0}).encode())
    assert (decoded.timestamp, decoded.device, decoded.sequence) == (1767265200, 3, 7)
    assert all(type(value) is int for value in (decoded.timestamp, decoded.device, decoded.sequence))


@given(st.lists(ids))
def test_confirmation_round_trip(confirmed: list[str]) -> None:
    assert decode_confirmation(encode_confirmation(confirmed)) == confirmed


@pytest.mark.parametrize("payload", [b"{}", b"[1]", b'["a",null]', b'"a"'])
def test_confirmation_is_a_list_of_strings(payload: bytes) -> None:
    with pytest.raises(MessageError, match=r"^confirmation$"):
        decode_confirmation(payload)


def test_status() -> None:
    status: dict[str, object] = {"state": "online", "counters": {"received": 1}}
    assert decode_status(encode_status(status)) == status
    with pytest.raises(MessageError, match=r"^status$"):
        decode_status(b'{"state":"asleep"}')
