"""What a range of time holds, row by row: single readings, hours or days, with Wh and cost.

Wh is the sum of current x time x volt x power factor, by the rating of that time; cost by the price of that time. Both
are computed here in Python, from the same stored sums as the dashboard's but not by its queries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ecms_bridge import names
from ecms_bridge.datagram import format_mac
from ecms_bridge.schema.calendar import day_begins
from ecms_bridge.session import Session

READING, HOUR, DAY = "reading", "hour", "day"
COLUMNS = {
    READING: ("time", "appliance", "box", "ampere", "watt"),
    HOUR: ("begins", "appliance", "wh", "cost", "coverage_percent"),
    DAY: ("day", "appliance", "wh", "cost", "coverage_percent"),
}

_WS_PER_WH = 3600
_WH_PER_KWH = 1000
_HOUR_S = 3600

Row = tuple[object, ...]


class ExportError(Exception):
    """Nothing can be exported; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Range:
    """From ``begins`` up to before ``ends``, both with their zone."""

    begins: datetime
    ends: datetime

    @property
    def utc(self) -> tuple[datetime, datetime]:
        """Both in naive UTC, as the database has times."""
        return self.begins.astimezone(UTC).replace(tzinfo=None), self.ends.astimezone(UTC).replace(tzinfo=None)


@dataclass(slots=True)
class _Sum:
    """What an appliance used in an hour or a day; ``cost`` is None once a price is missing."""

    wh: Decimal = Decimal(0)
    cost: Decimal | None = Decimal(0)
    cov_s: Decimal = Decimal(0)

    def add(self, wh: Decimal, price_kwh: Decimal | None, cov_s: Decimal) -> None:
        self.wh += wh
        self.cov_s += cov_s
        self.cost = None if self.cost is None or price_kwh is None else self.cost + wh * price_kwh / _WH_PER_KWH

    def columns(self, length_s: float) -> Row:
        coverage = min(Decimal(100), 100 * self.cov_s / Decimal(length_s)) if length_s > 0 else None
        return (
            round(self.wh, 3),
            None if self.cost is None else round(self.cost, 6),
            None if coverage is None else round(coverage, 2),
        )


