"""The five queries of the project's first document, as written there, with answers computed by hand."""

from __future__ import annotations

import re
import time
from contextlib import closing
from datetime import date
from decimal import Decimal
from typing import Any

import pymysql

from database import document
from database.fixtures import PASSWORD, Home, Users
from ecms_bridge.messages import Reading
from ecms_bridge.schema import grants
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch

WASHER, FRIDGE = (bytes([2, 0, 0, 0, 0, number]) for number in (1, 2))
MIDNIGHT = 1_717_977_600  # 2024-06-10 00:00:00 UTC
DAY = 86400


def ask(home: Home, user: str, query: str, begin: int = 0, end: int = 0, now: int | None = None) -> tuple[Any, ...]:
    """Run a query as Grafana does: as the household's reader, in a session with the server's own settings."""
    settings = home.server.settings_of(user)
    with (
        closing(
            pymysql.connect(
                host=settings.host,
                port=settings.port,
                unix_socket=settings.socket or None,
                user=user,
                password=PASSWORD,
                database=home.schema,
                init_command="SET time_zone = '+00:00'",
                ssl_disabled=True,
            )
        ) as session,
        session.cursor() as cursor,
    ):
        if now is not None:
            cursor.execute(f"SET timestamp = {now}")
        cursor.execute(document.at(query, begin, end))
        return tuple(cursor.fetchall())


def prepare(home: Home, users: Users, *readings: Reading) -> str:
    with closing(ReadingsDatabase(home.server.settings, home.server.password)) as writer:
        writer.store(Batch(home.slug, list(readings)))
    return users.make(grants.grafana_grants(home.slug))


def test_series_of_ampere_and_of_watt(home: Home, users: Users) -> None:
    user = prepare(
        home,
        users,
        Reading(FRIDGE, MIDNIGHT + 20, 2, 0.8),
        Reading(WASHER, MIDNIGHT + 10, 1, 9.5),
        Reading(WASHER, MIDNIGHT + 31, 1, 9.75),
        Reading(WASHER, MIDNIGHT - 1, 1, 1.0),
    )
    assert ask(home, user, document.SERIES, MIDNIGHT, MIDNIGHT + 30) == (
        ((MIDNIGHT + 10) * 1000, "lavatrice", Decimal("9.500")),
        ((MIDNIGHT + 20) * 1000, "frigorifero", Decimal("0.800")),
    )


def test_gauge_of_total_watt(home: Home, users: Users) -> None:
    """(9.5 A + 0.8 A) x 230 V: what is 12 s old no longer counts."""
    now = MIDNIGHT + 100
    user = prepare(
        home,
        users,
        Reading(WASHER, now - 12, 1, 5.0),
        Reading(WASHER, now - 11, 1, 9.5),
        Reading(FRIDGE, now, 2, 0.8),
    )
    assert ask(home, user, document.TOTAL, now=now) == ((Decimal("2369.000"),),)
    assert ask(home, user, document.TOTAL, now=now + 60) == ((None,),)


def test_daily_means(home: Home, users: Users) -> None:
    """Means of ampere, as the document has them; `microonde` is not the `micronde` that the query names."""
    user = prepare(
        home,
        users,
        Reading(WASHER, MIDNIGHT, 1, 1.0),
        Reading(WASHER, MIDNIGHT + DAY - 1, 1, 2.0),
        Reading(FRIDGE, MIDNIGHT + 50, 2, 0.5),
        Reading(WASHER, MIDNIGHT + DAY, 1, 4.0),
        Reading(WASHER, MIDNIGHT + DAY + 5, 7, 4.0),
        Reading(WASHER, MIDNIGHT + 2 * DAY, 1, 8.0),
    )
    assert ask(home, user, document.DAILY, MIDNIGHT + 5, MIDNIGHT + DAY) == (
        (date(2024, 6, 10), Decimal("1.5"), Decimal("0.5"), 0, 0, 0, 0, 0),
        (date(2024, 6, 11), Decimal(4), 0, 0, 0, 0, 0, 0),
    )
    named_so = [{"id": 7, "name": "micronde", "ratings": []}]
    home.apply(devices=named_so)
    assert ask(home, user, document.DAILY, MIDNIGHT + DAY, MIDNIGHT + DAY)[0][-1] == Decimal(4)


def test_throughput(home: Home, users: Users) -> None:
    now = MIDNIGHT + 100
    user = prepare(
        home,
        users,
        *(Reading(WASHER, now - age, 1, 1.0) for age in range(0, 120, 10)),
        Reading(FRIDGE, now - 59, 2, 1.0),
        Reading(FRIDGE, now - 60, 2, 1.0),
    )
    assert sorted(ask(home, user, document.THROUGHPUT, now=now)) == [("frigorifero", 1), ("lavatrice", 6)]


def test_the_columns_are_the_documents(home: Home, users: Users) -> None:
    user = prepare(home, users, *(Reading(mac, MIDNIGHT + s, 1, 1.0) for mac in (WASHER, FRIDGE) for s in (0, 1)))
    rows = ask(home, user, "SELECT id, updated_at, idDevice, macAddress, sensorData FROM energy_consumption ORDER BY 2")
    assert len({row[0] for row in rows}) == 4
    assert [row[3] for row in rows[:2]] == ["02:00:00:00:00:01", "02:00:00:00:00:02"]
    assert rows == ask(home, user, "SELECT * FROM energy_consumption ORDER BY updated_at")


def test_a_range_of_time_is_read_in_the_order_of_the_key(home: Home, users: Users) -> None:
    """Neither the computed id nor the join makes the server sort or read the whole table."""
    user = prepare(home, users, *(Reading(WASHER, MIDNIGHT + 10 * step, 1 + step % 7, 1.0) for step in range(20_000)))
    home.rows("ANALYZE TABLE {data}")
    plan = home.rows(
        "EXPLAIN SELECT id, updated_at, sensorData FROM energy_consumption "
        "WHERE updated_at BETWEEN FROM_UNIXTIME(%s) AND FROM_UNIXTIME(%s) ORDER BY updated_at",
        MIDNIGHT + DAY,
        MIDNIGHT + DAY + 600,
    )
    assert len(plan) == 1
    assert "PRIMARY" in plan[0]
    assert not re.search("filesort|temporary", str(plan))
    begin = time.perf_counter()
    assert len(ask(home, user, document.SERIES, MIDNIGHT + DAY, MIDNIGHT + DAY + 600)) == 61
    assert time.perf_counter() - begin < 5
