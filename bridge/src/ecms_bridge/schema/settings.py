"""The household's settings that dashboards and alerts compare with: the one row of the table ``household``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from ecms_bridge.schema import read
from ecms_bridge.session import Session

_MAX_NAME_LENGTH = 100
_MAX_POWER_W = 1_000_000
_currency_match = re.compile(r"[A-Z]{3}").fullmatch


@dataclass(frozen=True, slots=True)
class Settings:
    """Name, zone, V of the mains, W of contract, alert and of what no box measures, ISO 4217 code of the money."""

    name: str
    timezone: str
    mains_voltage_v: Decimal
    contract_power_w: int
    alert_power_w: int
    unmeasured_power_w: int
    currency: str


_COLUMNS = tuple(Settings.__dataclass_fields__)


def parse_settings(members: dict[str, object], zone: ZoneInfo, mains_voltage: Decimal) -> Settings:
    """Check the settings among the household's members; raise SchemaError with one sentence at the first mistake."""
    name = read.text(members, "name")
    if not 0 < len(name) <= _MAX_NAME_LENGTH:
        read.fail(f"set ecms_household_name to 1 to {_MAX_NAME_LENGTH} characters")
    currency = read.text(members, "currency")
    if _currency_match(currency) is None:
        read.fail(f"set ecms_currency to a code of three capital letters such as EUR, not {currency!r}")
    return Settings(
        name,
        zone.key,
        mains_voltage,
        _power(members, "contract_power_w"),
        _power(members, "alert_power_w"),
        _power(members, "unmeasured_power_w"),
        currency,
    )


def _power(members: dict[str, object], key: str) -> int:
    watt = read.whole(members, key)
    if not 0 <= watt <= _MAX_POWER_W:
        read.fail(f"set ecms_{key} to 0 to {_MAX_POWER_W} W, not {watt}")
    return watt


def plan(settings: Settings, stored: Settings | None) -> list[str]:
    """Return what ``apply`` would change, for people."""
    changed = [name for name in _COLUMNS if stored is None or getattr(stored, name) != getattr(settings, name)]
    return [f"household: set {', '.join(changed)}"] if changed else []


def stored(session: Session) -> Settings | None:
    """Read the row; None if there is none yet."""
    with session.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(_COLUMNS)} FROM household WHERE id = 1")  # noqa: S608
        row = cursor.fetchone()
    return None if row is None else Settings(*row)


def apply(session: Session, settings: Settings) -> list[str]:
    """Bring the row to the inventory; return what changed."""
    changes = plan(settings, stored(session))
    if changes:
        values = ", ".join(f"%({name})s" for name in _COLUMNS)
        update = ", ".join(f"{name} = %({name})s" for name in _COLUMNS)
        with session.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO household (id, {', '.join(_COLUMNS)}) VALUES (1, {values}) "  # noqa: S608
                f"ON DUPLICATE KEY UPDATE {update}",
                {name: getattr(settings, name) for name in _COLUMNS},
            )
        session.commit()
    return changes
