"""``site.yml`` on a fresh machine like a Pi, and a second time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import yaml

from bench.report import Figure, Table
from bench.scale import Scale
from hub import REPOSITORY, run_site
from machines import down, inventory, up

_MACHINE = "bench"
_HOST = "hub-bench"
_SLUG = "casa_bench"
_SUITE = "bookworm"
_BUILD = REPOSITORY / "build/bench/site"
_FIRST_BAR_S = 300.0
_SECOND_BAR_S = 45.0
_GROUPS = ("hub", "broker", "writer", "database")
"""Without Grafana, whose package host is out of reach where tests run."""


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return how long both runs took; raise RuntimeError if the second one changed something."""
    _ = scale
    down(_MACHINE)
    up(_MACHINE, _SUITE, "raspberrypi", "bench")
    try:
        home = _BUILD / "inventory"
        _write(
            home / "group_vars" / _SLUG / "household.yml",
            {
                "ecms_household_name": "Casa Bench",
                "ecms_clock_trusted": True,
                "ecms_mqtt_broker": "mosquitto",
                "ecms_devices": [{"id": 1, "name": "lavatrice"}],
            },
        )
        children: dict[str, object] = {group: {"children": {_SLUG: {}}} for group in _GROUPS}
        children[_SLUG] = {"hosts": {_HOST: {}}}
        _write(home / "hosts.yml", {"all": {"children": children}})
        connection = _BUILD / "connection.yml"
        _write(connection, inventory({_MACHINE: _HOST}))
        first = run_site([home, connection], _BUILD / "first.log")
        say(f"first run: {first.seconds:.0f} s, {first.changed} changes")
        second = run_site([home, connection], _BUILD / "second.log")
        say(f"second run: {second.seconds:.0f} s")
    finally:
        down(_MACHINE)
    if second.changed:
        raise RuntimeError(f"the second run of site.yml changed {second.changed} tasks: see {_BUILD}/second.log")
    return [
        Table(
            "site.yml",
            [
                Figure("a fresh machine", "s", (first.seconds,), bar=_FIRST_BAR_S),
                Figure("again, nothing changed", "s", (second.seconds,), bar=_SECOND_BAR_S),
            ],
            ["Debian 12 in a container, without Grafana; Debian's packages and the bridge's wheels are cached."],
        )
    ]


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
