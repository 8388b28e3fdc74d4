"""Months and years of a home's readings, with the rollups that the product itself computes of them."""

from __future__ import annotations

import json
import platform
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import resources

from jsonschema import Draft202012Validator

from bench.load import STEP_S
from bench.stand import BOXES
from database import document
from database.fixtures import Home
from ecms_bridge import __version__, names
from ecms_bridge.datagram import Datagram
from ecms_bridge.days import Days
from ecms_bridge.hub.counters import Counters
from ecms_bridge.hub.roster import Roster
from ecms_bridge.messages import Reading
from ecms_bridge.schema.maintenance import STATUS_DAYS
from ecms_bridge.session import Session
from ecms_bridge.simulator.cli import box_mac
from ecms_bridge.simulator.loads import Load
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch, Status
from ecms_bridge.writer.rollups import QUARTER_S, Rollups, utc

APPLIANCES = (
    "lavatrice",
    "frigorifero",
    "lavastoviglie",
    "asciugatrice",
    "condizionatore",
    "forno",
    "microonde",
    "computer",
)
"""Seven that the document's daily query names, and one more."""

DAY_S = 86_400
DOCUMENT_SCHEMA = "document"
_PATTERN_DAYS = 7
_LOST = 0.005
_ROWS_A_STATEMENT = 5_000


def build(home: Home, days: int, say: Callable[[str], None]) -> int:
    """Fill the household's tables with ``days`` until now; return the time of the last reading (Unix s).

    Every day is one of seven days of eight simulated appliances, one reading of 200 missing, stored in the order of
    time as the writer stores them. Rollups and sums of days are the writer's own statements.
    """
    ends = int(time.time()) // STEP_S * STEP_S
    begins = ends - days * DAY_S
    macs = [box_mac(number) for number in range(1, BOXES + 1)]
    rollups, sums = Rollups(home.slug), Days(home.slug)
    data = names.data_table(home.slug)
    with closing(home.server.session()) as session, session.cursor() as cursor:
        cursor.execute(f"USE {home.schema}")
        _patterns(session, min(days, _PATTERN_DAYS))
        status = _status(ends)
        begun = time.monotonic()
        for number, first in enumerate(range(begins, ends, DAY_S)):
            cursor.execute(
                f"INSERT INTO {data} SELECT FROM_UNIXTIME(%s + second), idDevice, mac, amps "
                "FROM bench_pattern WHERE day = %s ORDER BY second, idDevice",
                (first, number % min(days, _PATTERN_DAYS)),
            )
            if ends - first <= STATUS_DAYS * DAY_S:
                cursor.execute(
                    "INSERT INTO hub_status (received_at, state, payload) "
                    "SELECT FROM_UNIXTIME(%s + second), 'online', %s FROM bench_pattern "
                    "WHERE day = 0 AND idDevice = 1 AND second %% 60 = 0",
                    (first, status),
                )
            quarters = range(first - first % QUARTER_S, first + DAY_S, QUARTER_S)
            rollups.recompute(cursor, ((quarter, mac) for quarter in quarters for mac in macs))
            session.commit()
            if (number + 1) % 73 == 0 or number + 1 == days:
                say(f"{number + 1} of {days} days stored after {time.monotonic() - begun:.0f} s")
        since = sums.oldest(cursor)
        while since is not None:
            since = sums.close(cursor, since)
            session.commit()
        cursor.execute("DROP TABLE bench_pattern")
    # What the writer notes beside the readings: boxes, the hub, itself.
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        last = [Reading(mac, ends, n, 1.0, None, -60, 1, (), "0.1.0") for n, mac in enumerate(macs, start=1)]
        writer.store(Batch(home.slug, last, statuses=[Status(ends, "online", status)]))
    return ends


def _status(now: int) -> str:
    """Return what a hub with these boxes says of itself every minute."""
    roster = Roster()
    for number in range(1, BOXES + 1):
        roster.note(Datagram(2, box_mac(number), now, number, 1000, rssi=-60, sequence=1, firmware=(0, 1, 0)), 0.0)
    status = {
        "state": "online",
        "version": __version__,
        "python": platform.python_version(),
        "uptime_s": DAY_S,
        "clock": "right",
        "spool": "ready",
        "confirmations": "flowing",
        "queue": {"memory": BOXES, "spool": 0, "waiting_for_clock": 0, "oldest_unconfirmed_s": 1, "lag_s": 1},
        "disk": {"spool_bytes": 28_672, "free_bytes": 24_000_000_000},
        "boxes": roster.as_list(0.0, now),
        "counters": Counters().as_dict(),
    }
    schema = resources.files("ecms_bridge").joinpath("schemas/status.json").read_text(encoding="utf-8")
    Draft202012Validator(json.loads(schema)).validate(status)
    return json.dumps(status, separators=(",", ":"), sort_keys=True)


def build_document(home: Home, ends: int, days: int, say: Callable[[str], None]) -> None:
    """Fill the document's own table, in a schema beside it, with the same readings in whole ampere."""
    with closing(home.server.session()) as session, session.cursor() as cursor:
        new_document(session)
        cursor.executemany("INSERT INTO device (nome) VALUES (%s)", [(name,) for name in APPLIANCES])
        begun = time.monotonic()
        for first in range(ends - days * DAY_S, ends, DAY_S):
            cursor.execute(
                "INSERT INTO energy_consumption (updated_at, idDevice, macAddress, sensorData) "
                "SELECT updated_at, idDevice, macAddress, ROUND(sensorData) "
                f"FROM {home.schema}.energy_consumption "
                "WHERE updated_at >= %s AND updated_at < %s ORDER BY updated_at",
                (utc(first), utc(first + DAY_S)),
            )
            session.commit()
        say(f"the document's table filled after {time.monotonic() - begun:.0f} s")


def new_document(session: Session) -> None:
    """Create the document's tables anew and use their schema."""
    with session.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DOCUMENT_SCHEMA}")
        cursor.execute(f"CREATE DATABASE {DOCUMENT_SCHEMA}")
        cursor.execute(f"USE {DOCUMENT_SCHEMA}")
        for statement in document.SCHEMA:
            cursor.execute(statement)


def _patterns(session: Session, days: int) -> None:
    with session.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_pattern (day TINYINT, second INT, idDevice SMALLINT UNSIGNED, mac BINARY(6), "
            "amps DECIMAL(7,3), PRIMARY KEY (day, second, idDevice)) ENGINE=InnoDB"
        )
        rows: list[tuple[int, int, int, bytes, float]] = []
        for row in _pattern_rows(days):
            rows.append(row)
            if len(rows) == _ROWS_A_STATEMENT:
                cursor.executemany("INSERT INTO bench_pattern VALUES (%s, %s, %s, %s, %s)", rows)
                rows.clear()
        cursor.executemany("INSERT INTO bench_pattern VALUES (%s, %s, %s, %s, %s)", rows)
    session.commit()


def _pattern_rows(days: int) -> Iterator[tuple[int, int, int, bytes, float]]:
    loads = [Load(name) for name in APPLIANCES]
    chance = random.Random(1)
    for day in range(days):
        for second in range(0, DAY_S, STEP_S):
            for number, load in enumerate(loads):
                if chance.random() >= _LOST:
                    amps = load.current_a(day * DAY_S + second)
                    yield day, second + STEP_S, number + 1, box_mac(number + 1), amps
