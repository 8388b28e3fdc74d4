"""``site.yml`` for one home and for many on one central machine: what a home costs must not grow with their number."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from bench.report import Figure, Table
from bench.scale import Scale
from hub import REPOSITORY, run_site
from machines import Machine, down, inventory, up

_MACHINE = "bench-homes"
_HOST = "server-bench"
_SUITE = "bookworm"
_BUILD = REPOSITORY / "build/bench/homes"
_GROUPS = ("broker", "writer", "database")
"""Without Grafana, whose package host is out of reach where tests run."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run took: wall time, and processor time of the controller and of the machine, all in s."""

    seconds: float
    controller: float
    machine: float
    changed: int

    @property
    def processor(self) -> float:
        """Processor time of both, which other work on the computer hardly changes."""
        return self.controller + self.machine


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return how long runs over more and more homes took; raise RuntimeError if a second run changed something."""
    figures: list[Figure] = []
    runs: list[tuple[int, Run, Run]] = []
    down(_MACHINE)
    machine = up(_MACHINE, _SUITE, "server", _MACHINE)
    try:
        central = _central()
        there = 0
        for homes in scale.households:
            first, second = _twice(homes, central, machine)
            say(f"{homes} homes: {_words(first)}, {first.changed} changes; again {_words(second)}")
            what = "a fresh machine and its first home" if there == 0 else f"{homes - there} homes more, {homes} in all"
            for name, run in ((what, first), (f"{homes} homes again, nothing changed", second)):
                figures.append(Figure(name, "s", (run.seconds,)))
                figures.append(Figure(f"{name}, processor time", "s", (run.processor,)))
            runs.append((homes, first, second))
            there = homes
    finally:
        down(_MACHINE)
    for (fewer, _, before), (more, first, second) in itertools.pairwise(runs):
        added, step = more - fewer, f"from {fewer} to {more} homes"
        for name, longer, shorter in (
            ("what making a home adds to a run that changes nothing", first, before),
            ("a home's share of a second run", second, before),
        ):
            figures.append(Figure(f"{name}, {step}", "s", ((longer.seconds - shorter.seconds) / added,)))
            each = (longer.processor - shorter.processor) / added
            figures.append(Figure(f"{name}, {step}, processor time", "s", (each,)))
    return [
        Table(
            "Many homes on one central machine",
            figures,
            [
                (
                    "Debian 12 in a container with Mosquitto, writer and MariaDB, without Grafana. The hubs cannot be "
                    "reached, so that only the central machine's part is measured, and the time in which that is found "
                    "out; their households are set up all the same."
                )
            ],
        )
    ]


def _central() -> list[Path]:
    place = _BUILD / "central"
    children: dict[str, object] = {group: {"children": {"central": {}}} for group in _GROUPS}
    children["central"] = {"hosts": {_HOST: {}}}
    _write(place / "hosts.yml", {"all": {"children": children}})
    _write(
        place / "group_vars/central/services.yml",
        {"ecms_mqtt_broker": "mosquitto", "ecms_clock_trusted": True, "ecms_security_updates": False},
    )
    connection = _BUILD / "connection.yml"
    _write(connection, inventory({_MACHINE: _HOST}))
    return [place, connection]


def _home(number: int) -> Path:
    """Write a home's inventory, whose hub refuses every connection."""
    slug = f"casa_{number}"
    place = _BUILD / slug
    hub = {"hosts": {f"hub-casa-{number}": {"ansible_host": "127.0.0.1", "ansible_port": 1}}}
    _write(place / "hosts.yml", {"all": {"children": {slug: hub, "hub": {"children": {slug: {}}}}}})
    _write(
        place / "group_vars" / slug / "household.yml",
        {
            "ecms_household_name": f"Casa {number}",
            "ecms_mqtt_broker": "mosquitto",
            "ecms_devices": [{"id": 1, "name": "lavatrice"}, {"id": 2, "name": "frigorifero"}],
        },
    )
    return place


def _twice(homes: int, central: list[Path], machine: Machine) -> tuple[Run, Run]:
    inventories = [*central, *(_home(number) for number in range(1, homes + 1))]
    lost = {"localhost", *(f"hub-casa-{number}" for number in range(1, homes + 1))}

    def run(which: str) -> Run:
        controller, inside = _processor_time(), _processor_time_of(machine)
        done = run_site(inventories, _BUILD / f"{homes}-{which}.log", lost=lost)
        return Run(done.seconds, _processor_time() - controller, _processor_time_of(machine) - inside, done.changed)

    first, second = run("first"), run("second")
    if second.changed:
        raise RuntimeError(f"the second run changed {second.changed} tasks: see {_BUILD}/{homes}-second.log")
    return first, second


def _processor_time() -> float:
    """Return what this process' children have used that have ended, in s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processor_time_of(machine: Machine) -> float:
    """Return what everything inside has used, in s."""
    return int(machine.run("sed -n 's/^usage_usec //p' /sys/fs/cgroup/cpu.stat").stdout) / 1e6


def _words(run: Run) -> str:
    return f"{run.seconds:.0f} s, of the processor {run.controller:.1f} s here and {run.machine:.1f} s there"


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
