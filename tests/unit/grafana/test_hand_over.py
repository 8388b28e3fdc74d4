"""What a household gets of the dashboards: colours of its own, and files that Grafana's import dialogue takes."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from dashboards.schema import mistakes
from ecms_dashboards import colours, generated
from ecms_dashboards.panels import DATA_SOURCE
from role_plugins import load

handed: Any = load("roles/grafana/filter_plugins/ecms_grafana_dashboards.py")

SOURCE = str(generated.FOLDER)
NAMES = ["lavatrice", "acquario", "frigorifero", "frigorifero cantina", "stampante 3D", "pompa pozzo"]


def home(language: str = "it", names: list[str] | None = None) -> dict[str, Any]:
    devices = [{"id": number, "name": name} for number, name in enumerate(names or NAMES, start=1)]
    return {"slug": "mario_rossi", "language": language, "devices": devices}


def documents(household: dict[str, Any], *, to_import: bool = False) -> dict[str, Any]:
    found = handed.dashboards([household], SOURCE, to_import=to_import)
    return {one["name"]: json.loads(one["text"]) for one in found}


def shown(panel: dict[str, Any], name: str) -> str | None:
    """The colour that Grafana gives an appliance: that of the last override that fits."""
    found = None
    for one in panel["fieldConfig"]["overrides"]:
        kind, option = one["matcher"]["id"], one["matcher"]["options"]
        fits = (
            option == name if kind == "byName" else kind == "byRegexp" and re.search(option[1:-2], name, re.IGNORECASE)
        )
        if fits and one["properties"][0]["id"] == "color":
            found = one["properties"][0]["value"]["fixedColor"]
    return found


def test_a_home_of_usual_appliances_gets_the_files_as_they_are() -> None:
    for name, document in documents(home(names=["lavatrice", "frigorifero", "forno", "forno a microonde"])).items():
        assert document == json.loads((generated.FOLDER / "it" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", ["it", "en"])
def test_no_two_appliances_share_a_colour_and_each_has_one_in_all_panels(language: str) -> None:
    seen: dict[str, set[str | None]] = {name: set() for name in NAMES}
    for document in documents(home(language)).values():
        assert mistakes(document) == []
        for panel in document["panels"]:
            if panel.get("fieldConfig", {}).get("defaults", {}).get("color", {}).get("mode") == handed.BY_NAME:
                for name in NAMES:
                    seen[name].add(shown(panel, name))
    assert all(len(found) == 1 for found in seen.values())
    assert len(set.union(*seen.values()) - {None}) == len(NAMES)


def test_an_appliance_more_or_less_changes_no_others_colour() -> None:
    usual = colours.overrides()
    devices = home()["devices"]
    before = handed._added(devices, usual)
    more = handed._added([*devices, {"id": 9, "name": "cantinetta"}, {"id": 10, "name": "asciugatrice"}], usual)
    assert before.items() <= more.items()
    assert set(more) - set(before) == {"cantinetta"}
    less = handed._added([one for one in devices if one["name"] != "acquario"], usual)
    assert less.items() <= before.items()


def test_there_are_more_colours_than_a_home_has_unusual_appliances() -> None:
    devices = [{"id": number, "name": f"cosa {number}"} for number in range(1, 40)]
    added = handed._added(devices, colours.overrides())
    assert len(set(added.values())) == len(added) == len(handed.RESERVE)


def lab(colour: str) -> tuple[float, float, float]:
    """CIE 1976 L*a*b* of an sRGB colour, D65."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def test_colours_can_be_told_apart() -> None:
    every = [colour for _, colour in colours.USUAL] + list(handed.RESERVE)
    distances = {
        (one, other): sum((a - b) ** 2 for a, b in zip(lab(one), lab(other), strict=True)) ** 0.5
        for one, other in itertools.combinations(every, 2)
    }
    assert {pair: round(distance) for pair, distance in distances.items() if distance < 15} == {}


@pytest.mark.parametrize("language", ["it", "en"])
def test_a_file_to_import_asks_for_its_data_source_and_replaces_nothing(language: str) -> None:
    plain = documents(home(language))
    for name, document in documents(home(language), to_import=True).items():
        assert "uid" not in document
        assert document["id"] is None
        (asked,) = document["__inputs"]
        assert (asked["name"], asked["type"], asked["pluginId"]) == ("DS_ECMS", "datasource", "mysql")
        variable = document["templating"]["list"][0]
        assert (variable["name"], variable["current"]["value"]) == ("datasource", "${DS_ECMS}")
        assert document["panels"] == plain[name]["panels"]
        kinds = {one["id"] for one in document["__requires"] if one["type"] == "panel"}
        assert kinds == {panel["type"] for panel in document["panels"]} - {"row"}
        stored = {key: value for key, value in document.items() if not key.startswith("__") and key != "id"}
        assert mistakes(stored) == []


def test_a_copy_with_a_fixed_data_source_asks_for_one_too() -> None:
    fixed = {"type": "mysql", "uid": "ecms"}
    panel = {"type": "stat", "datasource": fixed, "targets": [{"datasource": fixed}]}
    expression = {"type": "stat", "datasource": {"type": "__expr__", "uid": "__expr__"}}
    inner = {"type": "row", "collapsed": True, "panels": [{"type": "gauge", "datasource": dict(fixed)}]}
    own = {"id": 7, "uid": "abc", "version": 3, "title": "Mia", "panels": [panel, inner, expression]}
    document = handed.importable(own)
    asked = {"type": "mysql", "uid": "${DS_ECMS}"}
    assert [document["panels"][0]["datasource"], document["panels"][0]["targets"][0]["datasource"]] == [asked, asked]
    assert document["panels"][1]["panels"][0]["datasource"] == asked
    assert document["panels"][2]["datasource"]["uid"] == "__expr__"
    assert [one["id"] for one in document["__requires"]] == ["grafana", "mysql", "gauge", "stat"]
    assert (own["uid"], fixed["uid"]) == ("abc", "ecms")
    assert DATA_SOURCE["uid"] == "${datasource}"


def test_whoever_sees_most_is_asked() -> None:
    users = [{"login": "a", "role": "Viewer"}, {"login": "b", "role": "Admin"}, {"login": "c", "role": "Editor"}]
    secrets = {f"grafana_user_{one['login']}": one["login"] * 20 for one in users}
    given = [
        {"slug": "x", "grafana_users": users, "secrets": secrets},
        {"slug": "y", "grafana_users": [], "secrets": {}},
    ]
    assert handed.readers(given) == {"x": {"login": "b", "password": "b" * 20}}


def test_what_the_playbook_loops_over_holds_no_password() -> None:
    results = [{"item": "x", "json": [{"uid": "u", "title": "t"}]}, {"item": "y", "skipped": True}]
    assert handed.found_dashboards(results) == [{"slug": "x", "uid": "u", "title": "t"}]


@pytest.mark.parametrize(
    ("title", "uid", "expected"),
    [("Casa: mia!", "a1", "casa-mia-a1.json"), ("../x", "../b", "x-b.json"), ("", "c", "c.json"), ("…", "d", "d.json")],
)
def test_a_copys_file_name_stays_in_its_directory(title: str, uid: str, expected: str) -> None:
    assert handed._file_name({"title": title, "uid": uid}) == expected
