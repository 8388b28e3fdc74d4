"""The matrix of datagrams and names, with real hubs, a real broker, writer and database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from isolation.homes import Homes
from isolation.ledger import Ledger
from isolation.sql import Stand
from private_mosquitto import INSTALLED

pytestmark = pytest.mark.not_run_unless(INSTALLED, "mosquitto is not installed: make setup-test installs it")


@pytest.fixture(scope="module")
def homes(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    with Homes(stand, tmp_path_factory.mktemp("homes")) as made:
        yield made


@pytest.mark.parametrize("part", ["datagrams", "hubs"])
def test_every_cell(ledger: Ledger, homes: Homes, part: str) -> None:
    wrong = [line for cell, came in getattr(homes, part)() if (line := ledger.enter(cell, came))]
    assert wrong == []
