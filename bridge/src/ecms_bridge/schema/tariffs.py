"""What electricity costs: dated tariffs, the bands of their weekly hours, and their slots on a local day.

A tariff holds from its date until the next one's. Times are the household's clock: a slot that begins when clocks
spring forward begins at that instant, one that begins in the hour that comes twice begins the first time.
"""

from __future__ import annotations

import functools
import json
from calendar import isleap, monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import holidays

from ecms_bridge.days import Day
from ecms_bridge.schema.errors import SchemaError

DAY_MINUTES = 1440
SLOT_MINUTES = 15
"""Bands change at quarters of an hour, the finest sums there are."""

SINGLE = ""
"""The name of the only band of a tariff without bands."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes since midnight, from ``begins`` up to before ``ends``, on ``days`` (0 is Monday), in a band."""

    band: str
    days: frozenset[int]
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices per kWh by band from ``valid_from`` on, and what a month and a year cost besides.

    Where no ``hours`` hold, it is ``other_hours``; on the public holidays of ``country``, all day, ``holiday_band``.
    ``correction`` allows to change what already holds.
    """

    valid_from: date
    prices: Mapping[str, Decimal]
    hours: tuple[Hours, ...]
    other_hours: str
    country: str
    holiday_band: str
    fixed_per_month: Decimal
    fixed_per_year: Decimal
    correction: bool

    @property
    def terms(self) -> str:
        """All of it that decides what something costs, as text that is the same for the same terms."""
        return json.dumps(
            {
                "prices": {name: str(price.normalize()) for name, price in sorted(self.prices.items())},
                "hours": [
                    [hours.band, sorted(hours.days), hours.begins, hours.ends]
                    for hours in sorted(self.hours, key=lambda h: (h.begins, h.ends, h.band, sorted(h.days)))
                ],
                "other_hours": self.other_hours,
                "holidays": [self.country, self.holiday_band],
                "fixed": [str(self.fixed_per_month.normalize()), str(self.fixed_per_year.normalize())],
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_terms(cls, valid_from: date, terms: str) -> Tariff:
        """Return the tariff that ``terms`` describe."""
        facts = json.loads(terms)
        country, holiday_band = facts["holidays"]
        per_month, per_year = facts["fixed"]
        return cls(
            valid_from=valid_from,
            prices={name: Decimal(price) for name, price in facts["prices"].items()},
            hours=tuple(Hours(band, frozenset(days), begins, ends) for band, days, begins, ends in facts["hours"]),
            other_hours=facts["other_hours"],
            country=country,
            holiday_band=holiday_band,
            fixed_per_month=Decimal(per_month),
            fixed_per_year=Decimal(per_year),
            correction=False,
        )

    def fixed(self, day: date) -> Decimal:
        """Return what a day costs whatever is used."""
        month_days, year_days = monthrange(day.year, day.month)[1], 366 if isleap(day.year) else 365
        return self.fixed_per_month / month_days + self.fixed_per_year / year_days

    def band_at(self, day: date, minute: int) -> str:
        """Return the band at a minute of a local day."""
        if self.country and day in public_holidays(self.country):
            return self.holiday_band
        for hours in self.hours:
            if day.weekday() in hours.days and hours.begins <= minute < hours.ends:
                return hours.band
        return self.other_hours


@functools.cache
def public_holidays(country: str) -> holidays.HolidayBase:
    """Return the public holidays of a country (ISO 3166, such as IT); raise SchemaError if they are not known."""
    try:
        return holidays.country_holidays(country)
    except NotImplementedError as error:
        msg = f"ecms_tariffs: the holidays of the country {country!r} are not known: set a code such as IT"
        raise SchemaError(msg) from error


def in_force(tariffs: Sequence[Tariff], day: date) -> Tariff | None:
    """Return the tariff of a day, of tariffs in the order of their dates."""
    return next((tariff for tariff in reversed(tariffs) if tariff.valid_from <= day), None)


def slots(tariff: Tariff | None, day: Day, zone: ZoneInfo) -> list[tuple[datetime, datetime, str]]:
    """Return begin, end (naive UTC) and band of a local day's slots, which fill the day; one without a tariff."""
    if tariff is None:
        return [(day.begins, day.ends, SINGLE)]
    changes = [(day.begins, tariff.band_at(day.day, 0))]
    for minute in range(SLOT_MINUTES, DAY_MINUTES, SLOT_MINUTES):
        band = tariff.band_at(day.day, minute)
        if band != changes[-1][1]:
            changes.append((_instant(day.day, minute, zone), band))
    found: list[tuple[datetime, datetime, str]] = []
    for number, (begins, band) in enumerate(changes):
        ends = changes[number + 1][0] if number + 1 < len(changes) else day.ends
        if begins < ends:
            found.append((begins, ends, band))
    return found


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    # A clock time that is left out is read by the offset before the change, so it may lie after the next one that
    # exists by up to an hour; the change itself is where both begin.
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        instant = _change_before(instant, zone)
    return instant.replace(tzinfo=None)


def _change_before(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the offset that holds at ``instant`` does, to the quarter of an hour."""
    offset = instant.astimezone(zone).utcoffset()
    step = timedelta(minutes=SLOT_MINUTES)
    while (instant - step).astimezone(zone).utcoffset() == offset:
        instant -= step
    return instant
