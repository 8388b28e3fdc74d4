"""Asks a household's database the questions of ``grafana/sql`` as its reader would, at a moment of a test's choice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from database.fixtures import PASSWORD, Home
from ecms_dashboards import sources
from grafana.macros import expand

FOLDER = sources.QUERIES
text = sources.query
NAMES = sorted(path.stem for path in FOLDER.glob("*.sql"))


@dataclass(frozen=True, slots=True)
class Answer:
    """The columns of an answer and its rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def of(self, *names: str) -> list[tuple[Any, ...]]:
        """Return these columns of each row, numbers as float."""
        places = [self.columns.index(name) for name in names]
        return [tuple(_plain(row[place]) for place in places) for row in self.rows]

    def by(self, key: str, value: str) -> dict[Any, Any]:
        """Return the column ``value`` by the column ``key``."""
        return dict(self.of(key, value))

    def series(self) -> dict[str, list[tuple[int, Any]]]:
        """Return (Unix s, value) of each metric of a time series."""
        found: dict[str, list[tuple[int, Any]]] = {}
        for time, metric, value in self.of("time", "metric", "value"):
            found.setdefault(metric, []).append((int(time), value))
        return found


@dataclass
class Reader:
    """The household's read-only user, with the modes that MySQL 8 has by default."""

    home: Home
    user: str

    @contextmanager
    def cursor(self, now: int) -> Iterator[Cursor]:
        """A cursor in whose session it is ``now`` (Unix s)."""
        settings = self.home.server.settings_of(self.user)
        session = pymysql.connect(
            host=settings.host,
            port=settings.port,
            unix_socket=settings.socket or None,
            user=self.user,
            password=PASSWORD,
            database=self.home.schema,
            ssl_disabled=True,
        )
        with session, session.cursor() as cursor:
            cursor.execute(
                "SET time_zone = '+00:00', timestamp = %s, sql_mode = "
                "'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
                (now,),
            )
            yield cursor

    def ask(
        self, name: str, now: int, begins: int | None = None, ends: int | None = None, **variables: object
    ) -> Answer:
        """Ask at ``now`` for the range from ``begins`` to ``ends`` (Unix s), by default the last day."""
        ends = now if ends is None else ends
        begins = ends - 86400 if begins is None else begins
        with self.cursor(now) as cursor:
            cursor.execute(expand(text(name), begins, ends, variables).replace("%", "%%"), ())
            return Answer(tuple(column[0] for column in cursor.description), tuple(cursor.fetchall()))


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int) else float(value)
