"""The tables ``tariff``, ``tariff_slot``, ``day_price`` and ``day_fixed``: the inventory's tariffs, day by day.

What the inventory does not mention is left alone, but for tariffs that have not begun: those it takes back. What
already holds changes only where the inventory says that it is a correction, so that a new price never changes the
past; nor does a newer list of holidays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from pymysql.cursors import Cursor

from ecms_bridge import names, turn
from ecms_bridge.days import Day, Days
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.household import Household
from ecms_bridge.schema.tariffs import Tariff, in_force, slots
from ecms_bridge.session import Session, is_clustered

_SIX_PLACES = Decimal("0.000001")

Slot = tuple[datetime, datetime, int]
"""Begin and end in naive UTC, number of the band."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A local day: its slots, the price per kWh of each band, and what it costs besides."""

    slots: tuple[Slot, ...]
    prices: tuple[tuple[int, Decimal], ...] = ()
    fixed: Decimal | None = None


@dataclass(slots=True)
class Plan:
    """The terms to store (None: to remove) by date, and what changes, for people."""

    changes: list[str] = field(default_factory=list)
    terms: dict[date, str | None] = field(default_factory=dict)
    since: list[tuple[date, date]] = field(default_factory=list)
    """The days, from and up to before, whose prices change though they may be past."""


def plan(wanted: Sequence[Tariff], stored: dict[date, str], today: date) -> Plan:
    """Return what has to change in ``tariff``; raise SchemaError if that would change what already holds."""
    result = Plan()
    for tariff in wanted:
        before = stored.get(tariff.valid_from)
        if before == tariff.terms:
            continue
        if before is not None and tariff.valid_from <= today and not tariff.correction:
            msg = (
                f"ecms_tariffs: the tariff from {tariff.valid_from} holds already with other terms: add the new prices "
                "as an entry with a valid_from of its own, or, if the old ones were wrong, set correction: true in it"
            )
            raise SchemaError(msg)
        result.changes.append(f"tariff from {tariff.valid_from}: {'add' if before is None else 'change'}")
        result.terms[tariff.valid_from] = tariff.terms
    if wanted:
        named = {tariff.valid_from for tariff in wanted}
        for valid_from in sorted(stored):
            if valid_from > today and valid_from not in named:
                result.changes.append(f"tariff from {valid_from}: take back")
                result.terms[valid_from] = None
    dates = sorted({*stored, *result.terms})
    for valid_from in sorted(result.terms):
        result.since.append((valid_from, next((other for other in dates if other > valid_from), date.max)))
    return result


