"""Flashing with fakes of PlatformIO, espota, the serial port and the box: no board is touched."""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import pty
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notrun import not_run

ROOT = Path(__file__).resolve().parents[2]
KEY = "00112233445566778899aabbccddeeff" * 2
MAC = "5C:CF:7F:01:02:03"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("firmware_flash", ROOT / "firmware/tools/flash.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


flash = _load()
OPTIONS = flash.Options()

FAKE_PIO = """\
#!{python}
import os, pathlib, sys
board = sys.argv[sys.argv.index("-e") + 1]
folder = pathlib.Path(__file__).parent
with (folder / "calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
if os.environ["PLATFORMIO_CORE_DIR"] != str(folder / "core"):
    sys.exit("another core directory")
mood = (folder / "mood").read_text()
if "upload" in sys.argv:
    if mood:
        sys.exit(mood)
    for percent in (10, 55, 100):
        print(f"Writing at 0x00000000... ({{percent}} %)", flush=True)
    sys.exit()
if mood.startswith("build:"):
    sys.exit(mood)
image = pathlib.Path(".pio/build") / board / "firmware.bin"
image.parent.mkdir(parents=True)
image.write_bytes(pathlib.Path("src/ecms_settings.h").read_bytes())
"""

FAKE_ESPOTA = """\
import argparse, pathlib, sys
parser = argparse.ArgumentParser()
for option in ("-i", "-f", "-a"):
    parser.add_argument(option)
parser.add_argument("-r", action="store_true")
given = parser.parse_args()
folder = pathlib.Path(__file__).parent
listed = pathlib.Path("/proc/self/cmdline").read_bytes() + pathlib.Path("/proc/self/environ").read_bytes()
if given.a.encode() in listed:
    sys.exit("the password is in the process list")
mood = (folder / "mood").read_text()
if mood:
    sys.exit(mood)
(folder / "password").write_text(given.a)
(folder / "sent").write_bytes(pathlib.Path(given.f).read_bytes())
print("Uploading: [====] 40% \\rUploading: [==========] 100% Done...", file=sys.stderr)
"""


def household(**changes: Any) -> dict[str, Any]:
    return {
        "name": 'Niccolò "D\'Angelo" \\ ??/',
        "slug": "niccolo",
        "hub_hostname": "pi",
        "udp_port": 4210,
        "mains_voltage_v": 230.0,
        "devices": [{"id": 1, "name": "lavatrice"}, {"id": 200, "name": 'caffè 🏠 \\x41"<'}],
        "secrets": {"household_key": KEY},
        **changes,
    }


def box(**changes: Any) -> dict[str, Any]:
    return {"name": "cucina", "mac": MAC, "device": 1, "variant": "20A", "calibration": 1.0, **changes}


class Bench:
    """Fakes of everything outside, and what they saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pio = folder / "pio"
        self.pio.write_text(FAKE_PIO.format(python=sys.executable))
        self.pio.chmod(0o755)
        (folder / "mood").write_text("")
        self.core = folder / "core"
        tools = self.core / "packages/framework-arduinoespressif8266/tools"
        tools.mkdir(parents=True)
        self.espota = tools / "espota.py"
        self.espota.write_text(FAKE_ESPOTA)
        (tools / "mood").write_text("")
        self.directory = folder / "builds"
        self.lines: list[str] = []

    def flash(self, a_box: dict[str, Any], **options: bool) -> tuple[bool, str]:
        result: tuple[bool, str] = flash.flash(
            household(), a_box, OPTIONS, self.directory, self.pio, self.core, self.lines.append, **options
        )
        return result

    def calls(self) -> list[str]:
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def mood(self, text: str) -> None:
        (self.folder / "mood").write_text(text)

    def espota_mood(self, text: str) -> None:
        (self.espota.parent / "mood").write_text(text)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


class SerialBox:
    """A pseudo terminal that prints a box's banner again and again."""

    def __init__(self, banner: bytes) -> None:
        self.main, secondary = pty.openpty()
        self.port = os.ttyname(secondary)
        self.secondary = secondary
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._print, args=(banner,), daemon=True)
        self.thread.start()

    def _print(self, banner: bytes) -> None:
        while not self.stopped.wait(0.1):
            os.write(self.main, banner)

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()
        os.close(self.main)
        os.close(self.secondary)


