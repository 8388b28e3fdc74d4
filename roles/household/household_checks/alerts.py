"""The alerts, the appliances' silence among them, and who is told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from household_checks.home import SURPLUS
from household_checks.values import (
    Variables,
    entries,
    fold,
    in_range,
    known_number,
    mappings,
    one_of,
    short_name,
    show,
    truth,
    unknown_keys,
    whole,
    whole_in_range,
)

LANGUAGES = ("it", "en")
TELEGRAM_TOKEN = "telegram_token"  # noqa: S105 - the name of a secret, not its value
NOTIFY_TOKEN = "notify_token"  # noqa: S105
WAYS = ("email", "ntfy", "telegram", "webhook")
MAX_SECONDS = 86_400


@dataclass(frozen=True)
class Number:
    """A number of an alert: its range, its unit, and what it is when the inventory does not say."""

    low: float
    high: float
    unit: str
    default: float | None = None


_DELAY = Number(0, MAX_SECONDS, " seconds", 60)
_WATT = Number(1, 110_000, " watt")

KINDS: Mapping[str, Mapping[str, Number]] = MappingProxyType(
    {
        "total": {"above_w": _WATT, "for_s": Number(0, MAX_SECONDS, " seconds", 30)},
        "appliance": {"above_w": _WATT, "above_a": Number(0.05, 400, " ampere"), "for_s": _DELAY},
        "silent": {
            "below_per_min": Number(0.1, 6, " readings a minute", 1),
            "for_s": Number(60, MAX_SECONDS, " seconds", 600),
        },
        "finished": {
            "on_w": Number(1, 110_000, " watt", 50),
            "off_w": Number(0.1, 110_000, " watt", 10),
            "run_s": Number(60, 21_600, " seconds", 600),
            "quiet_s": Number(60, 7_200, " seconds", 300),
        },
        "meter": {"minutes": Number(1, 180, " minutes", 10)},
        "storing": {"for_s": Number(120, MAX_SECONDS, " seconds", 300)},
    }
)
"""Every kind of alert and the numbers that it takes."""

_OF_ONE_APPLIANCE = frozenset({"appliance", "finished"})

PRESETS: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "overload": ("total", {"it": "Sovraccarico", "en": "Overload"}),
        "meter": ("meter", {"it": "Il contatore sta per scattare", "en": "The meter is about to trip"}),
        "silent": ("silent", {"it": "Dispositivo muto", "en": "Silent box"}),
        "storing": ("storing", {"it": "Le misure non vengono salvate", "en": "Readings are not being stored"}),
    }
)
"""What every household has unless ``ecms_preset_alerts`` leaves it out: kind, and name by language."""

EMAIL = re.compile(r"[^@\s;,<>\"$]+@[^@\s;,<>\"$]+\.[^@\s;,<>\"$]+")
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
_CHAT = re.compile(r"-?\d{1,20}|@\w{5,32}", re.ASCII)


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    language = given.get("ecms_language")
    yield from one_of("ecms_language", language, LANGUAGES)
    unmeasured = given.get("ecms_unmeasured_power_w")
    yield from whole_in_range("ecms_unmeasured_power_w", unmeasured, 0, 110_000, " watt")
    yield from _presets(given.get("ecms_preset_alerts"))
    yield from _alerts(given)
    yield from _notify(given.get("ecms_notify"))


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``: alerts with every number filled in, W, A, s and minutes.

    ``urgent``: told at once. ``once``: an event, whose end is no news. ``devices``: the appliances it is about,
    empty for all that may not fall silent.
    """
    language = str(given["ecms_language"])
    chosen = [str(name) for name in entries(given["ecms_preset_alerts"]) or ()]
    watt = known_number(given["ecms_alert_power_w"])
    found = [
        _fact(f"ecms-{key}", {"kind": kind, "name": names[language], "above_w": watt})
        for key, (kind, names) in PRESETS.items()
        if key in chosen
    ]
    found += [_fact(uid(str(alert["name"])), alert) for alert in mappings(given["ecms_alerts"])]
    return {
        "language": language,
        "unmeasured_power_w": whole(given["ecms_unmeasured_power_w"]),
        "alerts": found,
        "notify": [_way_fact(way) for way in mappings(given["ecms_notify"])],
        "sometimes_unplugged": [
            whole(device["id"])
            for device in mappings(given["ecms_devices"])
            if truth(device.get("sometimes_unplugged", False))
        ],
    }


