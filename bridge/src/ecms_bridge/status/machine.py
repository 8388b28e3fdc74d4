"""What this machine itself shows: systemd's units and room on the disks."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

MAINTENANCE_UNIT = "ecms-maintenance.service"
_PROPERTIES = "Id,LoadState,ActiveState,SubState,NRestarts,StatusText"
_SYSTEMCTL_S = 10


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: systemd's words for its state, how often it was restarted, and what it says of itself."""

    name: str
    active: str
    sub: str
    restarts: int
    says: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that holds ``path``; sizes in bytes, the free ones those left to ordinary users."""

    of: str
    path: str
    free_bytes: int
    total_bytes: int

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def units(names: list[str]) -> list[Unit]:
    """Return the state of the units that are installed; none where no systemd runs."""
    try:
        done = subprocess.run(
            ["/usr/bin/systemctl", "show", f"--property={_PROPERTIES}", *names],
            capture_output=True,
            text=True,
            timeout=_SYSTEMCTL_S,
            check=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return _parse(done.stdout)


def _parse(shown: str) -> list[Unit]:
    found = []
    for block in shown.strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("LoadState") not in (None, "not-found"):
            restarts = values.get("NRestarts", "")
            found.append(
                Unit(
                    name=values.get("Id", "").removesuffix(".service"),
                    active=values.get("ActiveState", ""),
                    sub=values.get("SubState", ""),
                    restarts=int(restarts) if restarts.isdigit() else 0,
                    says=values.get("StatusText", ""),
                )
            )
    return found


def running_since() -> int:
    """Return when the machine was started, in Unix s."""
    return int(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))


def disk(of: str, path: Path) -> Disk | None:
    """Return the file system of a path; None if it is not on this machine."""
    try:
        left = os.statvfs(path)
    except OSError:
        return None
    return Disk(of, str(path), left.f_bavail * left.f_frsize, left.f_blocks * left.f_frsize)
