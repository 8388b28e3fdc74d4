"""The published JSON Schemas and the code agree on every message, in both directions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators

from ecms_bridge.messages import MessageError, Reading, decode_confirmation, decode_reading, encode_reading

GOOD: dict[str, Any] = {
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


def ecma_pattern(_validator: Any, pattern: str, value: object, _schema: object) -> Iterator[ValidationError]:
    """JSON Schema's patterns are ECMA-262's, whose `$` does not match before a final newline as Python's does."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


Validator = validators.extend(Draft202012Validator, {"pattern": ecma_pattern})  # type: ignore[no-untyped-call]


def validator_of(name: str) -> Any:
    schema = json.loads(resources.files("ecms_bridge").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Validator(schema)


READING = validator_of("reading")
CONFIRMATION = validator_of("confirmation")

numbers = (
    st.integers(-300, 300)
    | st.sampled_from([2**32, 2**32 - 1, -129, 10**400, 1e300, 100.0, 100.0005, 1767265200, 1767265200.0])
    | st.floats(allow_nan=False, allow_infinity=False)
)
short = st.text("ab1 \n", max_size=3)
scalars = st.none() | st.booleans() | numbers | short
anything = scalars | st.lists(scalars, max_size=2) | st.dictionaries(short, scalars, max_size=1)
strings = st.sampled_from(
    ["boot", "resent", "1.2.3", "255.255.255", "1.2.3\n", "1.2", "5C:CF:7F:01:02:03", "5c:CF:7F:01:02:03"]
) | st.text("az09-", max_size=41)
flags = st.lists(strings | st.sampled_from(["boot", "clipped", "backdated"]), max_size=3)
changes = st.dictionaries(st.sampled_from([*GOOD, "other"]), anything | numbers | strings | flags, max_size=3)


@given(changes, st.sets(st.sampled_from(list(GOOD)), max_size=2))
@example({"amps": 10**400}, set())
@example({"mac": "5C:CF:7F:01:02:03\n"}, set())
@example({"id": "a\n"}, set())
@example({"timestamp": 1767265200.0}, set())
@example({"device": True}, set())
@example({"flags": None}, set())
@example({}, {"id", "flags"})
def test_readings(changed: dict[str, Any], left_out: set[str]) -> None:
    message = {k: v for k, v in (GOOD | changed).items() if k not in left_out}
    try:
        decode_reading(json.dumps(message).encode())
        accepted = True
    except MessageError:
        accepted = False
    assert accepted == READING.is_valid(message), message


@given(anything)
def test_documents_of_any_kind(document: Any) -> None:
    assert not READING.is_valid(document)
    with pytest.raises(MessageError):
        decode_reading(json.dumps(document).encode())


@given(st.lists(short | scalars, max_size=3) | anything)
def test_confirmations(document: Any) -> None:
    try:
        decode_confirmation(json.dumps(document).encode())
        accepted = True
    except MessageError:
        accepted = False
    assert accepted == CONFIRMATION.is_valid(document)


@given(
    st.builds(
        Reading,
        mac=st.binary(min_size=6, max_size=6),
        timestamp=st.integers(0, 2**32 - 1),
        device=st.integers(0, 255),
        amps=st.integers(0, 100_000).map(lambda ma: ma / 1000),
        id=st.just("0-1"),
        rssi=st.integers(-128, 127),
        sequence=st.integers(0, 2**32 - 1),
        flags=st.just(("boot", "clipped")),
        firmware=st.just("255.0.1"),
    )
)
def test_what_is_encoded_is_valid(reading: Reading) -> None:
    READING.validate(json.loads(encode_reading(reading)))
