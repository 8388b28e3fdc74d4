"""Find the mistakes of an inventory, a sentence for each, and derive a household's facts from a sound one.

Knows the variables only, nothing of Ansible: everything here is a function of what it is given.
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import ipaddress
import math
import re
import sys
import unicodedata
import zoneinfo
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

_SOURCE = str(Path(__file__).resolve().parents[3] / "bridge" / "src")
if _SOURCE not in sys.path:
    sys.path.append(_SOURCE)

from ecms_bridge import access, names  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Variables = Mapping[str, object]
    Groups = Mapping[str, Sequence[str]]

HOUSEHOLD_KEY = "household_key"
SERVICE_SECRETS = (
    f"mqtt_{names.WRITER_USER}",
    "mqtt_admin",
    f"database_{names.WRITER_USER}",
    f"database_{names.ADMIN_USER}",
)
SERVICE_GROUPS = ("broker", "writer", "database")
FACTS = frozenset({"ecms_household", "ecms_services"})
"""Variables that the role itself sets."""

VARIANTS = ("05B", "20A", "30A")
TAKEN_PORTS = {53: "DNS", 123: "the time service", 5353: "mDNS"}
LOWEST_V, HIGHEST_V = 50, 500
MAX_NAME_LENGTH = 50
MAX_HOST_LENGTH = 253
MAX_SHOWN_LENGTH = 60
MIN_RETENTION_DAYS = 8
"""Readings may arrive 7 days late, and totals are recomputed from single readings."""
MIN_SECRET_LENGTH = 16
SURPLUS = 1.1
"""A meter lets pass a tenth more than the contract for hours; an alert above that comes too late."""

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(rf"{_HOSTNAME.pattern}(?:\.{_HOSTNAME.pattern})*\.?", re.IGNORECASE)
_PASSWORD = re.compile(r"[!-~]+")
_SENTINELS = ("changeme", "secret", "password")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


# Values as an inventory or the command line (-e name=value, always text) gives them.


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


def _show(value: object) -> str:
    if value is None:
        return "missing"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= MAX_SHOWN_LENGTH else text[: MAX_SHOWN_LENGTH - 3] + "..."


def _meant(word: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), sorted(known), n=1, cutoff=0.7)
    return f' (did you mean "{close[0]}"?)' if close else ""


def _fold(name: str) -> str:
    """Return what a database's collation would compare: case and accents make no other name."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).strip()


def _entries(value: object) -> Sequence[object] | None:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else None


# One function per part of the inventory. Each yields sentences.


def _in_range(label: str, value: object, low: float, high: float, unit: str) -> Iterator[str]:
    found = number(value)
    if found is None or not low <= found <= high:
        yield f"{label} is {_show(value)}: set a number from {low:g} to {high:g}{unit}"


def _whole_in_range(label: str, value: object, low: int, high: int, unit: str) -> Iterator[str]:
    found = whole(value)
    if found is None or not low <= found <= high:
        yield f"{label} is {_show(value)}: set a whole number from {low} to {high}{unit}"


def _one_of(label: str, value: object, choices: Sequence[str]) -> Iterator[str]:
    if value not in choices:
        yield f"{label} is {_show(value)}: set {' or '.join(choices)}"


def _switch(label: str, value: object) -> Iterator[str]:
    if truth(value) is None:
        yield f"{label} is {_show(value)}: set true or false"


def _unknown_keys(label: str, entry: Variables, known: Sequence[str]) -> Iterator[str]:
    for key in entry:
        if key not in known:
            hint = _meant(key, known) or f": it may have {', '.join(known)}"
            yield f"{label} has an unknown entry {_show(key)}{hint}"


def _short_name(label: str, value: object) -> Iterator[str]:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_LENGTH or value != value.strip():
        yield f"{label} is {_show(value)}: set 1 to {MAX_NAME_LENGTH} characters, without blanks around them"
    elif not value.isprintable():
        yield f"{label} is {_show(value)}: leave out control characters"


