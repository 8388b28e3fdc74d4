"""The household: its name, its zone, its mains and its contract."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Iterator

from ecms_bridge import names
from household_checks.values import Variables, in_range, known_number, meant, short_name, show, whole, whole_in_range

LOWEST_V, HIGHEST_V = 50, 500
_NO_REGIONS = ("posix", "right", "posixrules")
"""What zone tables hold besides zones, and ``available_timezones`` leaves out."""
SURPLUS = 1.1
"""A meter lets pass a tenth more than the contract for hours; an alert above that comes too late."""


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    yield from _name(given.get("ecms_household_name"))
    yield from _timezone(given.get("ecms_timezone"))
    yield from _mains(given)


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``."""
    return {
        "timezone": str(given["ecms_timezone"]),
        "mains_voltage_v": known_number(given["ecms_mains_voltage_v"]),
        "mains_frequency_hz": whole(given["ecms_mains_frequency_hz"]),
        "contract_power_w": whole(given["ecms_contract_power_w"]),
        "alert_power_w": whole(given["ecms_alert_power_w"]),
    }


def _name(value: object) -> Iterator[str]:
    label = "ecms_household_name"
    if value is None or value == "":
        yield f'{label} is missing: set the name of the household, such as "Mario Rossi"'
        return
    if not isinstance(value, str):
        yield f'{label} is {show(value)}: set a text in quotes, such as "Mario Rossi"'
        return
    yield from short_name(label, value)
    try:
        names.slug_of(value)
    except ValueError as error:
        yield f"{label}: {error}"


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _is_zone(value: str) -> bool:
    """Tell a usual zone without reading all there are, which takes long for each of many homes."""
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return value.partition("/")[0] not in _NO_REGIONS


def _timezone(value: object) -> Iterator[str]:
    if isinstance(value, str) and _is_zone(value):
        return
    zones = _zones()
    # a controller without zone tables cannot judge; the hub's own tables do it later
    if not isinstance(value, str) or (zones and value not in zones):
        hint = meant(value, zones) if isinstance(value, str) else ""
        yield f"ecms_timezone is {show(value)}{hint}: set a zone of the tz database, such as Europe/Rome"


def _mains(given: Variables) -> Iterator[str]:
    yield from in_range("ecms_mains_voltage_v", given.get("ecms_mains_voltage_v"), LOWEST_V, HIGHEST_V, " volt")
    frequency = given.get("ecms_mains_frequency_hz")
    if whole(frequency) not in {50, 60}:
        yield f"ecms_mains_frequency_hz is {show(frequency)}: set 50 or 60"
    contract, alert = given.get("ecms_contract_power_w"), given.get("ecms_alert_power_w")
    faults = [
        *whole_in_range("ecms_contract_power_w", contract, 500, 100_000, " watt"),
        *whole_in_range("ecms_alert_power_w", alert, 1, 110_000, " watt"),
    ]
    yield from faults
    contract_w, alert_w = whole(contract), whole(alert)
    if not faults and contract_w and alert_w and alert_w > contract_w * SURPLUS:
        yield (
            f"ecms_alert_power_w is {alert_w}, more than 1.1 times ecms_contract_power_w ({contract_w}): "
            f"set at most {int(contract_w * SURPLUS)}"
        )
