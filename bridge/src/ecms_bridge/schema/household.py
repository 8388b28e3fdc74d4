"""What the inventory says of one household, read from the JSON file that the playbook writes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ecms_bridge.schema import read
from ecms_bridge.schema.calendar import day_begins
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.settings import Settings, parse_settings
from ecms_bridge.schema.tariff_facts import parse_tariff
from ecms_bridge.schema.tariffs import Tariff

FIRST_TIME = datetime(1970, 1, 1, 0, 0, 1)  # noqa: DTZ001
"""The first that TIMESTAMP holds (UTC, naive as all times towards the database): from ever."""

LAST_TIME = datetime(2038, 1, 19, 3, 14, 7)  # noqa: DTZ001
"""The last that TIMESTAMP holds on MySQL 8 and MariaDB 10.11."""

MIN_RETENTION_DAYS = 8
"""Readings may arrive 7 days late, and their buckets are then computed again from the raw rows."""

_MAX_NAME_LENGTH = 50
_MAX_DEVICE = 255
_MAX_VOLTAGE_V = Decimal("9999.99")
_mac_match = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}").fullmatch


@dataclass(frozen=True, slots=True)
class Rating:
    """Volt and power factor of an appliance from ``valid_from`` (naive UTC) on."""

    valid_from: datetime
    voltage_v: Decimal
    power_factor: Decimal


@dataclass(frozen=True, slots=True)
class Appliance:
    """An appliance with its ratings, one of them from ever."""

    id: int
    name: str
    ratings: tuple[Rating, ...]


@dataclass(frozen=True, slots=True)
class Household:
    """A household as its inventory has it; ``boxes`` maps the MAC of assigned boxes to an appliance's id."""

    slug: str
    zone: ZoneInfo
    appliances: tuple[Appliance, ...]
    boxes: dict[bytes, int]
    retention_days: int
    settings: Settings
    tariffs: tuple[Tariff, ...]


def read_household(path: Path) -> Household:
    """Read and check the file; raise SchemaError with one sentence at the first mistake."""
    return parse_household(_read(path, "household"))


def read_facts_of_each(path: Path) -> list[tuple[str, object]]:
    """Read a file of several households; return each one's slug and facts, yet unchecked. Raises SchemaError."""
    every = _read(path, "households")
    if not isinstance(every, list):
        read.fail(f"the households in {path} must be a list: run the playbook again")
    return [(str(one.get("slug")) if isinstance(one, dict) else "?", one) for one in every]


def _read(path: Path, what: str) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"cannot read the {what} {path}: {error}"
        raise SchemaError(msg) from error


def parse_household(facts: object) -> Household:
    """Check the facts of a household; raise SchemaError with one sentence at the first mistake."""
    members = read.mapping(facts, "the household")
    slug = read.slug(members)
    zone = _zone(read.text(members, "timezone"))
    mains_voltage = read.number(members, "mains_voltage_v", above=Decimal(0), up_to=_MAX_VOLTAGE_V)
    appliances = read.each(members, "devices", lambda device: _appliance(device, mains_voltage, zone))
    known = {appliance.id for appliance in appliances}
    if len(known) != len(appliances):
        read.fail("two entries of ecms_devices have the same id: give each appliance an id of its own")
    boxes: dict[bytes, int] = {}
    for mac, device in read.each(members, "boxes", _box):
        if device not in known:
            read.fail(f"the box {mac} is assigned to appliance {device}, which ecms_devices does not have: add it")
        key = bytes.fromhex(mac.replace(":", ""))
        if boxes.setdefault(key, device) != device:
            read.fail(f"the box {mac} is assigned to two appliances: leave one of them in ecms_boxes")
    retention_days = read.whole(members, "retention_days")
    if retention_days < MIN_RETENTION_DAYS:
        read.fail(f"set ecms_retention_days to at least {MIN_RETENTION_DAYS}: readings may arrive a week late")
    settings = parse_settings(members, zone, mains_voltage)
    tariffs = sorted(read.each(members, "tariffs", parse_tariff), key=lambda tariff: tariff.valid_from)
    if len({tariff.valid_from for tariff in tariffs}) != len(tariffs):
        read.fail("two entries of ecms_tariffs have the same valid_from: join them")
    return Household(slug, zone, tuple(appliances), boxes, retention_days, settings, tuple(tariffs))


def _appliance(facts: object, mains_voltage: Decimal, zone: ZoneInfo) -> Appliance:
    members = read.mapping(facts, "each of ecms_devices")
    number = read.whole(members, "id")
    if not 0 <= number <= _MAX_DEVICE:
        read.fail(f"set the id of an appliance to 0 to {_MAX_DEVICE}, not {number}")
    name = read.text(members, "name")
    if not 0 < len(name) <= _MAX_NAME_LENGTH or name != name.strip():
        read.fail(f"give appliance {number} a name of 1 to {_MAX_NAME_LENGTH} characters without outer blanks")
    ratings = {FIRST_TIME: Rating(FIRST_TIME, mains_voltage, Decimal(1))}
    for rating in read.each(members, "ratings", lambda entry: _rating(entry, name, zone)):
        ratings[rating.valid_from] = rating
    return Appliance(number, name, tuple(ratings[since] for since in sorted(ratings)))


def _rating(facts: object, name: str, zone: ZoneInfo) -> Rating:
    members = read.mapping(facts, f"each rating of {name!r}")
    try:
        day = date.fromisoformat(read.text(members, "valid_from"))
    except ValueError:
        read.fail(f"write valid_from of {name!r} as a date such as 2026-01-31, not {members['valid_from']!r}")
    if day >= LAST_TIME.date():
        read.fail(f"set valid_from of {name!r} to a date before {LAST_TIME.date()}, not {day}")
    begins = FIRST_TIME
    if day > FIRST_TIME.date():
        begins = day_begins(day, zone).astimezone(UTC).replace(tzinfo=None)
    return Rating(
        begins,
        read.number(members, "voltage_v", above=Decimal(0), up_to=_MAX_VOLTAGE_V),
        read.number(members, "power_factor", above=Decimal(0), up_to=Decimal(1)),
    )


def _box(facts: object) -> tuple[str, int]:
    members = read.mapping(facts, "each of ecms_boxes")
    mac = read.text(members, "mac")
    if _mac_match(mac) is None:
        read.fail(f"write the MAC of a box as AA:BB:CC:DD:EE:FF, not {mac!r}")
    return mac, read.whole(members, "device")


def _zone(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        read.fail(f"ecms_timezone {key!r} is unknown here: write a name such as Europe/Rome, and install tzdata")
