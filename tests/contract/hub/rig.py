"""A rig for the hub: a private broker, a stand-in for the writer, boxes, and the daemon as thread or process."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Self

import pytest
from jsonschema import Draft202012Validator

from ecms_bridge.config import MqttSettings
from ecms_bridge.datagram import Datagram, Flag, encode, read_acknowledgement
from ecms_bridge.hub.daemon import Hub
from ecms_bridge.hub.settings import HubSettings, Limits, Timing
from ecms_bridge.messages import decode_reading, encode_confirmation
from ecms_bridge.mqtt import MqttLink
from ecms_bridge.service import Service

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
    home_assistant=0.1,
    idle=0.02,
)
PATIENCE_S = 20.0
_BROKER_SETTINGS = "persistence false\nmax_inflight_messages 500\n"
_STATUS = Draft202012Validator(
    json.loads(resources.files("ecms_bridge").joinpath("schemas/status.json").read_text(encoding="utf-8"))
)


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
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, more: str = "allow_anonymous true\n") -> None:
        self._config.write_text(f"listener {self.port} 127.0.0.1\n{_BROKER_SETTINGS}{more}", encoding="ascii")
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
            status = json.loads(payload)
            _STATUS.validate(status)
            self.statuses.append(status)
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


def accepted(answer: bytes, data: bytes) -> bool:
    return read_acknowledgement(answer, data, KEY) is False


def refused(answer: bytes, data: bytes) -> bool:
    return read_acknowledgement(answer, data, KEY) is True


def in_spool(settings: HubSettings) -> list[tuple[str, bytes]]:
    """What a stopped hub left in its spool."""
    with contextlib.closing(sqlite3.connect(settings.spool_directory / "spool.sqlite")) as db:
        return db.execute("SELECT id, message FROM reading ORDER BY n").fetchall()


def configuration(settings: HubSettings, port: int) -> str:
    """The configuration file as the playbook writes it."""
    return f"""
        household = "{settings.household}"
        require_signed_readings = false
        [udp]
        address = "127.0.0.1"
        port = {port}
        [mqtt]
        host = "{settings.mqtt.host}"
        port = {settings.mqtt.port}
        username = "{settings.mqtt.username}"
        tls_ca = "{settings.mqtt.tls_ca}"
        [spool]
        directory = "{settings.spool_directory}"
        max_readings = {settings.spool_max_readings}
        [clock]
        marker = "{settings.clock_marker or ""}"
        """


class Process:
    """The daemon as systemd starts it."""

    def __init__(
        self,
        settings: HubSettings,
        directory: Path,
        *options: str,
        port: int | None = None,
        key: bytes = KEY,
        password: str = "unused",
    ) -> None:
        self.port = port or free_port(socket.SOCK_DGRAM)
        config = directory / "udp_to_mqtt.toml"
        config.write_text(configuration(settings, self.port), encoding="utf-8")
        credentials = directory / "credentials"
        credentials.mkdir(exist_ok=True)
        (credentials / "household_key").write_text(key.hex() + "\n", encoding="ascii")
        (credentials / "mqtt_password").write_text(f"{password}\n", encoding="ascii")
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = directory / f"notify-{self.port}"
        address.unlink(missing_ok=True)
        self._notify.bind(str(address))
        self._notify.settimeout(PATIENCE_S)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ecms_bridge.hub.daemon", "--config", config, *options],
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

    def unattended(self) -> None:
        """Wait until it is ready, then take its signs of life: a full socket would make it wait."""
        self.wait_ready()
        threading.Thread(target=self._take_notices, daemon=True).start()

    def _take_notices(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.notified()

    def end(self, number: signal.Signals) -> tuple[str, str]:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[str, str]:
        output = self.process.communicate(timeout=PATIENCE_S)
        self._notify.close()
        return output
