"""The live table: what the household's database says of each appliance now."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pymysql
from rich.table import Table

from ecms_bridge import names

SQL = (Path(__file__).parent / "live.sql").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Row:
    """One appliance: current in A, power in W, energy of the local day in Wh; None where nothing is recent."""

    device: int
    name: str
    amps: Decimal | None
    watts: Decimal | None
    wh_today: Decimal
    per_minute: int
    seconds_ago: int | None


def read(connection: pymysql.Connection[Any], slug: str) -> list[Row]:
    """Return the state of every appliance of the household."""
    query = SQL.format(data_table=names.data_table(slug), rollup_table=names.rollup_table(slug))
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows = cursor.fetchall()
    connection.commit()
    return [Row(*row) for row in rows]


def render(rows: list[Row], caption: str) -> Table:
    """Return the table as the terminal shows it."""
    table = Table(title="ECMS demo", caption=caption)
    table.add_column("appliance")
    for heading in ("A", "W", "Wh today", "datagrams/min", "last seen"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.name,
            _number(row.amps, 3),
            _number(row.watts, 0),
            _number(row.wh_today, 1),
            str(row.per_minute),
            "never" if row.seconds_ago is None else f"{row.seconds_ago} s ago",
        )
    total = sum((row.watts for row in rows if row.watts is not None), Decimal(0))
    table.add_section()
    table.add_row("together", "", _number(total, 0), _number(sum((r.wh_today for r in rows), Decimal(0)), 1), "", "")
    return table


def _number(value: Decimal | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
