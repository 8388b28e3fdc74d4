"""Values as an inventory or the command line (-e name=value, always text) gives them, and how a sentence shows them."""

from __future__ import annotations

import datetime as dt
import difflib
import ipaddress
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

Variables: TypeAlias = Mapping[str, object]
Groups: TypeAlias = Mapping[str, Sequence[str]]

MAX_NAME_LENGTH = 50
MAX_HOST_LENGTH = 253
MAX_SHOWN_LENGTH = 60
HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_HOST = re.compile(rf"{HOSTNAME.pattern}(?:\.{HOSTNAME.pattern})*\.?", re.IGNORECASE)
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def number(value: object) -> float | None:
    """Return a finite number, also from its text; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if re.fullmatch(r"-?\d+(\.\d+)?", value, re.ASCII) is None:
            return None
        value = float(value)
    if isinstance(value, int | float):
        try:
            plain = float(value)
        except OverflowError:
            return None
        return plain if math.isfinite(plain) else None
    return None


def whole(value: object) -> int | None:
    """Return a whole number, also from its text; None for everything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        return int(value)
    return None


def truth(value: object) -> bool | None:
    """Return a switch's position, also from its text; None for everything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return True if value.lower() in _TRUE else False if value.lower() in _FALSE else None
    return None


def day(value: object) -> dt.date | None:
    """Return a date, also from text such as 2026-01-31; None for everything else."""
    if isinstance(value, dt.datetime):
        return None
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            return None
    return None


def mac_address(value: object) -> str | None:
    """Return a MAC address as AA:BB:CC:DD:EE:FF; None for everything else."""
    if isinstance(value, str) and _MAC.fullmatch(value):
        return value.replace("-", ":").upper()
    return None


def show(value: object) -> str:
    if value is None:
        return "missing"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= MAX_SHOWN_LENGTH else text[: MAX_SHOWN_LENGTH - 3] + "..."


def meant(word: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), sorted(known), n=1, cutoff=0.7)
    return f' (did you mean "{close[0]}"?)' if close else ""


def fold(name: str) -> str:
    """Return what a database's collation would compare: case and accents make no other name."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).strip()


def entries(value: object) -> Sequence[object] | None:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else None


def mappings(value: object) -> list[Variables]:
    return [entry for entry in entries(value) or () if isinstance(entry, Mapping)]


def known_number(value: object) -> float:
    found = number(value)
    if found is None:
        raise ValueError(f"{show(value)} is no number")
    return found


def is_host(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return len(value) <= MAX_HOST_LENGTH and _HOST.fullmatch(value) is not None
    return True


# Sentences that several parts of an inventory share.


def in_range(label: str, value: object, low: float, high: float, unit: str) -> Iterator[str]:
    found = number(value)
    if found is None or not low <= found <= high:
        yield f"{label} is {show(value)}: set a number from {low:g} to {high:g}{unit}"


def whole_in_range(label: str, value: object, low: int, high: int, unit: str) -> Iterator[str]:
    found = whole(value)
    if found is None or not low <= found <= high:
        yield f"{label} is {show(value)}: set a whole number from {low} to {high}{unit}"


def one_of(label: str, value: object, choices: Sequence[str]) -> Iterator[str]:
    if value not in choices:
        yield f"{label} is {show(value)}: set {' or '.join(choices)}"


def switch(label: str, value: object) -> Iterator[str]:
    if truth(value) is None:
        yield f"{label} is {show(value)}: set true or false"


def unknown_keys(label: str, entry: Variables, known: Sequence[str]) -> Iterator[str]:
    for key in entry:
        if key not in known:
            hint = meant(key, known) or f": it may have {', '.join(known)}"
            yield f"{label} has an unknown entry {show(key)}{hint}"


def short_name(label: str, value: object) -> Iterator[str]:
    if value is not None and not isinstance(value, str):
        # YAML reads no as false and 5 as a number.
        yield f"{label} is {show(value)}: put the name in quotes"
    elif value is None or not 1 <= len(value) <= MAX_NAME_LENGTH or value != value.strip():
        yield f"{label} is {show(value)}: set 1 to {MAX_NAME_LENGTH} characters, without blanks around them"
    elif not value.isprintable():
        yield f"{label} is {show(value)}: leave out control characters"
