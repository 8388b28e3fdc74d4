"""Every right in the database is needed and suffices; what else must be refused is asked in isolation/test_sql.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest
from pymysql.constants import ER

from database.fixtures import PASSWORD, Home, Users, new_home
from database.server import Server
from ecms_bridge import names
from ecms_bridge.messages import Reading
from ecms_bridge.schema import cli, grants
from ecms_bridge.schema.household import parse_household
from ecms_bridge.schema.migrator import packaged_migrations
from ecms_bridge.session import Session
from ecms_bridge.writer import database
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch, Letter, Status

DENIED = {
    ER.DBACCESS_DENIED_ERROR,
    ER.TABLEACCESS_DENIED_ERROR,
    ER.COLUMNACCESS_DENIED_ERROR,
    ER.SPECIFIC_ACCESS_DENIED_ERROR,
}


@pytest.fixture
def pair(mariadb: Server) -> Iterator[tuple[Home, Home]]:
    """Two households whose names differ only where ``_`` is a wildcard."""
    with new_home(mariadb, "a_b") as ours, new_home(mariadb, "acb") as theirs:
        yield ours, theirs


def allowed(session: Session, statement: str) -> bool:
    """Return whether a statement passes the check of rights; what else goes wrong fails the test."""
    try:
        with session.cursor() as cursor:
            cursor.execute(statement)
    except pymysql.MySQLError as error:
        if error.args[0] in DENIED:
            return False
        if error.args[0] != ER.NO_DEFAULT_FOR_FIELD:
            raise
    finally:
        session.rollback()
    return True


def tables(slug: str) -> list[str]:
    return [
        "box",
        "box_assignment",
        "band",
        "box_report",
        "calendar",
        "closed_day",
        "daily",
        "day_fixed",
        "day_price",
        names.data_table(slug),
        "dead_letter",
        "dead_letter_count",
        "device",
        "device_rating",
        "energy_consumption",
        "household",
        "hub_report",
        "hub_status",
        "number",
        "quarantine",
        "rating",
        "reading",
        names.rollup_table(slug),
        "rollup_15",
        "rollup_60",
        "rollup_day",
        "schema_version",
        "tariff",
        "tariff_slot",
        "writer_state",
        "cluster_turn",
        "writer_status",
    ]


def column(table: str) -> str:
    """Return a column that the table has, to name in an INSERT or UPDATE."""
    return {
        "box": "mac",
        "box_assignment": "mac",
        "box_report": "mac",
        "band": "band",
        "calendar": "day",
        "closed_day": "id",
        "daily": "day",
        "day_fixed": "day",
        "day_price": "day",
        "household": "id",
        "number": "n",
        "rollup_day": "day",
        "tariff": "valid_from",
        "tariff_slot": "day",
        "dead_letter": "slot",
        "dead_letter_count": "messages",
        "hub_report": "state",
        "hub_status": "state",
        "schema_version": "version",
        "writer_state": "id",
        "cluster_turn": "id",
        "writer_status": "stored",
    }.get(table, "idDevice")


def deed(action: str, schema: str, table: str) -> str:
    place, name = f"{schema}.{table}", column(table)
    return {
        "SELECT": f"SELECT {name} FROM {place} LIMIT 1",
        "INSERT": f"INSERT INTO {place} ({name}) SELECT {name} FROM {place} WHERE 1 = 0",
        "UPDATE": f"UPDATE {place} SET {name} = {name} WHERE 1 = 0",
        "DELETE": f"DELETE FROM {place} WHERE 1 = 0",
        "DROP": f"DROP TABLE {place}",
        "ALTER": f"ALTER TABLE {place} ADD COLUMN more INT",
        "CREATE": f"CREATE TABLE {schema}.more (more INT)",
    }[action]


def everything(writer: ReadingsDatabase, home: Home, *, added: bool) -> None:
    """Do all that a writer ever does."""
    box, now = bytes([2, 0, 0, 0, 0, 1]), int(time.time())
    for _ in range(2):
        readings = [Reading(box, now, 1, 1.0, flags=("boot",)), Reading(box, now, 9, 1.0)]
        writer.store(Batch(home.slug, readings, [Letter("json", b"?")], [Status(now, "online", str(now))]))
        writer.store(Batch(home.slug, [], [], [Status(now, "offline", "x")]))
    if added:
        home.rows("INSERT INTO device VALUES (9, 'bollitore') ON DUPLICATE KEY UPDATE nome = nome")
        writer.store(Batch(home.slug, [Reading(box, now + 1, 9, 1.0)]))
    while writer.releasable():
        writer.release(home.slug)


def test_the_writers_rights_suffice(home: Home, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "DEAD_LETTERS_KEPT", 1)
    user = users.make(grants.writer_grants(home.slug))
    with closing(ReadingsDatabase(home.server.settings_of(user), PASSWORD)) as writer:
        everything(writer, home, added=False)
        everything(writer, home, added=True)
    assert home.rows("SELECT COUNT(*) FROM quarantine") == ((0,),)


def test_the_writer_needs_each_of_its_rights(home: Home, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "DEAD_LETTERS_KEPT", 1)
    rights = grants.writer_grants(home.slug)
    # Without the rights to count what it does or to sum days it stores all the same: test_tally.py, test_days.py;
    # versions are for ecms-status, and the turn is for a cluster: test_galera.py.
    others = ("writer_status", "dead_letter_count", "rollup_day", "closed_day", "calendar", "tariff_slot")
    for grant in (g for g in rights if not g["on"].strip("`").endswith((*others, "schema_version", "cluster_turn"))):
        for privilege in grant["privileges"]:
            fewer = [dict(g, privileges=[p for p in g["privileges"] if (g, p) != (grant, privilege)]) for g in rights]
            user = users.make([g for g in fewer if g["privileges"]])  # type: ignore[misc]
            home.rows("DELETE FROM device WHERE idDevice = 9")
            home.rows("DELETE FROM {data} WHERE idDevice = 9")
            with (
                closing(ReadingsDatabase(home.server.settings_of(user), PASSWORD)) as writer,
                pytest.raises(database.UnknownHouseholdError),
            ):
                everything(writer, home, added=True)


def test_an_unescaped_name_would_open_the_neighbour(pair: tuple[Home, Home], users: Users) -> None:
    """The trap itself, so that the matrix is known to be able to fail."""
    home, other = pair
    user = users.make([{"on": f"`{home.schema}`.*", "privileges": ["SELECT"]}])
    with closing(users.session(user)) as session:
        assert allowed(session, deed("SELECT", other.schema, "device"))


def test_the_administrator_can_do_all_the_tool_does(mariadb: Server, users: Users) -> None:
    user = users.make(grants.admin_grants())
    with new_home(mariadb, apply=False) as home, closing(users.session(user)) as session:
        migrations = packaged_migrations()
        assert cli.apply(session, home.household, migrations)
        assert cli.apply(session, home.household, migrations) == []
        home.facts["devices"][0]["name"] = "lavatrice nuova"
        home.facts["boxes"] = [{"mac": "AA:BB:CC:DD:EE:FF", "device": 1}]
        assert len(cli.apply(session, parse_household(home.facts), migrations)) == 2
        home.rows("INSERT INTO {data} VALUES ('2020-01-01 00:00:00', 1, UNHEX('AABBCCDDEEFF'), 1)")
        home.rows("INSERT INTO quarantine VALUES (9, UNHEX('AABBCCDDEEFF'), '2020-01-01 00:00:00', 1)")
        assert len(cli.maintain(session, home.household, migrations)) == 2
        # What a later migration may need.
        assert allowed(session, f"ALTER TABLE {home.schema}.device ADD COLUMN more INT")
        assert allowed(session, f"CREATE INDEX more ON {home.schema}.device (more)")
        assert allowed(session, f"DROP VIEW {home.schema}.energy_consumption")


def test_the_administrator_is_nothing_outside_the_households(mariadb: Server, users: Users) -> None:
    user = users.make(grants.admin_grants())
    with closing(users.session(user)) as session:
        assert not allowed(session, "CREATE DATABASE ecmsx")
        assert not allowed(session, "SELECT user FROM mysql.user")
        assert not allowed(session, "CREATE USER nobody")


@pytest.mark.parametrize("derive", [grants.grafana_grants, grants.writer_grants])
def test_no_name_escapes_the_quotes(derive: object) -> None:
    for slug in ("a`b", "a%", "", "A", "a.b"):
        with pytest.raises(names.HouseholdNameError):
            derive(slug)  # type: ignore[operator]
