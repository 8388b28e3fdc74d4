"""``ecms-schema``: brings a household's schema and the users to where the inventory wants them."""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

import ecms_bridge
from ecms_bridge import names
from ecms_bridge.config import ConfigError, DatabaseSettings, Section
from ecms_bridge.schema import appliances, calendar, maintenance, prices, removal, settings, statistics, users
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.household import Household, parse_household, read_facts_of_each, read_household
from ecms_bridge.schema.migrator import Migration, Migrator, packaged_migrations
from ecms_bridge.session import Session, explain, leads, open_session

_IO_TIMEOUT_S = 3600
"""A migration may rewrite a table of years."""

_ROW_LOCK_WAIT_S = 50
_TURN_WAIT_S = 60
_ATTEMPTS = 10
_SINCE_TARIFFS = 3
"""The migration that makes the tables of settings and tariffs."""
_FAILURES = (ConfigError, SchemaError, pymysql.MySQLError)


def main() -> None:
    """Run the command; exit with 0, or with 2 after one sentence on standard error, of several households one each."""
    options = _parser().parse_args()
    try:
        changes = _run(options)
    except _FAILURES as error:
        sys.exit(_complain(_sentence(error)))
    print(json.dumps({"changed": bool(changes), "changes": changes}, ensure_ascii=False))


def apply(session: Session, household: Household, migrations: list[Migration], *, check: bool = False) -> list[str]:
    """Migrate, then store calendar, appliances, ratings and assignments; return what changed.

    With ``check`` nothing is changed and what would change is returned. Raises SchemaError.
    """
    with _turn(session, household.slug):
        migrator = Migrator(session, household.slug, migrations)
        pending = migrator.pending()
        changes = []
        if not migrator.exists():
            changes.append(f"create the schema {names.schema_name(household.slug)}")
        if not check:
            migrator.create()
        for migration in pending:
            changes.append(f"migration {migration.version}: {migration.name}")
            if not check:
                migrator.apply(migration)
        if not check:
            return [
                *changes,
                *(calendar_changes := _extend_calendar(session, household)),
                *appliances.Appliances(session, household).apply(),
                *settings.apply(session, household.settings),
                *_extend_prices(session, household, days_changed=bool(pending or calendar_changes)),
            ]
        if len(pending) == len(migrations):
            return [*changes, *_first_contents(session, household)]
        migrator.use()
        return [*changes, *_outlook(session, household, pending)]


def maintain(session: Session, household: Household, migrations: list[Migration]) -> list[str]:
    """Retire old rows and extend the calendar; return what changed. Raises SchemaError."""
    with _turn(session, household.slug):
        migrator = Migrator(session, household.slug, migrations)
        if migrator.pending():
            msg = f"the schema {names.schema_name(household.slug)} is not up to date: run ecms-schema apply"
            raise SchemaError(msg)
        migrator.use()
        return [
            *(changes := _extend_calendar(session, household)),
            *_extend_prices(session, household, days_changed=bool(changes)),
            *maintenance.retire(session, household),
        ]


def _run(options: argparse.Namespace) -> list[str]:
    section = Section.from_file(options.config)
    settings = DatabaseSettings.parse(section.section("database"))
    section.done()
    work = {"apply": _apply, "maintain": _maintain, "users": _users, "statistics": _statistics, "remove": _remove}
    return work[options.command](options, settings)


def _apply(options: argparse.Namespace, settings: DatabaseSettings) -> list[str]:
    """Apply one household, or each of several: one's trouble keeps no other from its own, and is told at the end."""
    if not options.households:
        return _apply_one(options, settings, read_household(options.household))
    changes: list[str] = []
    failed: list[str] = []
    for slug, facts in read_facts_of_each(options.households):
        try:
            changes += [f"{slug}: {change}" for change in _apply_one(options, settings, parse_household(facts))]
        except _FAILURES as error:
            failed.append(f"{slug}: {_sentence(error)}")
    if failed:
        raise SchemaError("\n".join(failed))
    return changes


def _apply_one(options: argparse.Namespace, settings: DatabaseSettings, household: Household) -> list[str]:
    migrations = packaged_migrations()
    with closing(_open(settings, _read_password(options.password_file))) as session:
        return _patiently(session, lambda: apply(session, household, migrations, check=options.check))


