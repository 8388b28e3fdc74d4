"""Several writers at one broker and one database: what one of them does, or no longer does, harms no reading."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from contract.database.rig import BEGIN, Daemon, readings, running
from contract.hub.rig import Box, RunningHub, until
from contract.hub.rig import Broker as OpenBroker
from database import model
from database.authority import Authority
from database.fixtures import PASSWORD, Home, Users
from database.mosquitto import PASSWORD as MQTT_PASSWORD
from database.mosquitto import Broker, Hub
from ecms_bridge import names
from ecms_bridge.config import DatabaseSettings, MqttAddress, MqttSettings
from ecms_bridge.datagram import Flag
from ecms_bridge.hub.settings import HubSettings
from ecms_bridge.messages import Reading
from ecms_bridge.schema import grants
from ecms_bridge.service import Service
from ecms_bridge.writer import daemon as writer_daemon
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch, Status
from ecms_bridge.writer.settings import Settings

BOXES = 6
STEPS = 80


@pytest.fixture
def open_broker(tmp_path: Path) -> Iterator[OpenBroker]:
    made = OpenBroker(tmp_path)
    made.start()
    yield made
    made.stop()


def sharing(home: Home, users: Users, directory: Path, port: int) -> Daemon:
    settings = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
    return Daemon(directory, port, settings, PASSWORD, shared_group=names.SHARED_GROUP)


class Family:
    """Boxes of one hub that have measured every 10 s, and send it in portions."""

    def __init__(self, port: int) -> None:
        self._boxes = [Box(port, bytes([2, 0, 0, 0, 1, number])) for number in range(BOXES)]
        for box in self._boxes:
            box.socket.setblocking(False)
        self._at = int(time.time()) // 900 * 900 - 4 * 3600
        self._answers: set[bytes] = set()
        self.sent = 0

    def send(self, hub: RunningHub) -> None:
        """Send a portion, never more at once than a socket's buffer holds."""
        for _ in range(STEPS):
            for box in self._boxes:
                box.send(1000 + self.sent % 977, at=self._at, flags=Flag.CALIBRATED | Flag.RESENT)
                self.sent += 1
            self._at += 10
            until(lambda: hub.counters()["received"] == self.sent, "the hub has received it")
            self.acknowledged()

    def acknowledged(self) -> int:
        """Count the acknowledgements that have come so far, each of them once."""
        for box in self._boxes:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._answers.add(box.answer())
        return len(self._answers)


def stored(home: Home) -> int:
    return int(home.rows("SELECT COUNT(*) FROM {data}")[0][0])


