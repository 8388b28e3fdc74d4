"""The hub's daemon with a real broker and real datagrams: nothing is lost, everything final is acknowledged."""

from __future__ import annotations

import contextlib
import json
import os
import random
import selectors
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from ecms.config import MqttSettings
from ecms.datagram import Datagram, Flag, encode, read_acknowledgement
from ecms.hub.daemon import Hub
from ecms.hub.settings import HubSettings, Limits, Timing
from ecms.hub.spool import Row, Spool, SpoolError
from ecms.messages import Reading, decode_reading, encode_confirmation, encode_reading
from ecms.mqtt import MqttLink
from ecms.service import Service
from ecms.simulator.box import Pacing, SimulatedBox
from ecms.simulator.fleet import Fleet
from notrun import not_run

HOUSEHOLD = "mario_rossi"
KEY = bytes(range(32))
MAC = bytes.fromhex("024543000001")
FAST = Timing(
    first_resend=0.25,
    max_resend=1.0,
    stall=0.25,
    spool_after=0.5,
    spool_interval=0.05,
    spool_retry=0.2,
    status=0.5,
    status_interval=0.05,
    marker_poll=0.05,
    idle=0.02,
)
PATIENCE_S = 20.0


def until(condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.01)
    pytest.fail(f"not within {timeout_s} s: {what}")


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Broker:
    """A private mosquitto that keeps nothing and lets everyone in."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._config = directory / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n", encoding="ascii"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["mosquitto", "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._answers, "the broker listens")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0


class Writer(threading.Thread):
    """Stands for mqtt_to_mysql: collects what is published, confirms it if told to, and hears the status."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.messages: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.confirming = False
        self._to_confirm: list[str] = []
        self._to_publish: list[tuple[str, bytes]] = []
        self._running = True
        self._link = MqttLink(
            MqttSettings("127.0.0.1", port, "ecms-writer", ""),
            "unused",
            "writer",
            ["+/sensori", "+/stato"],
            self._received,
            lambda: None,
        )

    @property
    def up(self) -> bool:
        return self._link.up

    @property
    def ids(self) -> list[str]:
        return [message["id"] for message in self.messages]

    def confirm(self, *ids: str) -> None:
        self._to_publish.append((f"{HOUSEHOLD}/conferme", encode_confirmation(list(ids))))

    def publish(self, topic: str, payload: bytes) -> None:
        self._to_publish.append((topic, payload))

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            while self._running:
                self._link.prepare(selector)
                for _, events in selector.select(0.02):
                    self._link.handle(events)
                self._link.tick()
                if self._to_confirm and self._link.up:
                    ids, self._to_confirm = self._to_confirm, []
                    self._link.publish(f"{HOUSEHOLD}/conferme", encode_confirmation(ids))
                while self._to_publish and self._link.up:
                    self._link.publish(*self._to_publish.pop(0))
            self._link.close(selector)

    def stop(self) -> None:
        self._running = False
        self.join()

    def _received(self, topic: str, payload: bytes) -> None:
        if topic.endswith("/stato"):
            self.statuses.append(json.loads(payload))
            return
        decode_reading(payload)
        message = json.loads(payload)
        self.messages.append(message)
        if self.confirming:
            self._to_confirm.append(message["id"])


class Box:
    """A socket and a sequence: sends single datagrams and reads answers."""

    def __init__(self, port: int, mac: bytes = MAC) -> None:
        self.port = port
        self._mac = mac
        self._sequence = 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)

    def send(self, current_ma: int = 1234, *, at: float | None = None, flags: Flag = Flag.CALIBRATED) -> bytes:
        timestamp = int(time.time() if at is None else at)
        datagram = Datagram(2, self._mac, timestamp, 1, current_ma, flags, -61, self._sequence, (1, 2, 3))
        self._sequence += 1
        return self.send_bytes(encode(datagram, KEY))

    def send_bytes(self, data: bytes) -> bytes:
        self.socket.sendto(data, ("127.0.0.1", self.port))
        return data

    def answer(self) -> bytes:
        return self.socket.recv(100)

    def silent(self, seconds: float = 0.3) -> bool:
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(100)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE_S)
        return False

    def resend(self, data: bytes) -> bytes:
        head = data[:3] + bytes([data[3] | Flag.RESENT]) + data[4:28]
        datagram = Datagram(
            2,
            head[4:10],
            int.from_bytes(head[12:16]),
            head[10],
            int.from_bytes(head[20:24]),
            Flag(head[3]),
            -61,
            int.from_bytes(head[16:20]),
            (1, 2, 3),
        )
        return self.send_bytes(encode(datagram, KEY))


class RunningHub:
    """The daemon in a thread of the test."""

    def __init__(self, settings: HubSettings, timing: Timing = FAST, limits: Limits | None = None) -> None:
        self.service = Service()
        self.hub: Hub
        self.error: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(settings, timing, limits), daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        assert self.error is None

    @property
    def port(self) -> int:
        return self.hub.port

    def counters(self) -> dict[str, Any]:
        return self.hub.counters.as_dict()

    def stop(self) -> None:
        self.service.stopping = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        assert self.error is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, settings: HubSettings, timing: Timing, limits: Limits | None) -> None:
        try:
            self.hub = Hub(settings, KEY, "unused", self.service, timing, limits)
            self._ready.set()
            self.hub.run()
        except BaseException as error:  # noqa: BLE001 - reported by stop()
            self.error = error
            self._ready.set()


