"""A whole home without Ansible: hub, broker, writer and database as they are, and what the playbook would write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contract.database.rig import SOURCE, Daemon, running
from contract.hub.rig import HOUSEHOLD, KEY, Broker, RunningHub, configuration, until
from database.fixtures import PASSWORD, Home, home, mariadb, users
from database.fixtures import Users as DatabaseUsers
from ecms_bridge.config import MqttSettings
from ecms_bridge.hub.settings import HubSettings
from ecms_bridge.schema import grants
from ecms_bridge.status.installed import HUB_UNIT, WRITER_UNIT
from notrun import not_run

__all__ = ["home", "mariadb", "users"]

PROGRAM = "import sys; from ecms_bridge.status.cli import main; sys.exit(main())"
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(SOURCE), *sys.path])}


def schema(name: str) -> dict[str, Any]:
    text = resources.files("ecms_bridge").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads(text)
    return result


REPORT = Draft202012Validator(schema("report"))
STATUS = Draft202012Validator(schema("status"))


@dataclass
class House:
    """A household on a machine of its own; ``directory`` is its /etc/ecms."""

    home: Home
    directory: Path
    broker: Broker
    settings: HubSettings
    writer: Daemon
    _stack: ExitStack
    hub: RunningHub = field(init=False)

    def start_hub(self) -> None:
        self.hub = self._stack.enter_context(RunningHub(self.settings))

    def start_writer(self) -> None:
        self._stack.enter_context(running(self.writer))
        self.writer.said("connected to the broker")

    def start(self) -> None:
        self.start_writer()
        self.start_hub()

    def stored(self, count: int) -> None:
        until(lambda: self.home.rows("SELECT COUNT(*) FROM {data}") == ((count,),), f"{count} rows")
        until(lambda: self.hub.counters()["confirmed"] >= count, "confirmed")

    def run(self, *options: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*options),
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            user=user,
        )

    def command(self, *options: str) -> list[str]:
        where = ["--config-directory", str(self.directory), "--digest-directory", str(self.directory / "digest")]
        where += ["--digest-state-directory", str(self.directory / "digest-state")]
        return [sys.executable, "-c", PROGRAM, *where, *options]

    def report(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Return exit status and report, which keeps to its schema."""
        done = self.run("--json", *options)
        assert done.stdout, done.stderr
        report = json.loads(done.stdout)
        REPORT.validate(report)
        assert {"ok": 0, "warning": 1, "critical": 2}[report["status"]] == done.returncode
        for household in report["households"]:
            if household["hub"] is not None:
                STATUS.validate({"boxes": []} | household["hub"])
        return done.returncode, report

    def forget(self, unit: str) -> None:
        """Make this the machine of the other daemon only."""
        (self.directory / {HUB_UNIT: "udp_to_mqtt.toml", WRITER_UNIT: "mqtt_to_mysql.toml"}[unit]).unlink()


@pytest.fixture
def house(home: Home, users: DatabaseUsers, tmp_path: Path) -> Iterator[House]:
    if shutil.which("mosquitto") is None:
        not_run("mosquitto is not installed")
    broker = Broker(tmp_path)
    broker.start()
    (tmp_path / "spool").mkdir()
    settings = HubSettings(
        household=home.slug,
        require_signed_readings=False,
        address="127.0.0.1",
        port=0,
        mqtt=MqttSettings("127.0.0.1", broker.port, HOUSEHOLD, ""),
        spool_directory=tmp_path / "spool",
        spool_max_readings=10_000,
        clock_marker=None,
    )
    database = home.server.settings_of(users.make(grants.writer_grants(home.slug)))
    writer = Daemon(tmp_path / "writer", broker.port, database, PASSWORD)
    directory = tmp_path / "etc"
    credentials = directory / "credentials"
    credentials.mkdir(parents=True)
    shutil.copy(writer.config, directory)
    (directory / "udp_to_mqtt.toml").write_text(configuration(settings, 4210), encoding="utf-8")
    for name, value in (
        (f"{HUB_UNIT}.mqtt_password", "unused"),
        (f"{HUB_UNIT}.household_key", KEY.hex()),
        (f"{WRITER_UNIT}.mqtt_password", "unused"),
        (f"{WRITER_UNIT}.database_password", PASSWORD),
    ):
        (credentials / name).write_text(value + "\n", encoding="ascii")
    credentials.chmod(0o700)
    with ExitStack() as stack:
        stack.callback(broker.stop)
        yield House(home, directory, broker, settings, writer, stack)
