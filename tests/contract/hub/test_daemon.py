"""The hub's daemon with a real broker and real datagrams: nothing is lost, everything final is acknowledged."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.hub.rig import (
    FAST,
    HOUSEHOLD,
    KEY,
    MAC,
    PATIENCE_S,
    Box,
    Broker,
    Process,
    RunningHub,
    Writer,
    accepted,
    in_spool,
    refused,
    until,
)
from ecms_bridge.datagram import Datagram, Flag, encode, read_acknowledgement
from ecms_bridge.hub.daemon import Hub
from ecms_bridge.hub.settings import HubSettings, Limits, Timing
from ecms_bridge.hub.spool import Row, Spool, SpoolError
from ecms_bridge.messages import Reading, encode_reading
from ecms_bridge.service import Service
from ecms_bridge.simulator.box import Pacing, SimulatedBox
from ecms_bridge.simulator.fleet import Fleet

NOISE = int(os.environ.get("ECMS_TEST_NOISE", "20000"))
"""How many random and mutated datagrams; a million take a minute or two."""


def test_confirmed_reading_is_acknowledged(settings: HubSettings, writer: Writer) -> None:
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        data = box.send(12345, flags=Flag.CALIBRATED | Flag.BOOT)
        message = until(lambda: writer.messages, "published")[0]
        assert box.silent(0.1)
        writer.confirm(message["id"])
        assert accepted(box.answer(), data)
        assert message == {
            "id": message["id"],
            "mac": "02:45:43:00:00:01",
            "timestamp": int.from_bytes(data[12:16]),
            "device": 1,
            "amps": 12.345,
            "rssi": -61,
            "seq": 0,
            "flags": ["calibrated", "boot"],
            "firmware": "1.2.3",
        }
    counters = hub.counters()
    assert (counters["published"], counters["confirmed"], counters["acknowledged"]) == (1, 1, 1)
    assert in_spool(settings) == []


def test_version_1_is_published_without_an_answer(settings: HubSettings, writer: Writer) -> None:
    writer.confirming = True
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        now = int(time.time())
        for device, timestamp in enumerate((now - 3600, 5, now + 3600)):
            box.send_bytes(encode(Datagram(1, MAC, timestamp, device, 4000), KEY))
        until(lambda: hub.counters()["confirmed"] == 3, "confirmed")
        assert box.silent()
    assert set(writer.messages[0]) == {"id", "mac", "timestamp", "device", "amps"}
    assert [message["amps"] for message in writer.messages] == [4, 4, 4]
    times = [message["timestamp"] for message in writer.messages]
    assert times[0] == now - 3600
    assert all(now <= stamped <= time.time() for stamped in times[1:])


def test_unconfirmed_reading_is_sent_again_then_spooled_then_acknowledged(
    settings: HubSettings, writer: Writer
) -> None:
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        begun = time.monotonic()
        data = box.send()
        assert accepted(box.answer(), data)
        assert time.monotonic() - begun >= FAST.spool_after
        assert len(writer.messages) >= 2
        assert len(set(writer.ids)) == 1
        assert hub.counters()["spooled"] == 1
        until(lambda: len(writer.messages) >= 4, "sent again from the spool")
        writer.confirm(writer.ids[0])
        until(lambda: hub.counters()["confirmed"] == 1, "confirmed")
    assert in_spool(settings) == []
    assert len(set(writer.ids)) == 1


def test_reading_sent_twice_by_its_box_is_published_once_and_answered_where_it_was_last_seen(
    settings: HubSettings, writer: Writer
) -> None:
    calm = replace(FAST, first_resend=30.0, spool_after=60.0)
    with RunningHub(settings, calm) as hub:
        first, moved = Box(hub.port), Box(hub.port)
        data = first.send()
        until(lambda: writer.messages, "published")
        moved.resend(data)
        until(lambda: hub.counters()["resent_by_box"] == 1, "seen again")
        writer.confirm(writer.ids[0])
        assert accepted(moved.answer(), data)
        assert first.silent(0.1)
    assert len(writer.messages) == 1


def test_spooled_reading_is_acknowledged_again_at_once(settings: HubSettings, broker: Broker) -> None:
    broker.stop()
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        data = box.send()
        assert accepted(box.answer(), data)
        begun = time.monotonic()
        box.resend(data)
        assert accepted(box.answer(), data)
        assert time.monotonic() - begun < FAST.spool_after
    assert len(in_spool(settings)) == 1


def test_everything_unconfirmed_is_spooled_and_acknowledged_at_the_end(settings: HubSettings, writer: Writer) -> None:
    hub = RunningHub(settings, Timing(idle=0.02))
    box = Box(hub.port)
    sent = [box.send(current) for current in range(100)]
    until(lambda: len(writer.messages) == 100, "published")
    hub.stop()
    answers = [box.answer() for _ in sent]
    assert all(accepted(answer, data) for answer, data in zip(answers, sent, strict=True))
    assert [reading_id for reading_id, _ in in_spool(settings)] == writer.ids

    before = list(writer.ids)
    writer.confirming = True
    with RunningHub(settings, FAST) as hub:
        until(lambda: hub.counters()["confirmed"] == 100, "confirmed after the restart")
    assert writer.ids[100:] == before
    assert in_spool(settings) == []


def test_broker_away(settings: HubSettings, broker: Broker, writer: Writer) -> None:
    with RunningHub(settings, replace(FAST, spool_after=60.0)) as hub:
        box = Box(hub.port)
        data = [box.send()]
        until(lambda: writer.messages, "published")
        broker.stop()
        until(lambda: not writer.up, "the writer lost the broker")
        data += [box.send(current) for current in range(1, 50)]
        until(lambda: hub.counters()["received"] == 50, "received without a broker")
        writer.confirming = True
        broker.start()
        answers = [box.answer() for _ in data]
        assert all(any(accepted(answer, one) for answer in answers) for one in data)
    assert len(set(writer.ids)) == 50
    assert in_spool(settings) == []


def test_after_a_stall_everything_is_sent_again_at_once(settings: HubSettings, writer: Writer) -> None:
    slow = replace(FAST, first_resend=0.3, max_resend=1000.0, stall=1.0, spool_after=1000.0)
    with RunningHub(settings, slow) as hub:
        box = Box(hub.port)
        for current in range(20):
            box.send(current)
        until(lambda: len(writer.messages) >= 60, "sent three times, the next one is 1.2 s away or more")
        time.sleep(1.05)
        seen = len(writer.messages)
        box.send(999)
        latest = until(
            lambda: next((m["id"] for m in writer.messages[seen:] if m["amps"] == 0.999), None), "new one published"
        )
        writer.confirming = True
        writer.confirm(latest)
        until(lambda: hub.counters()["confirmed"] == 21, "all confirmed", timeout_s=2.0)


def test_time_window(settings: HubSettings, writer: Writer) -> None:
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        for at, reason in ((time.time() - 7 * 86400 - 5, "time_old"), (time.time() + 310, "time_ahead")):
            data = box.send(at=at)
            assert refused(box.answer(), data)
            assert hub.counters()["refused"][reason] == 1
        data = box.send(at=time.time() - 7 * 86400 + 60)
        until(lambda: writer.messages, "published")
    assert [message["seq"] for message in writer.messages[:1]] == [2]


def test_no_time_is_judged_before_the_clock_is_right(settings: HubSettings, writer: Writer, tmp_path: Path) -> None:
    writer.confirming = True
    marker = tmp_path / "clock-synchronised"
    with RunningHub(replace(settings, clock_marker=marker)) as hub:
        box, other = Box(hub.port), Box(hub.port, bytes.fromhex("024543000002"))
        good = box.send(1)
        box.send(2, at=time.time() - 30 * 86400)
        begun = int(time.time())
        old_box = b"\x02\x00\x00\x00\x00\x09"
        other.send_bytes(encode(Datagram(1, old_box, 5, 1, 3000), KEY))
        other.send_bytes(encode(Datagram(1, old_box, 5, 1, 3000), KEY))
        until(lambda: writer.statuses and writer.statuses[-1]["queue"]["waiting_for_clock"] == 4, "held")
        assert writer.statuses[-1]["clock"] == "waiting"
        box.resend(good)
        time.sleep(1.1)
        assert box.silent(0.1)
        assert writer.messages == []
        marker.touch()
        answers = {box.answer(), box.answer()}
        assert {read_acknowledgement(a, good, KEY) for a in answers} == {False, None}
        until(lambda: hub.counters()["confirmed"] >= 2, "published")
        assert hub.counters()["refused"] == {"time_old": 1}
        until(lambda: writer.statuses[-1]["clock"] == "right", "status")
    stamped = [m["timestamp"] for m in writer.messages if m["mac"] == "02:00:00:00:00:09"]
    assert stamped
    assert all(begun <= timestamp <= begun + 1 for timestamp in stamped)


def test_unsigned_readings_of_a_signing_box_are_refused_for_ever(settings: HubSettings, writer: Writer) -> None:
    writer.confirming = True
    version_1 = encode(Datagram(1, MAC, int(time.time()), 1, 3000), KEY)
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        box.send_bytes(version_1)
        until(lambda: hub.counters()["confirmed"] == 1, "accepted before")
        box.send()
        until(lambda: hub.counters()["confirmed"] == 2, "signed")
        box.send_bytes(version_1)
        until(lambda: hub.counters()["refused"] == {"unsigned": 1}, "refused after")
    with RunningHub(settings) as hub:
        Box(hub.port).send_bytes(version_1)
        until(lambda: hub.counters()["refused"] == {"unsigned": 1}, "refused after a restart")


def test_signatures_can_be_required(settings: HubSettings, writer: Writer) -> None:
    with RunningHub(replace(settings, require_signed_readings=True)) as hub:
        box = Box(hub.port)
        box.send_bytes(encode(Datagram(1, MAC, int(time.time()), 1, 3000), KEY))
        until(lambda: hub.counters()["refused"] == {"unsigned": 1}, "refused")
        box.send()
        until(lambda: writer.messages, "signed one is taken")


def test_wrong_tag_gets_no_answer_and_reserved_bits_a_refusal(settings: HubSettings, writer: Writer) -> None:
    vectors = json.loads((Path(__file__).parents[2] / "vectors/datagrams.json").read_text(encoding="ascii"))
    by_reason = {v["reason"]: v for v in vectors["vectors"] if not v["valid"]}
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        for reason in ("length", "magic", "version", "tag", "address"):
            box.send_bytes(bytes.fromhex(by_reason[reason]["hex"]))
        assert box.silent()
        box.send_bytes(bytes.fromhex(by_reason["reserved"]["hex"]))
        assert box.answer().hex() == by_reason["reserved"]["refused_ack_hex"]
        expected = dict.fromkeys(("length", "magic", "version", "tag", "address", "reserved"), 1)
        assert hub.counters()["refused"] == expected
    assert writer.messages == []


def test_noise_does_not_bring_the_daemon_out_of_step(settings: HubSettings, writer: Writer) -> None:
    writer.confirming = True
    chance = random.Random(1)
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        good = box.send(1)
        assert accepted(box.answer(), good)
        for number in range(1, NOISE + 1):
            noise = bytearray(good)
            if number % 2:
                noise[chance.randrange(36)] ^= 1 << chance.randrange(8)
            else:
                noise = bytearray(chance.randbytes(chance.choice((0, 11, 13, 24, 36, 37, 1400))))
            box.send_bytes(bytes(noise))
            if number % 200 == 0:
                until(lambda n=number: hub.counters()["received"] >= n + 1, "in step")  # type: ignore[misc]
        assert sum(hub.counters()["refused"].values()) == NOISE
        last = box.send(2)
        assert accepted(box.answer(), last)
    assert len(writer.messages) == 2


def test_status(settings: HubSettings, writer: Writer, broker: Broker) -> None:
    hub = RunningHub(settings)
    until(lambda: writer.statuses, "told at once")
    Box(hub.port).send()
    Box(hub.port).send_bytes(b"noise")
    status = until(lambda: next((s for s in writer.statuses if s.get("counters", {}).get("spooled")), None), "counted")
    assert status["state"] == "online"
    assert status["version"]
    assert status["clock"] == "right"
    assert status["spool"] == "in use"
    assert status["queue"]["spool"] == 1
    # Its message tells when it was measured, to the second.
    assert 0 <= status["queue"]["lag_s"] <= PATIENCE_S
    assert status["disk"]["spool_bytes"] > 0
    assert status["disk"]["free_bytes"] <= shutil.disk_usage(settings.spool_directory).total
    [box] = status["boxes"]
    assert (box["mac"], box["firmware"], box["received"], box["missing"]) == ("02:45:43:00:00:01", "1.2.3", 1, 0)
    assert abs(box["last_seen"] - time.time()) <= PATIENCE_S
    assert status["counters"]["refused"] == {"length": 1}
    assert (status["counters"]["received"], status["counters"]["version_2"]) == (2, 1)
    late = Writer(broker.port)
    late.start()
    until(lambda: late.statuses, "the status is retained")
    late.stop()
    hub.stop()
    until(lambda: writer.statuses[-1] == {"state": "offline"}, "good-bye")


def test_foreign_confirmations_are_ignored(settings: HubSettings, writer: Writer) -> None:
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        data = box.send()
        until(lambda: writer.messages, "published")
        topic = f"{HOUSEHOLD}/conferme"
        for payload in (b"", b"{}", b"[1,2]", b'["other-1", "' + b"x" * 10_000 + b'"]', b"\xff" * 100):
            writer.publish(topic, payload)
        until(lambda: hub.counters()["unmatched_confirmations"] == 6, "counted")
        assert box.silent(0.1)
        writer.confirm(writer.ids[0])
        assert accepted(box.answer(), data)


def test_full_spool(settings: HubSettings, broker: Broker) -> None:
    broker.stop()
    with RunningHub(replace(settings, spool_max_readings=3)) as hub:
        box = Box(hub.port)
        sent = [box.send(current) for current in range(5)]
        answers = [box.answer() for _ in range(3)]
        assert all(accepted(answer, data) for answer, data in zip(answers, sent[:3], strict=True))
        assert box.silent()
        assert hub.counters()["spool_failures"] >= 1
        late = box.send(9)
        until(lambda: hub.counters()["received"] == 6, "still receives")
        assert box.silent()
        writer = Writer(broker.port)
        writer.confirming = True
        broker.start()
        writer.start()
        answers = [box.answer() for _ in range(3)]
        assert all(any(accepted(answer, data) for answer in answers) for data in (*sent[3:], late))
        until(lambda: hub.counters()["confirmed"] == 6, "all confirmed")
        writer.stop()
    assert in_spool(settings) == []


def test_spool_that_cannot_be_written(settings: HubSettings, broker: Broker) -> None:
    broker.stop()
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        first = box.send()
        assert accepted(box.answer(), first)
        spool = hub.hub._spool
        real, spool._db = spool._db, ReadOnly(spool._db)  # type: ignore[assignment]
        data = box.send()
        until(lambda: hub.counters()["spool_failures"] >= 2, "failed, and tried again")
        assert box.silent(0.05)
        spool._db = real
        assert accepted(box.answer(), data)
    assert len(in_spool(settings)) == 2


class ReadOnly:
    """A connection to a disk that takes no more."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def execute(self, statement: str, *values: Any) -> Any:
        if statement.startswith("BEGIN"):
            raise sqlite3.OperationalError("database or disk is full")
        return self._db.execute(statement, *values)


