"""Versioned migrations: numbered SQL files, applied in order, each recorded with its checksum.

DDL commits by itself, so a migration may end half-way; every statement of a file can therefore be run again,
and a file counts as applied only once all of it has run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from ecms_bridge import names
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.session import CHARSET, COLLATION, Session

_file_match = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql").fullmatch

_VERSION_TABLE = f"""
CREATE TABLE IF NOT EXISTS schema_version (
  version SMALLINT UNSIGNED NOT NULL,
  applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  checksum CHAR(64) NOT NULL,
  PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARSET={CHARSET} COLLATE={COLLATION}
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file; ``checksum`` is the SHA-256 of its text, in which names are still placeholders."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self, slug: str) -> Iterator[str]:
        """Yield the statements for a household; each ends with a semicolon at the end of a line."""
        code = "\n".join(line for line in self.text.splitlines() if not line.lstrip().startswith("--"))
        code = code.format(data_table=names.data_table(slug), rollup_table=names.rollup_table(slug))
        for statement in re.split(r";[ \t]*(?:\n|\Z)", code):
            if statement.strip():
                yield statement.strip()


def packaged_migrations() -> list[Migration]:
    """Return the migrations of a household's schema in this version of ECMS, in order."""
    return read_migrations(resources.files("ecms_bridge.schema") / "migrations")


def statistics_migrations() -> list[Migration]:
    """Return the migrations of the schema over all homes, in order."""
    return read_migrations(resources.files("ecms_bridge.schema") / "statistics_migrations")


def read_migrations(directory: Traversable) -> list[Migration]:
    """Return the migrations in ``directory``, in order; raise SchemaError unless they count from 1."""
    found = []
    for path in directory.iterdir():
        match = _file_match(path.name)
        if match is not None:
            found.append(Migration(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    if not found or [migration.version for migration in found] != list(range(1, len(found) + 1)):
        msg = f"the migrations in {directory} do not count from 0001 without a gap: install ECMS again"
        raise SchemaError(msg)
    return found


class Migrator:
    """Brings the schema of one household, or that of the statistics, to the newest of ``migrations``."""

    def __init__(self, session: Session, slug: str, migrations: list[Migration]) -> None:
        self._session = session
        self._slug = slug if slug == names.STATISTICS else names.check_slug(slug)
        self._schema = names.schema_name(slug)
        self._migrations = migrations

    def pending(self) -> list[Migration]:
        """Return the migrations that the schema lacks.

        Raises SchemaError if the schema was made by a newer or another ECMS.
        """
        applied = self._applied()
        newest = self._migrations[-1].version
        if applied and max(applied) > newest:
            msg = (
                f"the schema {self._schema} has version {max(applied)}, this ECMS knows only {newest}: "
                "install the newer ECMS, or restore a backup made by this one"
            )
            raise SchemaError(msg)
        for migration in self._migrations:
            if applied.get(migration.version, migration.checksum) != migration.checksum:
                msg = (
                    f"migration {migration.version} of the schema {self._schema} was applied from another "
                    "text: install the ECMS that made this schema"
                )
                raise SchemaError(msg)
        return [migration for migration in self._migrations if migration.version not in applied]

    def exists(self) -> bool:
        """Return whether the household has a schema yet."""
        with self._session.cursor() as cursor:
            return bool(
                cursor.execute("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (self._schema,))
            )

    def create(self) -> None:
        """Make sure the schema and its table of versions exist, and use it from here on."""
        with self._session.cursor() as cursor:
            if not self.exists():
                cursor.execute(
                    f"CREATE DATABASE IF NOT EXISTS `{self._schema}` CHARACTER SET {CHARSET} COLLATE {COLLATION}"
                )
            self.use()
            if not self._has_versions():
                cursor.execute(_VERSION_TABLE)

    def use(self) -> None:
        """Make the household's schema the one that unqualified names mean."""
        with self._session.cursor() as cursor:
            cursor.execute(f"USE `{self._schema}`")

    def apply(self, migration: Migration) -> None:
        """Run all statements of a migration, then record it."""
        with self._session.cursor() as cursor:
            for statement in migration.statements(self._slug):
                cursor.execute(statement)
            cursor.execute(
                "INSERT INTO schema_version (version, checksum) VALUES (%s, %s)",
                (migration.version, migration.checksum),
            )
        self._session.commit()

    def _has_versions(self) -> bool:
        with self._session.cursor() as cursor:
            return bool(
                cursor.execute(
                    "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = 'schema_version'",
                    (self._schema,),
                )
            )

    def _applied(self) -> dict[int, str]:
        if not self._has_versions():
            return {}
        with self._session.cursor() as cursor:
            cursor.execute(f"SELECT version, checksum FROM `{self._schema}`.schema_version")  # noqa: S608
            return {int(version): str(checksum) for version, checksum in cursor.fetchall()}
