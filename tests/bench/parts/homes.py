"""``site.yml`` for one home and for many on one central machine: what a home costs must not grow with their number."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import yaml

from bench.report import Figure, Table
from bench.scale import Scale
from hub import REPOSITORY, SiteRun, run_site
from machines import down, inventory, up

_MACHINE = "bench-homes"
_HOST = "server-bench"
_SUITE = "bookworm"
_BUILD = REPOSITORY / "build/bench/homes"
_GROUPS = ("broker", "writer", "database")
"""Without Grafana, whose package host is out of reach where tests run."""


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return how long runs over more and more homes took; raise RuntimeError if a second run changed something."""
    figures: list[Figure] = []
    again: list[tuple[int, float]] = []
    down(_MACHINE)
    up(_MACHINE, _SUITE, "server", _MACHINE)
    try:
        central = _central()
        there = 0
        for homes in scale.households:
            first, second = _twice(homes, central)
            say(f"{homes} homes: {first.seconds:.0f} s, {first.changed} changes; again {second.seconds:.0f} s")
            what = "a fresh machine and its first home" if there == 0 else f"{homes - there} homes more, {homes} in all"
            figures.append(Figure(what, "s", (first.seconds,)))
            figures.append(Figure(f"{homes} homes again, nothing changed", "s", (second.seconds,)))
            again.append((homes, second.seconds))
            there = homes
    finally:
        down(_MACHINE)
    for (fewer, less), (more, longer) in itertools.pairwise(again):
        each = (longer - less) / (more - fewer)
        figures.append(Figure(f"a home's share of a second run, from {fewer} to {more} homes", "s", (each,)))
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


def _twice(homes: int, central: list[Path]) -> tuple[SiteRun, SiteRun]:
    inventories = [*central, *(_home(number) for number in range(1, homes + 1))]
    lost = {"localhost", *(f"hub-casa-{number}" for number in range(1, homes + 1))}
    first = run_site(inventories, _BUILD / f"{homes}-first.log", lost=lost)
    second = run_site(inventories, _BUILD / f"{homes}-second.log", lost=lost)
    if second.changed:
        raise RuntimeError(f"the second run changed {second.changed} tasks: see {_BUILD}/{homes}-second.log")
    return first, second


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