class NetworkBox:
    """A box's /stato.json; ``builds`` are what it says one after the other, the last one for good."""

    def __init__(self, builds: list[str], address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        outer = self
        self.builds = builds
        self.mac = MAC

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                build = outer.builds.pop(0) if len(outer.builds) > 1 else outer.builds[0]
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"firmware": "0.1.0", "build": build, "mac": outer.mac}).encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
                pass

        self.server = http.server.HTTPServer(address, Handler)
        self.address = f"{address[0]}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def network_box() -> Iterator[NetworkBox]:
    a_box = NetworkBox(["old"])
    yield a_box
    a_box.stop()


def _banner(build: str, mac: str = MAC) -> bytes:
    return f"\x00\xffets Jan  8 2013\r\n\nECMS firmware 0.1.0 build {build} MAC {mac}\r\n".encode("latin1")


def test_settings_arrive_exactly_in_cpp(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        not_run("the settings are compiled with g++ (apt install g++)")
    options = flash.Options(
        language="en",
        access_point="Casa 🏠",
        access_point_password='p"\\%d ?',
        access_point_channel=6,
        hub_address="192.168.1.50",
        time_servers=("a.example", "b.example"),
    )
    image = flash.image_of(household(), box(variant="30A", calibration=1.0375), options)
    (tmp_path / "ecms_settings.h").write_text(image.header)
    (tmp_path / "show.cpp").write_text(
        '#include <stdio.h>\n#include "ecms_settings.h"\nint main() {\n'
        "  const auto& s = ecms_settings;\n"
        '  printf("%s|%s|%d|%s|%s|%d|%s|%08x|%d|%s|%s|%s|%d|%d|%d|%u|%d|%zu|%s|%d|", s.build, s.household,'
        " int(s.language), s.access_point, s.access_point_password, s.access_point_channel, s.hub_host, s.hub_address,"
        " s.udp_port, s.time_servers[0], s.time_servers[1], s.ota_password, s.protocol, int(s.part),"
        " s.mains_voltage_v, s.calibration.gain_ppm, s.calibrated, s.device_count, s.devices[1].name,"
        " s.devices[1].id);\n"
        '  for (unsigned char byte : s.key) printf("%02x", byte);\n}\n'
    )
    includes: list[str | Path] = ["-I", ROOT / "firmware/lib/ecms/src", "-I", tmp_path]
    strict = ["-std=gnu++17", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["g++", *strict, *includes, tmp_path / "show.cpp", "-o", tmp_path / "show"], check=True)
    shown = subprocess.run([tmp_path / "show"], check=True, capture_output=True).stdout.decode()
    assert shown.split("|") == [
        image.build,
        household()["name"],
        "1",
        "Casa 🏠",
        'p"\\%d ?',
        "6",
        "pi.local",
        "c0a80132",
        "4210",
        "a.example",
        "b.example",
        flash.ota_password(KEY),
        "2",
        "2",
        "230",
        "1037500",
        "1",
        "2",
        household()["devices"][1]["name"],
        "200",
        KEY,
    ]
    # And main.cpp takes them.
    sim: list[str | Path] = ["-I", ROOT / "firmware/sim/arduino", "-fsyntax-only"]
    subprocess.run(["g++", *strict, *includes, *sim, ROOT / "firmware/src/main.cpp"], check=True)


def test_equal_settings_share_a_build_and_others_do_not() -> None:
    first = flash.image_of(household(), box(), OPTIONS)
    assert flash.image_of(household(), box(name="altra", mac="5C:CF:7F:00:00:09", device=200), OPTIONS) == first
    others = [
        flash.image_of(household(), box(variant="05B"), OPTIONS),
        flash.image_of(household(), box(calibration=1.01), OPTIONS),
        flash.image_of(household(), box(), flash.Options(board="d1_mini")),
        flash.image_of(household(secrets={"household_key": "ab" * 32}), box(), OPTIONS),
    ]
    assert len({first.build, *(other.build for other in others)}) == 5


def test_the_ota_password_is_the_households_and_not_the_key() -> None:
    assert flash.ota_password(KEY) != flash.ota_password("ab" * 32)
    assert flash.ota_password(KEY) not in KEY
    assert len(flash.ota_password(KEY)) == 32


def test_serial_builds_once_flashes_and_reads_back(bench: Bench) -> None:
    build = flash.image_of(household(), box(), OPTIONS).build
    serial = SerialBox(_banner(build))
    try:
        wired = box(serial_port=serial.port)
        assert bench.flash(wired) == (True, f"cucina runs version 0.1.0, build {build}")
        assert bench.flash(box(name="bagno", serial_port=serial.port))[0]
    finally:
        serial.stop()
    assert len([call for call in bench.calls() if "upload" not in call]) == 1
    uploads = [call for call in bench.calls() if "upload" in call]
    assert len(uploads) == 2
    assert f"--upload-port {serial.port}" in uploads[0]
    assert "100 %" in bench.lines
    assert not any(KEY in text for text in bench.calls() + bench.lines)


def test_the_build_tree_is_private(bench: Bench) -> None:
    image = flash.image_of(household(), box(), OPTIONS)
    tree = flash.prepare(image, bench.directory)
    assert stat.S_IMODE(bench.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(tree.stat().st_mode) == 0o700
    assert stat.S_IMODE((tree / "src/ecms_settings.h").stat().st_mode) == 0o600
    assert flash.prepare(image, bench.directory) == tree
    assert [path.name for path in bench.directory.iterdir()] == [image.build]


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("A fatal error occurred: Failed to connect to ESP8266: Timed out waiting for packet header", "hold FLASH"),
        ("A fatal error occurred: This chip is ESP32 not ESP8266. Wrong --chip argument?", "is no ESP8266"),
        ("could not open port: [Errno 13] Permission denied: '/dev/ttyUSB0'", "usermod -aG dialout"),
        ("could not open port: [Errno 16] Device or resource busy", "close its serial monitor"),
        ("something else", "something else"),
    ],
)
def test_each_failure_of_the_serial_port_says_what_to_do(bench: Bench, mood: str, said: str) -> None:
    serial = SerialBox(b"\r\n")
    try:
        bench.mood("")
        image = flash.image_of(household(), box(), OPTIONS)
        tree = flash.prepare(image, bench.directory)
        flash.build(image, tree, bench.pio, bench.core, bench.lines.append)
        bench.mood(mood)
        with pytest.raises(flash.FlashError, match=said):
            bench.flash(box(serial_port=serial.port))
    finally:
        serial.stop()


