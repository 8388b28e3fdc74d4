"""Panels as Grafana stores them. Their data source is always the dashboard's variable, their queries grafana/sql's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecms_dashboards import colours
from ecms_dashboards.sources import Text, query

Json = dict[str, Any]

DATA_SOURCE: Json = {"type": "mysql", "uid": "${datasource}"}

BY_NAME: Json = {"mode": "palette-classic-by-name"}
"""Fields of a panel of this colour are appliances, of which the usual ones have colours of their own."""

PLAIN: Json = {"mode": "thresholds"}

GOOD = "green"
WARNING = "orange"
BAD = "red"

NOTHING = "–"  # noqa: RUF001 (a dash to look at)
"""Where a panel has data and one value of it is missing; a panel without data has a sentence of its own."""

# Where nothing is known there is nothing to be glad of either: Grafana would give it the colour of the least value.
_NOTHING_IS_NOT_GOOD: Json = {"type": "special", "options": {"match": "null", "result": {"index": 0, "color": "text"}}}

COVERAGE_STEPS = ((None, BAD), (50, WARNING), (95, GOOD))
"""Percent of the time for which something was measured: below 95 % a sum says less than it seems to."""


def thresholds(*steps: tuple[float | None, str]) -> Json:
    """Return colours from a value on; the first value is None, from the least on."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def target(name: str, ref: str = "A", *, series: bool = False) -> Json:
    """Return the query of that name as a panel's; ``series``: rows of time, metric, value instead of a table."""
    return {
        "refId": ref,
        "datasource": DATA_SOURCE,
        "format": "time_series" if series else "table",
        "rawQuery": True,
        "rawSql": query(name),
        "editorMode": "code",
    }


def reduced(fields: str = "") -> Json:
    """Return which values a gauge or a number shows: the last of each field, of numeric ones if none is named."""
    return {"calcs": ["lastNotNull"], "fields": fields, "values": False}


def rows_to_fields(name: str, value: str, *others: str, color: str = "") -> list[Json]:
    """Return the transformations that make a field of each row, of its name's colour or of that in a column."""
    return [
        {
            "id": "organize",
            "options": {"excludeByName": dict.fromkeys(others, True), "indexByName": {}, "renameByName": {}},
        },
        {
            "id": "rowsToFields",
            "options": {
                "mappings": [
                    {"fieldName": name, "handlerKey": "field.name"},
                    {"fieldName": value, "handlerKey": "field.value"},
                    *([{"fieldName": color, "handlerKey": "color"}] if color else []),
                ],
            },
        },
    ]


def power_marks(ref: str, *, scale: bool = False) -> list[Json]:
    """Return the transformation that takes thresholds, and with ``scale`` the end, from the row of marks.sql."""

    def mark(column: str, color: str) -> Json:
        return {"fieldName": column, "handlerKey": "threshold1", "handlerArguments": {"threshold": {"color": color}}}

    mappings = [mark("none_w", GOOD), mark("alert_power_w", WARNING), mark("contract_power_w", BAD)]
    if scale:
        mappings.append({"fieldName": "scale_w", "handlerKey": "max"})
    return [{"id": "configFromData", "options": {"configRefId": ref, "mappings": mappings}}]


def money(ref: str, fields: str = ".*") -> list[Json]:
    """Return the transformation that gives the ``fields`` the household's currency, from the row of marks.sql."""
    return [
        {
            "id": "configFromData",
            "options": {
                "configRefId": ref,
                "applyTo": {"id": "byRegexp", "options": fields},
                "mappings": [{"fieldName": "money", "handlerKey": "unit"}],
            },
        }
    ]


Override = Callable[[Text], Json]
"""Properties of a field, which may be text of the dashboard's language."""


def by_name(name: str, properties: Json) -> Override:
    """Return the override of the field of that name, the same in every language."""
    return lambda _text: _override(name, properties)


def renamed(name: str, key: str) -> Override:
    """Return the override that calls a field by the text of that key."""
    return lambda text: _override(name, {"displayName": text(key)})


