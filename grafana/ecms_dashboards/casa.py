"""Casa: what the household draws now, what it used and what that cost."""

from __future__ import annotations

from ecms_dashboards.dashboard import Dashboard, Row
from ecms_dashboards.panels import (
    BAD,
    BY_NAME,
    GOOD,
    WARNING,
    Column,
    Note,
    bar_gauge,
    bars,
    by_name,
    coverage,
    gauge,
    lines,
    measured,
    measured_newest_first,
    money,
    number,
    power_marks,
    renamed,
    rows_to_fields,
    shown,
    table,
    target,
)

_DAY = "time:ddd D/M"
_PACKETS_A_MINUTE = 6
_MARKS = target("marks", "B")

_NOW = Row(
    (
        gauge(
            "casa.now",
            "watt",
            [target("total_now"), _MARKS],
            width=7,
            height=10,
            transformations=power_marks("B", scale=True),
            defaults={"min": 0},
            overrides=[by_name("total_w", {"displayName": ""})],
        ),
        bar_gauge(
            "casa.appliances",
            "watt",
            [target("appliances_now")],
            width=9,
            height=10,
            transformations=rows_to_fields("appliance", "watt", "ampere"),
            defaults={"color": BY_NAME, "min": 0},
        ),
        bar_gauge(
            "casa.throughput",
            "short",
            [target("throughput")],
            width=8,
            height=10,
            transformations=rows_to_fields("appliance", "packets_per_minute"),
            defaults={
                "min": 0,
                "max": _PACKETS_A_MINUTE,
                "decimals": 0,
                "thresholds": {
                    "mode": "absolute",
                    "steps": [
                        {"value": None, "color": BAD},
                        {"value": 1, "color": WARNING},
                        {"value": _PACKETS_A_MINUTE - 1, "color": GOOD},
                    ],
                },
            },
        ),
    ),
)

_PERIODS = Row(
    (
        number(
            "casa.used",
            "watth",
            [target("periods")],
            width=10,
            height=6,
            transformations=rows_to_fields(
                "period",
                "wh",
                "coverage_percent",
                "cost",
                "wh_before",
                "coverage_before_percent",
                "cost_before",
                color="colour",
            ),
            defaults={"decimals": 1},
            color_mode="value",
            overrides=[renamed("day", "period.day"), renamed("week", "period.week"), renamed("month", "period.month")],
        ),
        table(
            "casa.compared",
            [target("periods"), _MARKS],
            (
                Column("period", width=135, words=("day", "week", "month")),
                Column("wh", "watth", 1, 90),
                measured(),
                Column("cost", decimals=2),
                Column("wh_before", "watth", 1, 90),
                measured("coverage_before_percent", 120),
                Column("cost_before", decimals=2),
            ),
            width=14,
            height=6,
            transformations=money("B", "cost.*")
            + shown("period", "wh", "coverage_percent", "cost", "wh_before", "coverage_before_percent", "cost_before"),
        ),
    ),
)

_POWER = (
    Row(
        (
            lines(
                "casa.watt",
                "watt",
                [target("watt", series=True), _MARKS],
                height=11,
                transformations=power_marks("B"),
                custom={
                    "lineWidth": 0,
                    "fillOpacity": 70,
                    "stacking": {"mode": "normal", "group": "A"},
                    "thresholdsStyle": {"mode": "dashed"},
                },
            ),
        ),
        "casa.power",
    ),
    Row((lines("casa.ampere", "amp", [target("ampere", series=True)]),)),
)

_ENERGY = (
    Row(
        (bars("casa.daily", "watth", [target("daily_wh", series=True)], x_unit=_DAY, stacked=True, height=11),),
        "casa.energy",
    ),
    Row((coverage("casa.coverage", "percent", [target("daily_coverage", series=True)]),)),
    Row(
        (
            bars(
                "casa.weekly",
                "watth",
                [target("weekly_mean_wh", series=True)],
                x_unit=_DAY,
                stacked=False,
                always="now-4w/w",
                width=12,
                height=10,
            ),
            table(
                "casa.mean",
                [target("mean_daily_wh")],
                (
                    Column("appliance"),
                    Column(
                        "mean_wh", "watth", 1, properties={"custom.cellOptions": {"type": "gauge", "mode": "basic"}}
                    ),
                    Column("days", "short", 0, 65),
                    measured(),
                ),
                width=12,
                height=10,
                defaults={"min": 0},
            ),
        ),
    ),
    Row(
        (
            coverage(
                "casa.weekly_coverage",
                "percent",
                [target("weekly_coverage", series=True)],
                always="now-4w/w",
            ),
        )
    ),
)

_COST = (
    Row(
        (
            bars(
                "casa.daily_cost",
                "currencyEUR",
                [target("daily_cost", series=True), _MARKS],
                x_unit=_DAY,
                stacked=True,
                width=14,
                height=9,
                transformations=money("B", "^(?!time$|Time$).*"),
            ),
            table(
                "casa.months",
                [target("cost_by_month"), _MARKS],
                (
                    Column("month", width=90),
                    Column("wh", "watth", 1),
                    measured(),
                    Column("cost", decimals=2),
                    Column("fixed_cost", decimals=2),
                ),
                width=10,
                height=9,
                transformations=money("B", ".*cost") + measured_newest_first("month", "wh"),
                always="now-11M/M",
            ),
        ),
        "casa.cost",
    ),
    Row(
        (
            table(
                "casa.by_appliance",
                [target("cost_by_appliance"), _MARKS],
                (Column("appliance"), Column("wh", "watth", 1), measured(), Column("cost", decimals=2)),
                width=14,
                height=9,
                transformations=money("B", "cost"),
            ),
            table(
                "casa.by_band",
                [target("cost_by_band"), _MARKS],
                (Column("band"), Column("wh", "watth", 1), measured(), Column("cost", decimals=2)),
                width=10,
                height=9,
                transformations=money("B", "cost"),
            ),
        ),
    ),
)

CASA = Dashboard(
    "casa",
    (_NOW, Row((Note("casa.note", 24, 2),)), _PERIODS, *_POWER, *_ENERGY, *_COST),
    refresh="10s",
    begins="now-6d/d",
)
