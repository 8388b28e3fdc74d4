"""Members of the household's JSON in the types that they must have, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn, TypeVar

from ecms_bridge import names
from ecms_bridge.schema.errors import SchemaError

_T = TypeVar("_T")


def fail(sentence: str) -> NoReturn:
    raise SchemaError(sentence)


def mapping(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        fail(f"{what} must be a JSON object, not {value!r}: run the playbook again")
    return value


def each(members: dict[str, object], key: str, parse: Callable[[object], _T]) -> list[_T]:
    value = members.get(key, [])
    if not isinstance(value, list):
        fail(f"the household's {key!r} must be a list: run the playbook again")
    return [parse(entry) for entry in value]


def text(members: dict[str, object], key: str) -> str:
    value = members.get(key)
    if not isinstance(value, str):
        fail(f"the household's {key!r} must be text, not {value!r}: run the playbook again")
    return value


def slug(members: dict[str, object]) -> str:
    """Return the household's slug."""
    try:
        return names.check_slug(text(members, "slug"))
    except names.HouseholdNameError as error:
        raise SchemaError(str(error)) from error


def whole(members: dict[str, object], key: str) -> int:
    value = members.get(key)
    if type(value) is not int:
        fail(f"the household's {key!r} must be a whole number, not {value!r}: run the playbook again")
    return value


def switch(members: dict[str, object], key: str) -> bool:
    value = members.get(key)
    if type(value) is not bool:
        fail(f"the household's {key!r} must be true or false, not {value!r}: run the playbook again")
    return value


def number(members: dict[str, object], key: str, *, above: Decimal, up_to: Decimal) -> Decimal:
    value = members.get(key)
    found = _decimal(value)
    if not found.is_finite() or not above < found <= up_to:
        fail(f"the household's {key!r} must be a number above {above} up to {up_to}, not {value!r}")
    return found


def amount(value: object, what: str, up_to: Decimal) -> Decimal:
    """Return a sum of money, from 0."""
    found = _decimal(value)
    if not found.is_finite() or not 0 <= found <= up_to:
        fail(f"{what} must be a number from 0 to {up_to}, not {value!r}")
    return found


def _decimal(value: object) -> Decimal:
    return Decimal(str(value)) if type(value) in (int, float) else Decimal("NaN")
