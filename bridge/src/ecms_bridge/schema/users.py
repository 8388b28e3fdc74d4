"""The database's users: each with its password, its rights and no others, on MariaDB and MySQL alike.

The administrator needs no right beyond those of managed services: CREATE USER, the rights it grants with GRANT
OPTION, and SELECT on the server's own tables.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from ecms_bridge.config import DatabaseSettings
from ecms_bridge.schema import grants
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.session import Session, open_session

_NO_USER = frozenset({ER.PASSWORD_NO_MATCH, ER.NONEXISTING_GRANT, ER.CANNOT_USER})
_NO_RIGHT = frozenset(
    {ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.ACCESS_DENIED_ERROR}
)
_PROBE_TIMEOUT_S = 10

_grant_match = re.compile(r"GRANT (?P<privileges>.+?) ON (?P<on>\S+) TO ").match
_native_hash = re.compile(r"\*[0-9A-F]{40}").search


@dataclass(frozen=True, slots=True)
class User:
    """An account ``name``@``host``. With ``tls`` it is let in by an encrypted connection only.

    ``grants`` maps what rights are on, as GRANT takes it, to the rights. ``exclusive`` takes all other rights away,
    ``absent`` the account itself.
    """

    name: str
    host: str
    password: str
    tls: bool
    grants: Mapping[str, frozenset[str]]
    exclusive: bool
    absent: bool = False


def read_users(text: str) -> list[User]:
    """Return the users that this JSON describes; raise SchemaError if it does not."""
    try:
        return [_user(one) for one in json.loads(text)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Without the error's text, which may hold a password.
        msg = f"the list of users is not one ({type(error).__name__}): run the playbook again"
        raise SchemaError(msg) from None


def _user(one: Mapping[str, object]) -> User:
    rights: dict[str, frozenset[str]] = {}
    kind, slugs = str(one["kind"]), [str(slug) for slug in _list(one["households"])]
    for grant in _rights(kind, slugs):
        rights[grant["on"]] = frozenset(grant["privileges"])
    return User(
        str(one["name"]),
        str(one["host"]),
        str(one["password"]),
        bool(one["tls"]),
        rights,
        # Households that are not in this run keep the writer they have.
        exclusive=kind != "writer",
        absent=bool(one.get("absent")),
    )


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _rights(kind: str, slugs: list[str]) -> Iterable[grants.Grant]:
    if kind == "admin":
        return grants.admin_grants()
    if kind == "statistics":
        return grants.statistics_grants()
    by_household = {"writer": grants.writer_grants, "grafana": grants.grafana_grants}[kind]
    return [grant for slug in slugs for grant in by_household(slug)]


class Users:
    """Brings accounts to what they should be; ``settings`` is where they log in from this host."""

    def __init__(self, session: Session, settings: DatabaseSettings, *, check: bool = False) -> None:
        self._session = session
        self._settings = settings
        self._check = check

    def apply(self, user: User) -> list[str]:
        """Make the account what it should be; return what changed, without any secret. Raises SchemaError."""
        try:
            with self._session.cursor() as cursor:
                return self._remove(cursor, user) if user.absent else self._apply(cursor, user)
        except pymysql.MySQLError as error:
            if error.args[0] in _NO_RIGHT:
                msg = (
                    f"the database does not let {self._settings.user!r} administer its users "
                    f"({error.args[-1]}): set the administrator of the service"
                )
                raise SchemaError(msg) from None
            raise

    def _remove(self, cursor: Cursor, user: User) -> list[str]:
        if creation_of(cursor, user.name, user.host) is None:
            return []
        self._run(cursor, "DROP USER IF EXISTS %s@%s", user.name, user.host)
        return [f"remove {user.name}@{user.host}"]

    def _apply(self, cursor: Cursor, user: User) -> list[str]:
        label = f"{user.name}@{user.host}"
        described = creation_of(cursor, user.name, user.host)
        requires = " REQUIRE SSL" if user.tls else " REQUIRE NONE"
        if described is None:
            create = f"CREATE USER %s@%s IDENTIFIED BY %s{requires}"
            self._run(cursor, create, user.name, user.host, user.password)
            changes = [f"create {label}"]
            held: dict[str, set[str]] = {}
        else:
            changes = []
            if not self._has_password(user, described):
                self._run(cursor, "ALTER USER %s@%s IDENTIFIED BY %s", user.name, user.host, user.password)
                changes.append(f"set the password of {label}")
            if (" REQUIRE SSL" in described) is not user.tls:
                self._run(cursor, f"ALTER USER %s@%s{requires}", user.name, user.host)
                changes.append(f"require TLS of {label}" if user.tls else f"let {label} in without TLS")
            held = _held(cursor, user.name, user.host)
        return [*changes, *self._grant(cursor, user, held), *self._revoke(cursor, user, held)]

    def _grant(self, cursor: Cursor, user: User, held: Mapping[str, set[str]]) -> list[str]:
        changes = []
        for on, wanted in user.grants.items():
            missing = sorted(wanted - held.get(on, set()))
            if missing:
                self._run(cursor, f"GRANT {', '.join(missing)} ON {_escaped(on)} TO %s@%s", user.name, user.host)
                changes.append(f"grant {', '.join(missing)} on {on} to {user.name}@{user.host}")
        return changes

    def _revoke(self, cursor: Cursor, user: User, held: Mapping[str, set[str]]) -> list[str]:
        changes = []
        for on, rights in held.items():
            if on not in user.grants and not user.exclusive:
                continue
            surplus = sorted(rights - user.grants.get(on, frozenset()))
            if surplus:
                self._run(cursor, f"REVOKE {', '.join(surplus)} ON {_escaped(on)} FROM %s@%s", user.name, user.host)
                changes.append(f"revoke {', '.join(surplus)} on {on} from {user.name}@{user.host}")
        return changes

    def _run(self, cursor: Cursor, statement: str, *values: str) -> None:
        if not self._check:
            cursor.execute(statement, values)

    def _has_password(self, user: User, described: str) -> bool:
        native = _native_hash(described)
        if native is not None:
            twice = hashlib.sha1(hashlib.sha1(user.password.encode()).digest())  # noqa: S324 - the server's own way
            return native[0] == f"*{twice.hexdigest().upper()}"
        # Other hashes cannot be compared, so the user shows that it gets in.
        with contextlib.suppress(pymysql.MySQLError):
            open_session(self._settings.as_user(user.name), user.password, io_timeout_s=_PROBE_TIMEOUT_S).close()
            return True
        return False


def creation_of(cursor: Cursor, name: str, host: str) -> str | None:
    """Return how the server would create the account, None if there is none."""
    with contextlib.suppress(pymysql.MySQLError):
        # MySQL's hashes are bytes that are no text; MariaDB's are text and it has no such variable.
        cursor.execute("SET SESSION print_identified_with_as_hex = ON")
    try:
        cursor.execute("SHOW CREATE USER %s@%s", (name, host))
    except pymysql.MySQLError as error:
        if error.args[0] in _NO_USER:
            return None
        raise
    row = cursor.fetchone()
    return str(row[0]) if row else None


def _held(cursor: Cursor, name: str, host: str) -> dict[str, set[str]]:
    cursor.execute("SHOW GRANTS FOR %s@%s", (name, host))
    held: dict[str, set[str]] = {}
    for (line,) in cursor.fetchall():
        match = _grant_match(str(line))
        if match is not None:
            rights = {right.strip() for right in match["privileges"].split(",")} - {"USAGE"}
            if rights:
                held.setdefault(match["on"], set()).update(rights)
    return held


def _escaped(on: str) -> str:
    # The driver takes a percent sign for a placeholder's beginning.
    return on.replace("%", "%%")
