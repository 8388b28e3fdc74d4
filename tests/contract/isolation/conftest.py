"""What every test of the matrix enters its cells into; at the end they are in build/isolation/matrix.json."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from database.fixtures import mariadb
from isolation import page
from isolation.ledger import Ledger

__all__ = ["mariadb"]


@pytest.fixture(scope="session")
def ledger() -> Iterator[Ledger]:
    """The outcomes of this run."""
    made = Ledger()
    yield made
    made.save(page.RESULTS)