def translated(
    name: str, *, states: dict[str, str] | None = None, axis: str | None = None, **properties: Any
) -> Override:
    """Return the override that calls a field by the text ``column.<name>``.

    ``states`` gives the field's possible words their colours, and their texts ``state.<word>``.
    """
    if axis:
        properties["custom.axisPlacement"] = axis

    def override(text: Text) -> Json:
        own: Json = {"displayName": text(f"column.{name}"), "noValue": NOTHING}
        if states:
            own["mappings"] = mapping({word: (text(f"state.{word}"), color) for word, color in states.items()})
        return _override(name, own | properties)

    return override


def mapping(texts: dict[str, tuple[str, str | None]]) -> list[Json]:
    """Return what Grafana shows instead of these values: a text and perhaps a colour."""
    options = {
        value: {"index": index, "text": shown} | ({"color": color} if color else {})
        for index, (value, (shown, color)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def _override(name: str, properties: Json) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def dashes(_text: Text) -> Json:
    """Return the override that shows a dash for a value that is missing among others."""
    return {
        "matcher": {"id": "byRegexp", "options": "/.*/"},
        "properties": [{"id": "noValue", "value": NOTHING}],
    }


@dataclass(frozen=True)
class Column:
    """A column of a table: its unit, and what else Grafana is to know of it.

    Its title is the text ``column.<key>``, or that of its name. ``words`` are values with a text of their own,
    ``<name>.<word>``.
    """

    name: str
    unit: str | None = None
    decimals: int | None = None
    width: int | None = None
    properties: Json = field(default_factory=dict)
    words: tuple[str, ...] = ()
    key: str = ""

    def __call__(self, text: Text) -> Json:
        """Return the override that gives the column its title and unit."""
        chosen: Json = {"unit": self.unit, "decimals": self.decimals, "custom.width": self.width}
        if self.words:
            chosen["mappings"] = mapping({word: (text(f"{self.name}.{word}"), None) for word in self.words})
        properties = {"displayName": text(f"column.{self.key or self.name}"), "noValue": NOTHING}
        properties |= {key: value for key, value in chosen.items() if value is not None}
        return _override(self.name, properties | self.properties)


def colored(*steps: tuple[float | None, str]) -> Json:
    """Return the properties of a column whose background tells good from bad."""
    return {
        "thresholds": thresholds(*steps),
        "color": PLAIN,
        "custom.cellOptions": {"type": "color-background", "mode": "basic"},
    }


def measured_newest_first(order: str, measured: str) -> list[Json]:
    """Return the transformations that leave out rows without anything ``measured`` and turn the ``order`` round."""
    more_than_nothing = {"fieldName": measured, "config": {"id": "greater", "options": {"value": 0}}}
    return [
        {"id": "filterByValue", "options": {"type": "include", "match": "any", "filters": [more_than_nothing]}},
        {"id": "sortBy", "options": {"sort": [{"field": order, "desc": True}]}},
    ]


@dataclass(frozen=True)
class Note:
    """A line of text; ``key`` is its text's."""

    key: str
    width: int
    height: int

    def render(self, text: Text, number: int, x: int, y: int) -> Json:
        """Return the note as Grafana stores it."""
        return {
            "id": number,
            "type": "text",
            "title": "",
            "transparent": True,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "options": {"mode": "markdown", "content": text(self.key)},
        }


@dataclass
class Panel:
    """A panel: what it shows, in which unit, and its place in columns of 24 and rows of 30 px.

    ``always`` is a range of its own, where the one chosen above would be too short to compare anything.

    ``key`` names its texts: ``<key>.title``, ``<key>.description`` and, where nothing is found, ``<key>.empty``.
    """

    key: str
    kind: str
    width: int
    height: int
    unit: str
    targets: list[Json]
    options: Json
    defaults: Json = field(default_factory=dict)
    custom: Json = field(default_factory=dict)
    overrides: Sequence[Override] = ()
    transformations: list[Json] = field(default_factory=list)
    always: str = ""

    def render(self, text: Text, number: int, x: int, y: int) -> Json:
        """Return the panel as Grafana stores it."""
        defaults = {
            "unit": self.unit,
            "color": PLAIN,
            # A bar chart would have an entry of its legend for it.
            "mappings": [_NOTHING_IS_NOT_GOOD] if self.kind in {"gauge", "bargauge", "stat"} else [],
            "thresholds": thresholds((None, GOOD)),
            "noValue": text(f"{self.key}.empty"),
            "custom": self.custom,
            **self.defaults,
        }
        return {
            "id": number,
            "type": self.kind,
            "title": text(f"{self.key}.title"),
            "description": text(f"{self.key}.description"),
            "datasource": DATA_SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": self.targets,
            "transformations": self.transformations,
            **({"timeFrom": self.always} if self.always else {}),
            "options": self.options,
            "fieldConfig": {
                "defaults": defaults,
                "overrides": [
                    *(colours.overrides() if defaults["color"] == BY_NAME else []),
                    *(override(text) for override in self.overrides),
                ],
            },
        }


def legend(*calculations: str, table: bool = False) -> Json:
    """Return a legend below the panel, which a phone can show too."""
    return {
        "displayMode": "table" if table else "list",
        "placement": "bottom",
        "showLegend": True,
        "calcs": list(calculations),
    }


ALL_SERIES: Json = {"mode": "multi", "sort": "desc", "hideZeros": False}


def lines(key: str, unit: str, targets: list[Json], *, height: int = 9, width: int = 24, **more: Any) -> Panel:
    """Return lines over time. A gap in the data is a gap in the line."""
    custom = {
        "drawStyle": "line",
        "lineInterpolation": "stepAfter",
        "lineWidth": 1,
        "fillOpacity": 0,
        "showPoints": "never",
        "spanNulls": False,
        "axisSoftMin": 0,
        **more.pop("custom", {}),
    }
    return Panel(
        key,
        "timeseries",
        width,
        height,
        unit,
        targets,
        options={"legend": legend(), "tooltip": ALL_SERIES},
        custom=custom,
        defaults={"color": BY_NAME, "min": 0, **more.pop("defaults", {})},
        **more,
    )


def bars(
    key: str,
    unit: str,
    targets: list[Json],
    *,
    x_unit: str,
    stacked: bool,
    width: int = 24,
    height: int = 9,
    **more: Any,
) -> Panel:
    """Return bars for days or weeks, one series for each appliance."""
    return Panel(
        key,
        "barchart",
        width,
        height,
        unit,
        targets,
        options={
            "orientation": "auto",
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 100,
            "showValue": "never",
            "stacking": "normal" if stacked else "none",
            "groupWidth": 0.8,
            "barWidth": 0.9,
            "barRadius": 0.05,
            "fullHighlight": False,
            "legend": legend(),
            "tooltip": ALL_SERIES,
        },
        custom={"lineWidth": 0, "fillOpacity": 90, "gradientMode": "none", "axisSoftMin": 0},
        defaults={"color": BY_NAME, "min": 0},
        overrides=[
            dashes,
            lambda _text: {
                "matcher": {"id": "byType", "options": "time"},
                # Between two labels Grafana writes what stands for no value.
                "properties": [{"id": "unit", "value": x_unit}, {"id": "noValue", "value": " "}],
            },
        ],
        **more,
    )


def gauge(key: str, unit: str, targets: list[Json], *, width: int, height: int, **more: Any) -> Panel:
    """Return a gauge with the marks of its thresholds."""
    return Panel(
        key,
        "gauge",
        width,
        height,
        unit,
        targets,
        options={
            "orientation": "auto",
            "reduceOptions": reduced(),
            "showThresholdLabels": True,
            "showThresholdMarkers": True,
            "sizing": "auto",
            "minVizWidth": 75,
            "minVizHeight": 75,
        },
        **more,
    )


def bar_gauge(key: str, unit: str, targets: list[Json], *, width: int, height: int, **more: Any) -> Panel:
    """Return horizontal bars, one for each field."""
    return Panel(
        key,
        "bargauge",
        width,
        height,
        unit,
        targets,
        options={
            "displayMode": "basic",
            "orientation": "horizontal",
            "namePlacement": "left",
            "valueMode": "text",
            "showUnfilled": True,
            "sizing": "auto",
            "minVizWidth": 8,
            "minVizHeight": 16,
            "maxVizHeight": 48,
            "reduceOptions": reduced(),
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        },
        overrides=[dashes],
        **more,
    )


def shown(*fields: str) -> list[Json]:
    """Return the transformation that leaves these fields, in this order."""
    return [
        {"id": "filterFieldsByName", "options": {"include": {"names": list(fields)}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate(fields)},
                "renameByName": {},
            },
        },
    ]


def number(key: str, unit: str, targets: list[Json], *, width: int, height: int, **more: Any) -> Panel:
    """Return big numbers and words, one for each field."""
    return Panel(
        key,
        "stat",
        width,
        height,
        unit,
        targets,
        options={
            "orientation": "auto",
            "colorMode": more.pop("color_mode", "none"),
            "graphMode": "none",
            "justifyMode": "auto",
            "textMode": more.pop("text_mode", "auto"),
            "wideLayout": True,
            "showPercentChange": False,
            "percentChangeColorMode": "standard",
            "reduceOptions": reduced("/.*/"),
        },
        **more,
    )


def table(key: str, targets: list[Json], columns: tuple[Column, ...], *, width: int, height: int, **more: Any) -> Panel:
    """Return a table; every column that measures something has its own unit."""
    return Panel(
        key,
        "table",
        width,
        height,
        more.pop("unit", "short"),
        targets,
        options={"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "minWidth": 78},
        overrides=columns,
        **more,
    )


def coverage(key: str, unit: str, targets: list[Json], *, width: int = 24, height: int = 7, always: str = "") -> Panel:
    """Return a band for each appliance, coloured by the % of each day or week for which it was measured."""
    return Panel(
        key,
        "state-timeline",
        width,
        height,
        unit,
        targets,
        options={
            "showValue": "never",
            "rowHeight": 0.8,
            "mergeValues": True,
            "alignValue": "center",
            "legend": {**legend(), "showLegend": True},
            "tooltip": ALL_SERIES,
        },
        custom={"lineWidth": 0, "fillOpacity": 80},
        defaults={"thresholds": thresholds(*COVERAGE_STEPS), "decimals": 1, "min": 0, "max": 100},
        always=always,
    )


def measured(name: str = "coverage_percent", width: int = 85) -> Column:
    """Return the column that says how much of the time was measured for the Wh beside it."""
    # Before the first box there is nothing to be measured, which is no alarm.
    nothing = {"type": "special", "options": {"match": "null", "result": {"index": 0, "color": "transparent"}}}
    return Column(name, "percent", 0, width, colored(*COVERAGE_STEPS) | {"mappings": [nothing]})


WEEK = tuple("0123456")
WORKDAYS, WEEKEND = WEEK[:5], WEEK[5:]


def heat_table(key: str, unit: str, name: str, days: tuple[str, ...], *, width: int, height: int) -> Panel:
    """Return the mean by hour (rows) and these days of the week (columns): the warmer the colour, the more.

    A column of Grafana's tables is at least 50 px wide, so a phone has no room for a week. The other days are hidden
    and not left out, so that two such tables have one scale.
    """
    heat = {
        "color": {"mode": "continuous-reds"},
        "custom.cellOptions": {"type": "color-background", "mode": "basic"},
        "decimals": 0,
        "min": 0,
    }
    hours = "hour\\weekday"
    return Panel(
        key,
        "table",
        width,
        height,
        unit,
        [target(name)],
        options={"showHeader": True, "cellHeight": "sm", "frameIndex": 0},
        custom={"align": "center", "cellOptions": {"type": "auto"}, "filterable": False, "minWidth": 50},
        transformations=[
            {
                "id": "groupingToMatrix",
                "options": {
                    "columnField": "weekday",
                    "rowField": "hour",
                    "valueField": "mean_w",
                    "emptyValue": "null",
                },
            },
            {"id": "sortBy", "options": {"sort": [{"field": hours}]}},
        ],
        overrides=[
            Column(hours, width=56, key="hour"),
            *(
                Column(day, properties=heat if day in days else heat | {"custom.hidden": True}, key=f"weekday_{day}")
                for day in WEEK
            ),
        ],
    )
