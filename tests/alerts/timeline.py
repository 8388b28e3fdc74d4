"""Lets simulated time pass over a household's real schema and its alert rules."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pymysql

from alerts.evaluator import QueryFailedError, Rule, Values, Watcher
from database.fixtures import Home
from ecms_bridge.session import Session

MAC = bytes.fromhex("5ccf7f000000")

Load = Callable[[int], float | None]
"""Ampere of a box at a second of the timeline; None: it sends nothing."""


@dataclass
class Timeline:
    """Seconds from ``begin`` (Unix s): boxes send every 10 s, the hub says every minute that it lives."""

    home: Home
    begin: int
    boxes: Mapping[int, Load] = field(default_factory=dict)
    """The load of each appliance's box."""
    hub: Callable[[int], bool] = lambda _: True
    stores: Callable[[int], bool] = lambda _: True
    """Whether what is sent arrives in the database; what does not is lost, as far as alerts see."""
    answers: Callable[[int], bool] = lambda _: True
    """Whether the database answers the dashboard."""
    offset: int = 0
    """Second of the minute at which rules are evaluated."""

    def run(self, rule: Rule, seconds: int) -> Watcher:
        """Evaluate a rule over that many seconds."""
        watcher = Watcher(rule)
        ticks = self._ticks(rule.interval_s, seconds)
        with closing(self.home.server.session()) as session:
            sent = -10
            for tick in ticks:
                for second in range(sent + 10, tick + 1, 10):
                    self._send(second)
                    sent = second
                watcher.evaluate(tick, self._ask(session, rule.sql, tick))
        return watcher

    def _ticks(self, interval_s: int, seconds: int) -> Iterator[int]:
        return itertools.takewhile(lambda tick: tick < seconds, itertools.count(self.offset, interval_s))

    def _at(self, second: int) -> datetime:
        return datetime.fromtimestamp(self.begin + second, UTC).replace(tzinfo=None)

    def _send(self, second: int) -> None:
        if not self.stores(second):
            return
        for device, load in self.boxes.items():
            ampere = load(second)
            if ampere is not None:
                mac = MAC[:5] + bytes([device])
                self.home.rows(
                    "INSERT INTO {data} (updated_at, idDevice, mac, sensorData) VALUES (%s, %s, %s, %s)",
                    self._at(second), device, mac, Decimal(f"{ampere:.3f}"),
                )  # fmt: skip
                self.home.rows(
                    "INSERT INTO box (mac, idDevice) VALUES (%s, %s) ON DUPLICATE KEY UPDATE idDevice = %s",
                    mac, device, device,
                )  # fmt: skip
        if second % 60 == 0 and self.hub(second):
            self.home.rows(
                "INSERT INTO hub_status (received_at, state, payload) VALUES (%s, 'online', '{}')", self._at(second)
            )

    def _ask(self, session: Session, sql: str, second: int) -> Values | QueryFailedError:
        if not self.answers(second):
            return QueryFailedError()
        with session.cursor() as cursor:
            cursor.execute(f"USE {self.home.schema}")
            cursor.execute(f"SET timestamp = {self.begin + second}")
            try:
                cursor.execute(sql)
            except pymysql.MySQLError as error:
                raise AssertionError(f"{error}\n{sql}") from error
            assert cursor.description is not None
            width = len(cursor.description)
            rows: tuple[tuple[Any, ...], ...] = cursor.fetchall()
        session.rollback()
        assert width in {1, 2}
        labels = [str(row[0]) if width == 2 else "" for row in rows]
        assert len(set(labels)) == len(labels), labels
        return {label: None if row[-1] is None else float(row[-1]) for label, row in zip(labels, rows, strict=True)}
