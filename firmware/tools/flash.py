"""Settings, image and flashing of a box: what the Ansible role ``firmware`` does, without Ansible.

Secrets travel in files of a private directory and in memory, never in arguments that other users could list.
Every mishap a user can cause is a FlashError whose message is one sentence saying what to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIRMWARE = Path(__file__).resolve().parents[1]
SOURCES = ("platformio.ini", "lib", "src")
BOARDS = ("nodemcuv2", "d1_mini")
LANGUAGES = {"it": "kItalian", "en": "kEnglish"}
PARTS = ("05B", "20A", "30A")
DEFAULT_FLOOR_MCOUNTS, DEFAULT_CUT_MCOUNTS = 1500, 2500
BUILD_MARK = "@BUILD@"
BUILD_LENGTH = 12
BANNER = re.compile(r"ECMS firmware (\d+\.\d+\.\d+) build (\w+) MAC ([0-9A-F:]{17})")
PRIVATE = 0o700

Report = Callable[[str], None]


class FlashError(Exception):
    """What went wrong, as one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the role's variables decide for every box of a household."""

    board: str = "nodemcuv2"
    language: str = "it"
    access_point: str = "ECMS_device"
    access_point_password: str = ""
    access_point_channel: int = 1
    hub_address: str = ""
    time_servers: tuple[str, ...] = ("pool.ntp.org",)
    protocol: int = 2


@dataclass(frozen=True, slots=True)
class Image:
    """One distinct configuration: its settings and what it is called."""

    header: str
    build: str
    board: str


def literal(text: str) -> str:
    """Return ``text`` as a C++ string literal, whatever it holds."""
    plain = set(b" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;_-+*/()'&<>=!@#$%^~[]{}|")
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def ota_password(household_key: str) -> str:
    """Return the household's password for updates over the air; it does not reveal the key."""
    return hashlib.sha256(f"ecms-ota:{household_key}".encode()).hexdigest()[:32]


def _address_number(address: str) -> int:
    parts = [int(part) for part in address.split(".")] if address else [0, 0, 0, 0]
    return int.from_bytes(bytes(parts))


def settings_header(household: Mapping[str, Any], box: Mapping[str, Any], options: Options) -> str:
    """Return ``ecms_settings.h`` of one box: ``household`` is the fact ecms_household, ``box`` one of its boxes."""
    key: str = household["secrets"]["household_key"]
    servers = [*options.time_servers, "", ""][:2]
    gain_ppm = round(float(box.get("calibration", 1.0)) * 1_000_000)
    devices = "".join(f"    {{{device['id']}, {literal(device['name'])}}},\n" for device in household["devices"])
    values = (
        literal(BUILD_MARK),
        literal(household["name"]),
        f"ecms::Language::{LANGUAGES[options.language]}",
        literal(options.access_point),
        literal(options.access_point_password),
        options.access_point_channel,
        literal(f"{household['hub_hostname']}.local"),
        f"{_address_number(options.hub_address)}u",
        household["udp_port"],
        "{" + ", ".join(map(literal, servers)) + "}",
        literal(ota_password(key)),
        "{" + ", ".join(f"0x{byte:02x}" for byte in bytes.fromhex(key)) + "}",
        options.protocol,
        f"ecms::Part::k{box['variant']}",
        round(household["mains_voltage_v"]),
        f"{{{DEFAULT_FLOOR_MCOUNTS}, {DEFAULT_CUT_MCOUNTS}, {gain_ppm}}}",
        "false" if gain_ppm == 1_000_000 else "true",  # noqa: PLR2004 (the factor one)
        "ecms_devices",
        len(household["devices"]),
    )
    return (
        "// Managed by Ansible (ECMS role firmware): edit the inventory, not this file. It holds the household's key.\n"
        '#pragma once\n\n#include "settings.h"\n\n'
        f"inline constexpr ecms::Device ecms_devices[] = {{\n{devices}}};\n\n"
        "inline constexpr ecms::Settings ecms_settings = {\n" + "".join(f"    {value},\n" for value in values) + "};\n"
    )


