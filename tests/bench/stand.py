"""One home's hub, broker, writer and database as processes here, each with the settings that the roles give it."""

from __future__ import annotations

import base64
import contextlib
import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import processes, settings
from database.fixtures import PASSWORD, Home, Users, new_home
from database.server import PrivateServer, free_port
from ecms_bridge import access, names
from ecms_bridge.schema import grants
from role_plugins import load

SLUG = "casa_bench"
BOXES = 8
KEY = bytes(range(32))
_START_S = 20.0
_STOP_S = 60.0
_FROM_ROLE: Any = load("roles/mosquitto/library/mosquitto_dynsec.py")
_FILE_FROM_ROLE: Any = load("roles/mosquitto/library/mosquitto_dynsec_file.py")


class Daemon:
    """A process with its own directory, log and credentials."""

    def __init__(self, name: str, directory: Path, command: list[str], credentials: Mapping[str, str]) -> None:
        self.log = directory / f"{name}.log"
        secret = directory / f"{name}.credentials"
        secret.mkdir()
        for credential, value in credentials.items():
            (secret / credential).write_text(value + "\n", encoding="ascii")
        self._command = command
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "CREDENTIALS_DIRECTORY": str(secret),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def started(self) -> bool:
        """Whether it was ever started."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Its process id; raise RuntimeError with the end of its log if it does not run."""
        if self._process is None or self._process.poll() is not None:
            end = self.log.read_text("utf-8", "replace")[-2000:] if self.log.exists() else "it was never started"
            raise RuntimeError(f"{self.log.stem} does not run: {end}")
        return self._process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self) -> None:
        """End it as systemd does, with patience."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
            self._process.kill()
            self._process.wait()


class Stand:
    """A home to measure: a context manager that starts database and broker; hub and writer start on demand.

    Everything runs on ``core``, if one is given, the broker on ``broker_core``. What it stores lies below
    ``directory``, by default the one for temporary files.
    """

    def __init__(
        self, core: int | None = None, *, broker_core: int | None = None, directory: Path | None = None
    ) -> None:
        self._core = core
        self._broker_core = core if broker_core is None else broker_core
        # A short path: a socket's name ends at 107 characters.
        self.directory = Path(tempfile.mkdtemp(prefix="ecms-", dir=directory))
        self.broker_port = free_port()
        self.udp_port = _free_udp_port()
        self.spool = self.directory / "spool"
        self.spool.mkdir()
        # Servers give up root's rights and must still reach their files.
        self.directory.chmod(0o755)
        self._stack = contextlib.ExitStack()
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            with _placed(self._core):
                self.database = PrivateServer(*settings.database_options(), below=self.directory)
                self._stack.callback(self.database.remove)
                self.database.start()
                self.home: Home = self._stack.enter_context(new_home(self.database, SLUG))
                self.home.apply(devices=[{"id": n, "name": f"carico {n}", "ratings": []} for n in range(1, BOXES + 1)])
                users = Users(self.database, [])
                self._stack.callback(users.remove)
                self.writer_user = users.make(grants.writer_grants(SLUG))
            with _placed(self._broker_core):
                self.broker = self._broker()
                self.broker.start()
                self._stack.callback(self.broker.stop)
                _wait_for_port(self.broker_port, self.broker)
            self.hub = self._hub()
            self._stack.callback(self.hub.stop)
            self.writer = self._writer()
            self._stack.callback(self.writer.stop)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start_hub(self) -> None:
        with _placed(self._core):
            self.hub.start()
        _wait_for_log(self.hub, "connected to the broker")

    def start_writer(self) -> None:
        with _placed(self._core):
            self.writer.start()
        _wait_for_log(self.writer, "connected to the broker")

    def pids(self) -> dict[str, int]:
        """Return the processes of the way from the datagram to the row, as far as they were started."""
        daemons = {"hub": self.hub, "Mosquitto": self.broker, "writer": self.writer}
        found = {name: daemon.pid for name, daemon in daemons.items() if daemon.started}
        return found | {"MariaDB": self.database.pid}

    def stored(self) -> int:
        """Return how many readings the table holds."""
        return int(self.home.rows("SELECT COUNT(*) FROM {data}")[0][0])

    def _broker(self) -> Daemon:
        clients = {SLUG: access.household_rules(SLUG), names.WRITER_USER: access.writer_rules()}
        tree: dict[str, Any] = {}
        _FILE_FROM_ROLE.with_admin(tree, "admin", secrets.token_hex(16), "bench")
        for name, rules in clients.items():
            salt = secrets.token_bytes(12)
            hashed = _FILE_FROM_ROLE.hash_password(PASSWORD, salt, _FILE_FROM_ROLE.ITERATIONS)
            tree["roles"].append({"rolename": name, "acls": _FROM_ROLE.acls_of(rules)})
            tree["clients"].append(
                {
                    "username": name,
                    "roles": [{"rolename": name}],
                    "password": base64.b64encode(hashed).decode(),
                    "salt": base64.b64encode(salt).decode(),
                    "iterations": _FILE_FROM_ROLE.ITERATIONS,
                }
            )
        file, config = self.directory / "dynamic-security.json", self.directory / "mosquitto.conf"
        file.write_text(json.dumps(tree), encoding="utf-8")
        file.chmod(0o600)
        text = settings.broker_config(self.broker_port, self.directory, file)
        config.write_text(f"user {getpass.getuser()}\n{text}", encoding="utf-8")
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin") or "mosquitto"
        return Daemon("mosquitto", self.directory, [program, "-c", str(config)], {})

    def _hub(self) -> Daemon:
        config = self.directory / "udp_to_mqtt.toml"
        config.write_text(
            f"""
            household = "{SLUG}"
            require_signed_readings = true
            [udp]
            address = "127.0.0.1"
            port = {self.udp_port}
            [mqtt]
            host = "127.0.0.1"
            port = {self.broker_port}
            username = "{SLUG}"
            tls_ca = ""
            [spool]
            directory = "{self.spool}"
            max_readings = 2000000
            [clock]
            marker = ""
            """,
            encoding="utf-8",
        )
        credentials = {"household_key": KEY.hex(), "mqtt_password": PASSWORD}
        return Daemon("hub", self.directory, _program("hub", config), credentials)

    def _writer(self) -> Daemon:
        config = self.directory / "mqtt_to_mysql.toml"
        batch = settings.batch()
        config.write_text(
            f"""
            [mqtt]
            host = "127.0.0.1"
            port = {self.broker_port}
            username = "{names.WRITER_USER}"
            tls_ca = ""
            shared_group = ""
            [database]
            host = "localhost"
            port = 3306
            socket = "{self.database.settings.socket}"
            user = "{self.writer_user}"
            tls_ca = ""
            [batch]
            max_readings = {batch["max_readings"]}
            max_age_s = {batch["max_age_s"]}
            """,
            encoding="utf-8",
        )
        credentials = {"mqtt_password": PASSWORD, "database_password": PASSWORD}
        return Daemon("writer", self.directory, _program("writer", config), credentials)


def _placed(core: int | None) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if core is None else processes.starting_on(core)


def _program(daemon: str, config: Path) -> list[str]:
    start = f"import sys; from ecms_bridge.{daemon}.daemon import main; sys.exit(main())"
    return [sys.executable, "-c", start, "--config", str(config)]


def _free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for_port(port: int, daemon: Daemon) -> None:
    deadline = time.monotonic() + _START_S
    while daemon.pid:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{daemon.log.stem} does not listen on port {port}")
        time.sleep(0.02)


def _wait_for_log(daemon: Daemon, words: str) -> None:
    deadline = time.monotonic() + _START_S
    while words not in daemon.log.read_text("utf-8", "replace"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{daemon.log.stem} does not say {words!r}: {daemon.log.read_text('utf-8')[-2000:]}")
        _ = daemon.pid
        time.sleep(0.02)
