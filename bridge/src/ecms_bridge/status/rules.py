"""What is judged, and how grave it is: the exit statuses that monitoring plugins have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from ecms_bridge.status.machine import MAINTENANCE_UNIT

Facts: TypeAlias = dict[str, Any]

_DAY_S = 86_400
_RETIRED_S = 7 * _DAY_S
"""A box that has been silent for longer has left the household; its hub holds no reading of it any more."""


class Level(IntEnum):
    """The exit status: of Nagios' plugin interface."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on something is worth a warning, or critical; in bytes and seconds."""

    disk_warning_bytes: int = 1000 * 10**6
    disk_critical_bytes: int = 200 * 10**6
    lag_warning_s: int = 120
    lag_critical_s: int = 3600
    box_silent_s: int = 300
    stored_critical_s: int = 600
    digest_due_s: int = 6 * 3600


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, in a sentence that says what to do."""

    level: Level
    about: str
    sentence: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self) | {"level": self.level.name.lower()}


def judge(report: Facts, thresholds: Thresholds) -> list[Finding]:
    """Return what is not as it should be, the gravest first."""
    found = [*_machine(report, thresholds), *_services(report), *_digests(report, thresholds)]
    for household in report["households"]:
        slug = household["slug"]
        found += [Finding(level, slug, sentence) for level, sentence in _hub(report, household, thresholds)]
        found += [Finding(level, slug, sentence) for level, sentence in _database(report, household, thresholds)]
        found += [Finding(level, slug, sentence) for level, sentence in _boxes(report, household, thresholds)]
    return sorted(found, key=lambda finding: -finding.level)


def _machine(report: Facts, thresholds: Thresholds) -> Iterator[Finding]:
    maintenance = MAINTENANCE_UNIT.removesuffix(".service")
    for unit in report["units"]:
        name, state = unit["name"], f"{unit['active']} ({unit['sub']})"
        if name == maintenance:
            if unit["active"] == "failed":
                yield Finding(Level.WARNING, name, f"its last run failed: journalctl -u {name} says why")
        elif unit["active"] != "active":
            yield Finding(Level.CRITICAL, name, f"it is {state}, not running: journalctl -u {name} says why")
    for disk in report["disks"]:
        free = disk["free_bytes"]
        if free < thresholds.disk_warning_bytes:
            level = Level.CRITICAL if free < thresholds.disk_critical_bytes else Level.WARNING
            yield Finding(level, f"disk of the {disk['of']}", f"{size(free)} are left at {disk['path']}: make room")
    clock = report["clock"]
    if clock is not None and not clock["right"]:
        sentence = "it is not right yet, so readings wait: give the hub internet, or set ecms_clock_trusted: true"
        yield Finding(Level.WARNING, "clock", sentence)


def _services(report: Facts) -> Iterator[Finding]:
    for broker in report["brokers"]:
        if broker["trouble"]:
            yield Finding(Level.CRITICAL, "broker", f"for {broker['unit']}: {broker['trouble']}")
    database = report["database"]
    if database is not None and database["trouble"]:
        yield Finding(Level.CRITICAL, "database", database["trouble"])


def _digests(report: Facts, thresholds: Thresholds) -> Iterator[Finding]:
    for household in report["digests"]:
        slug = household["slug"]
        if household["trouble"]:
            yield Finding(Level.WARNING, slug, f"no digest is sent: {household['trouble']}")
        for letter in household["letters"]:
            if letter["waiting"] and report["at"] - letter["due_since"] >= thresholds.digest_due_s:
                whom = f"{letter['waiting']} of {letter['sent'] + letter['waiting']}"
                sentence = (
                    f"its {letter['kind']} digest from {letter['first_day']} on has been due for "
                    f"{span(report['at'] - letter['due_since'])} and is not sent to {whom}: "
                    f"journalctl -u ecms-digest@{slug} says why"
                )
                yield Finding(Level.WARNING, slug, sentence)


def _hub(report: Facts, household: Facts, thresholds: Thresholds) -> Iterator[tuple[Level, str]]:
    hub = household["hub"]
    if hub is None:
        # Where no broker answers, that is the finding.
        if not any(broker["trouble"] for broker in report["brokers"]):
            yield Level.CRITICAL, "its hub has never told its state: see that ecms-udp-to-mqtt runs there"
        return
    if hub["state"] != "online":
        yield Level.CRITICAL, "its hub is offline: see that it runs and reaches the broker"
        return
    spool = hub.get("spool")
    if spool == "failing":
        yield Level.CRITICAL, "the spool cannot be written: see the disk of the hub; boxes keep their readings"
    elif spool == "full":
        yield Level.CRITICAL, "the spool is full: find out why nothing is confirmed; boxes keep their readings"
    lag = number(part(hub, "queue"), "lag_s")
    if lag >= thresholds.lag_warning_s:
        level = Level.CRITICAL if lag >= thresholds.lag_critical_s else Level.WARNING
        yield level, f"readings have waited for {span(lag)} to be confirmed: see broker, writer and database"


def _database(report: Facts, household: Facts, thresholds: Thresholds) -> Iterator[tuple[Level, str]]:
    database = household["database"]
    if database is None:
        if report["database"] is not None and not report["database"]["trouble"]:
            yield Level.CRITICAL, "it is not set up in the database: run the playbook for it"
        return
    if (database["schema_version"] or 0) < report["versions"]["schema"]:
        has, wants = database["schema_version"], report["versions"]["schema"]
        yield Level.WARNING, f"its schema has version {has}, this ECMS {wants}: run the playbook for it"
    newest = database["newest_reading"]
    in_use = any(_silence(report, box) <= _RETIRED_S for box in household["boxes"])
    # Where none was ever stored, those that should be show as waiting.
    if newest is not None and in_use and report["at"] - newest > thresholds.stored_critical_s:
        ago = f"the newest stored one is {span(report['at'] - newest)} old"
        yield Level.CRITICAL, f"no readings are being stored, {ago}: see the hub, its boxes and the writer"
    for entry in database["quarantine"]:
        what = f"{entry['readings']} readings of box {entry['mac']} wait for the unknown appliance {entry['device']}"
        yield Level.WARNING, f"{what}: add it to ecms_devices, or assign the box in ecms_boxes"
    letter = database["dead_letters"]["newest"]
    if letter is not None and report["at"] - letter <= _DAY_S:
        yield (
            Level.WARNING,
            f"a message that can never be stored came {span(report['at'] - letter)} ago: see the table dead_letter",
        )


def _boxes(report: Facts, household: Facts, thresholds: Thresholds) -> Iterator[tuple[Level, str]]:
    for box in household["boxes"]:
        silent = _silence(report, box)
        if thresholds.box_silent_s < silent <= _RETIRED_S:
            name = f"box {box['mac']} ({box['appliance'] or box['device']})"
            yield Level.WARNING, f"{name} has been silent for {span(silent)}: see its power and Wi-Fi"


def _silence(report: Facts, box: Facts) -> int:
    """Return for how long (s) a box has been silent; 0 while its hub's clock cannot tell."""
    return 0 if box["last_seen"] is None else int(report["at"] - box["last_seen"])


def overall(findings: list[Finding]) -> Level:
    """Return the exit status."""
    return max((finding.level for finding in findings), default=Level.OK)


def part(facts: Facts, key: str) -> Facts:
    """Return a member of what a hub says of itself: nothing where its version does not say it."""
    found = facts.get(key)
    return found if isinstance(found, dict) else {}


def number(facts: Facts, key: str) -> int:
    """Return a number of what a hub says of itself: 0 where its version does not say it."""
    found = facts.get(key)
    return int(found) if isinstance(found, int | float) else 0


def span(seconds: float) -> str:
    """Return a duration in the largest unit that leaves at least two of it."""
    for unit, length in (("d", _DAY_S), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def size(count: int) -> str:
    """Return a number of bytes for people, in powers of 1000."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
