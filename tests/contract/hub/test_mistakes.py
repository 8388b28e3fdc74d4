"""What a network can throw at the hub: counted, told in one sentence a kind, and kept out of the data."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from contract.hub.rig import HOUSEHOLD, KEY, MAC, Box, RunningHub, Writer, accepted, until
from ecms_bridge.datagram import Datagram, Flag, encode
from ecms_bridge.hub.settings import HubSettings

FLOOD = 2_000
CHUNK = 100
"""So many fit into the smallest buffer a kernel gives a socket."""
VECTORS = json.loads((Path(__file__).parents[2] / "vectors/datagrams.json").read_text(encoding="ascii"))["vectors"]
BROKEN = {vector["reason"]: bytes.fromhex(vector["hex"]) for vector in VECTORS if not vector["valid"]}
UNSIGNED = encode(Datagram(1, MAC, 1_700_000_000, 1, 3000), KEY)


def signed(seconds: float) -> bytes:
    return encode(Datagram(2, MAC, int(time.time() + seconds), 1, 1000, Flag.CALIBRATED, -61, 7, (1, 2, 3)), KEY)


SENTENCES: dict[str, tuple[Callable[[], bytes], str]] = {
    "length": (lambda: BROKEN["length"], "refused a datagram of 127.0.0.1: wrong length"),
    "magic": (lambda: BROKEN["magic"], "refused a datagram of 127.0.0.1: wrong magic"),
    "version": (lambda: BROKEN["version"], "refused a datagram of 127.0.0.1: wrong version"),
    "address": (lambda: BROKEN["address"], "refused a datagram of 127.0.0.1: wrong address"),
    "tag": (
        lambda: BROKEN["tag"],
        "refused a datagram of 127.0.0.1: its key is not this household's: flash the box again",
    ),
    "reserved": (lambda: BROKEN["reserved"], "it uses bits this version does not know: update the hub"),
    "time_old": (lambda: signed(-8 * 86400), "it is older than 7 days"),
    "time_ahead": (
        lambda: signed(600),
        "its time is more than 5 minutes ahead: check the clock of the box and of the hub",
    ),
    "unsigned": (
        lambda: UNSIGNED,
        "it is not signed: flash the box again, or set ecms_require_signed_readings: false",
    ),
}


@pytest.mark.parametrize("reason", SENTENCES)
def test_a_flood_of_bad_datagrams_is_one_line(
    settings: HubSettings, writer: Writer, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    make, sentence = SENTENCES[reason]
    writer.confirming = True
    with RunningHub(replace(settings, require_signed_readings=True)) as hub:
        box = Box(hub.port)
        good = box.send(1)
        assert accepted(box.answer(), good)
        bad = make()
        for sent in range(CHUNK, FLOOD + 1, CHUNK):
            for _ in range(CHUNK):
                box.send_bytes(bad)
            until(lambda sent=sent: hub.counters()["refused"].get(reason, 0) == sent, "counted")  # type: ignore[misc]
        neighbour = Box(hub.port, bytes.fromhex("024543000002"))
        good = neighbour.send(2)
        assert accepted(neighbour.answer(), good)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 1, said
    assert sentence in said[0]
    assert [message["amps"] for message in writer.messages] == [0.001, 0.002]


def test_every_refusal_has_its_flood() -> None:
    assert set(BROKEN) <= set(SENTENCES)


def test_a_flood_of_foreign_confirmations_is_one_line_and_frees_nothing(
    settings: HubSettings, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        data = box.send()
        until(lambda: writer.messages, "published")
        for number in range(FLOOD):
            writer.publish(f"{HOUSEHOLD}/conferme", b'["0123456789-%x"]' % number if number % 2 else b"\xff nonsense")
        until(lambda: hub.counters()["unmatched_confirmations"] == FLOOD, "counted", timeout_s=60.0)
        assert hub.counters()["confirmed"] == 0
        writer.confirming = True
        assert accepted(box.answer(), data)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == ["ignored a confirmation of 10 bytes: json"]
