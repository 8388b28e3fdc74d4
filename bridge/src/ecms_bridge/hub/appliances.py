"""The household's appliances as Home Assistant is to see them: names, voltages, power factors, assigned boxes."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ecms_bridge.config import ConfigError, Section

_MAX_DEVICE = 255
_mac_match = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}").fullmatch


@dataclass(frozen=True, slots=True)
class Rating:
    """Volt and power factor from ``since`` (Unix s) on."""

    since: float
    voltage_v: float
    power_factor: float


@dataclass(frozen=True, slots=True)
class Appliance:
    """One appliance; its ratings are in order of time, the first of them from ever."""

    id: int
    name: str
    ratings: tuple[Rating, ...]

    def watts(self, amps: float, timestamp: float) -> float:
        """Return the power (W) of a current (A RMS) at a time (Unix s): P = V · I · power factor, an estimate."""
        rating = self.ratings[max(0, bisect_right(self.ratings, timestamp, key=lambda r: r.since) - 1)]
        return amps * rating.voltage_v * rating.power_factor


@dataclass(frozen=True, slots=True)
class Appliances:
    """All appliances by id, and the appliance of each box that is assigned to one whatever it says."""

    by_id: dict[int, Appliance]
    boxes: dict[bytes, int]

    @classmethod
    def parse(cls, section: Section) -> Appliances:
        """Read the table [home_assistant]; raise ConfigError, one sentence, at the first mistake."""
        zone_name = section.take("timezone", str)
        try:
            zone = ZoneInfo(zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            msg = f"the timezone {zone_name!r} is unknown here: set ecms_timezone, such as Europe/Rome"
            raise ConfigError(msg) from error
        mains_v = section.take("mains_voltage_v", float)
        by_id = {}
        for entry in section.sections("appliance"):
            appliance = _appliance(entry, zone, mains_v)
            by_id[appliance.id] = appliance
        boxes = {}
        for entry in section.sections("box"):
            mac, device = entry.take("mac", str), entry.take("device", int)
            entry.done()
            if _mac_match(mac) is None or device not in by_id:
                msg = f"the box {mac!r} of appliance {device} is none: run the playbook again"
                raise ConfigError(msg)
            boxes[bytes.fromhex(mac.replace(":", ""))] = device
        section.done()
        return cls(by_id, boxes)


def _appliance(entry: Section, zone: ZoneInfo, mains_v: float) -> Appliance:
    number, name = entry.take("id", int), entry.take("name", str)
    ratings = [Rating(float("-inf"), mains_v, 1.0)]
    for rating in entry.sections("rating"):
        text = rating.take("valid_from", str)
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            msg = f"a rating of {name!r} begins on {text!r}, which is no date: run the playbook again"
            raise ConfigError(msg) from error
        since = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
        ratings.append(Rating(since, rating.take("voltage_v", float), rating.take("power_factor", float)))
        rating.done()
    entry.done()
    if not 0 <= number <= _MAX_DEVICE or not name:
        msg = f"the appliance {number} {name!r} is none: run the playbook again"
        raise ConfigError(msg)
    return Appliance(number, name, tuple(sorted(ratings, key=lambda rating: rating.since)))
