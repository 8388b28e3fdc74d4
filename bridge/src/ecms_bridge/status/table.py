"""The report for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from ecms_bridge.status.rules import Finding, Level, number, part, size, span

Facts: TypeAlias = dict[str, Any]


def render(report: Facts, findings: list[Finding], level: Level) -> str:
    """Return the report as text; its first line is the outcome, as monitoring expects it."""
    return "\n".join(_lines(report, findings, level))


def _lines(report: Facts, findings: list[Finding], level: Level) -> Iterator[str]:
    counts = ", ".join(
        f"{sum(f.level is kind for f in findings)} {kind.name.lower()}" for kind in (Level.CRITICAL, Level.WARNING)
    )
    yield f"ECMS {level.name}: " + (findings[0].about + ": " + findings[0].sentence if findings else "all is well")
    if len(findings) > 1:
        yield f"({counts})"
    yield from (f"  {finding.level.name:8} {finding.about}: {finding.sentence}" for finding in findings)
    yield ""
    yield from _table(_machine(report))
    for household in report["households"]:
        yield ""
        yield f"{household['slug']}"
        yield from _table(_household(report, household))
        if household["boxes"]:
            yield ""
            yield from _table(_boxes(report, household["boxes"]))


def _machine(report: Facts) -> Iterator[tuple[str, ...]]:
    versions = report["versions"]
    database = f", database {versions['database']}" if versions["database"] else ""
    yield "versions", f"ECMS {versions['bridge']}, schema {versions['schema']}, Python {versions['python']}{database}"
    for unit in report["units"]:
        restarts = f", {unit['restarts']} restarts" if unit["restarts"] else ""
        yield unit["name"], f"{unit['active']} ({unit['sub']}){restarts}{': ' if unit['says'] else ''}{unit['says']}"
    for disk in report["disks"]:
        yield f"disk of the {disk['of']}", f"{size(disk['free_bytes'])} of {size(disk['total_bytes'])} free"
    if report["clock"] is not None:
        yield "clock", "right" if report["clock"]["right"] else "not right yet"
    for broker in report["brokers"]:
        answers = "no answer" if broker["trouble"] else "answers"
        yield f"broker for {broker['unit']}", f"{answers} at {broker['address']}"
    if report["database"] is not None:
        trouble = report["database"]["trouble"]
        yield "database", f"{'no answer' if trouble else 'answers'} at {report['database']['address']}"
    for household in report["digests"]:
        for letter in household["letters"]:
            done = f"from {letter['first_day']} on: {letter['sent']} sent, {letter['waiting']} waiting"
            yield f"{letter['kind']} digest of {household['slug']}", done


def _household(report: Facts, household: Facts) -> Iterator[tuple[str, ...]]:
    hub = household["hub"]
    yield "hub", _hub_line(hub)
    if hub is not None and hub["state"] == "online":
        counters, queue, disk = part(hub, "counters"), part(hub, "queue"), part(hub, "disk")
        refused = sorted(part(counters, "refused").items())
        yield "received", _counts(counters, "received", "version_1", "version_2", "resent_by_box", "not_taken")
        yield "published", _counts(counters, "published", "republished", "denied_by_broker")
        yield "confirmed", _counts(counters, "confirmed", "acknowledged", "unmatched_confirmations")
        yield "refused", ", ".join(f"{count} {reason}" for reason, count in refused) or "none"
        waiting = f"{number(queue, 'memory')} in memory, {number(queue, 'spool')} in the spool"
        yield "queue", f"{waiting}, oldest {span(number(queue, 'lag_s'))}"
        written = f"{size(number(disk, 'spool_bytes'))}, {number(counters, 'spooled')} written"
        yield "spool", f"{hub.get('spool', 'unknown')}, {written}"
    database = household["database"]
    if database is None:
        return
    newest = database["newest_reading"]
    yield "newest stored", "never" if newest is None else f"{span(report['at'] - newest)} ago"
    for writer in database["writers"]:
        counted = _counts(writer, "stored", "repeated", "late", "quarantined", "dead_lettered", "batches")
        age = span(report["at"] - writer["started_at"])
        yield f"writer {writer['writer']}", f"{counted} in {age}, told {span(report['at'] - writer['written_at'])} ago"
    letters = database["dead_letters"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in letters["by_reason"].items())
    yield "dead letters", f"{letters['total']}{f' ({reasons})' if reasons else ''}"
    yield "schema", f"version {database['schema_version'] if database['schema_version'] is not None else 'unknown'}"


def _hub_line(hub: Facts | None) -> str:
    if hub is None:
        return "no state known"
    if hub["state"] != "online":
        return str(hub["state"])
    told = (("ECMS", "version"), ("Python", "python"), ("clock", "clock"), ("confirmations", "confirmations"))
    words = [f"{word} {hub[key]}" for word, key in told if key in hub]
    return ", ".join([f"online for {span(number(hub, 'uptime_s'))}", *words])


def _counts(counters: Facts, *names: str) -> str:
    return ", ".join(f"{counters.get(name, 0)} {name.replace('_', ' ')}" for name in names)


def _boxes(report: Facts, boxes: Iterable[Facts]) -> Iterator[tuple[str, ...]]:
    yield "box", "appliance", "last seen", "dBm", "firmware", "resent", "refused", "missing", "lost", "boots"
    for box in boxes:
        seen = box["last_seen"]
        yield (
            box["mac"],
            str(box["appliance"] or box["device"]),
            "-" if seen is None else f"{span(max(0, report['at'] - seen))} ago",
            *(_or_dash(box[key]) for key in ("rssi", "firmware", "resent", "refused", "missing", "lost", "boots")),
        )


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    kept = list(rows)
    widths = [max(len(row[column]) for row in kept) for column in range(len(kept[0]))]
    for row in kept:
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
