"""What ecms-status makes of what it has gathered."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ecms_bridge.digest.periods import Period
from ecms_bridge.digest.sent import Sent
from ecms_bridge.status import machine
from ecms_bridge.status.digests import look
from ecms_bridge.status.report import _household
from ecms_bridge.status.rules import Level, Thresholds, judge, overall, size, span
from ecms_bridge.status.table import render

NOW = 1_767_265_200
SHOWN = """\
Id=ecms-udp-to-mqtt.service
LoadState=loaded
ActiveState=active
SubState=running
NRestarts=3
StatusText=UDP port 4210; broker connected; spool ready (0); clock right

Id=ecms-mqtt-to-mysql.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
NRestarts=17
StatusText=

Id=ecms-maintenance.service
LoadState=not-found
ActiveState=inactive
SubState=dead
"""


def report(**changed: Any) -> dict[str, Any]:
    return {
        "at": NOW,
        "versions": {"bridge": "0.1.0", "python": "3.11.2", "schema": 2, "database": "10.11.6-MariaDB"},
        "units": [],
        "disks": [],
        "clock": {"marker": None, "right": True},
        "brokers": [{"unit": "ecms-udp-to-mqtt", "address": "127.0.0.1 port 1883", "trouble": None}],
        "database": None,
        "digests": [],
        "households": [],
        **changed,
    }


def test_units_as_systemctl_shows_them() -> None:
    assert machine._parse(SHOWN) == [
        machine.Unit(
            "ecms-udp-to-mqtt",
            "active",
            "running",
            3,
            "UDP port 4210; broker connected; spool ready (0); clock right",
        ),
        machine.Unit("ecms-mqtt-to-mysql", "activating", "auto-restart", 17, ""),
    ]
    assert machine._parse("") == []


def test_a_unit_that_does_not_run_is_critical_and_a_failed_maintenance_a_warning() -> None:
    units = [unit.as_dict() for unit in machine._parse(SHOWN)]
    failed = machine.Unit("ecms-maintenance", "failed", "failed", 0, "").as_dict()
    idle = machine.Unit("ecms-maintenance", "inactive", "dead", 0, "").as_dict()
    assert [(f.level, f.about) for f in judge(report(units=[*units, failed]), Thresholds())] == [
        (Level.CRITICAL, "ecms-mqtt-to-mysql"),
        (Level.WARNING, "ecms-maintenance"),
    ]
    assert judge(report(units=[units[0], idle]), Thresholds()) == []


@pytest.mark.parametrize(
    ("free", "level"), [(10**10, Level.OK), (999_999_999, Level.WARNING), (199_999_999, Level.CRITICAL)]
)
def test_room_on_a_disk(free: int, level: Level) -> None:
    disks = [machine.Disk("spool", "/var/lib/x", free, 10**11).as_dict()]
    assert overall(judge(report(disks=disks), Thresholds())) is level


@pytest.mark.parametrize(
    ("spool", "lag", "level"),
    [
        ("ready", 0, Level.OK),
        ("in use", 119, Level.OK),
        ("in use", 120, Level.WARNING),
        ("in use", 3600, Level.CRITICAL),
        ("full", 0, Level.CRITICAL),
        ("failing", 0, Level.CRITICAL),
    ],
)
def test_the_hubs_spool_and_lag(spool: str, lag: int, level: Level) -> None:
    hub = {"state": "online", "spool": spool, "queue": {"lag_s": lag}}
    households: list[dict[str, Any]] = [{"slug": "rossi", "hub": hub, "database": None, "boxes": []}]
    assert overall(judge(report(households=households), Thresholds())) is level


WEEKLY = {"kind": "weekly", "first_day": "2025-12-22", "sent": 1, "waiting": 1, "due_since": NOW - 2 * 86400}


def digests(**changed: Any) -> dict[str, Any]:
    return report(digests=[{"slug": "rossi", "trouble": None, "letters": [WEEKLY | changed]}])


def test_a_digest_that_stays_due() -> None:
    [found] = judge(digests(), Thresholds())
    assert (found.level, found.about) == (Level.WARNING, "rossi")
    assert found.sentence == (
        "its weekly digest from 2025-12-22 on has been due for 2 d and is not sent to 1 of 2: "
        "journalctl -u ecms-digest@rossi says why"
    )
    assert "  weekly digest of rossi       from 2025-12-22 on: 1 sent, 1 waiting" in render(digests(), [], Level.OK)
    assert judge(digests(waiting=0, due_since=None), Thresholds()) == []
    assert judge(digests(due_since=NOW - 6 * 3600 + 1), Thresholds()) == []
    assert judge(digests(due_since=NOW - 3600), Thresholds(digest_due_s=3600)) != []
    [found] = judge(report(digests=[{"slug": "rossi", "trouble": "cannot read x", "letters": []}]), Thresholds())
    assert (found.level, found.sentence) == (Level.WARNING, "no digest is sent: cannot read x")


DIGEST = """
slug = "rossi"
timezone = "Europe/Rome"
language = "it"
questions = "/etc/ecms/digest/sql"
[database]
host = "localhost"
port = 3306
socket = "/run/mysqld/mysqld.sock"
user = "grafana_rossi"
tls_ca = ""
[smtp]
host = "smtp.example.org"
port = 587
encryption = "starttls"
user = ""
from = "casa@example.org"
from_name = "ECMS"
tls_ca = ""
[[letter]]
kind = "weekly"
to = "anna@example.org"
[[letter]]
kind = "weekly"
to = "bruno@example.org"
"""


def test_which_digests_wait_and_since_when(tmp_path: Path) -> None:
    """The week before NOW, Thursday 2026-01-01 12:00 in Rome, is due from Monday 2025-12-29 07:00 on."""
    config, state = tmp_path / "rossi.toml", tmp_path / "state"
    due = int(datetime(2025, 12, 29, 7, tzinfo=ZoneInfo("Europe/Rome")).timestamp())

    def letter(running_since: int = 0) -> dict[str, Any]:
        [told] = look(tmp_path, state, NOW, running_since)
        assert (told["slug"], told["trouble"]) == ("rossi", None)
        [found] = told["letters"]
        return found  # type: ignore[no-any-return]

    assert look(tmp_path, state, NOW, 0) == []
    config.write_text(DIGEST, encoding="utf-8")
    os.utime(config, (due - 86400, due - 86400))
    expected = {"kind": "weekly", "first_day": "2025-12-22", "sent": 0, "waiting": 2, "due_since": due}
    assert letter() == expected
    assert letter(running_since=due + 7) == expected | {"due_since": due + 7}
    os.utime(config, (due + 9, due + 9))
    assert letter() == expected | {"due_since": due + 9}
    (state / "rossi").mkdir(parents=True)
    for day, to in (("2025-12-22", "anna"), ("2025-12-15", "bruno")):
        Sent(state / "rossi/sent.json").add(f"{to}@example.org", Period("weekly", date.fromisoformat(day), date.max))
    assert letter() == expected | {"sent": 1, "waiting": 1, "due_since": due + 9}
    Sent(state / "rossi/sent.json").add("bruno@example.org", Period("weekly", date(2025, 12, 22), date.max))
    assert letter() == expected | {"sent": 2, "waiting": 0, "due_since": None}
    (state / "rossi/sent.json").write_text("[", encoding="utf-8")
    [told] = look(tmp_path, state, NOW, 0)
    assert (told["letters"], "cannot read what has been sent" in told["trouble"]) == ([], True)


def test_boxes_of_hub_and_tables_are_one_list() -> None:
    told = {"device": 3, "rssi": -50, "firmware": "2.0.0", "received": 9, "resent": 1, "refused": 0, "missing": 4}
    known = {"device": 1, "appliance": "forno", "rssi": -70, "firmware": "1.0.0", "calibrated": True, "readings": 70}
    state: dict[str, object] = {
        "state": "online",
        "boxes": [
            {"mac": "AA", "last_seen": NOW, "lost": 2, **told},
            {"mac": "BB", "last_seen": NOW - 900, "lost": 0, **told},
            {"mac": "CC", "last_seen": None, "lost": 0, **told},
        ],
    }
    table = {"boxes": [{"mac": mac, "last_seen": NOW - 60, "boots": 1, "clipped": 0, **known} for mac in ("AA", "BB")]}
    first, second, third = _household("rossi", state, table)["boxes"]
    assert (first["last_seen"], first["rssi"], first["firmware"], first["device"]) == (NOW, -50, "2.0.0", 1)
    assert (first["appliance"], first["readings"], first["missing"], first["lost"]) == ("forno", 70, 4, 2)
    assert (second["last_seen"], second["rssi"], second["firmware"]) == (NOW - 60, -70, "1.0.0")
    assert (third["last_seen"], third["rssi"], third["device"], third["readings"]) == (None, -50, 3, None)


def test_the_table() -> None:
    hub = {
        "state": "online",
        "version": "0.1.0",
        "python": "3.11.2",
        "uptime_s": 7300,
        "clock": "right",
        "spool": "ready",
        "confirmations": "flowing",
        "queue": {"memory": 1, "spool": 0, "lag_s": 3},
        "disk": {"spool_bytes": 32768},
        "counters": {
            "received": 9,
            "version_2": 9,
            "published": 8,
            "confirmed": 8,
            "spooled": 0,
            "refused": {"tag": 1},
        },
    }
    box = {
        "mac": "AA:BB:CC:DD:EE:FF",
        "device": 9,
        "appliance": None,
        "last_seen": NOW - 400,
        **dict.fromkeys(("rssi", "firmware", "boots")),
        **dict.fromkeys(("resent", "refused", "missing", "lost"), 0),
    }
    made = report(households=[{"slug": "rossi", "hub": hub, "database": None, "boxes": [box]}])
    findings = judge(made, Thresholds())
    assert (
        render(made, findings, overall(findings))
        == """\
