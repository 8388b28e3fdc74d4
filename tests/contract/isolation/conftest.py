"""What every test of the matrix enters its cells into; at the end they are in build/isolation/matrix.json."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from database.server import Server
from isolation import page
from isolation.ledger import Ledger
from isolation.sql import PLAIN, Stand


@pytest.fixture(scope="session")
def ledger() -> Iterator[Ledger]:
    """The outcomes of this run."""
    made = Ledger()
    yield made
    made.save(page.RESULTS)


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Three homes on a server of their own, or on that of ECMS_TEST_MARIADB."""
    directory = tmp_path_factory.mktemp("isolation")
    # A server that gives up root's rights has to get there.
    for one in (directory, *directory.parents[:2]):
        one.chmod(0o755)
    other = os.environ.get("ECMS_TEST_MARIADB")
    if other:
        server = Server.from_text(other)
        made = Stand(server, {PLAIN: server.settings}, directory)
    else:
        made = Stand.private(directory)
    with made:
        yield made
