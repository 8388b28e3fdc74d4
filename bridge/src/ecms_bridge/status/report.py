"""Everything that is to be told, gathered once; its published form is ``schemas/report.json``."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any, TypeAlias

from ecms_bridge import __version__
from ecms_bridge.schema.migrator import packaged_migrations
from ecms_bridge.status import broker, digests, machine, tables
from ecms_bridge.status.installed import HUB_UNIT, Installed, Login

Facts: TypeAlias = dict[str, Any]

_FROM_THE_HUB = ("received", "resent", "refused", "missing", "lost")
_TOLD = frozenset({"mac", "device", "last_seen", "rssi", "firmware", *_FROM_THE_HUB})


def gather(installed: Installed, digest_directory: Path, digest_states: Path) -> Facts:
    """Ask systemd, the disks, the database and the broker; what does not answer is said to be in trouble.

    Takes at most half a minute, however much is down.
    """
    database = None
    if installed.writer is not None:
        database = tables.ask(installed.writer.database, installed.database_password)
    answers = [_ask_broker(installed, login, database) for login in installed.logins]
    states: dict[str, dict[str, object]] = {}
    for answer in answers:
        states |= answer.states
    known = database.households if database else {}
    # A retained goodbye may be of a household that is long removed, but whoever is online wants to be stored.
    slugs = {*known, *(slug for slug, state in states.items() if state["state"] == "online")}
    if installed.hub is not None:
        slugs.add(installed.hub.household)
    at = int(time.time())
    return {
        "at": at,
        "versions": {
            "bridge": __version__,
            "python": platform.python_version(),
            "schema": packaged_migrations()[-1].version,
            "database": database.server if database else None,
        },
        "units": [unit.as_dict() for unit in machine.units([*installed.units, machine.MAINTENANCE_UNIT])],
        "disks": [disk.as_dict() for disk in _disks(installed, database)],
        "clock": _clock(installed),
        "brokers": [{"unit": a.unit, "address": a.address, "trouble": a.trouble} for a in answers],
        "database": None if database is None else {"address": database.address, "trouble": database.trouble},
        "digests": digests.look(digest_directory, digest_states, at, machine.running_since()),
        "households": [_household(slug, states.get(slug), known.get(slug)) for slug in sorted(slugs)],
    }


def _ask_broker(installed: Installed, login: Login, database: tables.Answer | None) -> broker.Answer:
    if installed.hub is not None and login.unit == HUB_UNIT:
        return broker.ask(login, installed.hub.household, [installed.hub.household])
    # The hub's own login has asked for the hub's household.
    others = set(database.households if database else ()) - {installed.hub.household if installed.hub else ""}
    return broker.ask(login, None, others)


def _disks(installed: Installed, database: tables.Answer | None) -> list[machine.Disk]:
    found = []
    if installed.hub is not None:
        found.append(machine.disk("spool", installed.hub.spool_directory))
    if installed.writer is not None and installed.writer.database.socket and database is not None and database.datadir:
        found.append(machine.disk("database", Path(database.datadir)))
    return [disk for disk in found if disk is not None]


def _clock(installed: Installed) -> Facts | None:
    if installed.hub is None:
        return None
    marker = installed.hub.clock_marker
    return {"marker": None if marker is None else str(marker), "right": marker is None or marker.exists()}


def _household(slug: str, state: dict[str, object] | None, known: Facts | None) -> Facts:
    boxes = {box["mac"]: {**dict.fromkeys(_FROM_THE_HUB), **box} for box in (known or {}).get("boxes", [])}
    for told in _told_boxes(state):
        box = boxes.setdefault(told["mac"], {"appliance": None, "calibrated": None, "boots": None, "clipped": None})
        box |= {key: told[key] for key in _FROM_THE_HUB}
        if told["last_seen"] is not None and told["last_seen"] >= box.get("last_seen", 0):
            box |= {key: told[key] for key in ("last_seen", "rssi", "firmware")}
        for key in ("mac", "device", "last_seen", "rssi", "firmware"):
            box.setdefault(key, told[key])
        box.setdefault("readings", None)
    return {
        "slug": slug,
        "hub": None if state is None else {key: value for key, value in state.items() if key != "boxes"},
        "database": None if known is None else {key: value for key, value in known.items() if key != "boxes"},
        "boxes": [boxes[mac] for mac in sorted(boxes)],
    }


def _told_boxes(state: dict[str, object] | None) -> list[Facts]:
    boxes = (state or {}).get("boxes", [])
    entries = [box for box in boxes if isinstance(box, dict)] if isinstance(boxes, list) else []
    return [box for box in entries if all(key in box for key in _TOLD)]
