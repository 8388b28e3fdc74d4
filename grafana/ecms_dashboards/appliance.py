"""Appliance: one of them, chosen above: its runs, its standby and when in the week it draws."""

from __future__ import annotations

from ecms_dashboards.dashboard import Dashboard, Row, choice
from ecms_dashboards.panels import (
    Column,
    heat_table,
    lines,
    money,
    number,
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
            width=6,
            height=5,
            fields="",
            defaults={"decimals": 0},
            overrides=[translated("peak_w"), translated("time", unit="dateTimeAsLocal")],
        ),
        number(
            "appliance.standby",
            "watt",
            [target("appliance_standby"), _MARKS],
            width=10,
            height=5,
            fields="/^(standby_w|wh_year|cost_year)$/",
            transformations=money("B", "cost_year"),
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
            width=8,
            height=5,
            fields="/^floor_/",
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
        Row(
            (
                heat_table("appliance.week", "watt", "appliance_week", width=11, height=24),
                table(
                    "appliance.cycles",
                    [target("appliance_cycles"), _MARKS],
                    (
                        Column("time", "dateTimeAsLocal", width=165, key="started"),
                        Column("minutes", "m", 0),
                        Column("wh", "watth", 0),
                        Column("cost", decimals=2),
                        Column("peak_w", "watt", 0),
                    ),
                    width=13,
                    height=24,
                    transformations=money("B", "cost"),
                ),
            ),
        ),
    ),
    refresh="1m",
    begins="now-6d/d",
    variables=(choice("device", "appliances"),),
)
