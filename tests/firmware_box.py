"""The box's unmodified firmware as a Linux process (firmware/sim): a fake of the chip, with real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from notrun import not_run

ROOT = Path(__file__).resolve().parents[1]
SIMULATOR = ROOT / "build/firmware/cmake/ecms-box-sim"
KEY = bytes(range(32))
EPOCH = 1767265200
HOME = "Caffè 🏠"
PASSWORD = "p+%&= è!x"
PATIENCE_S = 60.0

_TOOLS = {"cmake": "/usr/bin/cmake", "g++": "/usr/bin/g++", "doctest-dev": "/usr/include/doctest/doctest.h"}


def need_tools() -> None:
    """Report the calling tests as not run where the simulator cannot be built."""
    for package, file in _TOOLS.items():
        if not Path(file).exists():
            not_run(f"the box's C++ is built with {package} (apt install {' '.join(_TOOLS)})")


def build() -> None:
    """Build the simulator; raise CalledProcessError if that fails."""
    subprocess.run(["make", "-C", ROOT / "firmware", "-s", "native"], check=True)


def until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until ``condition`` holds; fail with ``what`` after ``patience_s`` seconds."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {patience_s} s"
        time.sleep(0.05)


class Box:
    """A simulated box whose flash outlives its process."""

    def __init__(self, folder: Path, udp_port: int, **settings: str) -> None:
        self.control = str(folder / "control")
        self.log = folder / "log"
        networks = f"{urllib.parse.quote(HOME)}={urllib.parse.quote(PASSWORD)}&Vicini=altrapassword&Bar="
        self.environment = {
            "ECMS_SIM_KEY": KEY.hex(),
            "ECMS_SIM_FLASH": str(folder / "flash.bin"),
            "ECMS_SIM_CONTROL": self.control,
            "ECMS_SIM_NETWORKS": networks,
            "ECMS_SIM_HOSTS": "pi.local=127.0.0.1",
            "ECMS_SIM_UDP_PORT": str(udp_port),
            "ECMS_SIM_EPOCH": str(EPOCH),
            "ECMS_SIM_SPEED": "20",
            "ECMS_SIM_AMPS": "2",
            "ECMS_SIM_DEVICES": "1=Lavatrice&2=Caff%C3%A8%20%3Cb%3E",
            **settings,
        }

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [SIMULATOR], env={**os.environ, **self.environment}, stdout=log, stderr=subprocess.STDOUT
            )
        until(lambda: self.port(80) is not None, "the box's start")

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def port(self, number: int) -> int | None:
        # The last one counts: the box may have started again.
        lines = [line for line in self.printed().splitlines() if line.startswith(f"sim: port {number} is ")]
        return int(lines[-1].split()[-1]) if lines else None

    def get(self, path: str) -> str:
        # The box's patience with a slow visitor runs with its accelerated time; a browser would ask again, too.
        for _ in range(10):
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                return self._get(path)
        return self._get(path)

    def _get(self, path: str) -> str:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port(80)}{path}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return f"{refusal.code} {refusal.read().decode()}"
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionError):
                raise error.reason from error
            raise

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.get("/stato.json"))
        return status

    def command(self, line: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.bind("")  # an address of its own, so that the box can answer
            sender.settimeout(10)
            sender.sendto(line.encode(), self.control)
            assert sender.recv(16) == b"ok"

    def set_up(self, device: int = 2) -> None:
        query = urllib.parse.urlencode({"ssid": HOME, "password": PASSWORD, "device": device})
        page = self.get(f"/save?{query}")
        assert "Ricevuto" in page or "in corso" in page
        until(lambda: "access point closed" in self.printed(), "closing the access point")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