ECMS WARNING: rossi: box AA:BB:CC:DD:EE:FF (9) has been silent for 6 min: see its power and Wi-Fi
  WARNING  rossi: box AA:BB:CC:DD:EE:FF (9) has been silent for 6 min: see its power and Wi-Fi

  versions                     ECMS 0.1.0, schema 2, Python 3.11.2, database 10.11.6-MariaDB
  clock                        right
  broker for ecms-udp-to-mqtt  answers at 127.0.0.1 port 1883

rossi
  hub        online for 2 h, ECMS 0.1.0, Python 3.11.2, clock right, confirmations flowing
  received   9 received, 0 version 1, 9 version 2, 0 resent by box, 0 not taken
  published  8 published, 0 republished, 0 denied by broker
  confirmed  8 confirmed, 0 acknowledged, 0 unmatched confirmations
  refused    1 tag
  queue      1 in memory, 0 in the spool, oldest 3 s
  spool      ready, 32.8 kB, 0 written

  box                appliance  last seen  dBm  firmware  resent  refused  missing  lost  boots
  AA:BB:CC:DD:EE:FF  9          6 min ago  -    -         0       0        0        0     -"""
    )


@pytest.mark.parametrize(
    "hub",
    [
        {"state": "online"},
        {"state": "online", "queue": 7, "counters": [], "boxes": {}, "disk": None, "uptime_s": "long"},
        {"state": "online", "boxes": [7, {"mac": "AA"}], "queue": {"lag_s": None}, "counters": {"refused": 3}},
        {"state": "online", "version": "0.0.9", "uptime_s": 7, "spool": "ready", "counters": {"received": 1}},
    ],
)
def test_a_hub_of_another_version_may_say_less(hub: dict[str, object]) -> None:
    household = _household("rossi", hub, None)
    made = report(households=[household])
    findings = judge(made, Thresholds())
    assert findings == []
    assert "rossi" in render(made, findings, overall(findings))


def test_spans_and_sizes() -> None:
    assert [span(n) for n in (0, 119, 120, 7199, 7200, 172_799, 172_800)] == [
        "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d",
    ]  # fmt: skip
    assert [size(n) for n in (0, 999, 1000, 1_500_000, 2 * 10**9, 3 * 10**12)] == [
        "0 B", "999 B", "1.0 kB", "1.5 MB", "2.0 GB", "3.0 TB",
    ]  # fmt: skip
