"""Take the pictures of docs/firmware.md: the pages of a simulated box in headless Chromium, as a phone shows them.

Needs `make -C firmware native` and Debian's chromium.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bridge/src"))

from ecms_bridge.datagram import acknowledgement  # noqa: E402

SIMULATOR = ROOT / "build/firmware/cmake/ecms-box-sim"
IMAGES = ROOT / "docs/img"
WIDTH = 390
PASSWORD = "una password"  # noqa: S105 (of a Wi-Fi network that does not exist)


TEST_KEY = bytes(range(32))


def acknowledge_everything(hub: socket.socket) -> None:
    """Answer as a hub whose database has stored every reading."""
    while True:
        data, box = hub.recvfrom(64)
        hub.sendto(acknowledgement(data, TEST_KEY), box)


class Pages:
    """A simulated box and the browser that looks at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control = str(folder / "control")
        networks = {
            "Casa Rossi": PASSWORD,
            "Vicini 🏠": "unknown to us",
            "Bar Sport": "",
            "FRITZ!Box 7530": "also unknown",
        }
        hub = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        hub.bind(("127.0.0.1", 0))
        threading.Thread(target=acknowledge_everything, args=(hub,), daemon=True).start()
        settings = {
            "KEY": TEST_KEY.hex(),
            "UDP_PORT": str(hub.getsockname()[1]),
            "NETWORKS": urllib.parse.urlencode(networks, quote_via=urllib.parse.quote),
            "HOUSEHOLD": "Mario Rossi",
            "FLASH": str(folder / "flash.bin"),
            "CONTROL": self.control,
            "HOSTS": "pi.local=127.0.0.1",
            "AMPS": "3.261",
            "SENSITIVITY": "185",
            "SPEED": "10",
        }
        environment = {**os.environ, **{f"ECMS_SIM_{name}": value for name, value in settings.items()}}
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([SIMULATOR], env=environment, stdout=log)
        time.sleep(1)
        line = next(line for line in self.log.read_text().splitlines() if line.startswith("sim: port 80 is "))
        self.base = f"http://127.0.0.1:{line.split()[-1]}"

    def command(self, text: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), self.control)

    def get(self, path: str) -> None:
        urllib.request.urlopen(self.base + path, timeout=10).read()  # noqa: S310 (our own simulator)

    def take(self, name: str, path: str, height: int) -> None:
        target = IMAGES / f"firmware-{name}.png"
        browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        browser += [f"--user-data-dir={self.folder / 'browser'}", f"--window-size={WIDTH},{height}"]
        shot = [*browser, f"--screenshot={target}", self.base + path]
        subprocess.run(shot, check=True, capture_output=True, timeout=120)
        print(target.relative_to(ROOT), target.stat().st_size)

    def join(self, password: str) -> None:
        query = urllib.parse.urlencode({"ssid": "Casa Rossi", "password": password, "device": 1})
        self.get(f"/save?{query}")


def main() -> None:
    if not SIMULATOR.exists():
        sys.exit("Build the simulator first: make -C firmware native.")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pages = Pages(Path(folder))
        try:
            pages.get("/?scan=1")
            time.sleep(1)
            pages.take("setup", "/?ssid=Casa%20Rossi", 760)
            pages.take("setup-en", "/?lang=en&ssid=Casa%20Rossi", 760)
            pages.join("sbagliata")
            time.sleep(1.5)
            pages.take("wrong-password", "/", 880)
            query = urllib.parse.urlencode({"ssid": "Casa Rossi", "password": PASSWORD, "device": 1})
            pages.take("saved", f"/save?{query}", 400)
            while "access point closed" not in pages.log.read_text():
                time.sleep(0.2)
            time.sleep(6)
            pages.take("status", "/stato", 940)
            pages.take("calibration", "/calibra", 900)
        finally:
            pages.process.kill()
            pages.process.wait()


if __name__ == "__main__":
    main()
