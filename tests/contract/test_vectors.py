"""The golden vectors: what is stored is what their generator makes, and the codec agrees with every one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ecms_bridge import datagram as codec

VECTORS = Path(__file__).parents[1] / "vectors"
DOCUMENT: dict[str, Any] = json.loads((VECTORS / "datagrams.json").read_text(encoding="ascii"))
KEY = bytes.fromhex(DOCUMENT["key_hex"])


def named(vectors: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


VALID = named([v for v in DOCUMENT["vectors"] if v["valid"]])
VALID_V2 = named([v for v in DOCUMENT["vectors"] if v["valid"] and v["fields"]["version"] == 2])
REFUSED = named([v for v in DOCUMENT["vectors"] if not v["valid"]])


def datagram_of(fields: dict[str, Any]) -> codec.Datagram:
    return codec.Datagram(
        version=fields["version"],
        mac=bytes.fromhex(fields["mac"].replace(":", "")),
        timestamp=fields["timestamp"],
        device=fields["device"],
        current_ma=fields["current_ma"],
        flags=codec.Flag(fields["flag_bits"]),
        rssi=fields["rssi"],
        sequence=fields["seq"],
        firmware=fields["firmware"] and tuple(int(part) for part in fields["firmware"].split(".")),
    )


def test_file_is_what_the_generator_makes() -> None:
    made = subprocess.run([sys.executable, VECTORS / "generate.py"], capture_output=True, check=True)
    assert made.stdout == (VECTORS / "datagrams.json").read_bytes()


def test_every_refusal_of_the_codec_has_a_vector() -> None:
    reasons = {v["reason"] for v in DOCUMENT["vectors"] if not v["valid"]}
    assert reasons == {"length", "magic", "version", "tag", "address", "reserved"}
    assert len(DOCUMENT["vectors"]) >= 40


@pytest.mark.parametrize("vector", VALID)
def test_parse(vector: dict[str, Any]) -> None:
    parsed = codec.parse(bytes.fromhex(vector["hex"]), KEY)
    assert parsed == datagram_of(vector["fields"])
    assert parsed.sound
    assert parsed.flags.words() == vector["fields"]["flags"]
    assert codec.format_mac(parsed.mac) == vector["fields"]["mac"]


@pytest.mark.parametrize("vector", VALID)
def test_encode(vector: dict[str, Any]) -> None:
    assert codec.encode(datagram_of(vector["fields"]), KEY).hex() == vector["hex"]


@pytest.mark.parametrize("vector", REFUSED)
def test_refuse(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    if vector["reason"] == codec.Refusal.RESERVED:
        assert not codec.parse(data, KEY).sound
        assert codec.acknowledgement(data, KEY, refused=True).hex() == vector["refused_ack_hex"]
        return
    with pytest.raises(codec.DatagramError) as refusal:
        codec.parse(data, KEY)
    assert refusal.value.reason == vector["reason"]


@pytest.mark.parametrize("vector", VALID_V2)
def test_acknowledgements(vector: dict[str, Any]) -> None:
    data, accepted, refused = (bytes.fromhex(vector[k]) for k in ("hex", "ack_hex", "refused_ack_hex"))
    assert codec.acknowledgement(data, KEY) == accepted
    assert codec.acknowledgement(data, KEY, refused=True) == refused
    assert codec.read_acknowledgement(accepted, data, KEY) is False
    assert codec.read_acknowledgement(refused, data, KEY) is True


@pytest.mark.parametrize("vector", VALID_V2)
def test_no_acknowledgement_frees_another_reading(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    others = [v for v in DOCUMENT["vectors"] if v["ack_hex"] and v["hex"][24:48] != vector["hex"][24:48]]
    assert others
    assert all(codec.read_acknowledgement(bytes.fromhex(v["ack_hex"]), data, KEY) is None for v in others)


@pytest.mark.parametrize("vector", named(DOCUMENT["foreign_acks"]))
def test_foreign_acknowledgement(vector: dict[str, Any]) -> None:
    ack, data = bytes.fromhex(vector["ack_hex"]), bytes.fromhex(vector["hex"])
    assert codec.read_acknowledgement(ack, data, KEY) is None
