"""Fixtures: ``mariadb``, a server for the whole run, and ``home``, a household's fresh schema on it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from database.server import PrivateServer, Server
from ecms_bridge import names
from ecms_bridge.schema import cli, grants
from ecms_bridge.schema.household import Household, parse_household
from ecms_bridge.schema.migrator import packaged_migrations
from ecms_bridge.session import Session

DEVICES = (
    "lavatrice",
    "frigorifero",
    "lavastoviglie",
    "asciugatrice",
    "condizionatore",
    "forno",
    "microonde",
)

PASSWORD = "only-for-this-test"
_numbers = itertools.count(1)


def facts(slug: str, **changed: object) -> dict[str, Any]:
    """Return what the playbook writes of a household: the document's appliances, no box assigned."""
    return {
        "slug": slug,
        "name": "Mario Rossi",
        "timezone": "Europe/Rome",
        "mains_voltage_v": 230.0,
        "contract_power_w": 3000,
        "alert_power_w": 2500,
        "unmeasured_power_w": 0,
        "currency": "EUR",
        "tariffs": [],
        "devices": [{"id": i, "name": name, "ratings": []} for i, name in enumerate(DEVICES, start=1)],
        "boxes": [],
        "retention_days": 400,
        **changed,
    }


@dataclass
class Home:
    """A household with a schema of its own on the server; ``session`` is committed after every call."""

    server: Server
    slug: str
    session: Session
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def schema(self) -> str:
        return names.schema_name(self.slug)

    @property
    def household(self) -> Household:
        return parse_household(self.facts)

    def apply(self, **changed: object) -> list[str]:
        """Change facts and bring the schema to them."""
        self.facts |= changed
        return cli.apply(self.session, self.household, packaged_migrations())

    def rows(self, statement: str, *values: object) -> tuple[tuple[Any, ...], ...]:
        """Run a statement; ``{data}`` and ``{roll}`` stand for the household's tables."""
        statement = statement.replace("{data}", f"{self.schema}.{names.data_table(self.slug)}")
        statement = statement.replace("{roll}", f"{self.schema}.{names.rollup_table(self.slug)}")
        with self.session.cursor() as cursor:
            cursor.execute(f"USE {self.schema}")
            cursor.execute(statement, values or None)
            result = cursor.fetchall()
        self.session.commit()
        return result


@dataclass
class Users:
    """Makes users with given rights and removes them at the end."""

    server: Server
    names: list[str]

    def make(self, rights: list[grants.Grant]) -> str:
        user = f"u{os.getpid()}-{next(_numbers)}"
        self.names.append(user)
        with closing(self.server.session()) as session, session.cursor() as cursor:
            cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (user, PASSWORD))
            for grant in rights:
                privileges = ", ".join(grant["privileges"])
                cursor.execute(f"GRANT {privileges} ON {grant['on'].replace('%', '%%')} TO %s@'%%'", (user,))
        return user

    def session(self, user: str) -> Session:
        return self.server.session(user, PASSWORD)

    def remove(self) -> None:
        with closing(self.server.session()) as session, session.cursor() as cursor:
            for user in self.names:
                cursor.execute("DROP USER %s@'%%'", (user,))


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """A MariaDB server with a user who may do everything."""
    other = os.environ.get("ECMS_TEST_MARIADB")
    if other:
        yield Server.from_text(other)
        return
    server = PrivateServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def home(mariadb: Server) -> Iterator[Home]:
    """The household of a test, with the newest schema."""
    with new_home(mariadb) as made:
        yield made


class new_home:  # noqa: N801 - a context manager that reads like a function
    """A household with a fresh schema, removed at the end."""

    def __init__(self, server: Server, slug: str | None = None, *, apply: bool = True) -> None:
        self._server = server
        self._slug = slug or f"t{os.getpid()}_{next(_numbers)}"
        self._apply = apply

    def __enter__(self) -> Home:
        self._home = Home(self._server, self._slug, self._server.session(), facts(self._slug))
        self._drop()
        if self._apply:
            self._home.apply()
        return self._home

    def __exit__(self, *_: object) -> None:
        self._home.session.close()
        # The test may have killed the server, and with it the session.
        self._home.session = self._server.session()
        self._drop()
        self._home.session.close()

    def _drop(self) -> None:
        with self._home.session.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {names.schema_name(self._slug)}")


@pytest.fixture
def users(mariadb: Server) -> Iterator[Users]:
    """Makes users who live as long as the test."""
    made = Users(mariadb, [])
    yield made
    made.remove()