def _household_name(value: object) -> Iterator[str]:
    label = "ecms_household_name"
    if value is None or value == "":
        yield f'{label} is missing: set the name of the household, such as "Mario Rossi"'
        return
    if not isinstance(value, str):
        yield f'{label} is {_show(value)}: set a text in quotes, such as "Mario Rossi"'
        return
    yield from _short_name(label, value)
    try:
        names.slug_of(value)
    except ValueError as error:
        yield f"{label}: {error}"


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _timezone(value: object) -> Iterator[str]:
    zones = _zones()
    # a controller without zone tables cannot judge; the hub's own tables do it later
    if not isinstance(value, str) or (zones and value not in zones):
        hint = _meant(value, zones) if isinstance(value, str) else ""
        yield f"ecms_timezone is {_show(value)}{hint}: set a zone of the tz database, such as Europe/Rome"


def _mains(given: Variables) -> Iterator[str]:
    yield from _in_range("ecms_mains_voltage_v", given.get("ecms_mains_voltage_v"), LOWEST_V, HIGHEST_V, " volt")
    frequency = given.get("ecms_mains_frequency_hz")
    if whole(frequency) not in {50, 60}:
        yield f"ecms_mains_frequency_hz is {_show(frequency)}: set 50 or 60"
    contract, alert = given.get("ecms_contract_power_w"), given.get("ecms_alert_power_w")
    faults = [
        *_whole_in_range("ecms_contract_power_w", contract, 500, 100_000, " watt"),
        *_whole_in_range("ecms_alert_power_w", alert, 1, 110_000, " watt"),
    ]
    yield from faults
    contract_w, alert_w = whole(contract), whole(alert)
    if not faults and contract_w and alert_w and alert_w > contract_w * SURPLUS:
        yield (
            f"ecms_alert_power_w is {alert_w}, more than 1.1 times ecms_contract_power_w ({contract_w}): "
            f"set at most {int(contract_w * SURPLUS)}"
        )


def _hub(given: Variables) -> Iterator[str]:
    hostname = given.get("ecms_hub_hostname")
    if not isinstance(hostname, str) or not _HOSTNAME.fullmatch(hostname) or hostname.isdigit():
        plain = str(hostname).lower().removesuffix(".local")
        hint = f' (did you mean "{plain}"?)' if plain != hostname and _HOSTNAME.fullmatch(plain) else ""
        yield (
            f"ecms_hub_hostname is {_show(hostname)}{hint}: set one name of lower-case letters, digits and "
            "inner hyphens, at most 63 characters, without .local"
        )
    elif hostname == "localhost":
        yield 'ecms_hub_hostname is "localhost", which means every machine itself: set another, such as pi'
    port = given.get("ecms_udp_port")
    yield from _whole_in_range("ecms_udp_port", port, 1, 65535, "")
    if (taken := TAKEN_PORTS.get(whole(port) or 0)) is not None:
        yield f"ecms_udp_port is {whole(port)}, the port of {taken}: set another, such as 4210"
    yield from _switch("ecms_require_signed_readings", given.get("ecms_require_signed_readings"))
    days = given.get("ecms_retention_days")
    yield from _whole_in_range("ecms_retention_days", days, MIN_RETENTION_DAYS, 36_500, " days")


def _machine(given: Variables) -> Iterator[str]:
    for switch in (
        "ecms_clock_trusted",
        "ecms_security_updates",
        "ecms_automatic_reboot",
        "ecms_sd_card_care",
        "ecms_tmp_in_ram",
    ):
        yield from _switch(switch, given.get(switch))
    storage = given.get("ecms_journal_storage")
    yield from _one_of("ecms_journal_storage", storage, ("volatile", "persistent"))
    servers = _entries(given.get("ecms_ntp_servers"))
    if not servers:
        yield (
            f"ecms_ntp_servers is {_show(given.get('ecms_ntp_servers'))}: "
            "set a list of time servers, such as [pool.ntp.org]"
        )
    for server in servers or ():
        if not _is_host(server):
            yield f"ecms_ntp_servers has {_show(server)}: set the name or the address of a time server"


