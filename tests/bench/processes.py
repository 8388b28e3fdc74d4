"""What the kernel tells of a process, and on which core a process runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12
"""Fields of /proc/<pid>/stat after the name, see proc(5)."""


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, user and system, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S


def written_bytes(pid: int) -> int:
    """Return how many bytes a process has caused to be written to a disk (write_bytes in proc(5))."""
    return _number(Path(f"/proc/{pid}/io"), "write_bytes")


def pss_mb(pid: int) -> float:
    """Return a process's memory, its share of what it shares included (Pss), in MB of 10^6 bytes."""
    return _number(Path(f"/proc/{pid}/smaps_rollup"), "Pss") * 1024 / 1e6


def rss_mb(pid: int) -> float:
    """Return a process's resident memory in MB of 10^6 bytes."""
    return _number(Path(f"/proc/{pid}/status"), "VmRSS") * 1024 / 1e6


def _number(path: Path, name: str) -> int:
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    raise LookupError(f"{path} does not tell {name}")


def cores() -> list[int]:
    """Return the cores this process may use."""
    return sorted(os.sched_getaffinity(0))


@contextlib.contextmanager
def starting_on(core: int) -> Iterator[None]:
    """Have the processes started in this context run on one core; a process keeps what it inherits."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