def _maintain(options: argparse.Namespace, settings: DatabaseSettings) -> list[str]:
    household = read_household(options.household)
    migrations = packaged_migrations()
    with closing(_open(settings, _read_password(options.password_file))) as session:
        # Every node of a cluster has the timer, so that it is done whichever of them lives.
        return _patiently(session, lambda: maintain(session, household, migrations)) if leads(session) else []


def _users(options: argparse.Namespace, settings: DatabaseSettings) -> list[str]:
    wanted = users.read_users(options.users.read_text(encoding="utf-8"))
    settings, password = _login(options, settings)
    with closing(_open(settings, password)) as session:
        accounts = users.Users(session, settings, check=options.check)
        return [change for user in wanted for change in accounts.apply(user)]


def _statistics(options: argparse.Namespace, settings: DatabaseSettings) -> list[str]:
    wanted = statistics.read_wanted(options.wanted) if options.wanted else None
    if options.check and wanted is None:
        msg = "--check goes with --wanted: add it, or leave --check out"
        raise SchemaError(msg)
    with closing(_open(settings, _read_password(options.password_file))) as session, _turn(session, names.STATISTICS):
        kept = statistics.Statistics(session)
        if wanted:
            return kept.apply(wanted, check=options.check)
        if options.leave:
            return kept.leave(options.leave)
        return kept.refresh() if leads(session) else []


def _remove(options: argparse.Namespace, settings: DatabaseSettings) -> list[str]:
    """Remove a household, and before its schema what it gave to others."""
    try:
        slug = names.check_slug(options.slug)
    except names.HouseholdNameError as error:
        raise SchemaError(str(error)) from None
    with closing(_open(*_login(options, settings))) as session:
        given: list[str] = []
        if not options.check:
            with _turn(session, names.STATISTICS, settings.user):
                given = statistics.Statistics(session).leave(slug)
        with _turn(session, slug, settings.user):
            return [*given, *removal.remove(session, slug, check=options.check)]


def _login(options: argparse.Namespace, settings: DatabaseSettings) -> tuple[DatabaseSettings, str]:
    if options.root:
        return settings.as_user("root"), ""
    return settings, _read_password(options.password_file)


