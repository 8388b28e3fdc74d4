"""One hub for all end-to-end tests: a machine like a Pi, made a hub by the real site.yml."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import yaml

from e2e.home import Home
from hub import REPOSITORY, Hub
from machines import down, inventory, up

_MACHINE = os.environ.get("ECMS_E2E_MACHINE", "e2e")
_HOST = "hub-e2e"
_SLUG = "casa_di_prova"
_BUILD = REPOSITORY / "build" / _MACHINE
_GROUPS = ("hub", "broker", "writer", "database")
_UNITS = ("ecms-udp-to-mqtt", "ecms-mqtt-to-mysql", "mosquitto", "mariadb")
_APPLIANCES = yaml.safe_load((REPOSITORY / "inventories/demo/group_vars/demo/household.yml").read_text("utf-8"))
_REPLAYED = [{"id": 100 + number, "name": f"registrazione {number}"} for number in range(21)]
"""An appliance for each recorded day and column."""

_HOUSEHOLD = {
    "ecms_household_name": "Casa di Prova",
    "ecms_clock_trusted": True,
    "ecms_mqtt_broker": "mosquitto",
    "ecms_devices": _APPLIANCES["ecms_devices"] + _REPLAYED,
}


@pytest.fixture(scope="session")
def home() -> Iterator[Home]:
    """Provision the hub once; ECMS_E2E_SUITE chooses its Debian, ECMS_KEEP=1 leaves it running afterwards."""
    machine = up(_MACHINE, os.environ.get("ECMS_E2E_SUITE", "bookworm"), "raspberrypi", _MACHINE)
    directory = _BUILD / "inventory"
    _write(directory / "group_vars" / _SLUG / "household.yml", _HOUSEHOLD)
    children: dict[str, object] = {group: {"children": {_SLUG: {}}} for group in _GROUPS}
    children[_SLUG] = {"hosts": {_HOST: {}}}
    _write(directory / "hosts.yml", {"all": {"children": children}})
    _write(_BUILD / "connection.yml", inventory({_MACHINE: _HOST}))
    provisioned = Home(Hub(machine, _SLUG, directory / ".secrets"), _HOST, directory, _BUILD / "connection.yml")
    run = provisioned.run()
    print(f"site.yml: {run.seconds:.0f} s, {run.changed} changes")
    yield provisioned
    if os.environ.get("ECMS_KEEP") != "1":
        down(_MACHINE)


@pytest.fixture(scope="session")
def hub(home: Home) -> Hub:
    """The hub of the home."""
    return home.hub


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the hub's journal with every failure."""
    report = yield
    running = getattr(item, "funcargs", {}).get("hub")
    if report.failed and isinstance(running, Hub):
        units = [word for unit in _UNITS for word in ("-u", unit)]
        journal = running.machine.run(["journalctl", "--no-pager", "--lines=60", *units], check=False).stdout
        report.sections.append(("the hub's journal", journal))
    return report