def test_a_port_that_is_not_there(bench: Bench) -> None:
    with pytest.raises(
        flash.FlashError, match=r"There is no serial port /dev/ttyUSB99: .*never while the box is plugged"
    ):
        bench.flash(box(serial_port="/dev/ttyUSB99"))
    assert bench.calls() == []


def test_the_wrong_board_at_the_port_is_noticed(bench: Bench) -> None:
    build = flash.image_of(household(), box(), OPTIONS).build
    serial = SerialBox(_banner(build, "5C:CF:7F:AA:AA:AA"))
    try:
        with pytest.raises(flash.FlashError, match="5C:CF:7F:AA:AA:AA, but the inventory says that cucina is"):
            bench.flash(box(serial_port=serial.port))
    finally:
        serial.stop()


def test_an_old_build_after_flashing_is_noticed() -> None:
    serial = SerialBox(_banner("0ld"))
    try:
        with pytest.raises(flash.FlashError, match="still runs 0ld"):
            flash.read_banner(box(), serial.port, "new", patience_s=5)
    finally:
        serial.stop()


def test_a_silent_board_is_noticed() -> None:
    serial = SerialBox(b"...")
    try:
        with pytest.raises(flash.FlashError, match="press RST"):
            flash.read_banner(box(), serial.port, "new", patience_s=1)
    finally:
        serial.stop()


