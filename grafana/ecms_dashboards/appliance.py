"""Appliance: one of them, chosen above: its runs, its standby and when in the week it draws."""

from __future__ import annotations

from ecms_dashboards.dashboard import Dashboard, Row, choice
from ecms_dashboards.panels import (
    WEEKEND,
    WORKDAYS,
    Column,
    coverage,
    heat_table,
    lines,
    money,
    number,
    shown,
    table,
    target,
    translated,
)

_MARKS = target("marks", "B")

_NUMBERS = Row(
    (
        number(
            "appliance.peak",
            "watt",
            [target("appliance_peak")],
            width=8,
            height=5,
            overrides=[translated("peak_w"), translated("time", unit="time:DD/MM HH:mm")],
        ),
        number(
            "appliance.standby",
            "watt",
            [target("appliance_standby"), _MARKS],
            width=9,
            height=5,
            transformations=money("B", "cost_year") + shown("standby_w", "wh_year", "cost_year"),
            overrides=[
                translated("standby_w", decimals=1),
                translated("wh_year", unit="watth", decimals=1),
                translated("cost_year", decimals=2),
            ],
        ),
        number(
            "appliance.floor",
            "watt",
            [target("appliance_standby")],
            width=7,
            height=5,
            transformations=shown("floor_05b_w", "floor_20a_w", "floor_30a_w"),
            defaults={"decimals": 1},
            overrides=[translated("floor_05b_w"), translated("floor_20a_w"), translated("floor_30a_w")],
        ),
    ),
)

APPLIANCE = Dashboard(
    "appliance",
    (
        _NUMBERS,
        Row((lines("appliance.watt", "watt", [target("appliance_watt", series=True)], custom={"fillOpacity": 20}),)),
        Row((coverage("appliance.coverage", "percent", [target("appliance_coverage", series=True)], height=4),)),
        Row(
            (
                heat_table("appliance.workdays", "watt", "appliance_week", WORKDAYS, width=8, height=27),
                heat_table("appliance.weekend", "watt", "appliance_week", WEEKEND, width=5, height=27),
                table(
                    "appliance.cycles",
                    [target("appliance_cycles"), _MARKS],
                    (
                        Column("time", "dateTimeAsLocal", width=155, key="started"),
                        Column("minutes", "suffix: min", 0, width=68),
                        Column("wh", "watth", width=72),
                        Column("cost", decimals=2, width=62),
                        Column("peak_w", "watt"),
                    ),
                    width=11,
                    height=27,
                    transformations=money("B", "cost"),
                ),
            ),
        ),
    ),
    refresh="1m",
    begins="now-6d/d",
    variables=(choice("device", "appliances"),),
)