class Exporter:
    """Reads a household's schema, which is the one in use; nothing is written."""

    def __init__(self, session: Session, slug: str, zone: ZoneInfo, appliances: Sequence[str], now: datetime) -> None:
        """Know the appliances; raise ExportError if one of ``appliances`` (names, none for all) is not there."""
        self._session = session
        self._slug = slug
        self._zone = zone
        self._now = now
        with session.cursor() as cursor:
            cursor.execute("SELECT idDevice, nome FROM device ORDER BY idDevice")
            self._names: dict[int, str] = dict(cursor.fetchall())
            cursor.execute("SELECT idDevice, valid_from, voltage_v * power_factor FROM device_rating ORDER BY 1, 2")
            self._ratings: dict[int, list[tuple[datetime, Decimal]]] = {}
            for device, since, w_per_a in cursor.fetchall():
                self._ratings.setdefault(device, []).append((since, w_per_a))
        known = {name.casefold(): device for device, name in self._names.items()}
        for name in appliances:
            if name.casefold() not in known:
                msg = f"there is no appliance {name!r}: choose of {', '.join(self._names.values())}"
                raise ExportError(msg)
        self._wanted = {known[name.casefold()] for name in appliances} or set(self._names)

    def rows(self, by: str, span: Range) -> Iterator[Row]:
        """Yield the rows of COLUMNS[by], in the order of time."""
        if by == READING:
            return self._readings(span)
        return self._hours(span) if by == HOUR else self._days(span)

    def retired_before(self) -> datetime | None:
        """Return from when on there are single readings, where older hours and days are still there."""
        with self._session.cursor() as cursor:
            cursor.execute(f"SELECT MIN(updated_at) FROM {names.data_table(self._slug)}")  # noqa: S608
            ((first,),) = cursor.fetchall()
            cursor.execute(f"SELECT MIN(bucket) FROM {names.rollup_table(self._slug)} WHERE res = 15")  # noqa: S608
            ((bucket,),) = cursor.fetchall()
        if bucket is None or (first is not None and first - bucket < timedelta(days=1)):
            return None
        return self._local(first or self._now.astimezone(UTC).replace(tzinfo=None))

    def _readings(self, span: Range) -> Iterator[Row]:
        statement = (
            f"SELECT updated_at, idDevice, mac, sensorData FROM {names.data_table(self._slug)} "  # noqa: S608
            "WHERE updated_at >= %s AND updated_at < %s ORDER BY updated_at, idDevice, mac"
        )
        for moment, device, mac, amps in self._pieces(statement, span, timedelta(days=1)):
            if device in self._wanted:
                watt = round(amps * self._w_per_a(device, moment), 1)
                yield self._local(moment).isoformat(), self._names.get(device, device), format_mac(mac), amps, watt

    def _hours(self, span: Range) -> Iterator[Row]:
        statement = (
            f"SELECT bucket, idDevice, SUM(a_s), SUM(cov_s) / COUNT(*) FROM {names.rollup_table(self._slug)} "  # noqa: S608
            "WHERE res = 15 AND bucket >= %s AND bucket < %s GROUP BY bucket, idDevice ORDER BY bucket, idDevice"
        )
        slots, prices = self._slots(span), self._prices(span)
        starts = [begins for begins, _, _ in slots]
        hour: datetime | None = None
        sums: dict[int, _Sum] = {}
        for bucket, device, a_s, cov_s in self._pieces(statement, span, timedelta(days=30)):
            # Of the hour that comes twice each is its own: the offset is part of the hour.
            local = self._local(bucket)
            begins = local.replace(minute=0)
            if hour is not None and (begins, begins.utcoffset()) != (hour, hour.utcoffset()):
                yield from self._flush_hour(hour, sums)
                sums = {}
            hour = begins
            if device in self._wanted:
                slot = slots[bisect_right(starts, bucket) - 1] if starts else None
                price = None if slot is None else prices.get(slot[1:])
                wh = a_s * self._w_per_a(device, bucket) / _WS_PER_WH
                sums.setdefault(device, _Sum()).add(wh, price, Decimal(cov_s))
        if hour is not None:
            yield from self._flush_hour(hour, sums)

    def _flush_hour(self, hour: datetime, sums: dict[int, _Sum]) -> Iterator[Row]:
        elapsed = min(float(_HOUR_S), (self._now - hour.astimezone(UTC)).total_seconds())
        for device, total in sorted(sums.items()):
            yield (hour.isoformat(), self._names.get(device, device), *total.columns(elapsed))

    def _days(self, span: Range) -> Iterator[Row]:
        first, last = span.begins.date(), (span.ends - timedelta(microseconds=1)).date()
        prices = self._prices(span)
        statement = (
            "SELECT day, idDevice, band, a_s, cov_s FROM daily WHERE day BETWEEN %s AND %s ORDER BY day, idDevice, band"
        )
        key: tuple[date, int] | None = None
        total = _Sum()
        with self._session.cursor() as cursor:
            cursor.execute(statement, (first, last))
            rows = cursor.fetchall()
        for day, device, band, a_s, cov_s in rows:
            if device not in self._wanted:
                continue
            if key is not None and key != (day, device):
                yield self._day(key, total)
                total = _Sum()
            key = day, device
            w_per_a = self._w_per_a(device, day_begins(day, self._zone).astimezone(UTC).replace(tzinfo=None))
            total.add(a_s * w_per_a / _WS_PER_WH, prices.get((day, band)), Decimal(cov_s))
        if key is not None:
            yield self._day(key, total)

    def _day(self, key: tuple[date, int], total: _Sum) -> Row:
        day, device = key
        begins = day_begins(day, self._zone).astimezone(UTC)
        ends = day_begins(day + timedelta(days=1), self._zone).astimezone(UTC)
        elapsed = (min(ends, self._now.astimezone(UTC)) - begins).total_seconds()
        return (day.isoformat(), self._names.get(device, device), *total.columns(elapsed))

    def _slots(self, span: Range) -> list[tuple[datetime, date, int]]:
        begins, ends = span.utc
        with self._session.cursor() as cursor:
            cursor.execute(
                "SELECT begins, day, band FROM tariff_slot WHERE begins >= %s AND begins < %s ORDER BY begins",
                (begins - timedelta(days=2), ends),
            )
            return list(cursor.fetchall())

    def _prices(self, span: Range) -> dict[tuple[date, int], Decimal]:
        with self._session.cursor() as cursor:
            cursor.execute(
                "SELECT day, band, price_kwh FROM day_price WHERE day BETWEEN %s AND %s",
                (span.begins.date() - timedelta(days=1), span.ends.date()),
            )
            return {(day, band): price for day, band, price in cursor.fetchall()}

    def _pieces(self, statement: str, span: Range, piece: timedelta) -> Iterator[tuple[Any, ...]]:
        """Yield the rows from begin up to before end, of a ``piece`` of time after another: few are in memory."""
        begins, ends = span.utc
        while begins < ends:
            following = min(begins + piece, ends)
            with self._session.cursor() as cursor:
                cursor.execute(statement, (begins, following))
                rows = cursor.fetchall()
            yield from rows
            begins = following

    def _w_per_a(self, device: int, moment: datetime) -> Decimal:
        ratings = self._ratings[device]
        return ratings[bisect_right(ratings, moment, key=lambda rating: rating[0]) - 1][1]

    def _local(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=UTC).astimezone(self._zone)