@pytest.mark.parametrize(
    ("mood", "said"),
    [("build: src/main.cpp: error: x", "did not compile"), ("build: HTTPClientError", "needs the internet")],
)
def test_a_build_that_fails(bench: Bench, mood: str, said: str) -> None:
    bench.mood(mood)
    image = flash.image_of(household(), box(), OPTIONS)
    with pytest.raises(flash.FlashError, match=said):
        flash.build(image, flash.prepare(image, bench.directory), bench.pio, bench.core, bench.lines.append)


def test_no_platformio(bench: Bench) -> None:
    image = flash.image_of(household(), box(), OPTIONS)
    with pytest.raises(flash.FlashError, match="cannot be started"):
        flash.build(image, flash.prepare(image, bench.directory), bench.folder / "none", bench.core, bench.lines.append)


def test_over_the_air_with_the_password_out_of_sight(bench: Bench, network_box: NetworkBox) -> None:
    build = flash.image_of(household(), box(), OPTIONS).build
    network_box.builds = ["old", "old", build]
    remote = box(ota_address=network_box.address)
    assert bench.flash(remote) == (True, f"cucina runs version 0.1.0, build {build}")
    assert (bench.espota.parent / "password").read_text() == flash.ota_password(KEY)
    assert build.encode() in (bench.espota.parent / "sent").read_bytes()
    assert "100 %" in bench.lines
    # The second run has nothing to do, unless asked to.
    assert bench.flash(remote) == (False, f"cucina runs build {build} already")
    assert bench.flash(remote, force=True)[0]


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ("[ERROR]: No response from device", "does not answer to updates"),
        ("Authenticating...FAIL\n[ERROR]: No Answer to our Authentication", "does not answer to updates"),
        ("Authenticating...FAIL\n[ERROR]: Authentication Failed", "another household"),
        ("[ERROR]: Error Uploading", "old firmware goes on"),
    ],
)
def test_each_failure_over_the_air_says_what_to_do(bench: Bench, network_box: NetworkBox, mood: str, said: str) -> None:
    bench.espota_mood(mood)
    with pytest.raises(flash.FlashError, match=said):
        bench.flash(box(ota_address=network_box.address))


def test_over_the_air_another_box_is_not_touched(bench: Bench, network_box: NetworkBox) -> None:
    network_box.mac = "5C:CF:7F:AA:AA:AA"
    with pytest.raises(flash.FlashError, match="but the inventory says"):
        bench.flash(box(ota_address=network_box.address))
    assert bench.calls() == []


def test_a_box_that_is_away(bench: Bench, network_box: NetworkBox) -> None:
    network_box.stop()
    with pytest.raises(flash.FlashError, match="does not answer at"):
        bench.flash(box(ota_address=network_box.address))
    with pytest.raises(flash.FlashError, match="did not come back"):
        flash.await_build(box(), network_box.address, "new", patience_s=1)


def test_an_update_that_did_not_take(network_box: NetworkBox) -> None:
    with pytest.raises(flash.FlashError, match="still runs old"):
        flash.await_build(box(), network_box.address, "new", patience_s=1)


def test_a_box_that_is_not_described(bench: Bench) -> None:
    with pytest.raises(flash.FlashError, match="Set serial_port or ota_address"):
        bench.flash(box())
    without = box(serial_port="/dev/ttyUSB0")
    del without["variant"]
    with pytest.raises(flash.FlashError, match="Set variant of the box cucina"):
        bench.flash(without)


def test_check_shows_and_does_nothing(bench: Bench) -> None:
    changed, said = bench.flash(box(serial_port="/dev/ttyUSB99"), check=True)
    assert changed
    assert "would be flashed with build" in said
    assert "serial at /dev/ttyUSB99" in said
    assert not bench.directory.exists()


@pytest.fixture
def box_at_port_80() -> Iterator[NetworkBox]:
    try:
        a_box = NetworkBox(["old"], ("127.0.0.77", 80))
    except PermissionError:
        not_run("a fake box at port 80 needs root")
    yield a_box
    a_box.stop()