def _source_files() -> list[Path]:
    found: list[Path] = []
    for name in SOURCES:
        path = FIRMWARE / name
        found += [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return found


def image_of(household: Mapping[str, Any], box: Mapping[str, Any], options: Options) -> Image:
    """Return the image a box needs; boxes with equal settings share one, named by sources, board and settings."""
    header = settings_header(household, box, options)
    digest = hashlib.sha256(f"{options.board}\n{header}".encode())
    for path in _source_files():
        digest.update(f"{path.relative_to(FIRMWARE)}\n".encode() + path.read_bytes())
    build = digest.hexdigest()[:BUILD_LENGTH]
    return Image(header.replace(BUILD_MARK, build), build, options.board)


def prepare(image: Image, directory: Path) -> Path:
    """Return a private copy of the sources with the settings of ``image``, made under ``directory``."""
    directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    directory.chmod(PRIVATE)
    tree = directory / image.build
    if not (tree / "platformio.ini").exists():
        unfinished = directory / f".{image.build}.{os.getpid()}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=PRIVATE)
        for name in SOURCES:
            source = FIRMWARE / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, unfinished / name)
        descriptor = os.open(unfinished / "src/ecms_settings.h", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as header:
            header.write(image.header)
        with contextlib.suppress(OSError):  # another run was faster
            unfinished.rename(tree)
        shutil.rmtree(unfinished, ignore_errors=True)
    return tree


def _run(
    command: Sequence[str | Path], cwd: Path, report: Report, *, entered: str = "", core: Path | None = None
) -> tuple[int, str]:
    """Run a program with ``entered`` on its standard input; report its progress in per cent as it comes.

    ``core`` is PlatformIO's directory, where the program is PlatformIO.
    """
    environment = {**os.environ, "PLATFORMIO_CORE_DIR": str(core)} if core else None
    try:
        program = subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise FlashError(
            f"{command[0]} cannot be started ({error.strerror}): run the role's install tasks, or set firmware_pio."
        ) from error
    assert program.stdin is not None  # noqa: S101 (asked for above)
    assert program.stdout is not None  # noqa: S101
    with contextlib.suppress(BrokenPipeError):
        program.stdin.write(entered.encode())
        program.stdin.close()
    collected = bytearray()
    shown = ""
    while chunk := os.read(program.stdout.fileno(), 4096):
        collected += chunk
        percents = re.findall(rb"(\d{1,3}) ?%", chunk)
        if percents and percents[-1].decode() != shown:
            shown = percents[-1].decode()
            report(f"{shown} %")
    program.stdout.close()
    return program.wait(), collected.decode(errors="replace")


def _tail(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-4:])


def build(image: Image, tree: Path, pio: Path, core: Path, report: Report) -> Path:
    """Return the image's file, compiling it unless that was done before."""
    binary = tree / ".pio/build" / image.board / "firmware.bin"
    if binary.exists():
        return binary
    report(f"building {image.build} for {image.board}")
    code, output = _run([pio, "run", "-e", image.board], tree, report, core=core)
    if code != 0 or not binary.exists():
        if re.search(r"HTTPClientError|Internet|UnknownPackage|Could not install", output):
            raise FlashError("PlatformIO could not fetch the tools of the ESP8266: the first build needs the internet.")
        raise FlashError(f"The firmware did not compile: {_tail(output)}.")
    return binary


def check_port(port: str) -> None:
    """Raise FlashError unless the serial port is there and may be used."""
    if not Path(port).exists():
        raise FlashError(
            f"There is no serial port {port}: plug the box's board in by USB (never while the box is plugged in), "
            "use a cable that carries data, or correct serial_port."
        )
    if not os.access(port, os.R_OK | os.W_OK):
        raise FlashError(f"No permission for {port}: run `sudo usermod -aG dialout $USER` and log in again.")


