"""What the database's users do, as cells; and a server with three homes that is asked for each.

The names of the homes differ only where ``_`` is a wildcard of GRANT. What there is to touch is looked up on the
server, so a new table is in the matrix by itself.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import pymysql
from pymysql.constants import ER

from database.authority import Authority
from database.fixtures import PASSWORD, new_home
from database.server import PrivateServer, Server, free_port
from ecms_bridge import names
from ecms_bridge.config import DatabaseSettings
from ecms_bridge.messages import Reading
from ecms_bridge.schema import cli
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.migrator import packaged_migrations
from ecms_bridge.schema.statistics import Choice, Statistics, Wanted
from ecms_bridge.schema.users import Users, read_users
from ecms_bridge.session import Session, open_session
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch
from isolation.ledger import ALL, ANY, OTHER, OWN, SERVER, SQL, Cell

HOMES = ("a_b", "acb", "axb")
ADMIN = names.ADMIN_USER
WRITER = names.WRITER_USER
STATISTICS = names.STATISTICS_USER
READ_BY_STATISTICS = {"appliance_day", "appliance_month", "load_profile", "overview", "participant", "standby"}
NAMED = HOMES[0]
"""The home that lets the statistics show its name."""
SOCKET, TLS, PLAIN = "socket", "TLS", "the network in clear"

REFUSALS = {
    ER.DBACCESS_DENIED_ERROR,
    ER.TABLEACCESS_DENIED_ERROR,
    ER.COLUMNACCESS_DENIED_ERROR,
    ER.SPECIFIC_ACCESS_DENIED_ERROR,
    ER.ACCESS_DENIED_ERROR,
    ER.PROCACCESS_DENIED_ERROR,
    ER.KILL_DENIED_ERROR,
    ER.CANT_CREATE_USER_WITH_GRANT,
    1698,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
}
HARMLESS = {
    ER.NO_DEFAULT_FOR_FIELD,
    ER.NON_UPDATABLE_TABLE,
    1471,  # ER_NON_INSERTABLE_TABLE
    1348,  # ER_NONUPDATEABLE_COLUMN
}
"""What goes wrong after the rights were looked at, with statements that are to change nothing."""

_STORED = frozenset({"SELECT", "INSERT", "UPDATE"})


def written(slug: str) -> dict[str, frozenset[str]]:
    """Return what the writer does to which table of a home; anything else is refused."""
    looked_up = frozenset({"SELECT"})
    return {
        names.data_table(slug): _STORED,
        names.rollup_table(slug): _STORED,
        "box": _STORED,
        "hub_status": _STORED,
        "writer_status": _STORED,
        "dead_letter_count": _STORED,
        "dead_letter": _STORED,
        "quarantine": _STORED | {"DELETE"},
        "rollup_day": _STORED,
        "closed_day": frozenset({"SELECT", "UPDATE"}),
        "writer_state": frozenset({"SELECT", "UPDATE"}),
        "cluster_turn": frozenset({"SELECT", "UPDATE"}),
        "calendar": looked_up,
        "tariff_slot": looked_up,
        "device": looked_up,
        "schema_version": looked_up,
        "box_assignment": looked_up,
    }


@dataclass(frozen=True)
class Thing:
    """A table or a view, with a column to name in statements."""

    schema: str
    name: str
    column: str
    view: bool

    def statements(self) -> dict[str, str]:
        """Return statements that need one right each and, allowed, change nothing."""
        place, kind = f"`{self.schema}`.`{self.name}`", "VIEW" if self.view else "TABLE"
        return {
            "SELECT": f"SELECT * FROM {place} LIMIT 1",
            "INSERT": f"INSERT INTO {place} ({self.column}) SELECT {self.column} FROM {place} WHERE 1 = 0",
            "UPDATE": f"UPDATE {place} SET {self.column} = {self.column} WHERE 1 = 0",
            "DELETE": f"DELETE FROM {place} WHERE 1 = 0",
            "DROP": f"DROP {kind} {place}",
            "ALTER": f"ALTER TABLE {place} ADD COLUMN more INT",
            "TRUNCATE": f"TRUNCATE TABLE {place}",
            "INDEX": f"CREATE INDEX more ON {place} ({self.column})",
            "TRIGGER": f"CREATE TRIGGER `{self.schema}`.more BEFORE INSERT ON {place} FOR EACH ROW SET @x = 1",
            "LOCK": f"LOCK TABLES {place} READ",
        }


def _shaping(schema: str) -> dict[str, str]:
    """Return statements that make or remove things in a schema."""
    return {
        "CREATE": f"CREATE TABLE `{schema}`.more (more INT)",
        "TEMPORARY": f"CREATE TEMPORARY TABLE `{schema}`.more (more INT)",
        "VIEW": f"CREATE VIEW `{schema}`.more AS SELECT 1",
        "PROCEDURE": f"CREATE PROCEDURE `{schema}`.more() SELECT 1",
        "FUNCTION": f"CREATE FUNCTION `{schema}`.more() RETURNS INT RETURN 1",
        "EVENT": f"CREATE EVENT `{schema}`.more ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "DATABASE": f"DROP DATABASE `{schema}`",
    }


def _looks(schema: str, thing: Thing) -> dict[str, str]:
    """Return ways to look at another's things that are no SELECT of them."""
    place = f"`{schema}`.`{thing.name}`"
    return {
        "USE": f"USE `{schema}`",
        "SHOW TABLES": f"SHOW TABLES FROM `{schema}`",
        "SHOW TABLE STATUS": f"SHOW TABLE STATUS FROM `{schema}`",
        "SHOW COLUMNS": f"SHOW COLUMNS FROM {place}",
        "SHOW CREATE": f"SHOW CREATE TABLE {place}",
        "SHOW CREATE DATABASE": f"SHOW CREATE DATABASE `{schema}`",
        "SHOW INDEX": f"SHOW INDEX FROM {place}",
        "HANDLER": f"HANDLER {place} OPEN",
        "EXPLAIN": f"EXPLAIN SELECT * FROM {place}",
        "CHECKSUM": f"CHECKSUM TABLE {place}",
    }


