"""Broker and database move to a provider and back while boxes send: no reading is lost, and what is old stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.home import Home
from e2e.load import Load
from e2e.provider import Provider, provider
from ecms_bridge import names

pytestmark = pytest.mark.timeout(1800)

TAGS = ("--tags", "certificates,database,emqx,mosquitto,bridge")
"""The services and those who use them; what else site.yml has knows nothing of where they are."""
FIRST_BOX = 60_000
PER_SECOND = 4
_PATIENCE_S = 120.0


@pytest.fixture
def elsewhere(home: Home, tmp_path: Path) -> Iterator[Provider]:
    machine = home.hub.machine
    with provider(f"{machine.name}-servizi", "trixie", machine.network, home.hub.slug, tmp_path / "authority") as made:
        yield made


def test_both_services_move_to_a_provider_and_back(home: Home, elsewhere: Provider) -> None:
    hub, before = home.hub, home.variables()
    load = Load(hub, first_box=FIRST_BOX, per_second=PER_SECOND)
    with load.meanwhile():
        home.change(**elsewhere.variables())
        try:
            home.run(*TAGS)
            for unit in ("mariadb", "mosquitto"):
                status = hub.status(unit)
                assert (status["ActiveState"], status["UnitFileState"]) == ("inactive", "disabled"), unit
            hub.machine.run("test -d /var/lib/mysql/" + names.schema_name(hub.slug))
            _until_it_grows(elsewhere, load, hub.slug)
            assert home.run(*TAGS).changed == 0
        finally:
            home.write(before)
            home.run(*TAGS)
        for unit in ("mariadb", "mosquitto"):
            status = hub.status(unit)
            assert (status["ActiveState"], status["UnitFileState"]) == ("active", "enabled"), unit
    here, there = load.stored_in(hub.query), load.stored_in(lambda sql: elsewhere.rows(hub.slug, sql))
    deadline = time.monotonic() + _PATIENCE_S
    while len(set(here) | set(there)) < load.measured * len(load.boxes) and time.monotonic() < deadline:
        time.sleep(1)
        here = load.stored_in(hub.query)
    assert here
    assert there
    assert len(here) == len(set(here))
    assert len(there) == len(set(there))
    assert sorted(set(here) | set(there)) == load.expected()
    said = home.output()
    assert not [secret for secret in elsewhere.secrets.values() if secret in said]


def _until_it_grows(elsewhere: Provider, load: Load, slug: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not load.stored_in(lambda sql: elsewhere.rows(slug, sql)):
        assert time.monotonic() < deadline, "no reading reaches the provider's database"
        time.sleep(1)
