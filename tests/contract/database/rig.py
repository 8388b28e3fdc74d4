"""The writer as a process, and what it is sent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ecms_bridge
from database import mosquitto
from ecms_bridge.config import DatabaseSettings, MqttAddress
from ecms_bridge.messages import Reading

BEGIN = 1_718_000_100
SOURCE = Path(ecms_bridge.__file__).parents[1]


class Daemon:
    """The writer as a process; ``directory`` holds its configuration and credentials."""

    def __init__(
        self,
        directory: Path,
        broker_port: int,
        database: DatabaseSettings,
        database_password: str,
        *,
        shared_group: str = "",
        max_age_s: float = 0.1,
        tls_ca: str = "",
        alternatives: Sequence[MqttAddress] = (),
    ) -> None:
        directory.mkdir(exist_ok=True)
        self.config = directory / "mqtt_to_mysql.toml"
        self.config.write_text(
            f"""
[mqtt]
host = "127.0.0.1"
port = {broker_port}
username = "ecms-writer"
tls_ca = "{tls_ca}"
shared_group = "{shared_group}"
{"".join(_alternative("mqtt", one.host, one.port, one.tls_ca) for one in alternatives)}
[database]
host = "{database.host}"
port = {database.port}
socket = "{database.socket}"
user = "{database.user}"
tls_ca = "{database.tls_ca}"
{"".join(_alternative("database", node.host, node.port, node.tls_ca) for node in database.alternatives)}
[batch]
max_readings = 100
max_age_s = {max_age_s}
""",
            encoding="utf-8",
        )
        (directory / "mqtt_password").write_text(mosquitto.PASSWORD + "\n", encoding="ascii")
        (directory / "database_password").write_text(database_password + "\n", encoding="ascii")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(SOURCE), *sys.path]),
            "CREDENTIALS_DIRECTORY": str(directory),
        }
        self.log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return subprocess.run(
            self._command(*options),
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def start(self, **environment: str) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("--config", str(self.config)), env=self.environment | environment, stderr=log
            )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(30)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def said(self, words: str, seconds: float = 15) -> None:
        """Wait for words in the log."""
        deadline = time.monotonic() + seconds
        while words not in self.log.read_text("utf-8"):
            assert time.monotonic() < deadline, self.log.read_text("utf-8")
            time.sleep(0.05)

    @staticmethod
    def _command(*options: str) -> list[str]:
        return [sys.executable, "-c", "from ecms_bridge.writer.daemon import main; main()", *options]


def _alternative(section: str, host: str, port: int, tls_ca: str) -> str:
    return f'[[{section}.alternative]]\nhost = "{host}"\nport = {port}\ntls_ca = "{tls_ca}"\n'


@contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    daemon.start()
    try:
        yield daemon
        assert daemon.running(), daemon.log.read_text("utf-8")
    finally:
        if daemon.running():
            daemon.stop(signal.SIGKILL)


def readings(count: int, boxes: int = 4, prefix: str = "h", begin: int = BEGIN) -> Iterator[Reading]:
    """Yield readings of boxes that measure every 10 s; an id tells its box and time."""
    for number in range(count):
        box, step = number % boxes, number // boxes
        timestamp = begin + 10 * step
        yield Reading(
            bytes([2, 0, 0, 0, 0, box]),
            timestamp,
            1 + box % 7,
            (number % 97) / 10,
            id=f"{prefix}-{box}-{timestamp}",
            rssi=-50,
            sequence=step,
            firmware="1.0.0",
        )