def needed_secrets(given: Variables) -> dict[str, str]:
    """Return the secrets that the household must be given, and what each is."""
    ways = mappings(given.get("ecms_notify"))
    needed = {}
    if any(_CHAT.fullmatch(str(way.get("telegram", ""))) for way in ways):
        needed[TELEGRAM_TOKEN] = "the token of your Telegram bot, as BotFather gives it"
    if any(truth(way.get("token", False)) and {"ntfy", "webhook"} & set(way) for way in ways):
        needed[NOTIFY_TOKEN] = "the token that the receiver of ecms_notify asks for"
    return needed


def uid(name: str) -> str:
    """Return the identity of the alert with this name: it stays when the alert's numbers change."""
    return f"ecms-{hashlib.sha256(fold(name).encode()).hexdigest()[:16]}"


def _presets(value: object) -> Iterator[str]:
    chosen = entries(value)
    if chosen is None:
        yield f"ecms_preset_alerts is {show(value)}: set a list of {', '.join(PRESETS)}, which may be empty"
        return
    for name in chosen:
        if not isinstance(name, str) or name not in PRESETS:
            yield f"ecms_preset_alerts has {show(name)}: there are {', '.join(PRESETS)}"


def _alerts(given: Variables) -> Iterator[str]:
    value = given.get("ecms_alerts")
    alerts = entries(value)
    if alerts is None:
        yield f"ecms_alerts is {show(value)}: set a list, which may be empty"
        return
    known = {whole(device.get("id")) for device in mappings(given.get("ecms_devices"))}
    taken = {fold(name): "a preset alert" for _, names in PRESETS.values() for name in names.values()}
    for position, alert in enumerate(alerts, start=1):
        label = f"ecms_alerts, entry {position}"
        if not isinstance(alert, Mapping):
            yield f"{label} is {show(alert)}: set a name, a kind and its numbers"
            continue
        name = alert.get("name")
        faults = list(short_name(f"{label}: name", name))
        yield from faults
        if not faults and isinstance(name, str):
            if other := taken.get(fold(name)):
                yield f"{label}: name {show(name)} is taken by {other}: set a name of its own"
            taken[fold(name)] = "another alert"
        yield from _alert(label, alert, known, given.get("ecms_contract_power_w"))


def _alert(label: str, alert: Variables, known: set[int | None], contract: object) -> Iterator[str]:
    kind = alert.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        yield f"{label}: kind is {show(kind)}: set {' or '.join(KINDS)}"
        return
    numbers = KINDS[kind]
    yield from _appliances(label, alert, kind, known - {None})
    for key, number in numbers.items():
        if key in alert:
            yield from in_range(f"{label}: {key}", alert[key], number.low, number.high, number.unit)
    if kind == "appliance" and ("above_w" in alert) == ("above_a" in alert):
        yield f"{label} needs one limit: set above_w (watt) or above_a (ampere)"
    if kind == "total":
        yield from _total(label, alert, contract)
    if kind == "finished":
        on_w, off_w = (_number(alert, key, numbers) for key in ("on_w", "off_w"))
        if on_w <= off_w:
            yield f"{label}: off_w is {off_w:g}, not below on_w ({on_w:g}): set off_w between standby and work"