@pytest.fixture(scope="module", autouse=True)
def _mosquitto() -> None:
    if shutil.which("mosquitto") is None:
        not_run("mosquitto is not installed")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def writer(broker: Broker) -> Iterator[Writer]:
    writer = Writer(broker.port)
    writer.start()
    until(lambda: writer.up, "the writer is connected")
    yield writer
    writer.stop()


@pytest.fixture
def settings(tmp_path: Path, broker: Broker) -> HubSettings:
    spool = tmp_path / "spool"
    spool.mkdir()
    return HubSettings(
        household=HOUSEHOLD,
        require_signed_readings=False,
        address="127.0.0.1",
        port=0,
        mqtt=MqttSettings("127.0.0.1", broker.port, HOUSEHOLD, ""),
        spool_directory=spool,
        spool_max_readings=10_000,
        clock_marker=None,
    )


def accepted(answer: bytes, data: bytes) -> bool:
    return read_acknowledgement(answer, data, KEY) is False


def refused(answer: bytes, data: bytes) -> bool:
    return read_acknowledgement(answer, data, KEY) is True


def in_spool(settings: HubSettings) -> list[tuple[str, bytes]]:
    """What a stopped hub left in its spool."""
    with contextlib.closing(sqlite3.connect(settings.spool_directory / "spool.sqlite")) as db:
        return db.execute("SELECT id, message FROM reading ORDER BY n").fetchall()


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
    vectors = json.loads((Path(__file__).parents[1] / "vectors/datagrams.json").read_text(encoding="ascii"))
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
        for number in range(1, 20_001):
            noise = bytearray(good)
            if number % 2:
                noise[chance.randrange(36)] ^= 1 << chance.randrange(8)
            else:
                noise = bytearray(chance.randbytes(chance.choice((0, 11, 13, 24, 36, 37, 1400))))
            box.send_bytes(bytes(noise))
            if number % 200 == 0:
                until(lambda n=number: hub.counters()["received"] >= n + 1, "in step")  # type: ignore[misc]
        assert sum(hub.counters()["refused"].values()) == 20_000
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


def test_damaged_spool_is_kept_aside(settings: HubSettings, broker: Broker) -> None:
    broker.stop()
    path = settings.spool_directory / "spool.sqlite"
    path.write_bytes(b"This is no database." * 1000)
    with RunningHub(settings) as hub:
        box = Box(hub.port)
        data = box.send()
        assert accepted(box.answer(), data)
    assert len(in_spool(settings)) == 1
    aside = [p for p in settings.spool_directory.iterdir() if "damaged" in p.name]
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


class Process:
    """The daemon as systemd starts it."""

    def __init__(self, settings: HubSettings, directory: Path, *options: str, port: int | None = None) -> None:
        self.port = port or free_port(socket.SOCK_DGRAM)
        config = directory / "udp_to_mqtt.toml"
        config.write_text(
            f"""
            household = "{settings.household}"
            require_signed_readings = false
            [udp]
            address = "127.0.0.1"
            port = {self.port}
            [mqtt]
            host = "{settings.mqtt.host}"
            port = {settings.mqtt.port}
            username = "{settings.mqtt.username}"
            tls_ca = ""
            [spool]
            directory = "{settings.spool_directory}"
            max_readings = {settings.spool_max_readings}
            [clock]
            marker = ""
            """,
            encoding="utf-8",
        )
        credentials = directory / "credentials"
        credentials.mkdir(exist_ok=True)
        (credentials / "household_key").write_text(KEY.hex() + "\n", encoding="ascii")
        (credentials / "mqtt_password").write_text("unused\n", encoding="ascii")
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = directory / f"notify-{self.port}"
        address.unlink(missing_ok=True)
        self._notify.bind(str(address))
        self._notify.settimeout(PATIENCE_S)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ecms.hub.daemon", "--config", config, *options],
            env={
                **os.environ,
                "CREDENTIALS_DIRECTORY": str(credentials),
                "NOTIFY_SOCKET": str(address),
                "WATCHDOG_USEC": "400000",
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def notified(self) -> str:
        return self._notify.recv(1000).decode()

    def wait_ready(self) -> None:
        while not self.notified().startswith("READY=1"):
            pass

    def end(self, number: signal.Signals) -> tuple[str, str]:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[str, str]:
        output = self.process.communicate(timeout=PATIENCE_S)
        self._notify.close()
        return output


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
        _, errors = process.wait()
        assert process.process.returncode == 1
        assert "ecms_udp_port" in errors
        assert len(errors.splitlines()) == 1
        with pytest.raises(SpoolError, match="locked"):
            Hub(settings, KEY, "unused", Service())


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
