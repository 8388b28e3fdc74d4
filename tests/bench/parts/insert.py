"""Readings into the database: in batches with their rollups, and one by one with a commit each."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from bench import settings
from bench.history import APPLIANCES, new_document
from bench.load import STEP_S, LostError, current_ma
from bench.report import Figure, Table
from bench.scale import Scale
from bench.stand import BOXES
from database import document
from database.fixtures import Home, new_home
from database.server import PrivateServer
from ecms_bridge.datagram import format_mac
from ecms_bridge.messages import Reading
from ecms_bridge.simulator.cli import box_mac
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch
from ecms_bridge.writer.rollups import utc

_SLUG = "casa_bench"


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return rows a second of both ways; raise LostError if a table does not hold what was inserted."""
    size = settings.batch()["max_readings"]
    server = PrivateServer(*settings.database_options())
    try:
        server.start()
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(scale.runs):
            with new_home(server, _SLUG) as home:
                home.apply(devices=[{"id": n, "name": f"carico {n}", "ratings": []} for n in range(1, BOXES + 1)])
                ours.append(_batches(home, scale.inserts, size))
            theirs.append(_rows(server, scale.document_inserts))
            say(f"{ours[-1]:.0f} rows/s in batches, {theirs[-1]:.0f} rows/s one by one")
    finally:
        server.remove()
    return [
        Table(
            "Inserting",
            [
                Figure(
                    "readings inserted and committed",
                    "1/s",
                    tuple(ours),
                    at_least=True,
                    document=sorted(theirs)[len(theirs) // 2],
                )
            ],
            [
                (
                    f"Ours: the writer's own class with {size} readings a transaction, rollups of 15 and 60 minutes "
                    "included. The document's way: its table, one INSERT and one commit for each reading. Same server, "
                    "same settings: every commit is flushed."
                )
            ],
        )
    ]


def _batches(home: Home, count: int, size: int) -> float:
    begins = int(time.time()) - 6 * 86_400
    readings = [
        Reading(box_mac(n % BOXES + 1), begins + n // BOXES * STEP_S, n % BOXES + 1, current_ma(n % BOXES, n) / 1000)
        for n in range(count)
    ]
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        begun = time.monotonic()
        for first in range(0, count, size):
            writer.store(Batch(home.slug, readings[first : first + size]))
        took = time.monotonic() - begun
    _check(int(home.rows("SELECT COUNT(*) FROM {data}")[0][0]), count)
    return count / took


def _rows(server: PrivateServer, count: int) -> float:
    with closing(server.session()) as session, session.cursor() as cursor:
        new_document(session)
        cursor.executemany("INSERT INTO device (nome) VALUES (%s)", [(name,) for name in APPLIANCES])
        session.commit()
        begins = int(time.time()) - 86_400
        begun = time.monotonic()
        for n in range(count):
            box = n % BOXES
            moment = utc(begins + n // BOXES * STEP_S)
            cursor.execute(document.INSERT, (moment, box + 1, format_mac(box_mac(box + 1)), current_ma(box, n) // 1000))
            session.commit()
        took = time.monotonic() - begun
        cursor.execute("SELECT COUNT(*) FROM energy_consumption")
        _check(int(cursor.fetchall()[0][0]), count)
    return count / took


def _check(found: int, wanted: int) -> None:
    if found != wanted:
        raise LostError(f"the table holds {found} rows instead of {wanted}")
