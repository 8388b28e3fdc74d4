"""Turn the dashboards of the repository into one household's: with colours for its appliances, or to import by hand."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Facts: TypeAlias = Mapping[str, Any]
Document: TypeAlias = dict[str, Any]

BY_NAME = "palette-classic-by-name"
"""The colour mode of panels whose fields are appliances."""
RESERVE = (
    "#00838F",
    "#AD1457",
    "#9E9D24",
    "#5600E8",
    "#F0027F",
    "#4E342E",
    "#00E5FF",
    "#1B5E20",
    "#FFD180",
    "#536DFE",
    "#A1887F",
    "#C6FF00",
)
"""Colours of appliances that have none in the dashboards' own overrides, apart from all of those."""

INPUT = "DS_ECMS"
"""What Grafana's import dialogue asks for, and puts where the file says ``${DS_ECMS}``."""
OLDEST = "12.0.0"
_SOURCE_TYPE = "mysql"
_OWN = ("id", "uid", "version")
"""What a dashboard is in the Grafana it comes from: an import that brought them would replace another."""


def coloured(document: Facts, devices: Sequence[Facts]) -> Document:
    """Return a dashboard in which no two of the household's appliances have one colour, as far as there are colours.

    Appliances of a usual name keep the colour that the dashboard gives them; where two would share it, the one of
    the lower id keeps it. An appliance that is added or removed changes no other's, unless one of them had to make
    way for another.
    """
    made = copy.deepcopy(dict(document))
    for panel in made["panels"]:
        config = panel.get("fieldConfig", {})
        if config.get("defaults", {}).get("color", {}).get("mode") != BY_NAME:
            continue
        given = [one for one in config["overrides"] if one["properties"][0]["id"] == "color"]
        config["overrides"] += [
            {
                "matcher": {"id": "byName", "options": name},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
            }
            for name, colour in _added(devices, given).items()
        ]
    return made


def _added(devices: Sequence[Facts], usual: Sequence[Facts]) -> dict[str, str]:
    """Return the colours, by name, of the appliances that ``usual`` overrides do not tell apart."""
    added: dict[str, str] = {}
    taken: set[str] = set()
    for device in sorted(devices, key=lambda one: int(one["id"])):
        name = str(device["name"])
        fits = [
            str(one["properties"][0]["value"]["fixedColor"])
            for one in usual
            if re.search(str(one["matcher"]["options"])[1:-2], name, re.IGNORECASE)
        ]
        if fits and fits[-1] not in taken:
            taken.add(fits[-1])
            continue
        first = int(device["id"]) % len(RESERVE)
        free = [one for one in (*RESERVE[first:], *RESERVE[:first]) if one not in taken]
        if free:
            added[name] = free[0]
            taken.add(free[0])
    return added


def importable(document: Facts) -> Document:
    """Return a dashboard as Grafana exports one for others: it asks for a data source and replaces no dashboard."""
    made = {key: value for key, value in copy.deepcopy(dict(document)).items() if key not in _OWN}
    for one in made.get("templating", {}).get("list", []):
        if one.get("type") == "datasource" and one.get("query") == _SOURCE_TYPE:
            one |= {"current": {"text": "", "value": f"${{{INPUT}}}"}, "options": []}
        elif one.get("type") == "query":
            one |= {"current": {}, "options": []}
    for holder in _holders(made):
        source = holder["datasource"]
        if isinstance(source, dict) and source.get("type") == _SOURCE_TYPE and "$" not in str(source.get("uid")):
            source["uid"] = f"${{{INPUT}}}"
    kinds = sorted({str(panel["type"]) for panel in _panels(made)} - {"row"})
    asked = {"name": INPUT, "label": "ECMS", "type": "datasource", "pluginId": _SOURCE_TYPE, "pluginName": "MySQL"}
    return {
        "__inputs": [asked | {"description": "MySQL, the household's schema, session time zone +00:00"}],
        "__elements": {},
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": OLDEST},
            {"type": "datasource", "id": _SOURCE_TYPE, "name": "MySQL", "version": "1.0.0"},
            *({"type": "panel", "id": kind, "name": kind, "version": ""} for kind in kinds),
        ],
        **made,
        "id": None,
    }


def _panels(document: Facts) -> Iterator[Facts]:
    for panel in document.get("panels", []):
        yield panel
        # Panels of a row that is closed are inside it.
        yield from _panels(panel)


def _holders(value: Any) -> Iterator[dict[str, Any]]:
    """Yield everything in the document that names its data source."""
    if isinstance(value, dict):
        if "datasource" in value:
            yield value
        for inner in value.values():
            yield from _holders(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _holders(inner)


def dashboards(households: Sequence[Facts], source: str, *, to_import: bool = False) -> list[dict[str, str]]:
    """Return each household's dashboards, in its language and colours: slug, name of the file and its text.

    ``source`` is the directory that has one for each language; ``to_import``: for Grafana's import dialogue.
    """
    found = []
    for household in households:
        for path in sorted((Path(source) / str(household["language"])).glob("*.json")):
            document = coloured(json.loads(path.read_text(encoding="utf-8")), household["devices"])
            text = _text(importable(document) if to_import else document)
            found.append({"slug": str(household["slug"]), "name": path.name, "text": text})
    return found


def dashboard_files(households: Sequence[Facts], source: str) -> list[dict[str, str]]:
    """Return the dashboards of ``dashboards`` as files, by path and content."""
    return [{"path": f"{one['slug']}/{one['name']}", "content": one["text"]} for one in dashboards(households, source)]


def readers(households: Sequence[Facts]) -> dict[str, dict[str, str]]:
    """Return login and password of the user of each household, by its slug, who sees most of its organisation."""
    rank = ("Admin", "Editor", "Viewer")
    found = {}
    for household in households:
        for user in sorted(household["grafana_users"], key=lambda one: rank.index(one["role"]))[:1]:
            login = str(user["login"])
            password = str(household["secrets"][f"grafana_user_{login}"])
            found[str(household["slug"])] = {"login": login, "password": password}
    return found


def found_dashboards(results: Sequence[Facts]) -> list[dict[str, str]]:
    """Return slug, uid and title of each dashboard in the results of a loop over slugs and ``/api/search``."""
    return [
        {"slug": str(one["item"]), "uid": str(found["uid"]), "title": str(found["title"])}
        for one in results
        for found in one.get("json") or []
    ]


def copies(results: Sequence[Facts]) -> list[dict[str, str]]:
    """Return the dashboards that are a household's own as files to import: slug, name of the file and its text.

    ``results`` are those of a loop over ``found_dashboards`` and ``/api/dashboards/uid/...``. What the playbook
    provisioned is left out.
    """
    return [
        {
            "slug": str(one["item"]["slug"]),
            "name": _file_name(one["json"]["dashboard"]),
            "text": _text(importable(one["json"]["dashboard"])),
        }
        for one in results
        if not one["json"]["meta"].get("provisioned")
    ]


def _file_name(document: Facts) -> str:
    """Return a file's name that tells the dashboard and no two of them share."""
    title = re.sub(r"\W+", "-", str(document.get("title", "")).lower()).strip("-_")
    uid = re.sub(r"[^A-Za-z0-9_-]", "", str(document["uid"]))
    return f"{title[:60]}-{uid}.json" if title else f"{uid}.json"


def _text(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "ecms_grafana_dashboards": dashboards,
            "ecms_grafana_dashboard_files": dashboard_files,
            "ecms_grafana_readers": readers,
            "ecms_grafana_found_dashboards": found_dashboards,
            "ecms_grafana_copies": copies,
        }
