"""The dashboards as they are committed: made from their sources, and as Grafana's own types have them."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboards.schema import mistakes
from ecms_dashboards import colours, generated
from ecms_dashboards.dashboard import COLUMNS, Dashboard, LayoutError, Row
from ecms_dashboards.panels import lines, target
from ecms_dashboards.sources import QUERIES, Text, languages, query
from role_plugins import load

FILES = sorted(generated.FOLDER.glob("*/*.json"))
NAMES = sorted({path.name for path in FILES})
DATA_SOURCE = {"type": "mysql", "uid": "${datasource}"}
# Text, and numbers of which a word of the title says what they count.
WITHOUT_UNIT = {"none", "short"}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def label(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels that show data: neither headings nor notes."""
    return [panel for panel in document["panels"] if panel["type"] not in {"row", "text"}]


every_file = pytest.mark.parametrize("path", FILES, ids=label)


def test_all_three_are_there_in_both_languages() -> None:
    assert [label(path) for path in FILES] == [
        f"{language}/{name}" for language in ("en", "it") for name in ("appliance", "casa", "diagnosis")
    ]
    assert languages() == ["en", "it"]


def test_the_files_are_what_the_generator_makes() -> None:
    assert generated.stale() == [], "run make dashboards and commit"


def test_a_file_that_nobody_makes_and_one_that_was_edited_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "GRAFANA", tmp_path)
    monkeypatch.setattr(generated, "FOLDER", tmp_path / "dashboards")
    assert len(generated.write()) == len(FILES)
    assert generated.stale() == []
    (tmp_path / "dashboards/it/casa.json").write_text("{}", "utf-8")
    (tmp_path / "dashboards/it/old.json").write_text("{}", "utf-8")
    assert generated.stale() == ["dashboards/it/casa.json", "dashboards/it/old.json"]
    assert generated.write() == ["dashboards/it/casa.json", "dashboards/it/old.json"]
    assert generated.stale() == []


@every_file
def test_it_is_as_grafanas_types_have_it(path: Path) -> None:
    assert mistakes(read(path)) == []


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("refreshes",), "10s", "dashboard.refreshes does not exist"),
        (("panels", 0, "gridPos", "width"), 3, "dashboard.panels[0].gridPos.width does not exist"),
        (("panels", 0, "options", "showThresholdMarker"), True, "dashboard.panels[0].options.showThresholdMarker does"),
        (("panels", 0, "options", "orientation"), "sideways", "dashboard.panels[0].options.orientation is 'sideways'"),
        (("panels", 0, "title"), 3, "dashboard.panels[0].title is 3"),
        (("schemaVersion",), "41", "dashboard.schema_version is '41'"),
        (("templating", "list", 0, "type"), "source", "dashboard.templating.list_val[0].type_val is 'source'"),
    ],
)
def test_a_mistake_is_found(place: tuple[str | int, ...], value: object, expected: str) -> None:
    document = copy.deepcopy(read(generated.FOLDER / "it/casa.json"))
    inner: Any = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    assert any(found.startswith(expected) for found in mistakes(document)), mistakes(document)


@every_file
def test_every_query_is_one_of_the_files(path: Path) -> None:
    known = {query(file.stem) for file in QUERIES.glob("*.sql")}
    assert not [one for one in known if "-- include" in one]
    document = read(path)
    asked = [one["rawSql"] for panel in panels(document) for one in panel["targets"]]
    asked += [one["query"] for one in document["templating"]["list"] if one["type"] == "query"]
    assert asked
    assert set(asked) <= known


def test_every_query_is_shown_somewhere() -> None:
    shown = {one["rawSql"] for path in FILES for panel in panels(read(path)) for one in panel["targets"]}
    shown |= {one["query"] for path in FILES for one in read(path)["templating"]["list"] if one["type"] == "query"}
    # The settings as such are for tests, alerts and the command line, the silences for the digest.
    assert {file.stem for file in QUERIES.glob("*.sql") if query(file.stem) not in shown} <= {"limits", "silences"}


@every_file
def test_the_data_source_is_always_the_variable(path: Path) -> None:
    document = read(path)
    assert document["templating"]["list"][0]["name"] == "datasource"
    assert document["templating"]["list"][0]["query"] == "mysql"
    found = [panel["datasource"] for panel in panels(document)]
    found += [one["datasource"] for panel in panels(document) for one in panel["targets"]]
    found += [one["datasource"] for one in document["templating"]["list"] if one["type"] == "query"]
    assert all(one == DATA_SOURCE for one in found)
    assert json.dumps(document).count('"datasource": ') == len(found)


@every_file
def test_variables_of_queries_exist(path: Path) -> None:
    document = read(path)
    names = {one["name"] for one in document["templating"]["list"]}
    for panel in panels(document):
        for one in panel["targets"]:
            assert set(re.findall(r"\$\{(\w+)", one["rawSql"])) <= names, panel["title"]


@every_file
def test_every_panel_states_its_unit_and_says_what_it_shows(path: Path) -> None:
    for panel in panels(read(path)):
        defaults = panel["fieldConfig"]["defaults"]
        units = {defaults["unit"]} | {
            one["value"]
            for override in panel["fieldConfig"]["overrides"]
            for one in override["properties"]
            if one["id"] == "unit"
        }
        counted = re.search(r"\(.+\)|[Pp]er minut|[Aa]l minuto|Box|Scatol|State|Stato|Messag", panel["title"])
        assert units - WITHOUT_UNIT or counted, panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert defaults["noValue"].strip(), panel["title"]