SERVERS = {
    "read the server's own tables": (
        "SELECT * FROM mysql.user",
        "SELECT * FROM mysql.db",
        "SELECT * FROM mysql.global_priv",
        "SELECT * FROM mysql.tables_priv",
        "SELECT * FROM mysql.proc",
        "CALL sys.ps_setup_show_enabled(TRUE, TRUE)",
        "SHOW ENGINE INNODB STATUS",
        "SHOW BINARY LOGS",
    ),
    "see others' grants and accounts": (
        "SHOW GRANTS FOR {someone}",
        "SHOW CREATE USER {someone}",
    ),
    "change users and rights": (
        "CREATE USER `more`@`%`",
        "DROP USER {someone}",
        "SET PASSWORD FOR {someone} = PASSWORD('a-word-of-20-characters')",
        "ALTER USER {someone} IDENTIFIED BY 'a-word-of-20-characters'",
        "GRANT SELECT ON *.* TO {someone}",
        "GRANT SELECT ON `ecms\\_a\\_b`.* TO {someone}",
        "CREATE ROLE more",
    ),
    "make a schema of another name": ("CREATE DATABASE more", "CREATE DATABASE ecmsx"),
    "read and write files": (
        "LOAD DATA INFILE '{file}' INTO TABLE `ecms_a_b`.`device`",
        "SELECT 1 INTO OUTFILE '{new_file}'",
        "SELECT 1 INTO DUMPFILE '{new_file}'",
    ),
    "change the server": (
        "SET GLOBAL max_connections = 10",
        "SET GLOBAL general_log = ON",
        "SET SESSION sql_log_bin = OFF",
        "FLUSH TABLES",
        "FLUSH PRIVILEGES",
        "INSTALL SONAME 'ha_more'",
        "CREATE FUNCTION more RETURNS INTEGER SONAME 'more.so'",
        "CREATE SERVER more FOREIGN DATA WRAPPER mysql OPTIONS (HOST '127.0.0.1')",
        "CHANGE MASTER TO MASTER_HOST = '127.0.0.1'",
        "PURGE BINARY LOGS TO 'more'",
        "SHUTDOWN",
    ),
}
"""Statements that no user of ours may send."""


