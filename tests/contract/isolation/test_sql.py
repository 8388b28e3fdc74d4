"""The matrix at a real MariaDB, with the users as the product makes them, by socket and by TLS.

With ``ECMS_TEST_MARIADB`` it is asked of that server, such as MariaDB 11.8, by the network.
"""

from __future__ import annotations

from contextlib import closing

import pytest

from database.fixtures import PASSWORD
from ecms_bridge.names import grafana_user
from ecms_bridge.schema import cli
from isolation.ledger import Ledger
from isolation.sql import ADMIN, HOMES, SOCKET, WRITER, Matrix, Stand, names_of
from notrun import not_run

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


def test_root_and_the_administrator_take_turns_by_a_lock_nobody_else_can_name(stand: Stand) -> None:
    if SOCKET not in stand.doors:
        not_run("root logs in by the socket, which the server of ECMS_TEST_MARIADB has elsewhere")
    names = {}
    for user in ("root", ADMIN, WRITER, grafana_user("acb")):
        with closing(stand.log_in(user, stand.doors[0], "" if user == "root" else PASSWORD)) as session:
            names[user] = cli.lock_name(session.cursor(), "acb", ADMIN)
    assert names["root"] == names[ADMIN]
    assert names[ADMIN] not in (names[WRITER], names[grafana_user("acb")])


def test_a_lock_that_others_can_name_would_be_found(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "lock_name", lambda _cursor, slug, _admin="": f"ecms-schema-{slug}")
    monkeypatch.setattr(cli, "_TURN_WAIT_S", 0)
    _, held_up = Matrix(stand, stand.doors[0]).held_up("a_b", "acb")
    assert held_up