def test_one_killed_and_one_frozen_lose_and_double_nothing(
    home: Home, users: Users, open_broker: OpenBroker, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        one, two = (stack.enter_context(running(sharing(home, users, tmp_path / n, open_broker.port))) for n in "12")
        for writer in (one, two):
            writer.said("connected to the broker")
        spool = tmp_path / "spool"
        spool.mkdir()
        mqtt = MqttSettings("127.0.0.1", open_broker.port, home.slug, "")
        hub = stack.enter_context(RunningHub(HubSettings(home.slug, True, "127.0.0.1", 0, mqtt, spool, 10_000, None)))
        family = Family(hub.port)
        family.send(hub)

        one.stop(signal.SIGKILL)
        family.send(hub)
        until(lambda: stored(home) == family.sent, "the other writer stores what the killed one had")

        one.start()
        until(lambda: one.log.read_text("utf-8").count("connected to the broker") == 2, "the killed one is back")
        os.kill(two.pid, signal.SIGSTOP)
        family.send(hub)
        until(lambda: stored(home) == family.sent, "nothing waits for the frozen writer")

        os.kill(two.pid, signal.SIGCONT)
        family.send(hub)
        until(lambda: stored(home) == family.sent, "all is stored")
        until(lambda: family.acknowledged() == family.sent, "every reading is acknowledged")
        for writer in (one, two):
            assert writer.stop() == 0
            assert "stopped; stored 0 readings" not in writer.log.read_text("utf-8")
            writer.start()
    assert len(model.raw(home)) == family.sent == BOXES * STEPS * 4
    model.check(home)


def test_hub_and_writer_go_on_by_another_broker_when_theirs_is_killed(home: Home, users: Users, tmp_path: Path) -> None:
    with ExitStack() as stack:
        brokers, addresses = [], []
        for host in ("127.0.0.1", "localhost"):
            authority = Authority(tmp_path / host)
            certificate, key = authority.issue(host)
            broker = OpenBroker(tmp_path / host)
            broker.start(f"allow_anonymous true\nuser root\ncertfile {certificate}\nkeyfile {key}\n")
            stack.callback(broker.stop)
            brokers.append((broker, certificate, key))
            addresses.append(MqttAddress(host, broker.port, str(authority.certificate)))
        first, second = addresses
        settings = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
        writer = Daemon(tmp_path / "writer", first.port, settings, PASSWORD, tls_ca=first.tls_ca, alternatives=[second])
        stack.enter_context(running(writer))
        writer.said(f"connected to the broker at {first}")
        spool = tmp_path / "spool"
        spool.mkdir()
        mqtt = MqttSettings(first.host, first.port, home.slug, first.tls_ca, (second,))
        hub = stack.enter_context(RunningHub(HubSettings(home.slug, True, "127.0.0.1", 0, mqtt, spool, 10_000, None)))
        family = Family(hub.port)
        family.send(hub)
        (one, *with_tls), (other, *_) = brokers
        one.stop()
        family.send(hub)
        until(lambda: stored(home) == family.sent, "all is stored by way of the other broker")
        writer.said(f"connected to the broker at {second}")

        one.start("allow_anonymous true\nuser root\ncertfile {}\nkeyfile {}\n".format(*with_tls))
        other.stop()
        family.send(hub)
        until(lambda: stored(home) == family.sent, "all is stored by way of the first one")
        family.send(hub)
        until(lambda: stored(home) == family.sent, "all is stored")
        until(lambda: family.acknowledged() == family.sent, "every reading is acknowledged")
    assert len(model.raw(home)) == family.sent
    model.check(home)


def test_interleaved_readings_of_the_same_boxes_come_out_right(home: Home, users: Users) -> None:
    """Both writers compute the same buckets, and each the bucket of a reading that the other one stores."""
    count, boxes = 720, 2
    halves: list[list[Reading]] = [[], []]
    # Around each end of a quarter of an hour, where one reading's successor lies in the next bucket.
    for number, reading in enumerate(readings(count * boxes, boxes)):
        into_quarter = reading.timestamp % 900
        if into_quarter < 60 or into_quarter >= 840:
            halves[number // boxes % 2].append(reading)
    failures: list[BaseException] = []
    start = threading.Barrier(2)

    def work(mine: list[Reading]) -> None:
        try:
            settings = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
            with closing(ReadingsDatabase(settings, PASSWORD)) as database:
                start.wait()
                for begin in range(0, len(mine), 2):
                    assert database.store(Batch(home.slug, mine[begin : begin + 2])).stored == 2
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(model.raw(home)) == sum(map(len, halves)) > 100
    model.check(home)


def test_a_writer_without_its_database_leaves_its_share_to_the_other(
    home: Home, users: Users, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_daemon, "_ASIDE_AFTER_S", 0.2)
    monkeypatch.setattr(writer_daemon, "_MAX_RETRY_S", 0.3)
    monkeypatch.setattr(writer_daemon, "_FIRST_RETRY_S", 0.1)
    settings = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
    way = tmp_path / "way"
    lame = _writer(broker, DatabaseSettings("localhost", 0, str(way), settings.user, ""))
    service = lame._service
    ended = threading.Event()

    def run() -> None:
        lame.run()
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: lame._link.up, "the lame writer is connected")
        with running(sharing(home, users, tmp_path / "sound", broker.port)) as sound, Hub(broker, home.slug) as hub:
            sound.said("connected to the broker")
            given = list(readings(600))
            for reading in given[:300]:
                hub.send(reading)
            until(lambda: lame._link.resting, "the lame writer leaves the broker")
            hub.wait()
            for reading in given[300:]:
                hub.send(reading)
            hub.wait()
            assert len(model.raw(home)) == 600
            way.symlink_to(settings.socket)
            until(lambda: lame._link.up, "the lame writer is back")
            for reading in readings(100, begin=BEGIN + 100_000):
                hub.send(reading)
            hub.wait()
    finally:
        service.stopping = True
        thread.join()
    assert ended.is_set(), "the lame writer has failed"
    assert lame._counts["stored"] > 0
    assert len(model.raw(home)) == 700
    model.check(home)


def test_a_status_that_both_hear_is_stored_once(home: Home, users: Users) -> None:
    settings = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
    with closing(ReadingsDatabase(settings, PASSWORD)) as one, closing(ReadingsDatabase(settings, PASSWORD)) as two:
        now = int(time.time())
        for at, number in ((now - 130, 1), (now - 65, 2), (now, 3)):
            status = Status(at, "online", f'{{"state":"online","uptime_s":{number}}}')
            one.store(Batch(home.slug, statuses=[status]))
            # The other one may hear it in the next second.
            two.store(Batch(home.slug, statuses=[Status(at + 1, status.state, status.payload)]))
    assert len(home.rows("SELECT received_at FROM hub_status")) == 3


def _writer(broker: Broker, database: DatabaseSettings) -> writer_daemon.Writer:
    mqtt = MqttSettings("127.0.0.1", broker.port, names.WRITER_USER, "")
    settings = Settings(mqtt, names.SHARED_GROUP, database, 100, 0.1)
    return writer_daemon.Writer(settings, MQTT_PASSWORD, PASSWORD, Service())
