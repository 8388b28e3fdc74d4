"""What electricity costs: dated tariffs with one price or with bands, and their weekly hours."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence

from household_checks.values import (
    Variables,
    day,
    entries,
    in_range,
    known_number,
    mappings,
    show,
    switch,
    truth,
    unknown_keys,
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SINGLE = ""
"""The name of the only band of a tariff without bands."""

_KEYS = (
    "valid_from",
    "price_kwh",
    "bands",
    "hours",
    "other_hours",
    "holidays",
    "fixed_per_month",
    "fixed_per_year",
    "correction",
)
_OF_BANDS = ("hours", "other_hours", "holidays")
_MAX_PRICE = 1000
_MAX_FIXED = 100_000
_MAX_BANDS = 20
_MAX_BAND_LENGTH = 20
_LAST_DAY = dt.date(2038, 1, 18)
_TIME = re.compile(r"([01]\d|2[0-3]):(00|15|30|45)|24:00")


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    currency = given.get("ecms_currency")
    if not isinstance(currency, str) or re.fullmatch("[A-Z]{3}", currency, re.ASCII) is None:
        yield f"ecms_currency is {show(currency)}: set a code of three capital letters, such as EUR"
    value = given.get("ecms_tariffs")
    tariffs = entries(value)
    if tariffs is None:
        yield f"ecms_tariffs is {show(value)}: set a list such as [{{valid_from: 2026-01-01, price_kwh: 0.25}}]"
        return
    dates: set[dt.date] = set()
    for position, tariff in enumerate(tariffs, start=1):
        label = f"ecms_tariffs, entry {position}"
        if not isinstance(tariff, Mapping):
            yield f"{label} is {show(tariff)}: set valid_from and price_kwh or bands"
            continue
        yield from unknown_keys(label, tariff, _KEYS)
        date = day(tariff.get("valid_from"))
        if date is None or date > _LAST_DAY:
            yield f"{label}: valid_from is {show(tariff.get('valid_from'))}: set a date such as 2026-01-31"
        elif date in dates:
            yield f"{label}: valid_from {date} is the day of another tariff: join the two"
        else:
            dates.add(date)
        for key in ("fixed_per_month", "fixed_per_year"):
            if key in tariff:
                yield from in_range(f"{label}: {key}", tariff[key], 0, _MAX_FIXED, "")
        yield from switch(f"{label}: correction", tariff.get("correction", False))
        yield from _prices(label, tariff)


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``: every entry filled in, oldest first, times in minutes."""
    tariffs = [_fact(tariff) for tariff in mappings(given["ecms_tariffs"])]
    tariffs.sort(key=lambda tariff: str(tariff["valid_from"]))
    return {"currency": str(given["ecms_currency"]), "tariffs": tariffs}


def _prices(label: str, tariff: Variables) -> Iterator[str]:
    if ("price_kwh" in tariff) == ("bands" in tariff):
        yield f"{label}: set either price_kwh, one price for all hours, or bands, such as {{F1: 0.28, F3: 0.23}}"
        return
    if "price_kwh" in tariff:
        yield from in_range(f"{label}: price_kwh", tariff["price_kwh"], 0, _MAX_PRICE, "")
        for key in _OF_BANDS:
            if key in tariff:
                yield f"{label}: {key} needs bands: set bands instead of price_kwh, or remove it"
        return
    bands = tariff["bands"]
    if not isinstance(bands, Mapping) or not 1 <= len(bands) <= _MAX_BANDS:
        yield f"{label}: bands is {show(bands)}: set 1 to {_MAX_BANDS} names with their prices, such as {{F1: 0.28}}"
        return
    for band, price in bands.items():
        if not isinstance(band, str) or not 1 <= len(band) <= _MAX_BAND_LENGTH or band != band.strip():
            yield f"{label}: the band {show(band)} needs a name of 1 to {_MAX_BAND_LENGTH} characters, in quotes"
        yield from in_range(f"{label}: the price of band {band}", price, 0, _MAX_PRICE, "")
    yield from _band(f"{label}: other_hours", tariff.get("other_hours"), bands)
    yield from _hours(label, tariff.get("hours", []), bands)
    yield from _holidays(label, tariff, bands)


