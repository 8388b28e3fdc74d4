"""What the tables hold of each household, read with the writer's rights."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from ecms_bridge import names
from ecms_bridge.config import ConfigError, DatabaseSettings
from ecms_bridge.datagram import format_mac
from ecms_bridge.session import Session, explain, node_of, open_session

IO_TIMEOUT_S = 10
_QUARANTINE_COUNTED = 100_000
"""Beyond this many, how many more there are does not matter, and counting them would take long."""

_MISSING = frozenset({ER.NO_SUCH_TABLE, ER.TABLEACCESS_DENIED_ERROR})
Facts: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Answer:
    """What the database holds: facts of each household by slug, and why there are none, if so."""

    address: str
    trouble: str | None = None
    server: str | None = None
    datadir: str | None = None
    households: dict[str, Facts] = field(default_factory=dict)


def ask(settings: DatabaseSettings, password: str) -> Answer:
    """Read the facts of all households that the writer serves, within bounded time."""
    node = settings
    answer = Answer(str(node))
    try:
        with closing(open_session(settings, password, io_timeout_s=IO_TIMEOUT_S)) as session:
            node = node_of(session, settings)
            answer.address = str(node)
            _read(session, answer)
    except ConfigError as error:
        answer.trouble = str(error)
    except (pymysql.MySQLError, OSError) as error:
        answer.trouble = explain(error, node)
    return answer


def _read(session: Session, answer: Answer) -> None:
    with session.cursor() as cursor:
        cursor.execute("SELECT VERSION(), @@datadir")
        answer.server, answer.datadir = cursor.fetchone() or (None, None)
        cursor.execute("SHOW DATABASES")
        schemas = sorted(str(row[0]) for row in cursor.fetchall())
    prefix = names.schema_name("")
    for schema in schemas:
        slug = schema.removeprefix(prefix)
        if not schema.startswith(prefix) or not _is_household(slug):
            continue
        with session.cursor() as cursor:
            facts = _household(cursor, slug)
        if facts is not None:
            answer.households[slug] = facts


def _is_household(slug: str) -> bool:
    try:
        names.check_slug(slug)
    except names.HouseholdNameError:
        return False
    return True


def _household(cursor: Cursor, slug: str) -> Facts | None:
    """Return the facts of a household, None if its schema lacks what the writer needs."""
    cursor.execute(f"USE {names.schema_name(slug)}")
    try:
        return _facts(cursor, slug)
    except (pymysql.ProgrammingError, pymysql.OperationalError) as error:
        if error.args[0] not in _MISSING:
            raise
        return None


def _facts(cursor: Cursor, slug: str) -> Facts:
    newest = _rows(
        cursor,
        f"SELECT updated_at FROM {names.data_table(slug)} ORDER BY updated_at DESC LIMIT 1",  # noqa: S608
    )
    version = _optional(cursor, "SELECT MAX(version) FROM schema_version")
    heard = _rows(cursor, "SELECT received_at, state FROM hub_status ORDER BY received_at DESC LIMIT 1")
    return {
        "schema_version": version[0][0] if version else None,
        "newest_reading": _unix(newest[0][0]) if newest else None,
        "hub_status": {"at": _unix(heard[0][0]), "state": heard[0][1]} if heard else None,
        "writers": _writers(cursor),
        "quarantine": _quarantine(cursor),
        "dead_letters": _dead_letters(cursor),
        "boxes": _boxes(cursor),
    }


def _writers(cursor: Cursor) -> list[Facts]:
    columns = "version, batches, stored, repeated, late, quarantined, dead_lettered, database_free_bytes"
    rows = _optional(
        cursor,
        f"SELECT writer, started_at, written_at, {columns} FROM writer_status ORDER BY writer",  # noqa: S608
    )
    return [
        {
            "writer": writer,
            "started_at": _unix(started),
            "written_at": _unix(written),
            **dict(zip(columns.split(", "), rest, strict=True)),
        }
        for writer, started, written, *rest in rows
    ]


def _quarantine(cursor: Cursor) -> list[Facts]:
    rows = _rows(
        cursor,
        "SELECT idDevice, mac, COUNT(*), MAX(updated_at) "  # noqa: S608
        f"FROM (SELECT idDevice, mac, updated_at FROM quarantine LIMIT {_QUARANTINE_COUNTED}) AS some "
        "GROUP BY idDevice, mac ORDER BY idDevice, mac",
    )
    return [
        {"device": device, "mac": format_mac(mac), "readings": count, "newest": _unix(newest)}
        for device, mac, count, newest in rows
    ]


def _dead_letters(cursor: Cursor) -> Facts:
    total = _rows(cursor, "SELECT dead_letters FROM writer_state WHERE id = 1")
    newest = _rows(cursor, "SELECT received_at FROM dead_letter ORDER BY number DESC LIMIT 1")
    reasons = _optional(cursor, "SELECT reason, messages FROM dead_letter_count ORDER BY reason")
    return {
        "total": total[0][0] if total else 0,
        "newest": _unix(newest[0][0]) if newest else None,
        "by_reason": dict(reasons),
    }


def _boxes(cursor: Cursor) -> list[Facts]:
    rows = _rows(
        cursor,
        "SELECT mac, idDevice, nome, last_seen, rssi, firmware, calibrated, boots, clipped, readings "
        "FROM box LEFT JOIN device USING (idDevice) ORDER BY mac",
    )
    return [
        {
            "mac": format_mac(mac),
            "device": device,
            "appliance": appliance,
            "last_seen": _unix(last_seen),
            "rssi": rssi,
            "firmware": firmware,
            "calibrated": None if calibrated is None else bool(calibrated),
            "boots": boots,
            "clipped": clipped,
            "readings": readings,
        }
        for mac, device, appliance, last_seen, rssi, firmware, calibrated, boots, clipped, readings in rows
    ]


def _rows(cursor: Cursor, statement: str) -> tuple[tuple[Any, ...], ...]:
    cursor.execute(statement)
    return cursor.fetchall()


def _optional(cursor: Cursor, statement: str) -> tuple[tuple[Any, ...], ...]:
    """Return no rows where the table or the right to read it is missing, as in a schema of an older version."""
    try:
        return _rows(cursor, statement)
    except (pymysql.ProgrammingError, pymysql.OperationalError) as error:
        if error.args[0] not in _MISSING:
            raise
        return ()


def _unix(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())
