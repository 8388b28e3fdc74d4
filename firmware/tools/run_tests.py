"""Run every test of the box that needs no hardware: ``run_tests.py [--quick]``.

Prints what each step found, ``NOT RUN: reason`` for what cannot run here, and ends with ``N passed, M failed``.
``--quick`` leaves out the second build (PlatformIO's) and the simulated hour.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[1]
ROOT = FIRMWARE.parent
BUILD = ROOT / "build/firmware"
PYTHON_TESTS = sorted((ROOT / "tests/contract").glob("test_firmware_*.py"))
LONG_TEST = "test_an_hour_away_from_the_hub_loses_nothing"
HARDWARE_ONLY = (
    "flashing over a serial port needs a board",
    "an update over the air of a chip needs a board",
    "reach of the radio and faults of the ADC need a board",
    "the build for nodemcuv2 and d1_mini needs PlatformIO's package host",
)


class Tally:
    """Counts of passed and failed tests."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def add(self, name: str, passed: int, failed: int) -> None:
        self.passed += passed
        self.failed += failed
        print(f"{name}: {passed} passed, {failed} failed", flush=True)

    def not_run(self, reason: str) -> None:
        print(f"NOT RUN: {reason}", flush=True)


def _run(command: list[str | Path], env: dict[str, str] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=FIRMWARE, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def _record(tally: Tally, name: str, code: int, output: str, passed: int, failed: int) -> None:
    if code != 0:
        print(output)
        failed = max(failed, 1)
    elif passed == 0:
        failed = 1
    tally.add(name, passed, failed)


def native(tally: Tally) -> None:
    """Doctest with the address and undefined behaviour sanitizers."""
    tools = {"cmake": "/usr/bin/cmake", "g++": "/usr/bin/g++", "doctest-dev": "/usr/include/doctest/doctest.h"}
    for package, file in tools.items():
        if not Path(file).exists():
            tally.not_run(f"the native tests need {package} (apt install {' '.join(tools)})")
            return
    code, output = _run(["make", "--no-print-directory", "native"])
    if code == 0:
        code, output = _run([BUILD / "cmake/ecms_test"])
    cases = r"test cases:.*\| +(\d+) "
    passed, failed = _number(cases + "passed", output), _number(cases + "failed", output)
    _record(tally, "native tests with ASan and UBSan", code, output, passed, failed)


def platformio(tally: Tally) -> None:
    """Build and run the same tests as PlatformIO does."""
    pio = Path(sys.executable).parent / "pio"
    if not pio.exists() or importlib.util.find_spec("SCons") is None:
        tally.not_run("pio test needs PlatformIO and SCons (requirements/dev.txt)")
        return
    env = {
        **os.environ,
        "PLATFORMIO_CORE_DIR": str(BUILD / "pio"),
        "PLATFORMIO_WORKSPACE_DIR": str(BUILD / "pio-work"),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
    }
    subprocess.run([sys.executable, FIRMWARE / "tools/pio_offline.py", BUILD / "pio"], check=True)
    code, output = _run([pio, "test", "-e", "native"], env)
    _record(
        tally, "pio test -e native", code, output, _number(r"(\d+) succeeded", output), _number(r"(\d+) failed", output)
    )


def python(tally: Tally, *, quick: bool) -> None:
    """Property tests against Python and the simulated box."""
    if importlib.util.find_spec("pytest") is None:
        tally.not_run("the Python tests of the box need pytest (requirements/dev.txt)")
        return
    command: list[str | Path] = [sys.executable, "-m", "pytest", "-q", "-rs", "--rootdir", ROOT, *PYTHON_TESTS]
    command += ["-c", ROOT / "pyproject.toml"]
    if quick:
        command += ["-k", f"not {LONG_TEST}"]
        tally.not_run("the simulated hour is left out of the quick run")
    code, output = _run(command)
    for line in output.splitlines():
        if "NOT RUN:" in line:
            tally.not_run(line.split("NOT RUN:", 1)[1].strip())
    _record(tally, "Python tests", code, output, _number(r"(\d+) passed", output), _number(r"(\d+) failed", output))


def size(tally: Tally) -> None:
    """Room on the chip."""
    code, output = _run([sys.executable, FIRMWARE / "tools/size.py"])
    print(output, end="")
    if "NOT RUN" not in output:
        tally.add("room on the chip", int(code == 0), int(code != 0))


def main() -> int:
    quick = "--quick" in sys.argv[1:]
    tally = Tally()
    native(tally)
    if quick:
        tally.not_run("pio test is left out of the quick run")
    else:
        platformio(tally)
    python(tally, quick=quick)
    size(tally)
    for reason in HARDWARE_ONLY:
        tally.not_run(reason)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
