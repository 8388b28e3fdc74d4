"""Statistics over all homes: the schema ``ecms_statistics``, which holds only homes that agreed to it.

Each home that takes part gives sums of its days and months to tables that nobody but the administrator reads. The
views over them are made once and show means and medians of groups of homes, by appliance: see docs/statistics.md. A
home joins, changes and leaves in one transaction, so a reader sees all of it or nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from ecms_bridge import names
from ecms_bridge.schema import read
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.migrator import Migrator, packaged_migrations, statistics_migrations
from ecms_bridge.schema.statistics_sums import Sums
from ecms_bridge.session import Session

LEAST_MINIMUM = 3
"""Of two homes each could subtract its own values from what both have."""

_SCHEMA = names.schema_name(names.STATISTICS)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a household decided: whether it takes part, whether its name is shown, and from which local day on.

    Without ``since`` it is the day (UTC) on which it joins.
    """

    slug: str
    name: str
    takes_part: bool
    named: bool
    since: date | None

    @property
    def shown(self) -> str | None:
        """The name that readers see, None for none."""
        return self.name if self.named else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The choices of the households of a run, and of how many homes a group is at least."""

    minimum_homes: int
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class _Home:
    number: int
    slug: str
    shown: str | None
    since: date
    facts: str


def read_wanted(path: Path) -> Wanted:
    """Read and check what the playbook wants; raise SchemaError with one sentence at the first mistake."""
    try:
        members = read.mapping(json.loads(path.read_text(encoding="utf-8")), "what the statistics are to be")
    except (OSError, ValueError) as error:
        msg = f"cannot read what the statistics are to be: {error}: run the playbook again"
        raise SchemaError(msg) from error
    minimum = read.whole(members, "minimum_homes")
    if minimum < LEAST_MINIMUM:
        read.fail(f"set database_statistics_minimum_homes to at least {LEAST_MINIMUM}, not {minimum}")
    return Wanted(minimum, tuple(read.each(members, "homes", _choice)))


def _choice(facts: object) -> Choice:
    members = read.mapping(facts, "each home of the statistics")
    slug = read.slug(members)
    text = read.text(members, "since")
    try:
        since = date.fromisoformat(text) if text else None
    except ValueError:
        read.fail(f"write ecms_statistics_from of {slug!r} as a date such as 2026-01-31, not {text!r}")
    return Choice(
        slug, read.text(members, "name"), read.switch(members, "takes_part"), read.switch(members, "named"), since
    )


class Statistics:
    """The schema ``ecms_statistics`` of a server. The caller holds its turn, so that nobody else changes it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._migrations = statistics_migrations()
        self._migrator = Migrator(session, names.STATISTICS, self._migrations)

    def apply(self, wanted: Wanted, *, check: bool = False) -> list[str]:
        """Bring the schema, and the given homes in it, to what is wanted; return what changed.

        Other homes are left alone. While there is no schema and nobody who takes part, there is nothing to do. With
        ``check`` nothing is changed and what would change is returned. Raises SchemaError.
        """
        exists = self._migrator.exists()
        if not exists and not any(choice.takes_part for choice in wanted.choices):
            return []
        pending = self._migrator.pending()
        changes = [] if exists else [f"create the schema {_SCHEMA}"]
        changes += [f"statistics, migration {migration.version}: {migration.name}" for migration in pending]
        if not check:
            self._migrator.create()
            for migration in pending:
                self._migrator.apply(migration)
        made = not check or len(pending) < len(self._migrations)
        minimum, homes = (self._minimum(), self._homes()) if made else (None, {})
        if minimum != wanted.minimum_homes:
            changes.append(f"statistics: a group has at least {wanted.minimum_homes} homes")
            if not check:
                self._set_minimum(wanted.minimum_homes)
        for choice in wanted.choices:
            if words := _difference(choice, homes.get(choice.slug)):
                changes.append(f"statistics: {choice.slug} {words}")
                if not check:
                    self._set(choice, homes.get(choice.slug))
        return changes

    def refresh(self) -> list[str]:
        """Take the days that have ended, and those that late readings changed, of all homes that take part.

        A home whose schema is gone leaves. Returns what changed. Raises SchemaError for homes whose schema is not up
        to date, after all the others were taken.
        """
        if not self._migrator.exists():
            return []
        if self._migrator.pending():
            read.fail(f"the schema {_SCHEMA} is not up to date: run the playbook")
        changes: list[str] = []
        behind: list[str] = []
        newest = packaged_migrations()
        for home in self._homes().values():
            migrator = Migrator(self._session, home.slug, newest)
            if not migrator.exists():
                changes += self.leave(home.slug)
            elif migrator.pending():
                behind.append(home.slug)
            elif written := self._fill(home):
                changes.append(f"statistics: {home.slug} gives {written} sums of days")
        if behind:
            read.fail(f"the statistics wait for {', '.join(behind)}, not up to date: run the playbook for them")
        return changes

    def leave(self, slug: str) -> list[str]:
        """Remove all that a home has given; return what changed, nothing for one that takes no part."""
        if not self._migrator.exists() or self._migrator.pending() == self._migrations:
            return []
        home = self._homes().get(slug)
        if home is None:
            return []
        with self._session.cursor() as cursor:
            Sums(slug, home.number, _SCHEMA).remove(cursor)
            cursor.execute(f"DELETE FROM {_SCHEMA}.home WHERE home = %s", (home.number,))  # noqa: S608
        self._session.commit()
        return [f"statistics: {slug} leaves"]

    def _homes(self) -> dict[str, _Home]:
        with self._session.cursor() as cursor:
            cursor.execute(f"SELECT home, slug, name, since, facts FROM {_SCHEMA}.home ORDER BY home")  # noqa: S608
            return {row[1]: _Home(*row) for row in cursor.fetchall()}

    def _minimum(self) -> int | None:
        with self._session.cursor() as cursor:
            cursor.execute(f"SELECT minimum_homes FROM {_SCHEMA}.setting WHERE id = 1")  # noqa: S608
            row = cursor.fetchone()
        return None if row is None else int(row[0])

    def _set_minimum(self, homes: int) -> None:
        with self._session.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {_SCHEMA}.setting (id, minimum_homes) VALUES (1, %(homes)s) "  # noqa: S608
                "ON DUPLICATE KEY UPDATE minimum_homes = %(homes)s",
                {"homes": homes},
            )
        self._session.commit()

    def _set(self, choice: Choice, home: _Home | None) -> None:
        if not choice.takes_part:
            self.leave(choice.slug)
            return
        since = choice.since or (home.since if home else datetime.now(UTC).date())
        with self._session.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {_SCHEMA}.home (slug, name, since) VALUES (%(slug)s, %(name)s, %(since)s) "  # noqa: S608
                "ON DUPLICATE KEY UPDATE name = %(name)s, since = %(since)s",
                {"slug": choice.slug, "name": choice.shown, "since": since},
            )
        # Uncommitted so far: the home appears with what it gives.
        self._fill(self._homes()[choice.slug])

    def _fill(self, home: _Home) -> int:
        sums = Sums(home.slug, home.number, _SCHEMA)
        with self._session.cursor() as cursor:
            facts = sums.facts(cursor, home.since)
            written = sums.fill(cursor, home.since, anew=facts != home.facts)
            cursor.execute(f"UPDATE {_SCHEMA}.home SET facts = %s WHERE home = %s", (facts, home.number))  # noqa: S608
        self._session.commit()
        return written


def _difference(choice: Choice, home: _Home | None) -> str:
    """Return what a home has to change, for people; nothing if it is as it chose."""
    if not choice.takes_part:
        return "leaves" if home else ""
    if home is None:
        return "takes part"
    changes = []
    if choice.since not in (None, home.since):
        changes.append(f"takes part from {choice.since} on")
    if choice.shown != home.shown:
        changes.append(f"shows the name {choice.shown!r}" if choice.shown else "shows no name")
    return " and ".join(changes)
