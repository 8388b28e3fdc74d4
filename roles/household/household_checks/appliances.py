"""The appliances and their dated ratings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping

from household_checks.home import HIGHEST_V, LOWEST_V
from household_checks.values import (
    Variables,
    day,
    entries,
    fold,
    in_range,
    known_number,
    mappings,
    number,
    short_name,
    show,
    switch,
    unknown_keys,
    whole,
    whole_in_range,
)


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    value = given.get("ecms_devices")
    devices = entries(value)
    if not devices:
        yield (
            f'ecms_devices is {show(value)}: set a list of at least one appliance, such as {{id: 1, name: "lavatrice"}}'
        )
        return
    ids: set[int] = set()
    folded: set[str] = set()
    for position, device in enumerate(devices, start=1):
        label = f"ecms_devices, entry {position}"
        if not isinstance(device, Mapping):
            yield f'{label} is {show(device)}: set an id and a name, such as {{id: 1, name: "lavatrice"}}'
            continue
        yield from unknown_keys(label, device, ("id", "name", "ratings", "sometimes_unplugged"))
        device_id, name = whole(device.get("id")), device.get("name")
        yield from whole_in_range(f"{label}: id", device.get("id"), 0, 255, "")
        if device_id is not None and device_id in ids:
            yield f"{label}: id {device_id} is taken by another appliance: set a number of its own"
        if device_id is not None:
            ids.add(device_id)
        faults = list(short_name(f"{label}: name", name))
        yield from faults
        if not faults and isinstance(name, str):
            if fold(name) in folded:
                yield f"{label}: name {show(name)} is taken by another appliance: set a name of its own"
            folded.add(fold(name))
        yield from switch(f"{label}: sometimes_unplugged", device.get("sometimes_unplugged", False))
        yield from _ratings(label, device.get("ratings", []))


def _ratings(label: str, value: object) -> Iterator[str]:
    ratings = entries(value)
    if ratings is None:
        yield (f"{label}: ratings is {show(value)}: set a list such as [{{valid_from: 2026-01-31, power_factor: 0.9}}]")
        return
    days: set[dt.date] = set()
    for position, rating in enumerate(ratings, start=1):
        part = f"{label}, rating {position}"
        if not isinstance(rating, Mapping):
            yield f"{part} is {show(rating)}: set valid_from and voltage_v or power_factor"
            continue
        yield from unknown_keys(part, rating, ("valid_from", "voltage_v", "power_factor"))
        date = day(rating.get("valid_from"))
        if date is None:
            yield f"{part}: valid_from is {show(rating.get('valid_from'))}: set a date such as 2026-01-31"
        elif date in days:
            yield f"{part}: valid_from {date} is the day of another rating of this appliance: join the two"
        else:
            days.add(date)
        if "voltage_v" in rating:
            yield from in_range(f"{part}: voltage_v", rating["voltage_v"], LOWEST_V, HIGHEST_V, " volt")
        if "power_factor" in rating:
            factor = number(rating["power_factor"])
            if factor is None or not 0 < factor <= 1:
                yield (f"{part}: power_factor is {show(rating['power_factor'])}: set a number above 0 and at most 1")
        if not {"voltage_v", "power_factor"} & set(rating):
            yield f"{part} says nothing: set voltage_v or power_factor"


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``; ratings are filled in, oldest first."""
    mains_v = known_number(given["ecms_mains_voltage_v"])
    return {"devices": [_fact(device, mains_v) for device in mappings(given["ecms_devices"])]}


def _fact(device: Variables, mains_v: float) -> dict[str, object]:
    ratings: list[dict[str, object]] = [
        {
            "valid_from": str(day(rating["valid_from"])),
            "voltage_v": known_number(rating.get("voltage_v", mains_v)),
            "power_factor": known_number(rating.get("power_factor", 1.0)),
        }
        for rating in mappings(device.get("ratings", []))
    ]
    ratings.sort(key=lambda rating: str(rating["valid_from"]))
    return {"id": whole(device["id"]), "name": str(device["name"]), "ratings": ratings}