def flash_serial(image: Image, tree: Path, pio: Path, core: Path, port: str, report: Report) -> None:
    """Write the image through a serial port."""
    check_port(port)
    report(f"writing {image.build} through {port}")
    command: list[str | Path] = [pio, "run", "-e", image.board, "-t", "nobuild", "-t", "upload", "--upload-port", port]
    code, output = _run(command, tree, report, core=core)
    if code == 0:
        return
    if re.search(r"This chip is|wrong --chip|Unexpected chip|not ESP8266", output, re.IGNORECASE):
        raise FlashError(f"The board at {port} is no ESP8266: use a NodeMCU v2 or a Wemos D1 mini.")
    if re.search(r"Permission denied|Errno 13", output):
        raise FlashError(f"No permission for {port}: run `sudo usermod -aG dialout $USER` and log in again.")
    if re.search(r"busy|Errno 16|multiple access", output, re.IGNORECASE):
        raise FlashError(f"Another program uses {port}: close its serial monitor and run this again.")
    if re.search(r"Failed to connect|Timed out|No serial data|Invalid head", output, re.IGNORECASE):
        raise FlashError(
            f"The board at {port} does not answer: hold FLASH while you press RST, let go, and run this again."
        )
    raise FlashError(f"Writing through {port} failed: {_tail(output)}.")


def box_status(address: str, timeout_s: float = 5.0) -> dict[str, Any]:
    """Return what the box at ``address`` says at /stato.json. Raises OSError or ValueError."""
    host, _, port = address.partition(":")
    connection = http.client.HTTPConnection(host, int(port or 80), timeout=timeout_s)
    try:
        connection.request("GET", "/stato.json")
        status: dict[str, Any] = json.loads(connection.getresponse().read())
    except http.client.HTTPException as error:
        raise ValueError(str(error)) from error
    finally:
        connection.close()
    return status


def _same_box(found: str, box: Mapping[str, Any], where: str) -> None:
    if found.upper() != str(box["mac"]).upper():
        raise FlashError(
            f"The box at {where} is {found}, but the inventory says that {box['name']} is {box['mac']}: "
            "connect the right box, or correct its mac in ecms_boxes."
        )


def running_build(box: Mapping[str, Any], address: str) -> str:
    """Return the build that the box at ``address`` runs, after checking that it is this box."""
    try:
        status = box_status(address)
        build, mac = str(status["build"]), str(status["mac"])
    except (OSError, ValueError, KeyError) as error:
        raise FlashError(
            f"{box['name']} does not answer at {address}: switch it on, check that it is on this network, "
            "or correct ota_address."
        ) from error
    _same_box(mac, box, address)
    return build


# Runs the framework's espota with a password that stays out of the process list: it comes by standard input.
_ESPOTA = """\
import runpy, sys
script, *arguments = sys.argv[1:]
sys.argv = [script, *arguments, "-a", sys.stdin.readline().strip()]
runpy.run_path(script, run_name="__main__")
"""


def find_espota(core: Path) -> Path:
    """Return espota.py of the installed framework under PlatformIO's directory ``core``."""
    found = sorted(core.glob("packages/framework-arduinoespressif8266*/tools/espota.py"))
    if not found:
        raise FlashError(f"There is no espota.py under {core}: build once, so that PlatformIO fetches the framework.")
    return found[-1]


def flash_ota(binary: Path, espota: Path, address: str, password: str, report: Report) -> None:
    """Send the image over the air; the box keeps its old firmware unless all of it arrives."""
    report(f"sending {binary.stat().st_size} bytes to {address}")
    command: list[str | Path] = [
        sys.executable,
        "-c",
        _ESPOTA,
        espota,
        "-i",
        address.partition(":")[0],
        "-f",
        binary,
        "-r",
    ]
    code, output = _run(command, binary.parent, report, entered=f"{password}\n")
    if code == 0:
        return
    if re.search(r"No response|No Answer|not known|timed out", output, re.IGNORECASE):
        raise FlashError(
            f"The box at {address} does not answer to updates: switch it on, move it nearer to the router, "
            "and run this again; it still runs its old firmware."
        )
    if re.search(r"Authentication Failed", output, re.IGNORECASE):
        raise FlashError(
            f"The box at {address} refused the password: it runs the firmware of another household; "
            "flash it once by serial port."
        )
    raise FlashError(f"The update of {address} failed, its old firmware goes on: {_tail(output)}.")


