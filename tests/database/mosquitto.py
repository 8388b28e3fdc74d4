"""A private Mosquitto on the loopback, with a writer and one household, and a hub that behaves as hubs do."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from database.server import free_port
from ecms_bridge import names
from ecms_bridge.messages import Reading, decode_confirmation, encode_reading

PASSWORD = "only-for-this-test"
_START_S = 10.0


class Broker:
    """A broker that can be killed and started again on the same port."""

    def __init__(self, *users: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ecms-mosquitto-"))
        self.port = free_port()
        passwords = self.directory / "passwords"
        passwords.touch(0o600)
        for user in users:
            subprocess.run(["mosquitto_passwd", "-b", passwords, user, PASSWORD], check=True, capture_output=True)
        # Mosquitto gives up root's rights and must still read its files.
        self.directory.chmod(0o755)
        passwords.chmod(0o644)
        (self.directory / "conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
            "max_inflight_messages 0\nmax_queued_messages 0\n",
            encoding="ascii",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin") or "mosquitto"
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", self.directory / "conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError((self.directory / "log").read_text("utf-8", "replace")) from None
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def client(self, user: str) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"{user}-{os.getpid()}", protocol=paho.MQTTv5)
        client.username_pw_set(user, PASSWORD)
        client.reconnect_delay_set(1, 1)
        return client


class Hub:
    """Sends readings, and again each second until they are confirmed.

    ``at_confirmation`` is called with the ids the moment a confirmation arrives.
    """

    def __init__(
        self, broker: Broker, slug: str, at_confirmation: Callable[[list[str]], None] = lambda _ids: None
    ) -> None:
        self.confirmed: list[str] = []
        self.trouble: list[BaseException] = []
        self._slug = slug
        self._at_confirmation = at_confirmation
        self._open: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._subscribed = threading.Event()
        self._ended = threading.Event()
        self._client = broker.client(slug)
        self._client.on_connect = self._connected
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._message
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(10)
        self._again = threading.Thread(target=self._send_again)
        self._again.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._again.join()
        self._client.disconnect()
        self._client.loop_stop()
        if self.trouble:
            raise self.trouble[0]

    def send(self, reading: Reading) -> None:
        assert reading.id is not None
        payload = encode_reading(reading)
        with self._lock:
            self._open[reading.id] = payload
        self.publish(names.READINGS, payload)

    def publish(self, kind: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(f"{self._slug}/{kind}", payload, qos=1, retain=retain)

    def open(self) -> int:
        with self._lock:
            return len(self._open)

    def wait(self, seconds: float = 60) -> None:
        """Wait until everything is confirmed."""
        deadline = time.monotonic() + seconds
        while self.open():
            assert time.monotonic() < deadline, f"{self.open()} readings are not confirmed"
            assert not self.trouble, self.trouble
            time.sleep(0.02)

    def _connected(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(names.confirmations_topic(self._slug), qos=1)

    def _message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            ids = decode_confirmation(bytes(message.payload))
            self._at_confirmation(ids)
        except BaseException as error:  # noqa: BLE001 - paho's thread must not swallow it
            self.trouble.append(error)
            return
        with self._lock:
            for number in ids:
                self._open.pop(number, None)
        self.confirmed += ids

    def _send_again(self) -> None:
        while not self._ended.wait(1):
            with self._lock:
                payloads = list(self._open.values())
            for payload in payloads:
                with contextlib.suppress(ValueError):
                    self.publish(names.READINGS, payload)
