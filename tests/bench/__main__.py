"""Measure, print and keep: ``python -m bench --scale year``; each part in a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import processes
from bench.report import Table, document
from bench.scale import SCALES, Scale

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build" / "bench"
PARTS = {
    "insert": "inserting in batches and one by one",
    "pipe": "the whole way on one core",
    "writer": "the writer alone",
    "bursts": "many homes at one writer",
    "drain": "draining the spool",
    "home": "one home: latency, memory, writes",
    "queries": "panels over months and years",
    "site": "site.yml on a fresh machine",
    "homes": "site.yml for up to twenty homes on one machine",
}
_UNASKED = tuple(part for part in PARTS if part not in {"site", "homes"})
_PART_TIMEOUT_S = 3600.0
_PATIENCE_S = 20.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that are asked for; return 1 if one failed. A missed bar is reported and no failure."""
    options = _parser().parse_args(arguments)
    scale = SCALES[options.scale]
    parts = _UNASKED if not options.parts else tuple(PARTS) if options.parts == "all" else options.parts.split(",")
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        _parser().error(f"there is no part {unknown[0]}: choose from {', '.join(PARTS)}")
    if options.result:
        _run_here(parts[0], scale, options.result)
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    tables: list[Table] = []
    failures: list[str] = []
    for number, part in enumerate(parts, start=1):
        print(f"==> {number} of {len(parts)}: {part} ({PARTS[part]})", flush=True)
        begun = time.monotonic()
        result = BUILD / f"{part}.json"
        result.unlink(missing_ok=True)
        status = _run_apart(part, scale, result)
        if status == 0 and result.exists():
            tables += [Table.from_dict(content) for content in json.loads(result.read_text(encoding="utf-8"))]
            print(f"    done after {time.monotonic() - begun:.0f} s", flush=True)
        else:
            why = f"no end within {_PART_TIMEOUT_S:g} s" if status is None else f"exit status {status}"
            failures.append(f"{part}: {why}")
            print(f"    FAILED: {why}", flush=True)
        # After each part, so that nothing is lost if the next one takes the machine with it.
        text = document(_heading(scale, parts), tables, failures)
        (BUILD / "report.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nwritten to {BUILD / 'report.md'}")
    print(f"{len(parts) - len(failures)} passed, {len(failures)} failed")
    return int(bool(failures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--scale", choices=SCALES, default="year")
    parts = "; ".join(f"{name}: {what}" for name, what in PARTS.items())
    parser.add_argument("--parts", default="", metavar="A,B", help=f"'all', or by default all but site, homes: {parts}")
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    return parser


def _run_here(part: str, scale: Scale, result: Path) -> None:
    run: Callable[[Scale, Callable[[str], None]], list[Table]] = importlib.import_module(f"bench.parts.{part}").run
    measured = run(scale, lambda words: print(f"    {words}", flush=True))
    tables = [table if scale.judged else table.unjudged() for table in measured]
    result.write_text(json.dumps([table.as_dict() for table in tables], indent=1), encoding="utf-8")


def _run_apart(part: str, scale: Scale, result: Path) -> int | None:
    """Run a part in a process group of its own and let nothing of it live on; None if it had to be ended."""
    # On a disk: /tmp may be in RAM, where a flushed commit costs nothing and a year of readings has no room.
    scratch = tempfile.mkdtemp(prefix="ecms-b-", dir="/var/tmp")
    command = [sys.executable, "-m", "bench", "--scale", scale.name, "--parts", part, "--result", str(result)]
    process = subprocess.Popen(command, env={**os.environ, "TMPDIR": scratch}, start_new_session=True)
    try:
        return process.wait(_PART_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return None
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_S)
        shutil.rmtree(scratch, ignore_errors=True)


def _heading(scale: Scale, parts: Sequence[str]) -> list[str]:
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    commit = _first_line("git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD")
    machine = (
        f"{len(processes.cores())} cores ({_processor()})",
        f"{memory_gb:.0f} GB",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        _first_line("mariadbd", "--version"),
        _first_line("mosquitto", "-h"),
        f"load at the end {os.getloadavg()[0]:.1f}",
    )
    day = time.strftime("%Y-%m-%d", time.gmtime())
    return [
        f"`make bench SCALE={scale.name}` ({', '.join(parts)}) on {day}, commit {commit}.",
        "",
        ", ".join(machine) + ".",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return platform.machine()


def _first_line(*command: str) -> str:
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        return f"no {command[0]}"
    output = subprocess.run([program, *command[1:]], check=False, capture_output=True, text=True)
    return (output.stdout or output.stderr).strip().partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