def _inventory(folder: Path, boxes: list[dict[str, Any]]) -> Path:
    if not (ROOT / "roles/household").exists():
        not_run("the playbook needs the role household")
    inventory = folder / "inventory"
    (inventory / "group_vars").mkdir(parents=True)
    home = {"hub": {"ansible_connection": "local"}}
    groups: dict[str, Any] = {"mario_rossi": {"hosts": {"hub-mario-rossi": home["hub"]}}}
    for group in ("hub", "broker", "writer", "database", "dashboard"):
        groups[group] = {"children": {"mario_rossi": None}}
    (inventory / "hosts.yml").write_text(json.dumps({"all": {"children": groups}}))
    variables = {
        "ecms_household_name": "Mario Rossi",
        "ecms_devices": [{"id": 1, "name": "lavatrice"}],
        "ecms_boxes": boxes,
    }
    (inventory / "group_vars/mario_rossi.yml").write_text(json.dumps(variables))
    return inventory


def _playbook(bench: Bench, inventory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        Path(sys.executable).parent / "ansible-playbook",
        "playbooks/flash.yml",
        "-i",
        inventory,
    ]
    command += ["-e", f"firmware_pio={bench.pio}", "-e", f"firmware_directory={bench.directory}"]
    command += ["-e", f"firmware_core_directory={bench.core}", *arguments]
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_playbook_flashes_a_box_and_never_shows_the_key(bench: Bench, box_at_port_80: NetworkBox) -> None:
    boxes = [
        {"name": "cucina", "mac": MAC, "device": 1, "variant": "20A", "ota_address": "127.0.0.77"},
        {"name": "bagno", "mac": "5C:CF:7F:00:00:09", "device": 1, "variant": "05B", "serial_port": "/dev/ttyUSB99"},
    ]
    inventory = _inventory(bench.folder, boxes)
    checked = _playbook(bench, inventory, "--check", "-vv")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "cucina: would be flashed with build" in checked.stdout
    assert "bagno: would be flashed with build" in checked.stdout
    assert not bench.calls()

    refused = _playbook(bench, inventory, "-e", "box=bagno", "-vv")
    assert refused.returncode != 0
    assert "There is no serial port /dev/ttyUSB99" in refused.stdout

    unknown = _playbook(bench, inventory, "-e", "box=soffitta")
    assert "No box is called soffitta: the inventory has cucina, bagno." in unknown.stdout

    # The box reports the new build as soon as it has been sent.
    sent = bench.espota.parent / "sent"
    ready = threading.Event()

    def update() -> None:
        while not ready.wait(0.1):
            if sent.exists():
                header = sent.read_text()
                box_at_port_80.builds = [header.split("ecms_settings = {")[1].split('"')[1]]

    watcher = threading.Thread(target=update, daemon=True)
    watcher.start()
    flashed = _playbook(bench, inventory, "-e", "box=cucina", "-vv")
    ready.set()
    watcher.join()
    assert flashed.returncode == 0, flashed.stdout + flashed.stderr
    assert "cucina runs version 0.1.0, build" in flashed.stdout
    again = _playbook(bench, inventory, "-e", "box=cucina")
    assert "runs build" in again.stdout
    assert "changed=0" in again.stdout

    key = (inventory / ".secrets/household_key").read_text().strip()
    for run in (checked, refused, unknown, flashed, again):
        for secret in (key, flash.ota_password(key)):
            assert secret not in run.stdout + run.stderr


def test_two_boxes_at_one_port_are_refused(bench: Bench) -> None:
    boxes = [
        {"name": name, "mac": f"5C:CF:7F:00:00:0{n}", "device": 1, "variant": "20A", "serial_port": "/dev/ttyUSB0"}
        for n, name in enumerate(("cucina", "bagno", "sala"))
    ]
    boxes[2]["serial_port"] = "/dev/ttyUSB1"
    refused = _playbook(bench, _inventory(bench.folder, boxes), "--check")
    assert refused.returncode != 0
    assert "cucina and bagno have the same serial_port" in refused.stdout
