"""Run the real site.yml against a machine, with progress."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<task>.+?)\]")
_RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=\d+\s+changed=(?P<changed>\d+)\s+unreachable=(?P<unreachable>\d+)\s+failed=(?P<failed>\d+)"
)
_TAIL_LINES = 40


class ProvisionError(Exception):
    """site.yml failed; the message ends with the last lines of its output."""


@dataclass(frozen=True, slots=True)
class SiteRun:
    """A finished run: wall time in s and the number of changed tasks of all hosts."""

    seconds: float
    changed: int


def run_site(
    inventories: Sequence[Path],
    log: Path,
    on_task: Callable[[int, str], None] = lambda _number, _task: None,
    options: Sequence[str] = (),
    lost: Collection[str] = (),
) -> SiteRun:
    """Run ``site.yml`` with the given inventories; the whole output goes to ``log``.

    ``on_task(number, name)`` is called as each task begins; what it raises kills the run, as a power cut would.
    Raises ProvisionError if the run fails, unless it does so for all hosts of ``lost`` and for no other.
    """
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "site.yml",
        *(word for inventory in inventories for word in ("-i", str(inventory))),
        *options,
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    number = changed = 0
    failed: set[str] = set()
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    with (
        log.open("w", encoding="utf-8") as output,
        subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                output.write(line)
                if task := _TASK.match(line):
                    number += 1
                    on_task(number, task["task"])
                elif recap := _RECAP.match(line):
                    changed += int(recap["changed"])
                    if int(recap["failed"]) or int(recap["unreachable"]):
                        failed.add(recap["host"])
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode and (not lost or failed != set(lost)):
        tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-_TAIL_LINES:])
        raise ProvisionError(f"site.yml failed; its whole output is in {log}, its end:\n{tail}")
    return SiteRun(time.monotonic() - begun, changed)
