"""A dashboard as Grafana stores it: the same file is provisioned by a playbook and imported by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ecms_dashboards.panels import DATA_SOURCE, Json, Note, Panel
from ecms_dashboards.sources import Text, query

COLUMNS = 24
SCHEMA_VERSION = 41
TAG = "ecms"

# The ranges that a household asks for, by the key of their text.
_RANGES = {
    "range.hour": ("now-1h", "now"),
    "range.day": ("now-24h", "now"),
    "range.today": ("now/d", "now"),
    "range.yesterday": ("now-1d/d", "now-1d/d"),
    "range.week": ("now-6d/d", "now"),
    "range.month": ("now-29d/d", "now"),
    "range.this_month": ("now/M", "now"),
    "range.last_month": ("now-1M/M", "now-1M/M"),
    "range.year": ("now-1y/d", "now"),
}


class LayoutError(Exception):
    """A row of panels is not as wide as the dashboard."""


@dataclass(frozen=True)
class Row:
    """Panels side by side; ``key`` names the heading above them, if there is one."""

    panels: Sequence[Panel | Note]
    key: str = ""


@dataclass(frozen=True)
class Dashboard:
    """A dashboard. ``key`` begins the keys of its texts, and is its file's name and the end of its uid."""

    key: str
    rows: Sequence[Row]
    refresh: str
    begins: str
    variables: Sequence[Json] = field(default_factory=tuple)

    def render(self, text: Text) -> Json:
        """Return the dashboard in that language.

        Raises:
            LayoutError: a row's panels do not fill the dashboard's 24 columns, or differ in height.

        """
        return {
            "uid": f"ecms-{self.key}",
            "title": text(f"{self.key}.title"),
            "description": text(f"{self.key}.description"),
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "timezone": "browser",
            "weekStart": "monday",
            "time": {"from": self.begins, "to": "now"},
            "timepicker": {
                "refresh_intervals": ["10s", "30s", "1m", "5m", "15m"],
                "quick_ranges": [
                    {"display": text(key), "from": begins, "to": ends} for key, (begins, ends) in _RANGES.items()
                ],
            },
            "refresh": self.refresh,
            "annotations": {"list": []},
            "links": [_links(text)],
            "templating": {"list": [_data_source(text), *(_translated(one, text) for one in self.variables)]},
            "panels": self._panels(text),
        }

    def _panels(self, text: Text) -> list[Json]:
        found: list[Json] = []
        y = 0
        for row in self.rows:
            if row.key:
                found.append(_heading(text(row.key), len(found) + 1, y))
                y += 1
            x = 0
            for panel in row.panels:
                found.append(panel.render(text, len(found) + 1, x, y))
                x += panel.width
            heights = {panel.height for panel in row.panels}
            if x != COLUMNS or len(heights) != 1:
                raise LayoutError(f"{self.key}: the row of {row.panels[0].key} is {x} wide and {sorted(heights)} high")
            y += heights.pop()
        return found


def choice(name: str, query_name: str) -> Json:
    """Return a variable to choose one of the rows of a query, whose label is the text ``variable.<name>``."""
    return {
        "name": name,
        "label": f"variable.{name}",
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": query(query_name),
        "refresh": 1,
        "sort": 0,
        "regex": "",
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "options": [],
        "current": {},
    }


def _translated(variable: Json, text: Text) -> Json:
    return {**variable, "label": text(variable["label"])}


def _data_source(text: Text) -> Json:
    return {
        "name": "datasource",
        "label": text("variable.datasource"),
        "type": "datasource",
        "query": "mysql",
        "refresh": 1,
        "regex": "",
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "options": [],
        "current": {},
    }


def _links(text: Text) -> Json:
    return {
        "type": "dashboards",
        "title": text("links.title"),
        "icon": "external link",
        "tooltip": "",
        "tags": [TAG],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": True,
        "targetBlank": False,
    }


def _heading(title: str, number: int, y: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        "panels": [],
    }
