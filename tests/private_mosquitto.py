"""A Mosquitto of our own with the role's plugin file and the access model of the matrix, without a machine."""

from __future__ import annotations

import getpass
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from broker_matrix import ADMIN, HOUSEHOLDS, WRITER, password_of
from ecms_bridge import access

_ROLE = Path(__file__).parents[1] / "roles/mosquitto"
_MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
_PLUGIN = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), None)
_WAIT_S = 10
INSTALLED = _MOSQUITTO is not None and _PLUGIN is not None
ADMIN_PASSWORD = "admin-for-this-test"
MARKER = "ecms"
EVERYTHING = [
    {"action": "publish", "effect": "allow", "topic": "#", "match": "pattern"},
    {"action": "subscribe", "effect": "allow", "topic": "#", "match": "pattern"},
]


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, _ROLE / f"library/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


dynsec: Any = _load("mosquitto_dynsec")
dynsec_file: Any = _load("mosquitto_dynsec_file")


class PrivateBroker:
    """A Mosquitto of our own, on a free port, with the role's plugin file."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "dynamic-security.json"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def start(self) -> None:
        tree: dict[str, Any] = json.loads(self.file.read_text()) if self.file.exists() else {}
        dynsec_file.with_admin(tree, ADMIN, ADMIN_PASSWORD, MARKER)
        self.file.write_text(json.dumps(tree))
        self.file.chmod(0o600)
        config = self._directory / "mosquitto.conf"
        config.write_text(
            f"user {getpass.getuser()}\nlistener {self.port} 127.0.0.1\nallow_anonymous false\n"
            f"persistence false\nplugin {_PLUGIN}\nplugin_opt_config_file {self.file}\nsys_interval 1\n"
        )
        assert _MOSQUITTO is not None
        self._process = subprocess.Popen(
            [_MOSQUITTO, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _WAIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "mosquitto did not start"
                assert time.monotonic() < deadline, "mosquitto does not listen"
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=_WAIT_S)

    def manage(self, work: Callable[[Any], None], *, check_mode: bool = False) -> list[str]:
        """Run ``work`` as the Ansible module would and return the changes it reports."""
        with dynsec.Connection("127.0.0.1", self.port, ADMIN, ADMIN_PASSWORD, _WAIT_S) as connection:
            connection.listen(dynsec.RESPONSE_TOPIC)
            broker = dynsec.Broker(connection, MARKER, check_mode=check_mode)
            work(broker)
            changes: list[str] = broker.changes
            return changes


def apply_model(broker: Any) -> None:
    for slug in HOUSEHOLDS:
        broker.ensure_client(slug, password_of(slug), access.household_rules(slug), f"household {slug}")
    broker.ensure_client(WRITER, password_of(WRITER), access.writer_rules(), "writer")
    broker.ensure_client("observer", password_of("observer"), EVERYTHING, "test")
