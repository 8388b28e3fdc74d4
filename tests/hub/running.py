"""What tests and the demo ask of a hub that runs."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from ecms_bridge import names
from hub.discovery import announced_port
from machines import Machine

_TUNNEL_TIMEOUT_S = 15
_LASTING = ("*.service", "*.timer", "*.socket")
# What lives as long as someone is logged in, or asks over D-Bus.
_PASSING = ("user@", "user-runtime-dir@", "systemd-hostnamed", "systemd-timedated", "systemd-localed")
_DATABASE_SOCKET = "/run/mysqld/mysqld.sock"


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub on a test machine; ``secrets`` is the directory beside its inventory."""

    machine: Machine
    slug: str
    secrets: Path

    @property
    def key_file(self) -> Path:
        return self.secrets / "household_key"

    @property
    def address(self) -> str:
        return self.machine.address

    def announced_port(self) -> int:
        """Return the UDP port that the hub announces on its network; raise TimeoutError if it announces none."""
        return announced_port(self.address)

    def udp_port(self) -> int:
        """Return the port that the hub's own configuration names."""
        text = self.machine.run(["cat", "/etc/ecms/udp_to_mqtt.toml"]).stdout
        return int(tomllib.loads(text)["udp"]["port"])

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement as the database's root inside the household's schema and return its rows."""
        command = ["mariadb", "--batch", "--raw", "--skip-column-names", names.schema_name(self.slug)]
        output = self.machine.run(command, stdin=sql).stdout
        return [tuple(line.split("\t")) for line in output.splitlines()]

    def devices(self) -> dict[int, str]:
        """Return the appliances that the household's database knows."""
        return {int(number): name for number, name in self.query("SELECT idDevice, nome FROM device")}

    @contextlib.contextmanager
    def grafana_connection(self) -> Iterator[pymysql.Connection[Any]]:
        """Connect to the database as the dashboard does, read only, through a tunnel over SSH."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        forward = f"127.0.0.1:{port}:{_DATABASE_SOCKET}"
        ssh = self.machine.ssh_args()
        tunnel = subprocess.Popen([*ssh[:-1], "-N", "-o", "ExitOnForwardFailure=yes", "-L", forward, ssh[-1]])
        try:
            password = (self.secrets / f"database_{names.grafana_user(self.slug)}").read_text(encoding="ascii").strip()
            connection = _connect(port, names.grafana_user(self.slug), password, names.schema_name(self.slug))
            with connection:
                yield connection
        finally:
            tunnel.terminate()
            tunnel.wait()

    def status(self, unit: str) -> dict[str, str]:
        """Return the properties of a systemd unit."""
        output = self.machine.run(["systemctl", "show", unit]).stdout
        return dict(line.partition("=")[::2] for line in output.splitlines())

    def invocations(self) -> dict[str, str]:
        """Return the invocation of every unit that stays active by itself; a restart gives it another one."""
        output = self.machine.run(["systemctl", "show", "--property=Id,InvocationID,ActiveState", *_LASTING]).stdout
        units = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in output.split("\n\n")]
        return {
            unit["Id"]: unit["InvocationID"]
            for unit in units
            if unit.get("ActiveState") == "active" and not unit["Id"].startswith(_PASSING)
        }

    def counts(self) -> dict[str, int]:
        """Return how many readings are stored for each MAC (``AA:BB:…``)."""
        table = names.data_table(self.slug)
        rows = self.query(f"SELECT HEX(mac), COUNT(*) FROM {table} GROUP BY mac")
        return {":".join(mac[i : i + 2] for i in range(0, 12, 2)): int(count) for mac, count in rows}


def _connect(port: int, user: str, password: str, schema: str) -> pymysql.Connection[Any]:
    deadline = time.monotonic() + _TUNNEL_TIMEOUT_S
    while True:
        try:
            return pymysql.connect(
                host="127.0.0.1",
                port=port,
                user=user,
                password=password,
                database=schema,
                init_command="SET time_zone = '+00:00'",
            )
        except pymysql.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