def _band(label: str, value: object, bands: Variables) -> Iterator[str]:
    if not isinstance(value, str) or value not in bands:
        yield f"{label} is {show(value)}: set one of its bands, {', '.join(str(band) for band in bands)}"


def _hours(label: str, value: object, bands: Variables) -> Iterator[str]:
    hours = entries(value)
    if hours is None:
        yield (
            f"{label}: hours is {show(value)}: set a list such as "
            '[{band: F1, days: [mon, tue], from: "08:00", to: "19:00"}]'
        )
        return
    taken: dict[tuple[str, int], int] = {}
    for position, entry in enumerate(hours, start=1):
        part = f"{label}, hours {position}"
        if not isinstance(entry, Mapping):
            yield f"{part} is {show(entry)}: set band, days, from and to"
            continue
        yield from unknown_keys(part, entry, ("band", "days", "from", "to"))
        yield from _band(f"{part}: band", entry.get("band"), bands)
        days = entries(entry.get("days"))
        if not days or any(name not in DAYS for name in days):
            yield f"{part}: days is {show(entry.get('days'))}: set a list of {', '.join(DAYS)}"
            continue
        begins, ends = _minutes(entry.get("from")), _minutes(entry.get("to"))
        for key, found in (("from", begins), ("to", ends)):
            if found is None:
                yield (
                    f"{part}: {key} is {show(entry.get(key))}: set a quarter of an hour in quotes, such as "
                    '"08:00", or "24:00" for midnight at the end'
                )
        if begins is None or ends is None:
            continue
        if begins >= ends:
            yield f"{part}: it ends at {entry['to']}, not after {entry['from']}: make two entries of one over midnight"
        yield from _overlaps(part, position, days, range(begins, ends, 15), taken)


def _overlaps(
    part: str, position: int, days: Sequence[object], minutes: range, taken: dict[tuple[str, int], int]
) -> Iterator[str]:
    others: set[int] = set()
    for name in days:
        for minute in minutes:
            other = taken.setdefault((str(name), minute), position)
            if other != position:
                others.add(other)
    for other in sorted(others):
        yield f"{part}: it overlaps with hours {other}: give each quarter of an hour one band"


def _holidays(label: str, tariff: Variables, bands: Variables) -> Iterator[str]:
    if "holidays" not in tariff:
        return
    holidays, part = tariff["holidays"], f"{label}: holidays"
    if not isinstance(holidays, Mapping):
        yield f"{part} is {show(holidays)}: set country and band, such as {{country: IT, band: F3}}"
        return
    yield from unknown_keys(part, holidays, ("country", "band"))
    country = holidays.get("country")
    if not isinstance(country, str) or re.fullmatch("[A-Z]{2}", country, re.ASCII) is None:
        yield f"{part}: country is {show(country)}: set a code of two capital letters in quotes, such as IT"
    yield from _band(f"{part}: band", holidays.get("band"), bands)


def _minutes(value: object) -> int | None:
    """Return the minutes since midnight of a time such as "08:00"."""
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        return None
    hours, minutes = value.split(":")
    return int(hours) * 60 + int(minutes)


def _fact(tariff: Variables) -> dict[str, object]:
    bands = tariff.get("bands")
    prices = bands if isinstance(bands, Mapping) else {SINGLE: tariff["price_kwh"]}
    holidays = next(iter(mappings([tariff.get("holidays")])), {})
    return {
        "valid_from": str(day(tariff["valid_from"])),
        "prices": {str(band): known_number(price) for band, price in prices.items()},
        "hours": [
            {
                "band": str(entry["band"]),
                "days": sorted(DAYS.index(str(name)) for name in entries(entry["days"]) or ()),
                "begins": _minutes(entry["from"]),
                "ends": _minutes(entry["to"]),
            }
            for entry in mappings(tariff.get("hours", []))
        ],
        "other_hours": str(tariff.get("other_hours", SINGLE)),
        "holiday_country": str(holidays.get("country", "")),
        "holiday_band": str(holidays.get("band", "")),
        "fixed_per_month": known_number(tariff.get("fixed_per_month", 0)),
        "fixed_per_year": known_number(tariff.get("fixed_per_year", 0)),
        "correction": bool(truth(tariff.get("correction", False))),
    }
