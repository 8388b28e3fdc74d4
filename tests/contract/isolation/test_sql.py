"""The matrix at a real MariaDB, with the users as the product makes them, by socket and by TLS.

With ``ECMS_TEST_MARIADB`` it is asked of that server, such as MariaDB 11.8, by the network.
"""

from __future__ import annotations

import pytest

from isolation.ledger import Ledger
from isolation.sql import HOMES, Matrix, Stand, names_of

PARTS = ("doors", "households", "catalogue", "writer", "admin", "statistics", "server")


@pytest.mark.parametrize("part", PARTS)
def test_every_cell(ledger: Ledger, stand: Stand, part: str) -> None:
    for door in stand.doors:
        wrong = [line for cell, came in getattr(Matrix(stand, door), part)() if (line := ledger.enter(cell, came))]
        assert wrong == []


def test_names_are_there_to_be_found(stand: Stand) -> None:
    """Whoever may see all finds every home in these lists, so that not finding one means something."""
    shown = {statement: stand.rows("", "", statement) for statement in stand.catalogue()}
    finds = {s for s, text in shown.items() if all(any(n in text for n in names_of(slug)) for slug in HOMES)}
    for name in ("SCHEMATA", "TABLES", "COLUMNS", "STATISTICS", "VIEWS", "SCHEMA_PRIVILEGES", "PROCESSLIST"):
        assert f"SELECT * FROM information_schema.`{name}`" in finds
    assert {"SHOW DATABASES", "SHOW PROCESSLIST"} <= finds