def await_build(box: Mapping[str, Any], address: str, build: str, patience_s: float = 90.0) -> str:
    """Wait until the box at ``address`` runs ``build``; return its firmware version."""
    end = time.monotonic() + patience_s
    seen = ""
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, KeyError):
            status = box_status(address)
            _same_box(str(status["mac"]), box, address)
            seen = str(status["build"])
            if seen == build:
                return str(status["firmware"])
        time.sleep(1)
    if seen:
        raise FlashError(
            f"{box['name']} still runs {seen} after the update: run this again, or flash it by serial port."
        )
    raise FlashError(f"{box['name']} did not come back at {address} after the update: switch it off and on again.")


def read_banner(box: Mapping[str, Any], port: str, build: str, patience_s: float = 20.0) -> str:
    """Restart the board at ``port`` and return the firmware version it prints, which must be ``build``'s."""
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        with contextlib.suppress(termios.error):
            attributes = termios.tcgetattr(descriptor)
            attributes[0] = attributes[1] = attributes[3] = 0
            attributes[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
            attributes[4] = attributes[5] = termios.B115200
            termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
        # On these boards RTS alone holds the reset line; not every port has the lines.
        for request, line in (
            (termios.TIOCMBIC, termios.TIOCM_DTR),
            (termios.TIOCMBIS, termios.TIOCM_RTS),
            (termios.TIOCMBIC, termios.TIOCM_RTS),
        ):
            with contextlib.suppress(OSError):
                fcntl.ioctl(descriptor, request, struct.pack("I", line))
            time.sleep(0.1)
        end = time.monotonic() + patience_s
        collected = b""
        while time.monotonic() < end:
            ready, _, _ = select.select([descriptor], [], [], 0.5)
            if not ready:
                continue
            with contextlib.suppress(OSError):
                collected = (collected + os.read(descriptor, 1024))[-4096:]
            found = BANNER.search(collected.decode(errors="replace"))
            if found:
                _same_box(found[3], box, port)
                if found[2] != build:
                    raise FlashError(f"{box['name']} still runs {found[2]} after flashing: run this again.")
                return found[1]
    finally:
        os.close(descriptor)
    raise FlashError(
        f"{box['name']} was flashed but says nothing at {port}: press RST, and flash again if its light stays dark."
    )


def way_of(box: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a box is flashed: ("serial", port), ("ota", address)."""
    if box.get("variant") not in PARTS:
        raise FlashError(f"Set variant of the box {box['name']} in ecms_boxes: one of {', '.join(PARTS)}.")
    port = str(box.get("serial_port", ""))
    address = str(box.get("ota_address", ""))
    # A box that is wired is meant to be flashed there, also if it has been updated over the air before.
    if port and (Path(port).exists() or not address):
        return "serial", port
    if address:
        return "ota", address
    raise FlashError(f"Set serial_port or ota_address of the box {box['name']} in ecms_boxes.")


def flash(
    household: Mapping[str, Any],
    box: Mapping[str, Any],
    options: Options,
    directory: Path,
    pio: Path,
    core: Path,
    report: Report,
    *,
    check: bool = False,
    force: bool = False,
) -> tuple[bool, str]:
    """Build for one box, flash it and read its version back; return (changed, sentence). Raises FlashError."""
    way, where = way_of(box)
    image = image_of(household, box, options)
    if way == "ota" and not (check or force) and running_build(box, where) == image.build:
        return False, f"{box['name']} runs build {image.build} already"
    if check:
        return True, f"{box['name']}: would be flashed with build {image.build} ({image.board}) by {way} at {where}"
    if way == "serial":
        check_port(where)
    tree = prepare(image, directory)
    binary = build(image, tree, pio, core, report)
    if way == "serial":
        flash_serial(image, tree, pio, core, where, report)
        version = read_banner(box, where, image.build)
    else:
        password = ota_password(str(household["secrets"]["household_key"]))
        flash_ota(binary, find_espota(core), where, password, report)
        version = await_build(box, where, image.build)
    return True, f"{box['name']} runs version {version}, build {image.build}"