class Prices:
    """The tariffs of the schema in use and what they come to on each day of its calendar."""

    def __init__(self, session: Session, household: Household, today: date) -> None:
        self._session = session
        self._household = household
        self._today = today
        self._days = Days(household.slug)
        self._clustered: bool | None = None

    def outlook(self, *, days_changed: bool) -> list[str]:
        """Return what ``apply`` would change."""
        stored = self._terms()
        wanted = plan(self._household.tariffs, stored, self._today)
        if wanted.changes or days_changed:
            return wanted.changes
        with self._session.cursor() as cursor:
            cursor.execute("SELECT name, band FROM band")
            bands: dict[str, int] = dict(cursor.fetchall())
        return _describe(self._changed(_tariffs(stored), [], bands, self._stored()))

    def apply(self, *, days_changed: bool) -> list[str]:
        """Bring the tables to the inventory and the calendar in one transaction; return what changed.

        Writers wait meanwhile. That prices follow days and tariffs is no change of its own: ``days_changed`` tells
        whether the calendar did. Raises SchemaError if a tariff that already holds has other terms.
        """
        with self._session.cursor() as cursor:
            self._take_turn(cursor)
            wanted = plan(self._household.tariffs, self._terms(), self._today)
            for valid_from, terms in wanted.terms.items():
                cursor.execute("DELETE FROM tariff WHERE valid_from = %s", (valid_from,))
                if terms is not None:
                    cursor.execute("INSERT INTO tariff (valid_from, terms) VALUES (%s, %s)", (valid_from, terms))
            changed = self._write(_tariffs(self._terms()), wanted.since)
        self._session.commit()
        return wanted.changes if wanted.changes or days_changed else _describe(changed)

    def close(self) -> None:
        """Close all days that have ended: after a migration, and where no writer has been at work since."""
        while True:
            with self._session.cursor() as cursor:
                self._take_turn(cursor)
                since = self._days.closed(cursor)
                oldest = self._days.oldest(cursor)
                cursor.execute("SELECT MAX(begins) FROM calendar WHERE ends <= UTC_TIMESTAMP()")
                ((newest,),) = cursor.fetchall()
                # Before its first reading a household has nothing to sum.
                begin = newest if oldest is None else self._begin_of(oldest)
                more = self._days.close(cursor, max(since, begin or since))
            self._session.commit()
            if more is None:
                return

    def _take_turn(self, cursor: Cursor) -> None:
        if self._clustered is None:
            self._clustered = is_clustered(self._session)
        turn.take(cursor, names.schema_name(self._household.slug), clustered=self._clustered)

    def _begin_of(self, moment: datetime) -> datetime | None:
        with self._session.cursor() as cursor:
            cursor.execute("SELECT MAX(begins) FROM calendar WHERE begins <= %s", (moment,))
            ((begins,),) = cursor.fetchall()
        return begins  # type: ignore[no-any-return]

    def _terms(self) -> dict[date, str]:
        with self._session.cursor() as cursor:
            cursor.execute("SELECT valid_from, terms FROM tariff")
            return dict(cursor.fetchall())

    def _write(self, tariffs: list[Tariff], since: list[tuple[date, date]]) -> list[tuple[Day, Priced]]:
        """Write the days that differ, and sum those again whose bands have changed."""
        bands = self._bands({name for tariff in tariffs for name in tariff.prices})
        stored = self._stored()
        changed = self._changed(tariffs, since, bands, stored)
        self._replace(changed)
        with self._session.cursor() as cursor:
            closed = self._days.closed(cursor)
            for day, new in changed:
                old = stored.get(day.day)
                if old is not None and old.slots != new.slots and day.ends <= closed:
                    self._days.again(cursor, day)
        return changed

    def _changed(
        self, tariffs: list[Tariff], since: list[tuple[date, date]], bands: dict[str, int], stored: dict[date, Priced]
    ) -> list[tuple[Day, Priced]]:
        """Return the days to write: missing ones and, where they differ, days to come, moved or with a new tariff."""
        with self._session.cursor() as cursor:
            cursor.execute("SELECT day, begins, ends FROM calendar ORDER BY day")
            calendar = [Day(*row) for row in cursor.fetchall()]
        changed: list[tuple[Day, Priced]] = []
        for day in calendar:
            old = stored.get(day.day)
            if (
                old is None
                or day.day >= self._today
                or any(first <= day.day < after for first, after in since)
                or (old.slots[0][0], old.slots[-1][1]) != (day.begins, day.ends)
            ):
                new = self._priced(tariffs, day, bands)
                if new != old:
                    changed.append((day, new))
        return changed

    def _priced(self, tariffs: list[Tariff], day: Day, bands: dict[str, int]) -> Priced:
        tariff = in_force(tariffs, day.day)
        cut = tuple((begins, ends, bands[band]) for begins, ends, band in slots(tariff, day, self._household.zone))
        if tariff is None:
            return Priced(cut)
        prices = sorted((bands[band], price.quantize(_SIX_PLACES)) for band, price in tariff.prices.items())
        return Priced(cut, tuple(prices), tariff.fixed(day.day).quantize(_SIX_PLACES))

    def _bands(self, wanted: set[str]) -> dict[str, int]:
        with self._session.cursor() as cursor:
            cursor.execute("SELECT name, band FROM band")
            known: dict[str, int] = dict(cursor.fetchall())
            for name in sorted(wanted - set(known)):
                known[name] = max(known.values()) + 1
                cursor.execute("INSERT INTO band (band, name) VALUES (%s, %s)", (known[name], name))
        return known

    def _stored(self) -> dict[date, Priced]:
        cut: dict[date, list[Slot]] = {}
        prices: dict[date, list[tuple[int, Decimal]]] = {}
        with self._session.cursor() as cursor:
            cursor.execute("SELECT day, begins, ends, band FROM tariff_slot ORDER BY begins")
            for day, begins, ends, band in cursor.fetchall():
                cut.setdefault(day, []).append((begins, ends, band))
            cursor.execute("SELECT day, band, price_kwh FROM day_price ORDER BY day, band")
            for day, band, price in cursor.fetchall():
                prices.setdefault(day, []).append((band, price))
            cursor.execute("SELECT day, fixed FROM day_fixed")
            fixed: dict[date, Decimal] = dict(cursor.fetchall())
        return {day: Priced(tuple(rows), tuple(prices.get(day, ())), fixed.get(day)) for day, rows in cut.items()}

    def _replace(self, changed: list[tuple[Day, Priced]]) -> None:
        if not changed:
            return
        days = tuple(day.day for day, _ in changed)
        with self._session.cursor() as cursor:
            # One statement for all of them: executemany would send one a day, and the first run has nine years of days.
            for table in ("tariff_slot", "day_price", "day_fixed"):
                cursor.execute(f"DELETE FROM {table} WHERE day IN %s", (days,))  # noqa: S608
            cursor.executemany(
                "INSERT INTO tariff_slot (begins, ends, day, band) VALUES (%s, %s, %s, %s)",
                [(begins, ends, day.day, band) for day, new in changed for begins, ends, band in new.slots],
            )
            cursor.executemany(
                "INSERT INTO day_price (day, band, price_kwh) VALUES (%s, %s, %s)",
                [(day.day, band, price) for day, new in changed for band, price in new.prices],
            )
            cursor.executemany(
                "INSERT INTO day_fixed (day, fixed) VALUES (%s, %s)",
                [(day.day, new.fixed) for day, new in changed if new.fixed is not None],
            )


def _tariffs(stored: dict[date, str]) -> list[Tariff]:
    return [Tariff.from_terms(day, terms) for day, terms in sorted(stored.items())]


def _describe(changed: list[tuple[Day, Priced]]) -> list[str]:
    if not changed:
        return []
    return [f"prices: correct {len(changed)} days from {changed[0][0].day} to {changed[-1][0].day}"]