class Stand:
    """A server with three homes, their users made by the product's own tool, and a reading in each home."""

    password = PASSWORD

    def __init__(self, server: Server, doors: dict[str, DatabaseSettings], directory: Path) -> None:
        self._server = server
        self._doors = doors
        self._directory = directory
        self._sessions: dict[tuple[str, str], Session] = {}
        self._stack = ExitStack()

    @classmethod
    def private(cls, directory: Path) -> Self:
        """Start a server as the role configures one that has clients on other hosts."""
        authority = Authority(directory)
        certificate, key = authority.issue("127.0.0.1")
        port = free_port()
        server = PrivateServer(
            "--bind-address=127.0.0.1",
            f"--port={port}",
            f"--ssl-cert={certificate}",
            f"--ssl-key={key}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--local-infile=0",
            "--performance-schema=0",
            # Nothing here cuts its power.
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-flush-method=nosync",
        )
        over_tls = DatabaseSettings("127.0.0.1", port, "", "root", str(authority.certificate))
        made = cls(server, {SOCKET: server.settings, TLS: over_tls}, directory)
        made._stack.callback(server.remove)
        server.start()
        return made

    def __enter__(self) -> Self:
        with self._stack:
            self._root = self._stack.enter_context(closing(self._server.session()))
            self.homes = {slug: self._stack.enter_context(new_home(self._server, slug)) for slug in HOMES}
            self._stack.callback(self._drop_users)
            self._stack.callback(self._drop_statistics)
            choices = tuple(Choice(slug, self.called(slug), True, slug == NAMED, None) for slug in HOMES)
            Statistics(self._root).apply(Wanted(len(HOMES), choices))
            self._make_users()
            self._store()
            self.things = {slug: list(self._look_up(home.schema)) for slug, home in self.homes.items()}
            self.statistics = list(self._look_up(names.schema_name(names.STATISTICS)))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            session.close()
        self._stack.__exit__(kind, error, trace)

    @property
    def doors(self) -> list[str]:
        return list(self._doors)

    def _accounts(self) -> Iterator[dict[str, object]]:
        for door in self._doors:
            host = {"host": "localhost" if door == SOCKET else "%", "tls": door == TLS}
            same = {"password": PASSWORD, **host}
            yield {"kind": "writer", "name": WRITER, "households": list(HOMES), **same}
            for slug in HOMES:
                yield {"kind": "grafana", "name": names.grafana_user(slug), "households": [slug], **same}
            yield {"kind": "admin", "name": ADMIN, "households": [], **same}
            yield {"kind": "statistics", "name": STATISTICS, "households": [], **same}

    def _make_users(self) -> None:
        tool = Users(self._root, self._server.settings)
        for user in read_users(json.dumps(list(self._accounts()))):
            tool.apply(user)

    def _drop_users(self) -> None:
        with self._root.cursor() as cursor:
            for account in self._accounts():
                cursor.execute("DROP USER IF EXISTS %s@%s", (account["name"], account["host"]))

    def _drop_statistics(self) -> None:
        with self._root.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {names.schema_name(names.STATISTICS)}")

    @staticmethod
    def called(slug: str) -> str:
        """Return the name of a home, as its inventory writes it."""
        return f"Casa {slug.upper()}"

    def _store(self) -> None:
        """Let the writer store in each home a reading that tells it from the others."""
        with closing(ReadingsDatabase(self.settings(WRITER), PASSWORD)) as writer:
            for number, slug in enumerate(HOMES):
                reading = Reading(bytes([2, 0, 0, 0, 0, number]), int(time.time()), 1, self.mark(slug))
                if writer.store(Batch(slug, [reading])).stored != 1:
                    raise AssertionError(f"the writer cannot store in {slug}")

    @staticmethod
    def mark(slug: str) -> float:
        """Return the current (A) that only this home has."""
        return 1.25 + HOMES.index(slug)

    def _look_up(self, schema: str) -> Iterator[Thing]:
        with self._root.cursor() as cursor:
            cursor.execute(
                "SELECT t.table_name, MIN(c.column_name), t.table_type = 'VIEW' FROM information_schema.tables t "
                "JOIN information_schema.columns c USING (table_schema, table_name) WHERE table_schema = %s "
                "AND c.generation_expression IS NULL GROUP BY t.table_name, t.table_type",
                (schema,),
            )
            for name, column, view in cursor.fetchall():
                yield Thing(schema, name, column, bool(view))

    def settings(self, user: str) -> DatabaseSettings:
        """Return where a user logs in from this machine."""
        return replace(self._doors[self.doors[0]], user=user)

    def by_tls(self) -> DatabaseSettings:
        """Return where clients on other machines log in."""
        return self._doors[TLS]

    def count(self, slug: str, mac: bytes, timestamp: int) -> int:
        """Return how many rows a home has of a box at a time."""
        with self._root.cursor() as cursor:
            table = f"{names.schema_name(slug)}.{names.data_table(slug)}"
            cursor.execute(
                f"SELECT COUNT(*) FROM {table} WHERE mac = %s AND updated_at = FROM_UNIXTIME(%s)", (mac, timestamp)
            )
            row = cursor.fetchone()
        self._root.rollback()
        return int(row[0]) if row else 0

    def session(self, user: str, door: str) -> Session:
        """Return the user's session, opened at its first use."""
        kept = self._sessions.get((user, door))
        if kept is None:
            kept = self._sessions[user, door] = self.log_in(user, door)
        return kept

    def log_in(self, user: str, door: str, password: str = PASSWORD, *, encrypted: bool = True) -> Session:
        """Open a session; raise pymysql.MySQLError where the server refuses."""
        settings = replace(self._doors[door], user=user)
        if not encrypted:
            settings = replace(settings, tls_ca="")
        return open_session(settings, password, io_timeout_s=30)

    def allows(self, user: str, door: str, statement: str) -> bool:
        """Tell whether a statement passes the check of rights; raise for what goes wrong otherwise."""
        return self.error(user, door, statement) not in REFUSALS

    def error(self, user: str, door: str, statement: str) -> int:
        """Return the number of the server's refusal, 0 for none; raise for what goes wrong otherwise."""
        session = self.session(user, door)
        try:
            with session.cursor() as cursor:
                cursor.execute(statement)
                cursor.fetchall()
        except pymysql.MySQLError as error:
            number = int(error.args[0])
            if number not in REFUSALS | HARMLESS:
                raise AssertionError(f"{user}: {statement}: {error}") from None
            return number
        finally:
            session.rollback()
        return 0

    def rows(self, user: str, door: str, statement: str) -> str:
        """Return all that a statement shows as text, and nothing where it is refused."""
        session = self.session(user, door) if user else self._root
        try:
            with session.cursor() as cursor:
                cursor.execute(statement)
                return "\n".join(map(repr, cursor.fetchall()))
        except pymysql.MySQLError as error:
            # Without a directory of plugins there is no list of them.
            if error.args[0] not in REFUSALS | {ER.CANT_READ_DIR}:
                raise AssertionError(f"{user}: {statement}: {error}") from None
            return ""
        finally:
            session.rollback()

    def places(self) -> dict[str, str]:
        """Return what the statements for the server name: an account and files."""
        file = self._directory / "readable"
        file.write_text("readable\n", encoding="utf-8")
        file.chmod(0o644)
        host = "localhost" if SOCKET in self._doors else "%"
        return {
            "someone": f"`{names.grafana_user('axb')}`@`{host}`",
            "file": str(file),
            "new_file": str(self._directory / "new-file"),
        }

    def catalogue(self) -> list[str]:
        """Return the statements that show names: SHOW, and every table of information_schema."""
        with self._root.cursor() as cursor:
            cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'information_schema'")
            tables = sorted(str(name) for (name,) in cursor.fetchall())
        shown = ("DATABASES", "PROCESSLIST", "OPEN TABLES", "GRANTS", "PROCEDURE STATUS", "EVENTS FROM ecms_a_b")
        return [*(f"SELECT * FROM information_schema.`{name}`" for name in tables), *(f"SHOW {what}" for what in shown)]


