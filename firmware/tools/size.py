"""Compile the library for the ESP8266's core and print what it takes of a nodemcuv2.

Needs Debian's gcc-xtensa-lx106 and picolibc-xtensa-lx106-elf. The rest of an image (Arduino core, Wi-Fi, OTA, mDNS)
cannot be built without PlatformIO's package host: its share is an assumption, printed as such.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[1]
BUILD = FIRMWARE.parent / "build/firmware/size"
LIBC = Path("/usr/lib/xtensa-lx106-elf/include")
COMPILER = "xtensa-lx106-elf-g++"

RAM_BYTES = 81_920
FLASH_BYTES = 1_044_464
RAM_SHARE, FLASH_SHARE = 0.60, 0.50
# An empty sketch with ArduinoOTA and mDNS of core 3.1.2, rounded up.
ASSUMED_CORE_RAM, ASSUMED_CORE_FLASH = 30_500, 340_000

# What src/ keeps for good: the box, three visitors, two DNS buffers.
PROBE = """\
#include "box.h"
#include "dns.h"
char kept[sizeof(ecms::Box) + 3 * (sizeof(ecms::HttpRequest) + 16) + 2 * ecms::kMaxDnsSize + ecms::kDnsAnswerSize];
"""


def missing() -> str | None:
    """Return why the size cannot be measured here, None if it can."""
    if shutil.which(COMPILER) is None:
        return "the compiler for the chip is missing (apt install gcc-xtensa-lx106)"
    if not (LIBC / "math.h").exists():
        return "the chip's C library is missing (apt install picolibc-xtensa-lx106-elf)"
    return None


def _sections(compiled: Path) -> dict[str, int]:
    lines = subprocess.run(
        ["xtensa-lx106-elf-size", "-A", compiled], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    found: dict[str, int] = {}
    for line in lines:
        fields = line.split()
        if len(fields) == 3 and fields[1].isdigit() and fields[0].startswith("."):  # noqa: PLR2004 (size -A has 3)
            found[fields[0]] = found.get(fields[0], 0) + int(fields[1])
    return found


def _compile(source: Path) -> Path:
    compiled = BUILD / f"{source.stem}.o"
    flags = ["-std=gnu++17", "-Os", "-mlongcalls", "-mtext-section-literals", "-fno-exceptions", "-fno-rtti"]
    flags += ["-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror"]
    includes = ["-isystem", str(LIBC), "-I", str(FIRMWARE / "lib/ecms/src")]
    subprocess.run([COMPILER, *flags, *includes, "-c", source, "-o", compiled], check=True)
    return compiled


def measure() -> tuple[int, int]:
    """Return the bytes of RAM and of flash that the library and what it keeps take."""
    BUILD.mkdir(parents=True, exist_ok=True)
    probe = BUILD / "probe.cpp"
    probe.write_text(PROBE)
    ram = flash = 0
    for source in sorted((FIRMWARE / "lib/ecms/src").glob("*.cpp")):
        for section, size in _sections(_compile(source)).items():
            if section.startswith((".text", ".literal", ".irom")):
                flash += size
            elif section.startswith((".rodata", ".data")):
                # Constants take both: they are copied to RAM at the start.
                ram += size
                flash += size
            elif section.startswith(".bss"):
                ram += size
    ram += _sections(_compile(probe)).get(".bss.kept", 0)
    return ram, flash


def main() -> int:
    reason = missing()
    if reason:
        print(f"NOT RUN: {reason}")
        return 0
    ram, flash = measure()
    fits = True
    for name, ours, core, whole, share in (
        ("RAM", ram, ASSUMED_CORE_RAM, RAM_BYTES, RAM_SHARE),
        ("flash", flash, ASSUMED_CORE_FLASH, FLASH_BYTES, FLASH_SHARE),
    ):
        total = ours + core
        fits = fits and total <= whole * share
        print(
            f"{name}: library {ours} bytes + core {core} (assumed) = {total} of {whole}, "
            f"{total / whole:.0%}, at most {share:.0%}"
        )
    return 0 if fits else 1


if __name__ == "__main__":
    sys.exit(main())
