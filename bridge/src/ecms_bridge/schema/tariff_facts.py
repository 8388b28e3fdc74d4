"""An entry of ecms_tariffs as the playbook writes it, checked. The inventory's own check is the role household's."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from ecms_bridge.schema import read
from ecms_bridge.schema.tariffs import DAY_MINUTES, SINGLE, SLOT_MINUTES, Hours, Tariff, public_holidays

MAX_PRICE = Decimal(1000)
"""Per kWh. A price in cents would pass, one in another currency's thousands too."""

MAX_FIXED = Decimal(100_000)
MAX_BANDS = 20

_LAST_DAY = date(2038, 1, 18)
_MAX_BAND_LENGTH = 20
_SUNDAY = 6


def parse_tariff(facts: object) -> Tariff:
    """Check one tariff; raise SchemaError with one sentence at the first mistake."""
    members = read.mapping(facts, "each of ecms_tariffs")
    valid_from = _date(read.text(members, "valid_from"))
    label = f"ecms_tariffs: in the tariff from {valid_from}"
    given = read.mapping(members.get("prices"), f"{label}, prices")
    prices = {band: read.amount(price, f"{label}, the price of {band!r}", MAX_PRICE) for band, price in given.items()}
    if not prices or len(prices) > MAX_BANDS or any(len(band) > _MAX_BAND_LENGTH for band in prices):
        read.fail(f"{label}, set a price, or 1 to {MAX_BANDS} bands with names of up to {_MAX_BAND_LENGTH} characters")
    hours = tuple(read.each(members, "hours", lambda entry: _hours(entry, label)))
    other_hours = read.text(members, "other_hours")
    country, holiday_band = read.text(members, "holiday_country"), read.text(members, "holiday_band")
    named = {other_hours, *(entry.band for entry in hours), *([holiday_band] if country else [])}
    for band in sorted(named - set(prices)):
        read.fail(f"{label}, the band {band!r} has no price: add it to bands")
    if country:
        public_holidays(country)
    return Tariff(
        valid_from,
        prices,
        hours,
        other_hours,
        country,
        holiday_band if country else SINGLE,
        read.amount(members.get("fixed_per_month"), f"{label}, fixed_per_month", MAX_FIXED),
        read.amount(members.get("fixed_per_year"), f"{label}, fixed_per_year", MAX_FIXED),
        members.get("correction") is True,
    )


def _date(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        read.fail(f"ecms_tariffs: write valid_from as a date such as 2026-01-31, not {text!r}")
    if day > _LAST_DAY:
        read.fail(f"ecms_tariffs: set valid_from to a date up to {_LAST_DAY}, not {day}")
    return day


def _hours(facts: object, label: str) -> Hours:
    members = read.mapping(facts, f"{label}, each of hours")
    days = frozenset(read.each(members, "days", lambda day: day if type(day) is int else -1))
    begins, ends = read.whole(members, "begins"), read.whole(members, "ends")
    if not days or not days <= set(range(_SUNDAY + 1)):
        read.fail(f"{label}, the days of hours must be numbers from 0 (Monday) to 6, not {members.get('days')!r}")
    if not 0 <= begins < ends <= DAY_MINUTES or begins % SLOT_MINUTES or ends % SLOT_MINUTES:
        read.fail(
            f"{label}, hours must begin and end at quarters of an hour of one day, not {begins} to {ends} minutes"
        )
    return Hours(read.text(members, "band"), days, begins, ends)