def _patiently(session: Session, work: Callable[[], list[str]]) -> list[str]:
    """Begin again if a writer on another node of a cluster was first: every step of the work can be run again."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return work()
        except pymysql.MySQLError as error:
            if error.args[0] != ER.LOCK_DEADLOCK:
                raise
            session.rollback()
            time.sleep(random.uniform(0.2, 1.0))  # noqa: S311
    return work()


def _open(settings: DatabaseSettings, password: str) -> Session:
    try:
        return open_session(settings, password, io_timeout_s=_IO_TIMEOUT_S, lock_wait_s=_ROW_LOCK_WAIT_S)
    except pymysql.MySQLError as error:
        raise SchemaError(explain(error, settings)) from error


def _first_contents(session: Session, household: Household) -> list[str]:
    missing, wrong = calendar.Calendar(session, household.zone, _today()).plan({})
    return [
        *calendar.describe(missing, wrong),
        *appliances.plan(household, appliances.Stored()).changes,
        *settings.plan(household.settings, None),
        *prices.plan(household.tariffs, {}, _today()).changes,
    ]


def _outlook(session: Session, household: Household, pending: list[Migration]) -> list[str]:
    days = calendar.Calendar(session, household.zone, _today())
    missing, wrong = days.plan(days.stored())
    known = appliances.Appliances(session, household).stored()
    changes = [*calendar.describe(missing, wrong), *appliances.plan(household, known).changes]
    if any(migration.version <= _SINCE_TARIFFS for migration in pending):
        changes += settings.plan(household.settings, None)
        return [*changes, *prices.plan(household.tariffs, {}, _today()).changes]
    changes += settings.plan(household.settings, settings.stored(session))
    return [*changes, *prices.Prices(session, household, _today()).outlook(days_changed=bool(missing or wrong))]


def _extend_calendar(session: Session, household: Household) -> list[str]:
    days = calendar.Calendar(session, household.zone, _today())
    missing, wrong = days.plan(days.stored())
    if missing or wrong:
        days.write(missing, wrong)
    return calendar.describe(missing, wrong)


def _extend_prices(session: Session, household: Household, *, days_changed: bool) -> list[str]:
    tariffs = prices.Prices(session, household, _today())
    changes = tariffs.apply(days_changed=days_changed)
    tariffs.close()
    return changes


@contextmanager
def _turn(session: Session, slug: str, admin: str = "") -> Iterator[None]:
    """Hold the household's turn, so that two runs of this tool never mix their DDL.

    ``admin`` is the administrator in whose place root is at work.
    """
    with session.cursor() as cursor:
        name = lock_name(cursor, slug, admin)
        cursor.execute("SELECT GET_LOCK(%s, %s)", (name, _TURN_WAIT_S))
        if cursor.fetchone() != (1,):
            msg = f"another ecms-schema is at work on {slug!r}: wait until it has ended and try again"
            raise SchemaError(msg)
        try:
            yield
        finally:
            if session.open:
                session.rollback()
                cursor.execute("SELECT RELEASE_LOCK(%s)", (name,))


def lock_name(cursor: Cursor, slug: str, admin: str = "") -> str:
    """Return the name of the lock that is a household's turn.

    Whoever is let in may hold any lock that he can name, a household's reader too. So the name holds a part that only
    the administrator and root can read: how the administrator is let in.
    """
    cursor.execute("SELECT CURRENT_USER()")
    name, _, host = str((cursor.fetchone() or ("@",))[0]).rpartition("@")
    if admin and name != admin:
        name, host = admin, "localhost"
    secret = ""
    with suppress(pymysql.MySQLError):
        secret = users.creation_of(cursor, name, host) or ""
    return f"ecms-schema-{slug}-{hashlib.sha256(secret.encode()).hexdigest()[:16]}"


def _today() -> date:
    return datetime.now(UTC).date()


def _read_password(path: Path) -> str:
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the password file {path}: {error}"
        raise SchemaError(msg) from error
    if not password:
        msg = f"the password file {path} is empty: run the playbook again"
        raise SchemaError(msg)
    return password


def _sentence(error: Exception) -> str:
    if not isinstance(error, pymysql.MySQLError):
        return str(error)
    words = " ".join(str(part) for part in error.args[1:] or error.args)
    return f"the database says {words}: see that it runs and that its users are set up"


def _complain(sentences: str) -> int:
    for sentence in sentences.split("\n"):
        print(f"ecms-schema: {sentence}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ecms-schema", description=__doc__)
    parser.add_argument("--version", action="version", version=ecms_bridge.__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (
        ("apply", "migrate the schema and store calendar, appliances, ratings, assignments, settings and tariffs"),
        ("maintain", "retire raw rows older than the retention and extend calendar and prices"),
        ("remove", "remove a household: the writer's rights in it, its reader, its schema, what it gave to statistics"),
        ("users", "give the users their passwords and rights, and remove those that are absent"),
        ("statistics", "take the days that have ended into the statistics over all homes, or change who takes part"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.add_argument("--config", type=Path, required=True, help="TOML file with the table [database]")
        login = command.add_mutually_exclusive_group(required=True)
        login.add_argument("--password-file", type=Path, help="file that holds the password")
        if name in {"users", "remove"}:
            login.add_argument("--root", action="store_true", help="log in as root by the socket, without a password")
        if name == "remove":
            command.add_argument("--slug", required=True, help="the household")
        elif name == "users":
            command.add_argument("--users", type=Path, required=True, help="JSON file of the users")
        elif name == "statistics":
            change = command.add_mutually_exclusive_group()
            change.add_argument("--wanted", type=Path, help="JSON file of who takes part")
            change.add_argument("--leave", metavar="SLUG", help="remove all that this household has given")
        else:
            whose = command.add_mutually_exclusive_group(required=True)
            whose.add_argument("--household", type=Path, help="JSON file of the household")
            if name == "apply":
                whose.add_argument("--households", type=Path, help="JSON file of a list of households, for all of them")
        if name != "maintain":
            command.add_argument("--check", action="store_true", help="only say what would change")
    return parser