def test_damaged_spool_is_kept_aside(settings: HubSettings, broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    broker.stop()
    path = settings.spool_directory / "spool.sqlite"
    path.write_bytes(b"This is no database." * 1000)
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        data = box.send()
        assert accepted(box.answer(), data)
    assert len(in_spool(settings)) == 1
    aside = [p for p in settings.spool_directory.iterdir() if "damaged" in p.name]
    assert f"the spool was damaged: it is kept as {aside[0]}, and a new one is begun" in caplog.messages
    assert [p.read_bytes() for p in aside] == [b"This is no database." * 1000]


def test_spool_damaged_while_it_is_used(settings: HubSettings, writer: Writer) -> None:
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        first = box.send(1)
        assert accepted(box.answer(), first)
        spool = hub.hub._spool
        spool._db = Damaged(spool._db)  # type: ignore[assignment]
        second = box.send(2)
        assert accepted(box.answer(), second)
        until(lambda: hub.counters()["spool_failures"] == 1, "noticed")
        writer.confirming = True
        until(lambda: hub.counters()["confirmed"] == 2, "what was in flight is not lost")
    assert [p.name for p in settings.spool_directory.iterdir() if ".damaged-" in p.name]


class Damaged(ReadOnly):
    """A connection to a file whose pages make no sense."""

    def execute(self, statement: str, *values: Any) -> Any:
        if statement.startswith("BEGIN"):
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        return self._db.execute(statement, *values)

    def close(self) -> None:
        self._db.close()


def test_memory_is_bounded_by_spooling_early(settings: HubSettings, broker: Broker) -> None:
    broker.stop()
    limits = Limits(spool_early=40, unspooled=60)
    with RunningHub(settings, replace(FAST, spool_after=1000.0), limits) as hub:
        box = Box(hub.port)
        sent = []
        for current in range(200):
            sent.append(box.send(current))
            time.sleep(0.005)
        until(lambda: hub.counters()["received"] == 200, "received")
        until(lambda: hub.hub._ledger.live <= 40, "spooled early")
        counters = hub.counters()
        assert counters["spooled"] + counters["not_taken"] >= 160
    stored = len(in_spool(settings))
    assert stored + counters["not_taken"] == 200


def test_large_spool_drains_while_live_readings_pass(settings: HubSettings, writer: Writer) -> None:
    spool = Spool(settings.spool_directory, settings.spool_max_readings)
    readings = [Reading(MAC, int(time.time()) - n, 1, 1.0, f"before-{n:x}") for n in range(5000)]
    spool.store([Row(str(r.id), str(r.id).encode(), encode_reading(r)) for r in readings])
    spool.close()
    writer.confirming = True
    with RunningHub(settings, FAST) as hub:
        until(lambda: writer.messages, "drains")
        live = Box(hub.port, bytes.fromhex("024543000002"))
        begun = time.monotonic()
        data = live.send()
        assert accepted(live.answer(), data)
        took = time.monotonic() - begun
        until(lambda: hub.counters()["confirmed"] == 5001, "drained")
    assert took < 2
    assert len(set(writer.ids)) == 5001
    assert in_spool(settings) == []


def test_process_is_ready_without_a_broker_feeds_the_watchdog_and_spools_at_sigterm(
    settings: HubSettings, broker: Broker, tmp_path: Path
) -> None:
    broker.stop()
    hub = Process(settings, tmp_path)
    hub.wait_ready()
    until(lambda: hub.notified() == "WATCHDOG=1", "fed")
    box = Box(hub.port)
    sent = [box.send(current) for current in range(10)]
    time.sleep(0.5)
    output, errors = hub.end(signal.SIGTERM)
    assert hub.process.returncode == 0, errors
    assert output == ""
    assert "Traceback" not in errors
    answers = [box.answer() for _ in sent]
    assert all(accepted(answer, data) for answer, data in zip(answers, sent, strict=True))
    assert len(in_spool(settings)) == 10


def test_killed_process_loses_nothing_of_version_2_boxes(settings: HubSettings, writer: Writer, tmp_path: Path) -> None:
    quick = Pacing(first_s=0.5, last_s=1.0, drain_s=0.01)
    boxes = [SimulatedBox(bytes([2, 0, 0, 0, 0, n]), n, KEY, pacing=quick) for n in (1, 2, 3)]
    hub = Process(settings, tmp_path)
    hub.wait_ready()
    with Fleet("127.0.0.1", hub.port, boxes) as fleet:
        at = int(time.time()) - 1000
        for round_number in range(60):
            for box in boxes:
                box.measure(at + round_number, round_number)
            fleet.pump(0.01)
            if round_number == 20:
                until(lambda: writer.messages, "published")
                hub.end(signal.SIGKILL)
            if round_number == 30:
                hub = Process(settings, tmp_path, port=hub.port)
                hub.wait_ready()
            writer.confirming = round_number > 10
        assert fleet.settle(PATIENCE_S)
        assert sum(box.statistics.acknowledged for box in boxes) == 180
    hub.end(signal.SIGTERM)
    stored = {(m["mac"], m["timestamp"]) for m in writer.messages}
    assert len(stored) == 180
    until(lambda: writer.statuses[-1]["state"] == "offline", "the status says that it is gone")
    assert {"state": "offline"} in writer.statuses[:-1]


def test_two_daemons_cannot_share_a_port_or_a_spool(settings: HubSettings, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with RunningHub(settings) as hub:
        process = Process(replace(settings, spool_directory=other), tmp_path, port=hub.port)
        assert process.notified().endswith("stop the program that uses it or set ecms_udp_port")
        assert process.process.poll() is None
        with pytest.raises(SpoolError, match="locked"):
            Hub(settings, KEY, "unused", Service())
    process.wait_ready()
    _, errors = process.end(signal.SIGTERM)
    assert process.process.returncode == 0
    assert errors.count("ecms_udp_port") == 1


def test_a_port_that_stays_taken_ends_the_daemon_with_one_sentence(settings: HubSettings, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with RunningHub(settings) as hub:
        process = Process(replace(settings, spool_directory=other), tmp_path, port=hub.port)
        assert "ecms_udp_port" in process.notified()
        _, errors = process.end(signal.SIGTERM)
    assert process.process.returncode == 1
    assert len({line.partition("cannot receive")[2] for line in errors.splitlines()}) == 1


def test_check_reads_configuration_and_credentials(settings: HubSettings, tmp_path: Path) -> None:
    process = Process(settings, tmp_path, "--check")
    output, errors = process.wait()
    assert (process.process.returncode, errors) == (0, "")
    assert "is right" in output
    process = Process(replace(settings, household="Mario Rossi"), tmp_path, "--check")
    output, errors = process.wait()
    assert (process.process.returncode, output) == (2, "")
    assert "no household slug" in errors
    assert len(errors.splitlines()) == 1
