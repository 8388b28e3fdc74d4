"""A file system like an SD card's, and what reaches it: counted where the kernel hands blocks to the device."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SIZE_MB = 2048
_SECTOR_BYTES = 512
_SECTORS_WRITTEN = 6
"""A field of /sys/block/<device>/stat, see the kernel's Documentation/block/stat.rst."""


@dataclass(frozen=True, slots=True)
class Card:
    """An ext4 file system with blocks of 512 bytes under ``directory``; ``device`` is the kernel's name for it."""

    directory: Path
    device: str

    def written_bytes(self) -> int:
        """Return how many bytes were written to the device so far, the file system's own journal included."""
        fields = Path(f"/sys/block/{self.device}/stat").read_text(encoding="ascii").split()
        return int(fields[_SECTORS_WRITTEN]) * _SECTOR_BYTES

    def settle(self) -> None:
        """Write what waits in memory, so that it does not count later."""
        subprocess.run(["sync", "--file-system", self.directory], check=True)


@contextlib.contextmanager
def inserted(commit_interval_s: int) -> Iterator[Card | None]:
    """Give a card that is mounted as the role common mounts a hub's, or None where that is not possible here."""
    scratch = Path(tempfile.mkdtemp(prefix="ecms-card-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        card = _insert(scratch, commit_interval_s) if os.geteuid() == 0 else None
        if card is not None:
            stack.callback(_run, "umount", "--lazy", str(card.directory))
        yield card


def _insert(scratch: Path, commit_interval_s: int) -> Card | None:
    file, directory = scratch / "card.img", scratch / "card"
    directory.mkdir()
    with file.open("wb") as image:
        image.truncate(_SIZE_MB * 1024 * 1024)
    made = _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(file))
    options = f"loop,noatime,commit={commit_interval_s}"
    if not made or not _run("mount", "-t", "ext4", "-o", options, str(file), str(directory)):
        return None
    source = subprocess.run(
        ["findmnt", "--noheadings", "--output", "SOURCE", directory], check=True, capture_output=True, text=True
    )
    directory.chmod(0o755)
    return Card(directory, Path(source.stdout.strip()).name)


def _run(*command: str) -> bool:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    program = shutil.which(command[0], path=path)
    return program is not None and not subprocess.run([program, *command[1:]], check=False).returncode
