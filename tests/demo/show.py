"""The demo from an empty machine to the verdict: every box's readings are in the database, or not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.live import Live

from demo import table
from ecms_bridge import names
from hub import Hub, run_site
from machines import down, inventory, up

MACHINE = "demo"
_HOST = "hub-demo"
_SLUG = "demo"
_REPOSITORY = Path(__file__).resolve().parents[2]
_INVENTORY = _REPOSITORY / "inventories/demo"
_SECRETS = _INVENTORY / ".secrets"
_BUILD = _REPOSITORY / "build/demo"
_REFRESH_S = 1.0
_GRACE_S = 90.0


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


def show(suite: str, duration: float | None) -> int:
    """Run the demo for ``duration`` s, or until Ctrl-C; return 0 only if every reading of every box is stored."""
    console = Console()
    hub = _provision(suite, console)
    devices = hub.devices()
    with _boxes(hub, devices, duration) as boxes:
        with hub.grafana_connection() as connection:
            _watch(connection, boxes, duration, console)
        if boxes.poll() is None:
            boxes.send_signal(signal.SIGINT)
        try:
            output, _ = boxes.communicate(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            raise DemoError(f"the boxes still wait for acknowledgements after {_GRACE_S:g} s") from None
    return _verdict(json.loads(output.splitlines()[-1]), hub.counts(), console)


def remove() -> None:
    """Remove the demo's machine; its secrets go with it, since the next demo begins a new household."""
    down(MACHINE)
    for directory in (_SECRETS, _BUILD):
        shutil.rmtree(directory, ignore_errors=True)


def _provision(suite: str, console: Console) -> Hub:
    with console.status("Starting a machine like a Raspberry Pi (the first time, Debian is installed for it)"):
        machine = up(MACHINE, suite, "raspberrypi")
    console.print(f"A Debian {suite} machine is up at {machine.address}.")
    connection = _BUILD / "connection.yml"
    connection.parent.mkdir(parents=True, exist_ok=True)
    connection.write_text(yaml.safe_dump(inventory({MACHINE: _HOST})), encoding="utf-8")
    log = _BUILD / "site.log"
    with console.status("ansible-playbook site.yml") as status:
        run = run_site(
            [_INVENTORY, connection],
            log,
            lambda number, task: status.update(f"ansible-playbook site.yml: task {number}, {task}"),
        )
    console.print(f"site.yml made it a hub in {run.seconds:.0f} s ({run.changed} changes; all of it in {log}).")
    return Hub(machine, _SLUG, _SECRETS)


@contextlib.contextmanager
def _boxes(hub: Hub, devices: dict[int, str], duration: float | None) -> Iterator[subprocess.Popen[str]]:
    command = [
        str(Path(sys.executable).parent / "python"),
        *("-m", "ecms_bridge.simulator"),
        *("--hub", hub.machine.address, "--port", str(hub.udp_port()), "--key-file", str(hub.key_file)),
        *(word for number, name in devices.items() for word in ("--device", f"{number}:{name}")),
    ]
    if duration is not None:
        command += ["--duration", str(duration)]
    environment = {**os.environ, "PYTHONPATH": str(_REPOSITORY / "bridge/src")}
    # In a process group of its own, so that Ctrl-C ends the table first and the boxes then wait for their answers.
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, process_group=0) as boxes:
        try:
            yield boxes
        finally:
            if boxes.poll() is None:
                boxes.kill()


def _watch(connection: Any, boxes: subprocess.Popen[str], duration: float | None, console: Console) -> None:
    begun = time.monotonic()
    caption = "from the hub's database; Ctrl-C ends the boxes, `make demo-down` removes the hub"
    with contextlib.suppress(KeyboardInterrupt), Live(console=console, refresh_per_second=4) as live:
        while boxes.poll() is None and (duration is None or time.monotonic() - begun < duration):
            live.update(table.render(table.read(connection, _SLUG), caption))
            time.sleep(_REFRESH_S)
        live.update(table.render(table.read(connection, _SLUG), caption))
    console.print()


def _verdict(summary: dict[str, Any], stored: dict[str, int], console: Console) -> int:
    wrong = 0
    for box in summary["boxes"]:
        if not box["sent"] or stored.get(box["mac"], 0) < box["sent"]:
            wrong += 1
            console.print(f"{box['mac']}: sent {box['sent']}, stored {stored.get(box['mac'], 0)}")
    if wrong:
        console.print(f"[red]{wrong} of {len(summary['boxes'])} boxes have readings that are not in the database.")
        return 1
    sent = sum(box["sent"] for box in summary["boxes"])
    console.print(
        f"[green]All {sent} readings of {len(summary['boxes'])} boxes are in the table "
        f"{names.schema_name(_SLUG)}.{names.data_table(_SLUG)}."
    )
    return 0