def _appliances(label: str, alert: Variables, kind: str, known: set[int | None]) -> Iterator[str]:
    place = ("device",) if kind in _OF_ONE_APPLIANCE else ("devices",) if kind == "silent" else ()
    yield from unknown_keys(label, alert, ("name", "kind", *place, *KINDS[kind]))
    if kind in _OF_ONE_APPLIANCE and whole(alert.get("device")) not in known:
        yield f"{label}: device is {show(alert.get('device'))}: set the id of an appliance of ecms_devices"
    if kind == "silent" and "devices" in alert:
        chosen = entries(alert["devices"])
        if not chosen or any(whole(one) not in known for one in chosen):
            given = show(alert["devices"])
            yield f"{label}: devices is {given}: set ids of appliances of ecms_devices, or leave it out"


def _total(label: str, alert: Variables, contract: object) -> Iterator[str]:
    if "above_w" not in alert:
        yield f"{label} needs a limit: set above_w (watt)"
        return
    contract_w, above_w = whole(contract), whole(alert["above_w"])
    if contract_w and above_w and above_w > contract_w * SURPLUS:
        yield (
            f"{label}: above_w is {above_w}, more than 1.1 times ecms_contract_power_w ({contract_w}): "
            f"set at most {int(contract_w * SURPLUS)}, or use kind meter"
        )


def _notify(value: object) -> Iterator[str]:
    ways = entries(value)
    if ways is None:
        yield f"ecms_notify is {show(value)}: set a list such as [{{email: anna@example.org}}], which may be empty"
        return
    for position, way in enumerate(ways, start=1):
        label = f"ecms_notify, entry {position}"
        chosen = [key for key in WAYS if isinstance(way, Mapping) and key in way]
        if not isinstance(way, Mapping) or len(chosen) != 1:
            yield f"{label} is {show(way)}: set one of {', '.join(WAYS)}, such as {{email: anna@example.org}}"
            continue
        yield from unknown_keys(label, way, (chosen[0], *(("token",) if chosen[0] in {"ntfy", "webhook"} else ())))
        if truth(way.get("token", False)) is None:
            yield f"{label}: token is {show(way['token'])}: set true if the receiver asks for one, and its secret"
        yield from _way(label, chosen[0], way[chosen[0]])


def _way(label: str, kind: str, value: object) -> Iterator[str]:
    if kind == "email":
        if not isinstance(value, str) or not EMAIL.fullmatch(value):
            yield f"{label}: email is {show(value)}: set one address, such as anna@example.org"
    elif kind == "telegram":
        if not _CHAT.fullmatch(str(value)) or isinstance(value, bool):
            yield f"{label}: telegram is {show(value)}: set the number of the chat, or @name of a channel"
    elif not isinstance(value, str) or not _is_url(value):
        yield f"{label}: {kind} is {show(value)}: set an address such as {_EXAMPLES[kind]}"
    elif kind == "ntfy" and not _TOPIC.fullmatch(urlsplit(value).path.strip("/")):
        yield f"{label}: ntfy is {show(value)}: end it with one topic, such as {_EXAMPLES[kind]}"


_EXAMPLES = {"ntfy": "https://ntfy.sh/casa-rossi-7f3a", "webhook": "https://example.org/hook"}


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"[\s$\"'{}\\]", value)


def _number(alert: Variables, key: str, numbers: Mapping[str, Number]) -> float:
    try:
        return known_number(alert.get(key, numbers[key].default))
    except ValueError:
        return float("nan")


def _fact(identity: str, alert: Variables) -> dict[str, object]:
    kind = str(alert["kind"])
    one_device = [alert["device"]] if "device" in alert else []
    fact: dict[str, object] = {
        "uid": identity,
        "name": str(alert["name"]),
        "kind": kind,
        "urgent": kind in {"total", "meter"},
        "once": kind == "finished",
        "devices": [whole(one) for one in [*(entries(alert.get("devices")) or ()), *one_device]],
    }
    for key, number in KINDS[kind].items():
        value = alert.get(key, number.default)
        if value is not None:
            fact[key] = known_number(value)
    return fact


def _way_fact(way: Variables) -> dict[str, object]:
    kind = next(key for key in WAYS if key in way)
    return {"kind": kind, "to": str(way[kind]), "token": bool(truth(way.get("token", False)))}
