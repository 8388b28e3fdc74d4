"""Diagnosis: how boxes, hub and writer are, for whoever looks after them."""

from __future__ import annotations

from ecms_dashboards.dashboard import Dashboard, Row
from ecms_dashboards.panels import (
    BAD,
    COVERAGE_STEPS,
    GOOD,
    WARNING,
    Column,
    colored,
    lines,
    number,
    shown,
    table,
    target,
    thresholds,
    translated,
)

_SILENT = ((None, GOOD), (60, WARNING), (300, BAD))
_SIGNAL = ((None, BAD), (-80, WARNING), (-70, GOOD))
_ANY = ((None, GOOD), (1, WARNING))
_ANY_CELL = ((None, "transparent"), (1, WARNING))
_STATES = {"online": GOOD, "offline": BAD}
_REFUSED = ("tag", "unsigned", "time_old", "time_ahead", "malformed")

_HUB = Row(
    (
        number(
            "diagnosis.hub",
            "s",
            [target("hub")],
            width=6,
            height=8,
            transformations=shown("state", "silent_s", "uptime_s", "version"),
            overrides=[
                translated("state", states=_STATES),
                translated("version"),
                translated("silent_s", thresholds=thresholds((None, GOOD), (150, WARNING), (600, BAD))),
                translated("uptime_s", unit="dtdurations"),
            ],
            color_mode="value",
        ),
        number(
            "diagnosis.queue",
            "short",
            [target("hub")],
            width=9,
            height=8,
            transformations=shown("queue_memory", "queue_spool", "lag_s", "spool_bytes", "spool_free_bytes"),
            overrides=[
                translated("queue_memory"),
                translated("queue_spool", thresholds=thresholds(*_ANY)),
                translated("lag_s", unit="s", thresholds=thresholds((None, GOOD), (60, WARNING), (600, BAD))),
                translated("spool_bytes", unit="bytes"),
                translated(
                    "spool_free_bytes", unit="bytes", thresholds=thresholds((None, BAD), (1e8, WARNING), (1e9, GOOD))
                ),
            ],
            color_mode="value",
        ),
        number(
            "diagnosis.refused",
            "short",
            [target("hub")],
            width=9,
            height=8,
            transformations=shown(*(f"refused_{reason}" for reason in _REFUSED), "resent_by_box", "not_taken"),
            overrides=[
                *(translated(f"refused_{reason}", thresholds=thresholds(*_ANY)) for reason in _REFUSED),
                translated("resent_by_box"),
                translated("not_taken", thresholds=thresholds(*_ANY)),
            ],
            color_mode="value",
        ),
    ),
    "diagnosis.section_hub",
)

_BOXES = (
    Row(
        (
            table(
                "diagnosis.boxes",
                [target("boxes")],
                (
                    Column("box", width=148),
                    Column("appliance", width=125),
                    Column("last_seen", "dateTimeFromNow", width=140),
                    Column("silent_s", "s", 0, 115, colored(*_SILENT)),
                    Column("rssi", "dBm", 0, 85, colored(*_SIGNAL)),
                    Column("packets_per_minute", "short", 0, 112),
                    Column("coverage_percent", "percent", 1, 100, colored(*COVERAGE_STEPS)),
                    Column("resent", "short", 0, 82),
                    Column("refused", "short", 0, 90, colored(*_ANY_CELL)),
                    Column("missing", "short", 0, 82),
                    Column("lost", "short", 0, 90, colored(*_ANY_CELL)),
                    Column("boots", "short", 0, 82),
                    Column("clipped", "short", 0, 90, colored(*_ANY_CELL)),
                    Column("calibrated", width=85, words=("0", "1")),
                    Column("firmware", width=80),
                ),
                width=24,
                height=11,
            ),
        ),
        "diagnosis.section_boxes",
    ),
    Row(
        (
            table(
                "diagnosis.gaps",
                [target("gaps")],
                (
                    Column("box", width=148),
                    Column("begins", "dateTimeAsLocal", width=165),
                    Column("ends", "dateTimeAsLocal", width=165),
                    Column("minutes", "suffix: min", 0, 100),
                ),
                width=13,
                height=9,
            ),
            table(
                "diagnosis.quarantine",
                [target("quarantine")],
                (
                    Column("box", width=148),
                    Column("appliance_id", "none", 0, 125),
                    Column("readings", "short", 0, 90),
                    Column("first", "dateTimeAsLocal", width=165),
                    Column("last", "dateTimeAsLocal", width=165),
                ),
                width=11,
                height=9,
            ),
        ),
    ),
    Row((lines("diagnosis.packets", "short", [target("packets", series=True)], height=8),)),
)

_STORED = (
    Row(
        (
            lines(
                "diagnosis.waiting",
                "short",
                [target("hub_queue", series=True)],
                width=24,
                height=8,
                defaults={"color": {"mode": "palette-classic"}},
                overrides=[translated("memory"), translated("spool"), translated("lag_s", unit="s", axis="right")],
            ),
        ),
        "diagnosis.section_stored",
    ),
    Row(
        (
            table(
                "diagnosis.writers",
                [target("writers")],
                (
                    Column("writer", width=100),
                    Column("version", width=90),
                    Column("started", "dateTimeAsLocal", width=165),
                    Column("silent_s", "s", 0, 115, colored((None, GOOD), (150, WARNING), (600, BAD))),
                    Column("stored", "short", 0, 80),
                    Column("repeated", "short", 0, 80),
                    Column("late", "short", 0, 80),
                    Column("quarantined", "short", 0, 120),
                    Column("dead_lettered", "short", 0, 110, colored(*_ANY_CELL)),
                    Column("database_free_bytes", "bytes", 1, 110),
                ),
                width=24,
                height=5,
            ),
        ),
    ),
    Row(
        (
            table(
                "diagnosis.dead_letters",
                [target("dead_letters")],
                (
                    Column("reason"),
                    Column("messages", "short", 0, 100, colored(*_ANY_CELL)),
                    Column("last", "dateTimeFromNow", width=150),
                ),
                width=24,
                height=5,
            ),
        ),
    ),
)

DIAGNOSIS = Dashboard("diagnosis", (_HUB, *_BOXES, *_STORED), refresh="30s", begins="now-24h")
