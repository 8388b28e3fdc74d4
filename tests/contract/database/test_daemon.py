"""``ecms-mqtt-to-mysql`` as a process between a real broker and a real database."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

import ecms_bridge
from contract.database.rig import Daemon, readings, running
from database import model
from database.fixtures import PASSWORD, Home, Users, new_home
from database.mosquitto import Broker, Hub
from database.server import PrivateServer
from ecms_bridge import names
from ecms_bridge.config import DatabaseSettings
from ecms_bridge.schema import grants


def send_slowly(hub: Hub) -> None:
    for reading in readings(2000):
        hub.send(reading)
        time.sleep(0.002)


def stored_ids(home: Home) -> set[str]:
    return {f"h-{row.mac[5]}-{row.timestamp}" for row in model.raw(home)}


def test_confirmations_come_after_the_commit_and_never_before(home: Home, broker: Broker, daemon: Daemon) -> None:
    checked = 0

    def at_confirmation(ids: list[str]) -> None:
        nonlocal checked
        missing = set(ids) - stored_ids(home)
        assert not missing, f"confirmed but not stored: {missing}"
        checked += len(ids)

    with running(daemon), Hub(broker, home.slug, at_confirmation) as hub:
        for reading in readings(1500):
            hub.send(reading)
        hub.wait()
    assert checked >= 1500
    assert len(model.raw(home)) == 1500
    model.check(home)


def test_kill_9_in_the_middle_loses_and_doubles_nothing(home: Home, broker: Broker, daemon: Daemon) -> None:
    def at_confirmation(ids: list[str]) -> None:
        assert set(ids) <= stored_ids(home)

    with Hub(broker, home.slug, at_confirmation) as hub, running(daemon):
        for number, reading in enumerate(readings(2000)):
            hub.send(reading)
            if number % 500 == 250:
                time.sleep(0.3)
                daemon.stop(signal.SIGKILL)
                daemon.start()
                time.sleep(0.5)
        hub.wait()
    assert len(model.raw(home)) == 2000
    model.check(home)


def test_a_broker_that_forgets_everything_loses_nothing(home: Home, broker: Broker, daemon: Daemon) -> None:
    with running(daemon), Hub(broker, home.slug) as hub:
        for number, reading in enumerate(readings(1200)):
            hub.send(reading)
            if number % 500 == 300:
                broker.kill()
                broker.start()
                time.sleep(0.3)
        hub.wait()
    assert len(model.raw(home)) == 1200
    model.check(home)


def test_a_database_killed_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = PrivateServer()
        stack.callback(server.remove)
        server.start()
        slug = "casa"
        broker = Broker(names.WRITER_USER, slug)
        stack.callback(broker.remove)
        broker.start()
        with new_home(server, slug) as home:
            settings = server.settings_of(Users(server, []).make(grants.writer_grants(slug)))
            daemon = stack.enter_context(running(Daemon(tmp_path / "writer", broker.port, settings, PASSWORD)))
            with Hub(broker, slug) as hub:
                sent = threading.Thread(target=send_slowly, args=(hub,))
                sent.start()
                for _ in range(2):
                    time.sleep(1)
                    server.kill()
                    time.sleep(0.5)
                    server.start()
                sent.join()
                hub.wait()
                daemon.said("see that it runs")
            home.session = server.session()
            assert len(model.raw(home)) == 2000
            assert stored_ids(home) == {reading.id for reading in readings(2000)}
            model.check(home)


def test_two_writers_share_the_load(home: Home, users: Users, broker: Broker, tmp_path: Path) -> None:
    with ExitStack() as stack:
        daemons = []
        for name in ("one", "two"):
            settings = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
            daemon = Daemon(tmp_path / name, broker.port, settings, PASSWORD, shared_group=names.SHARED_GROUP)
            daemons.append(stack.enter_context(running(daemon)))
        for daemon in daemons:
            daemon.said("connected to the broker")
        with Hub(broker, home.slug) as hub:
            for reading in readings(2000):
                hub.send(reading)
            hub.wait()
        for daemon in daemons:
            assert daemon.stop() == 0
            assert "stopped; stored 0 readings" not in daemon.log.read_text("utf-8")
            daemon.start()
    assert len(model.raw(home)) == 2000
    model.check(home)


def test_sigterm_stores_and_confirms_what_is_in_hand(home: Home, users: Users, broker: Broker, tmp_path: Path) -> None:
    settings = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
    daemon = Daemon(tmp_path / "writer", broker.port, settings, PASSWORD, max_age_s=60)
    with Hub(broker, home.slug) as hub:
        daemon.start()
        daemon.said("connected to the broker")
        for reading in readings(30):
            hub.send(reading)
        time.sleep(1)
        assert model.raw(home) == []
        assert daemon.stop() == 0
        hub.wait(5)
    assert len(model.raw(home)) == 30
    assert home.rows("SELECT COUNT(*), SUM(readings), MAX(sequence) FROM box") == ((4, 30, 7),)
    daemon.said("stopped; stored 30 readings, 0 wait at their hubs")


def test_what_can_never_be_stored_is_confirmed_and_kept_apart(home: Home, broker: Broker, daemon: Daemon) -> None:
    now = int(time.time())

    def message(**members: object) -> bytes:
        return json.dumps({"mac": "02:00:00:00:00:01", "timestamp": now, "device": 1, "amps": 1, **members}).encode()

    with running(daemon), Hub(broker, home.slug) as hub:
        daemon.said("connected to the broker")
        for payload in (
            b"\x00\xff not JSON",
            message(id="a-1", amps=100.5),
            message(id="a-2", amps=-0.1),
            message(id="a-3", timestamp=17),
            message(id="a-4", mac="nonsense"),
            message(timestamp=now - 8 * 86400),
            message(timestamp=now + 600),
            message(timestamp=now - 6 * 86400),
            message(timestamp=now, device=2),
            message(id="a-5", timestamp=now - 30 * 86400),
            message(id="a-6", device=200),
        ):
            hub.publish(names.READINGS, payload)
        deadline = time.monotonic() + 15
        while len(hub.confirmed) < 6 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sorted(hub.confirmed) == ["a-1", "a-2", "a-3", "a-4", "a-5", "a-6"]
    assert sorted(row[0] for row in home.rows("SELECT reason FROM dead_letter")) == [
        "amps",
        "amps",
        "json",
        "mac",
        "time_ahead",
        "time_old",
        "timestamp",
    ]
    assert [(r.timestamp - now) // 86400 for r in sorted(model.raw(home))] == [-30, -6, 0]
    assert home.rows("SELECT idDevice FROM quarantine") == ((200,),)
    assert daemon.log.read_text("utf-8").count("can never be stored (amps)") == 1


def test_the_hubs_status_is_stored(home: Home, broker: Broker, daemon: Daemon) -> None:
    with Hub(broker, home.slug) as hub:
        hub.publish(names.STATUS, b'{"state":"online","queue":0}', retain=True)
        time.sleep(0.2)
        with running(daemon):
            deadline = time.monotonic() + 15
            while not (rows := home.rows("SELECT state, payload FROM hub_status")):
                assert time.monotonic() < deadline
                time.sleep(0.05)
    assert rows == (("online", '{"state":"online","queue":0}'),)


def test_an_unknown_household_is_not_confirmed_and_harms_nobody(home: Home, users: Users, tmp_path: Path) -> None:
    broker = Broker(names.WRITER_USER, home.slug, "nobody")
    broker.start()
    settings = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
    daemon = Daemon(tmp_path / "writer", broker.port, settings, PASSWORD)
    try:
        with running(daemon), Hub(broker, "nobody") as stranger, Hub(broker, home.slug) as hub:
            for reading in readings(50):
                stranger.send(reading)
                hub.send(reading)
            hub.wait()
            daemon.said("'nobody' is not set up in the database: run the playbook for it")
            assert stranger.confirmed == []
            assert stranger.open() == 50
    finally:
        broker.remove()
    assert len(model.raw(home)) == 50


def test_it_is_alive_and_says_what_to_do_while_everything_is_away(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    gone = DatabaseSettings("localhost", 0, str(tmp_path / "gone"), "ecms-writer", "")
    daemon = Daemon(tmp_path / "writer", port, gone, PASSWORD)
    address = tmp_path / "notify"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as notify:
        notify.bind(str(address))
        notify.settimeout(15)
        daemon.start(NOTIFY_SOCKET=str(address), WATCHDOG_USEC="800000")
        try:
            heard: list[str] = []
            while sum("WATCHDOG=1" in words for words in heard) < 5 or not any("READY=1" in words for words in heard):
                heard.append(notify.recv(4096).decode())
            daemon.said("cannot reach the broker at 127.0.0.1 port")
        finally:
            assert daemon.stop() == 0


@pytest.fixture
def idle(tmp_path: Path) -> Daemon:
    return Daemon(tmp_path / "writer", 1883, DatabaseSettings("localhost", 0, "/nowhere", "ecms-writer", ""), PASSWORD)


def test_check_reads_configuration_and_credentials(idle: Daemon) -> None:
    done = idle.run("--config", str(idle.config), "--check")
    assert (done.returncode, done.stdout) == (0, "the configuration is sound\n")


def test_version(idle: Daemon) -> None:
    assert idle.run("--version").stdout == f"{ecms_bridge.__version__}\n"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("port = 1883", 'port = "1883"', "'port' must be of type int"),
        ("max_age_s = 0.1", "max_age_s = 0", "set max_age_s above 0"),
        ("max_readings = 100", "max_readings = 0", "set max_readings to 1 to 10000"),
        ('shared_group = ""', 'shared_group = "a/b"', "set shared_group to letters and digits"),
        ("[batch]", "[batch]\nmore = 1", "unknown key 'more'"),
        (
            'tls_ca = ""\n\n[batch]',
            'tls_ca = "/nowhere/ca.pem"\n\n[batch]',
            "cannot read the database's CA certificate",
        ),
        ("[mqtt]", "[mqtt", "cannot read the configuration"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(idle: Daemon, old: str, new: str, sentence: str) -> None:
    text = idle.config.read_text("utf-8")
    assert old in text
    idle.config.write_text(text.replace(old, new, 1), "utf-8")
    done = idle.run("--config", str(idle.config), "--check")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_missing_credentials_are_one_sentence(idle: Daemon) -> None:
    done = idle.run("--config", str(idle.config), "--check", CREDENTIALS_DIRECTORY="/nowhere")
    assert done.returncode == 2
    assert "the credential 'mqtt_password' is missing" in done.stderr