def names_of(slug: str) -> list[str]:
    """Return the names by which a home would be known."""
    return [names.schema_name(slug), names.data_table(slug), names.rollup_table(slug), names.grafana_user(slug)]


_EACH = "each of them"
_FIND = "find its name in information_schema or by SHOW"


class Matrix:
    """All cells of one door, asked when they are read: each with what came of it."""

    def __init__(self, stand: Stand, door: str) -> None:
        self._stand = stand
        self._door = door

    def households(self) -> Iterator[tuple[Cell, bool]]:
        """Yield what the homes' readers do to their own home and to each other's."""
        for slug, home in itertools.product(HOMES, HOMES):
            user, whose = names.grafana_user(slug), OWN if slug == home else OTHER
            for thing in self._stand.things[home]:
                for right, statement in thing.statements().items():
                    reads = right == "SELECT"
                    action = "SELECT from each table and view" if reads else "INSERT, UPDATE, DELETE, TRUNCATE, LOCK"
                    if right in ("DROP", "ALTER", "INDEX", "TRIGGER"):
                        action = "CREATE, ALTER, DROP of tables, views, routines, events"
                    yield self._asked(user, "a household", action, whose, statement, reads and whose == OWN)
            for statement in _shaping(names.schema_name(home)).values():
                yield self._asked(
                    user,
                    "a household",
                    "CREATE, ALTER, DROP of tables, views, routines, events",
                    whose,
                    statement,
                    allowed=False,
                )
            if whose == OTHER:
                for statement in _looks(names.schema_name(home), self._stand.things[home][0]).values():
                    yield self._asked(
                        user, "a household", "USE, SHOW, EXPLAIN, HANDLER", whose, statement, allowed=False
                    )
                yield self._told_apart(user, home)
            yield self._read(user, home, whose)
        yield self.held_up("a_b", "acb")

    def held_up(self, slug: str, home: str) -> tuple[Cell, bool]:
        """Hold all locks of ``ecms-schema`` that a home's reader can name, and let the tool do its work on another."""
        user = names.grafana_user(slug)
        session = self._stand.log_in(user, self._door)
        with closing(session), session.cursor() as cursor:
            known = [f"ecms-schema-{home}", cli.lock_name(cursor, home), cli.lock_name(cursor, home, ADMIN)]
            for name in known:
                cursor.execute("SELECT GET_LOCK(%s, 0)", (name,))
            with closing(self._stand.log_in(ADMIN, self._door)) as admin:
                try:
                    cli.apply(admin, self._stand.homes[home].household, packaged_migrations())
                except SchemaError:
                    held_up = True
                else:
                    held_up = False
        return self._cell("a household", "hold up the migration", OTHER, f"{user}: {known[0]}", allowed=False), held_up

    def _read(self, user: str, home: str, whose: str) -> tuple[Cell, bool]:
        """See the reading that the writer stored, by the view that the document's queries use."""
        statement = f"SELECT sensorData FROM {names.schema_name(home)}.energy_consumption"
        seen = str(self._stand.mark(home)) in self._stand.rows(user, self._door, statement)
        return self._cell("a household", "see the newest reading", whose, f"{user}: {statement}", whose == OWN), seen

    def _told_apart(self, user: str, home: str) -> tuple[Cell, bool]:
        """Learn from the refusal whether there is a home of that name."""
        there, not_there = (
            self._stand.error(user, self._door, f"SELECT * FROM {names.schema_name(slug)}.device")
            for slug in (home, "nowhere")
        )
        cell = self._cell("a household", "learn whether there is such a home", OTHER, f"{user}: {home}", allowed=False)
        return cell, there != not_there

    def catalogue(self) -> Iterator[tuple[Cell, bool]]:
        """Yield in which of the server's lists a home's reader finds names of its own home, and of others."""
        for statement in self._stand.catalogue():
            for slug in HOMES:
                user = names.grafana_user(slug)
                shown = self._stand.rows(user, self._door, statement)
                for home in HOMES:
                    seen = any(name in shown for name in names_of(home))
                    if home != slug:
                        cell = self._cell(
                            "a household",
                            _FIND,
                            OTHER,
                            f"{user}: {statement}: {home}",
                            allowed=False,
                        )
                        yield cell, seen
                    elif "`SCHEMATA`" in statement or statement in ("SHOW DATABASES", "SHOW GRANTS"):
                        cell = self._cell(
                            "a household",
                            _FIND,
                            OWN,
                            f"{user}: {statement}",
                            allowed=True,
                        )
                        yield cell, seen

    def server(self) -> Iterator[tuple[Cell, bool]]:
        """Yield what no user may do to the server."""
        places = self._stand.places()
        for user in (names.grafana_user("a_b"), WRITER, ADMIN, STATISTICS):
            for action, statements in SERVERS.items():
                for statement in statements:
                    yield self._asked(user, _EACH, action, SERVER, statement.format(**places), allowed=False)
            # Without the right the function gives NULL instead of an error.
            load = f"SELECT LOAD_FILE('{places['file']}')"
            cell = self._cell(_EACH, "read and write files", SERVER, f"{user}: {load}", allowed=False)
            yield cell, "readable" in self._stand.rows(user, self._door, load)
            for kill in ("KILL {session}", "KILL QUERY {session}", f"KILL USER {places['someone']}"):
                cell = self._cell(_EACH, "end another's session", SERVER, f"{user}: {kill}", allowed=False)
                yield cell, self._ends(user, kill)

    def _ends(self, user: str, kill: str) -> bool:
        """Tell whether a session of a home that is none of the user's is gone; of a whole user nobody else is told."""
        with closing(self._stand.log_in(names.grafana_user("axb"), self._door)) as session:
            refused = not self._stand.allows(user, self._door, kill.format(session=session.thread_id()))  # type: ignore[no-untyped-call]
            try:
                session.ping(reconnect=False)
            except pymysql.MySQLError:
                return True
            return not (refused or kill.startswith("KILL USER"))

    def writer(self) -> Iterator[tuple[Cell, bool]]:
        """Yield what the writer does in each home."""
        for slug in HOMES:
            rights = written(slug)
            for thing in self._stand.things[slug]:
                for right, statement in thing.statements().items():
                    allowed = right in rights.get(thing.name, ())
                    action = "store, by table and right" if allowed else "anything else to tables and views"
                    yield self._asked(WRITER, "the writer", action, ANY, statement, allowed)
            for statement in _shaping(names.schema_name(slug)).values():
                yield self._asked(
                    WRITER, "the writer", "anything else to tables and views", ANY, statement, allowed=False
                )

    def admin(self) -> Iterator[tuple[Cell, bool]]:
        """Yield what the administrator does in each home; what it makes it removes again."""
        for slug in HOMES:
            for thing in self._stand.things[slug]:
                for right in ("SELECT",) if thing.view else ("SELECT", "INSERT", "UPDATE", "DELETE"):
                    statement = thing.statements()[right]
                    yield self._asked(
                        ADMIN, "the admin", "SELECT, INSERT, UPDATE, DELETE", ANY, statement, allowed=True
                    )
            schema = names.schema_name(slug)
            for statement in (
                f"CREATE TABLE {schema}.more (more INT)",
                f"ALTER TABLE {schema}.more ADD COLUMN again INT",
                f"CREATE INDEX more ON {schema}.more (more)",
                f"CREATE VIEW {schema}.more_again AS SELECT 1",
                f"DROP VIEW {schema}.more_again",
                f"DROP TABLE {schema}.more",
            ):
                yield self._asked(
                    ADMIN, "the admin", "CREATE, ALTER, DROP of tables and views", ANY, statement, allowed=True
                )
            for kind in ("PROCEDURE", "FUNCTION", "EVENT", "TEMPORARY"):
                statement = _shaping(schema)[kind]
                yield self._asked(ADMIN, "the admin", "CREATE of routines and events", ANY, statement, allowed=False)

    def statistics(self) -> Iterator[tuple[Cell, bool]]:
        """Yield what the reader of the statistics over all homes does, and what others do to them."""
        who, stand = "the statistics", self._stand
        for thing in stand.statistics:
            for right, statement in thing.statements().items():
                read = right == "SELECT" and thing.name in READ_BY_STATISTICS
                action = "SELECT from the views of the statistics" if read else "anything else to the statistics"
                yield self._asked(STATISTICS, who, action, ALL, statement, allowed=read)
            for slug in HOMES:
                action = "SELECT from the statistics over all homes"
                statement = thing.statements()["SELECT"]
                yield self._asked(names.grafana_user(slug), "a household", action, ALL, statement, allowed=False)
        for slug in HOMES:
            for thing in stand.things[slug]:
                for statement in thing.statements().values():
                    action = "anything to tables and views"
                    yield self._asked(STATISTICS, who, action, ANY, statement, allowed=False)
        shown = "".join(
            stand.rows(STATISTICS, self._door, f"SELECT * FROM {names.schema_name(names.STATISTICS)}.{view}")
            for view in sorted(READ_BY_STATISTICS)
        )
        for slug in HOMES:
            named = slug == NAMED
            action = (
                "see the name of a home that allows it" if named else "see the name of a home that does not allow it"
            )
            seen = any(name in shown for name in (stand.called(slug), *((slug,) if not named else ())))
            yield self._cell(who, action, ANY, slug, named), seen
        for statement in stand.catalogue():
            found = stand.rows(STATISTICS, self._door, statement)
            for slug in HOMES:
                cell = self._cell(who, _FIND, ANY, f"{STATISTICS}: {statement}: {slug}", allowed=False)
                yield cell, any(name in found for name in names_of(slug))

    def doors(self) -> Iterator[tuple[Cell, bool]]:
        """Yield who is let in."""
        users = {names.grafana_user(slug): "a household" for slug in HOMES}
        users |= {WRITER: "the writer", STATISTICS: "the statistics"}
        for user, who in users.items():
            yield self._cell(who, "log in", SERVER, f"{user}, its password", allowed=True), self._let_in(user)
            for password in ("", "wrong"):
                cell = self._cell("a stranger", "log in", SERVER, f"{user}, {password!r}", allowed=False)
                yield cell, self._let_in(user, password)
            if self._door == TLS:
                cell = self._cell(who, "log in without TLS", SERVER, user, allowed=False)
                yield cell, self._let_in(user, encrypted=False)
        for user in ("", "root", names.mqtt_user("a_b"), "nobody"):
            cell = self._cell("a stranger", "log in", SERVER, f"{user!r}, a household's password", allowed=False)
            yield cell, self._let_in(user)

    def _let_in(self, user: str, password: str = PASSWORD, *, encrypted: bool = True) -> bool:
        try:
            self._stand.log_in(user, self._door, password, encrypted=encrypted).close()
        except pymysql.MySQLError as error:
            if error.args[0] not in REFUSALS:
                raise AssertionError(f"{user}: {error}") from None
            return False
        return True

    def _cell(self, who: str, action: str, whose: str, what: str, allowed: bool) -> Cell:
        return Cell(SQL, who, action, whose, f"{what}, by {self._door}", allowed)

    def _asked(self, user: str, who: str, action: str, whose: str, statement: str, allowed: bool) -> tuple[Cell, bool]:
        came = self._stand.allows(user, self._door, statement)
        return self._cell(who, action, whose, f"{user}: {statement}", allowed), came