def _is_host(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return len(value) <= MAX_HOST_LENGTH and _HOST.fullmatch(value) is not None
    return True


def _services(given: Variables) -> Iterator[str]:
    broker = given.get("ecms_mqtt_broker")
    if broker in ("emqx", "remote"):
        yield f'ecms_mqtt_broker is "{broker}", which is not in this version: set mosquitto'
    else:
        yield from _one_of("ecms_mqtt_broker", broker, ("mosquitto",))
    database = given.get("ecms_database")
    if database == "remote":
        yield 'ecms_database is "remote", which is not in this version: set local'
    else:
        yield from _one_of("ecms_database", database, ("local",))


def _devices(value: object) -> Iterator[str]:
    devices = _entries(value)
    if not devices:
        yield (
            f"ecms_devices is {_show(value)}: set a list of at least one appliance, "
            'such as {id: 1, name: "lavatrice"}'
        )
        return
    ids: set[int] = set()
    folded: set[str] = set()
    for position, device in enumerate(devices, start=1):
        label = f"ecms_devices, entry {position}"
        if not isinstance(device, Mapping):
            yield f'{label} is {_show(device)}: set an id and a name, such as {{id: 1, name: "lavatrice"}}'
            continue
        yield from _unknown_keys(label, device, ("id", "name", "ratings"))
        device_id, name = whole(device.get("id")), device.get("name")
        yield from _whole_in_range(f"{label}: id", device.get("id"), 0, 255, "")
        if device_id is not None and device_id in ids:
            yield f"{label}: id {device_id} is taken by another appliance: set a number of its own"
        if device_id is not None:
            ids.add(device_id)
        faults = list(_short_name(f"{label}: name", name))
        yield from faults
        if not faults and isinstance(name, str):
            if _fold(name) in folded:
                yield f"{label}: name {_show(name)} is taken by another appliance: set a name of its own"
            folded.add(_fold(name))
        yield from _ratings(label, device.get("ratings", []))


def _ratings(label: str, value: object) -> Iterator[str]:
    ratings = _entries(value)
    if ratings is None:
        yield (
            f"{label}: ratings is {_show(value)}: set a list such as [{{valid_from: 2026-01-31, power_factor: 0.9}}]"
        )
        return
    days: set[dt.date] = set()
    for position, rating in enumerate(ratings, start=1):
        part = f"{label}, rating {position}"
        if not isinstance(rating, Mapping):
            yield f"{part} is {_show(rating)}: set valid_from and voltage_v or power_factor"
            continue
        yield from _unknown_keys(part, rating, ("valid_from", "voltage_v", "power_factor"))
        date = day(rating.get("valid_from"))
        if date is None:
            yield f"{part}: valid_from is {_show(rating.get('valid_from'))}: set a date such as 2026-01-31"
        elif date in days:
            yield f"{part}: valid_from {date} is the day of another rating of this appliance: join the two"
        else:
            days.add(date)
        if "voltage_v" in rating:
            yield from _in_range(f"{part}: voltage_v", rating["voltage_v"], LOWEST_V, HIGHEST_V, " volt")
        if "power_factor" in rating:
            factor = number(rating["power_factor"])
            if factor is None or not 0 < factor <= 1:
                yield (f"{part}: power_factor is {_show(rating['power_factor'])}: set a number above 0 and at most 1")
        if not {"voltage_v", "power_factor"} & set(rating):
            yield f"{part} says nothing: set voltage_v or power_factor"


_BOX_KEYS = ("name", "mac", "device", "variant", "calibration", "serial_port", "ota_address")


def _boxes(value: object, devices: object) -> Iterator[str]:
    boxes = _entries(value)
    if boxes is None:
        yield f"ecms_boxes is {_show(value)}: set a list, which may be empty"
        return
    known = {whole(d.get("id")) for d in _entries(devices) or () if isinstance(d, Mapping)}
    macs: set[str] = set()
    folded: set[str] = set()
    for position, box in enumerate(boxes, start=1):
        label = f"ecms_boxes, entry {position}"
        if not isinstance(box, Mapping):
            yield f"{label} is {_show(box)}: set a name, a mac and a device"
            continue
        yield from _unknown_keys(label, box, _BOX_KEYS)
        name = box.get("name")
        faults = list(_short_name(f"{label}: name", name))
        yield from faults
        if not faults and isinstance(name, str):
            if _fold(name) in folded:
                yield f"{label}: name {_show(name)} is taken by another box: set a name of its own"
            folded.add(_fold(name))
        mac = mac_address(box.get("mac"))
        if mac is None:
            yield (f'{label}: mac is {_show(box.get("mac"))}: set six pairs in quotes, such as "5C:CF:7F:01:02:03"')
        elif mac in macs:
            yield f"{label}: mac {mac} is taken by another box: set the address printed on this one"
        else:
            macs.add(mac)
        device = whole(box.get("device"))
        if device is None or device not in known:
            yield f"{label}: device is {_show(box.get('device'))}: set the id of an appliance of ecms_devices"
        yield from _box_details(label, box)


def _box_details(label: str, box: Variables) -> Iterator[str]:
    if "variant" in box:
        yield from _one_of(f"{label}: variant", box["variant"], VARIANTS)
    if "calibration" in box:
        factor = number(box["calibration"])
        if factor is None or factor <= 0:
            yield f"{label}: calibration is {_show(box['calibration'])}: set a factor above 0, such as 1.0"
    if "serial_port" in box:
        port = box["serial_port"]
        if not isinstance(port, str) or not port:
            yield f"{label}: serial_port is {_show(port)}: set a port such as /dev/ttyUSB0"
    if "ota_address" in box and not _is_host(box["ota_address"]):
        yield f"{label}: ota_address is {_show(box['ota_address'])}: set a name or an address"


# Secrets. No sentence ever holds a value.


def secret_names(name: object) -> tuple[str, ...]:
    """Return the names of the secrets of the household with this name; none where the name is no good."""
    try:
        slug = names.slug_of(str(name))
    except ValueError:
        return ()
    return (HOUSEHOLD_KEY, f"mqtt_{names.mqtt_user(slug)}", f"database_{names.grafana_user(slug)}")


def secret_fault(name: str, value: object) -> str | None:
    """Return what is wrong with a secret, worded to follow its name, or None."""
    if not isinstance(value, str):
        return "is no text: put its value in quotes"
    if name == HOUSEHOLD_KEY:
        sound = re.fullmatch(r"[0-9a-fA-F]{64}", value) is not None and len(set(value)) > 1
        return None if sound else "is no key: set 64 hex digits, such as `openssl rand -hex 32` prints"
    plain = re.sub(r"[^a-z0-9]", "", value.lower())
    fault = None
    if not value:
        fault = "is empty: set a value"
    elif any(sentinel in plain for sentinel in _SENTINELS):
        fault = "is a placeholder: set a value of your own"
    elif len(value) < MIN_SECRET_LENGTH:
        fault = f"is too short: set at least {MIN_SECRET_LENGTH} characters"
    elif _PASSWORD.fullmatch(value) is None or set(value) & set("\"'`\\"):
        return "holds a blank, a quote, a backslash or a letter beyond ASCII: leave those out"
    return fault and f"{fault} or leave it out to have one generated"


def kept_secret_mistakes(kept: Variables) -> list[str]:
    """Return the faults of the secrets that the action ``ecms_secrets`` returned, one sentence each."""
    values = kept["values"]
    return [
        f'The secret "{name}" of {kept["directory"]} {fault}.'
        for name, value in (values.items() if isinstance(values, Mapping) else ())
        if (fault := secret_fault(str(name), value)) is not None
    ]


def _secrets(value: object, directory: object, wanted: Sequence[str]) -> Iterator[str]:
    if not isinstance(directory, str) or not directory.startswith(("/", "~/")):
        yield f"ecms_secrets_dir is {_show(directory)}: set the absolute path of a directory on this computer"
    if not isinstance(value, Mapping):
        yield "ecms_secrets is no dictionary: set names and values, or leave it out"
        return
    for name in value:
        if name not in wanted:
            hint = _meant(name, wanted) or f": this host's secrets are {', '.join(wanted) or 'none'}"
            yield f"ecms_secrets has an unknown name {_show(name)}{hint}"
        elif (fault := secret_fault(str(name), value[name])) is not None:
            yield f'ecms_secrets: "{name}" {fault}'


# What the roles call.


def host_mistakes(given: Variables, host: str, groups: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the mistakes of one host's variables, each a sentence that begins with the host's name.

    ``given`` are its variables of the prefix ``ecms_``, ``groups`` the groups it is in, ``known`` the
    names an inventory may set.
    """
    found: list[str] = []
    for name in sorted(set(given) - set(known) - FACTS):
        meant = _meant(name, known)
        remedy = "rename it" if meant else "remove it, or see roles/household/README.md for those there are"
        found.append(f"{name} is no variable of this version{meant}: {remedy}")
    wanted: list[str] = []
    if "hub" in groups:
        household = given.get("ecms_household_name")
        found += _household_name(household)
        found += _timezone(given.get("ecms_timezone"))
        found += _mains(given)
        found += _devices(given.get("ecms_devices"))
        found += _boxes(given.get("ecms_boxes"), given.get("ecms_devices"))
        found += _hub(given)
        found += _machine(given)
        wanted += secret_names(household)
    if set(SERVICE_GROUPS) & set(groups):
        wanted += SERVICE_SECRETS
    found += _services(given)
    found += _secrets(given.get("ecms_secrets"), given.get("ecms_secrets_dir"), wanted)
    return [f"{host}: {sentence}." for sentence in found]


def service_host(hub: str, group: str, groups: Groups) -> str:
    """Return the host of a service group that serves a hub: itself if it is in there, else the shared one.

    Raises ValueError when the group is empty.
    """
    if hub in groups.get(group, ()):
        return hub
    if not (shared := _shared(group, groups)):
        raise ValueError(f"no host is in the group {group}")
    return shared[0]


def _shared(group: str, groups: Groups) -> list[str]:
    """Return the hosts of a group that serve more than themselves."""
    members = list(groups.get(group, ()))
    return [host for host in members if host not in groups.get("hub", ())] or members


def run_mistakes(hub_names: Mapping[str, object], directories: Mapping[str, object], groups: Groups) -> list[str]:
    """Return the mistakes that only all hosts together show.

    ``hub_names`` gives the household's name of every hub of the inventory, ``directories`` the directory
    of secrets of every hub of this run, ``groups`` the hosts of every group.
    """
    found = [
        f"no host is in the group {group}: name one under {group} in hosts.yml"
        for group in ("hub", *SERVICE_GROUPS)
        if not groups.get(group)
    ]
    for group in SERVICE_GROUPS:
        strangers = [hub for hub in groups.get("hub", ()) if hub not in groups.get(group, ())]
        if strangers and len(_shared(group, groups)) > 1:
            found.append(
                f"the group {group} has several hosts, and {strangers[0]} is none of them: "
                f"leave one host in {group}, or add {strangers[0]} to it"
            )
    owners: dict[str, str] = {}
    for hub, name in sorted(hub_names.items()):
        try:
            slug = names.slug_of(str(name))
        except ValueError:
            continue
        if (other := owners.setdefault(slug, hub)) != hub:
            found.append(
                f'{hub}: ecms_household_name {_show(name)} gives the slug "{slug}" that {other} has already: '
                "set another name"
            )
    places: dict[str, str] = {}
    found += [
        f"{hub}: its secrets would mix with those of {other} in {place}: give each household an inventory "
        "directory of its own, or set ecms_secrets_dir"
        for hub, place in sorted(directories.items())
        if (other := places.setdefault(str(place), hub)) != hub
    ]
    return [f"{sentence}." for sentence in found]


def household_facts(given: Variables, secrets: Mapping[str, str], hub: str, groups: Groups) -> dict[str, object]:
    """Return the fact ``ecms_household`` of one hub: every name, number and right, in its final type.

    Raises ValueError when the inventory has not been checked before.
    """
    name = str(given["ecms_household_name"])
    slug = names.slug_of(name)
    mains_v = _known_number(given["ecms_mains_voltage_v"])
    return {
        "name": name,
        **names.household_names(slug),
        "timezone": str(given["ecms_timezone"]),
        "mains_voltage_v": mains_v,
        "mains_frequency_hz": whole(given["ecms_mains_frequency_hz"]),
        "contract_power_w": whole(given["ecms_contract_power_w"]),
        "alert_power_w": whole(given["ecms_alert_power_w"]),
        "udp_port": whole(given["ecms_udp_port"]),
        "hub_hostname": str(given["ecms_hub_hostname"]),
        "require_signed_readings": truth(given["ecms_require_signed_readings"]),
        "retention_days": whole(given["ecms_retention_days"]),
        "devices": [_device_fact(d, mains_v) for d in _mappings(given["ecms_devices"])],
        "boxes": [_box_fact(b) for b in _mappings(given["ecms_boxes"])],
        "clock_trusted": truth(given["ecms_clock_trusted"]),
        "ntp_servers": [str(server) for server in _entries(given["ecms_ntp_servers"]) or ()],
        "security_updates": truth(given["ecms_security_updates"]),
        "automatic_reboot": truth(given["ecms_automatic_reboot"]),
        "journal_storage": str(given["ecms_journal_storage"]),
        "sd_card_care": truth(given["ecms_sd_card_care"]),
        "tmp_in_ram": truth(given["ecms_tmp_in_ram"]),
        "hosts": {group: service_host(hub, group, groups) for group in SERVICE_GROUPS},
        "access": [dict(rule) for rule in access.household_rules(slug)],
        "secrets": dict(secrets),
    }


def service_facts(
    given: Variables, secrets: Mapping[str, str], host: str, groups: Groups, hosts_of_run: Sequence[str]
) -> dict[str, object]:
    """Return the fact ``ecms_services``: what the services that households share are to be, and for whom.

    ``hubs`` lists for each service group the hubs of this run that this host serves in it.
    """
    hubs = [hub for hub in groups.get("hub", ()) if hub in hosts_of_run]
    return {
        "mqtt_broker": str(given["ecms_mqtt_broker"]),
        "database": str(given["ecms_database"]),
        "users": {"writer": names.WRITER_USER, "admin": names.ADMIN_USER},
        "shared_group": names.SHARED_GROUP,
        "hubs": {group: [hub for hub in hubs if service_host(hub, group, groups) == host] for group in SERVICE_GROUPS},
        "access": [dict(rule) for rule in access.writer_rules()],
        "secrets": dict(secrets),
    }


def _mappings(value: object) -> list[Variables]:
    return [entry for entry in _entries(value) or () if isinstance(entry, Mapping)]


def _known_number(value: object) -> float:
    found = number(value)
    if found is None:
        raise ValueError(f"{_show(value)} is no number")
    return found


def _device_fact(device: Variables, mains_v: float) -> dict[str, object]:
    ratings: list[dict[str, object]] = [
        {
            "valid_from": str(day(rating["valid_from"])),
            "voltage_v": _known_number(rating.get("voltage_v", mains_v)),
            "power_factor": _known_number(rating.get("power_factor", 1.0)),
        }
        for rating in _mappings(device.get("ratings", []))
    ]
    ratings.sort(key=lambda rating: str(rating["valid_from"]))
    return {"id": whole(device["id"]), "name": str(device["name"]), "ratings": ratings}


def _box_fact(box: Variables) -> dict[str, object]:
    fact: dict[str, object] = {
        "name": str(box["name"]),
        "mac": mac_address(box["mac"]),
        "device": whole(box["device"]),
        "calibration": _known_number(box.get("calibration", 1.0)),
    }
    fact.update({key: str(box[key]) for key in ("variant", "serial_port", "ota_address") if key in box})
    return fact


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "ecms_host_mistakes": host_mistakes,
            "ecms_run_mistakes": run_mistakes,
            "ecms_service_host": service_host,
            "ecms_secret_names": secret_names,
            "ecms_kept_secret_mistakes": kept_secret_mistakes,
            "ecms_household_facts": household_facts,
            "ecms_service_facts": service_facts,
        }
