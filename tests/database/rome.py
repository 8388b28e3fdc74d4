"""What tests of a home in Rome say alike: moments by its clock, and a tariff of one price."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

ROME = ZoneInfo("Europe/Rome")
HOUR, DAY, WEEK = 3600, 86400, 7 * 86400


def at(text: str) -> int:
    """Return the moment that a clock in Rome shows, in Unix s."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ROME).timestamp())


def single(valid_from: str, price: float) -> dict[str, Any]:
    """Return a tariff of one price (1/kWh) as the playbook writes it."""
    return {
        "valid_from": valid_from,
        "prices": {"": price},
        "hours": [],
        "other_hours": "",
        "holiday_country": "",
        "holiday_band": "",
        "fixed_per_month": 0,
        "fixed_per_year": 0,
        "correction": False,
    }