@every_file
def test_panels_neither_overlap_nor_stand_out(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in read(path)["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= COLUMNS
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & taken, panel["title"]
        taken |= own


def test_ids_are_unique() -> None:
    for path in FILES:
        numbers = [panel["id"] for panel in read(path)["panels"]]
        assert len(numbers) == len(set(numbers))
    for language in languages():
        uids = [read(path)["uid"] for path in FILES if path.parent.name == language]
        assert sorted(uids) == ["ecms-appliance", "ecms-casa", "ecms-diagnosis"]


def skeleton(value: Any) -> Any:
    """Return a document with its text left out."""
    if isinstance(value, dict):
        own = {"title", "description", "label", "noValue", "content", "display", "text"}
        skipped = {"value"} if value.get("id") == "displayName" else set()
        return {key: skeleton(inner) for key, inner in value.items() if key not in own | skipped}
    return [skeleton(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_have_the_same_structure(name: str) -> None:
    one, other = (skeleton(read(generated.FOLDER / language / name)) for language in ("en", "it"))
    assert one == other


def test_all_text_is_translated() -> None:
    texts = {}
    for language in languages():
        text = Text(language)
        for dashboard in generated.DASHBOARDS:
            dashboard.render(text)
        assert text.unused == set()
        texts[language] = {key: text(key) for key in text._used}
    assert texts["en"].keys() == texts["it"].keys()
    long = [key for key, value in texts["en"].items() if len(value) > 12 and value == texts["it"][key]]
    assert long == []
    assert all(value.strip() for shown in texts.values() for value in shown.values())


def test_a_text_that_no_dashboard_shows_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "DASHBOARDS", generated.DASHBOARDS[:1])
    with pytest.raises(ValueError, match="has texts that no dashboard shows: appliance"):
        generated.made()


def test_power_is_measured_against_the_households_own_limits() -> None:
    casa = read(generated.FOLDER / "it/casa.json")
    for name, ends in (("total_now", True), ("watt", False)):
        (panel,) = [one for one in panels(casa) if one["targets"][0]["rawSql"] == query(name)]
        assert panel["targets"][1]["rawSql"] == query("marks")
        mappings = panel["transformations"][0]["options"]["mappings"]
        assert [one["fieldName"] for one in mappings if one["handlerKey"] == "threshold1"] == [
            "none_w",
            "alert_power_w",
            "contract_power_w",
        ]
        assert [one["fieldName"] for one in mappings if one["handlerKey"] == "max"] == (["scale_w"] if ends else [])


def test_the_overload_alert_leads_to_the_gauge() -> None:
    uid, number = load("roles/grafana/filter_plugins/ecms_grafana.py").GAUGE_PANEL
    for language in languages():
        casa = read(generated.FOLDER / language / "casa.json")
        (panel,) = [one for one in panels(casa) if one["id"] == number]
        assert (casa["uid"], panel["type"], panel["targets"][0]["rawSql"]) == (uid, "gauge", query("total_now"))


def test_what_is_now_is_asked_every_10_s() -> None:
    for path in FILES:
        assert read(path)["refresh"] == {"casa": "10s", "appliance": "1m", "diagnosis": "30s"}[path.stem]


def test_incomplete_days_are_marked() -> None:
    casa = read(generated.FOLDER / "it/casa.json")
    (panel,) = [one for one in panels(casa) if one["targets"][0]["rawSql"] == query("daily_coverage")]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(one["value"], one["color"]) for one in steps] == [(None, "red"), (50, "orange"), (95, "green")]
    assert "coverage_percent < 50 THEN 'red' WHEN coverage_percent < 95 THEN 'orange'" in query("periods")


def test_every_wh_and_cost_of_a_table_has_its_measured_share_beside_it() -> None:
    # A run that was not measured whole ends where its readings do; standby is a mean of what was measured.
    rated = {query(name) for name in ("appliance_cycles", "appliance_standby")}
    for path in FILES:
        for panel in panels(read(path)):
            sql = panel["targets"][0]["rawSql"]
            if sql in rated or not re.search(r"\b(wh|mean_wh|cost)\b", sql):
                continue
            if panel["type"] == "table":
                assert {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]} >= {"coverage_percent"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Forno", "forno"),
        ("forno a microonde", "microonde"),
        ("Lavatrice grande", "lavatrice"),
        ("Microwave oven", "microonde"),
        ("Condizionatore camera", "condizionatore"),
        ("piccionaia", None),
    ],
)
def test_a_usual_appliance_has_a_colour_of_its_own(name: str, expected: str | None) -> None:
    def colour(appliance: str) -> str | None:
        fits = [
            one["properties"][0]["value"]["fixedColor"]
            for one in colours.overrides()
            if re.search(one["matcher"]["options"][1:-2], appliance, re.IGNORECASE)
        ]
        return fits[-1] if fits else None

    assert colour(name) == (colour(expected) if expected else None)
    assert len({colour for _, colour in colours.USUAL}) == len(colours.USUAL)


def test_panels_of_appliances_agree_on_their_colours() -> None:
    for path in FILES:
        for panel in panels(read(path)):
            given = [one for one in panel["fieldConfig"]["overrides"] if one["properties"][0]["id"] == "color"]
            by_name = panel["fieldConfig"]["defaults"]["color"]["mode"] == "palette-classic-by-name"
            assert given == (colours.overrides() if by_name else []), panel["title"]


@pytest.mark.parametrize("widths", [(12,), (12, 13)], ids=["too narrow", "too wide"])
def test_a_row_that_does_not_fill_the_dashboard_is_refused(widths: tuple[int, ...]) -> None:
    row = Row([lines("casa.watt", "watt", [target("watt", series=True)], width=width) for width in widths])
    with pytest.raises(LayoutError, match=f"the row of casa.watt is {sum(widths)} wide"):
        Dashboard("casa", [row], refresh="10s", begins="now-24h").render(Text("en"))
