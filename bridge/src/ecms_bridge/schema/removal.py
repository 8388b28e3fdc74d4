"""A household's end in the database: the writer's rights in it, its reader, and last its schema.

What is found last is removed last, so that a removal that was interrupted is found and finished by the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from ecms_bridge import names
from ecms_bridge.session import Session

_DOORS = ("localhost", "%")
"""From where the role lets users in."""

_NO_USER = frozenset({ER.PASSWORD_NO_MATCH, ER.NONEXISTING_GRANT, ER.CANNOT_USER})


def remove(session: Session, slug: str, *, check: bool = False) -> list[str]:
    """Remove everything of a household; return what was there. With ``check`` nothing is changed.

    The household is named exactly: ``_`` is no wildcard here. Raises HouseholdNameError for what is no slug and
    pymysql.MySQLError if the database does not follow.
    """
    schema, reader = names.schema_name(names.check_slug(slug)), names.grafana_user(slug)
    changes = []
    with session.cursor() as cursor:
        for door in _DOORS:
            for on in _rights_in(cursor, schema, door):
                changes.append(f"revoke the rights on {on} from {names.WRITER_USER}@{door}")
                if not check:
                    cursor.execute(
                        f"REVOKE ALL PRIVILEGES ON {_escaped(on)} FROM %s@%s",
                        (names.WRITER_USER, door),
                    )
        for door in _DOORS:
            if _grants(cursor, reader, door) is not None:
                changes.append(f"remove {reader}@{door}")
                if not check:
                    cursor.execute("DROP USER %s@%s", (reader, door))
        if cursor.execute("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (schema,)):
            changes.append(f"remove the schema {schema}")
            if not check:
                cursor.execute(f"DROP DATABASE `{schema}`")
    return changes


def _rights_in(cursor: Cursor, schema: str, door: str) -> Iterator[str]:
    """Yield what in this very schema the writer has rights on, as REVOKE takes it."""
    # On a whole schema a right has the schema's pattern, in which _ is escaped; on a table it has the plain name.
    pattern = schema.replace("_", "\\_")
    within = re.compile(rf" ON (`(?:{re.escape(schema)}`\.`[^`]+`|{re.escape(pattern)}`\.\*)) TO ").search
    for line in _grants(cursor, names.WRITER_USER, door) or ():
        if match := within(line):
            yield match[1]


def _grants(cursor: Cursor, user: str, door: str) -> list[str] | None:
    """Return the lines of an account's rights, None without the account."""
    try:
        cursor.execute("SHOW GRANTS FOR %s@%s", (user, door))
    except pymysql.MySQLError as error:
        if error.args[0] in _NO_USER:
            return None
        raise
    return [str(line) for (line,) in cursor.fetchall()]


def _escaped(on: str) -> str:
    # The driver takes a percent sign for a placeholder's beginning.
    return on.replace("%", "%%")
