"""When each alert fires and resolves, in seconds: the rules that the role renders, on a real MariaDB.

The states follow Grafana's documentation (tests/alerts/evaluator.py): this proves queries and rules, not Grafana.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from alerts import Rule, Timeline
from database.fixtures import Home, home, mariadb
from role_plugins import ROOT, load

__all__ = ["home", "mariadb"]

inventory: Any = load("roles/household/filter_plugins/ecms_inventory.py")
grafana: Any = load("roles/grafana/filter_plugins/ecms_grafana.py")

DEVICES = [
    {"id": 1, "name": "lavatrice"},
    {"id": 2, "name": "frigorifero"},
    {"id": 5, "name": "condizionatore", "sometimes_unplugged": True},
    {"id": 6, "name": "forno"},
]
NOON = int(datetime(2026, 1, 15, 11, 0, tzinfo=UTC).timestamp())


def ampere(watt: float) -> float:
    return watt / 230


def household(**changes: Any) -> Any:
    defaults = yaml.safe_load((ROOT / "roles/household/defaults/main.yml").read_text(encoding="utf-8"))
    given = (
        defaults | {"ecms_household_name": "Mario Rossi", "ecms_devices": DEVICES, "ecms_secrets_dir": "/x"} | changes
    )
    groups = {group: ["pi"] for group in ("hub", "broker", "writer", "database", "dashboard")}
    return inventory.household_facts(given, {}, "pi", groups)


def rule(name: str, **changes: Any) -> Rule:
    document = grafana.alert_rules([household(**changes)], {"mario_rossi": 2})
    found = [Rule.of(one, group["interval"]) for group in document["groups"] for one in group["rules"]]
    return next(one for one in found if one.title == name)


def alert(**entry: Any) -> Rule:
    return rule("prova", ecms_alerts=[{"name": "prova"} | entry])


@pytest.fixture
def schema(home: Home) -> Home:
    """The household's schema with its settings as the inventory has them."""
    home.rows(
        "INSERT INTO household (id, name, timezone, mains_voltage_v, contract_power_w, alert_power_w, "
        "unmeasured_power_w, currency) VALUES (1, 'Mario Rossi', 'Europe/Rome', 230, 3000, 2500, 0, 'EUR') "
        "ON DUPLICATE KEY UPDATE contract_power_w = 3000, alert_power_w = 2500, unmeasured_power_w = 0"
    )
    return home


def changes_of(timeline: Timeline, watched: Rule, seconds: int) -> list[tuple[int, str]]:
    return [(int(at), state) for at, label, state in timeline.run(watched, seconds).changes if label == ""]


def test_overload_fires_after_30_s_and_resolves_below(schema: Home) -> None:
    boxes = {
        6: lambda s: ampere(2000),
        1: lambda s: ampere(600) if 60 <= s < 180 else ampere(400),
    }
    found = changes_of(Timeline(schema, NOON, boxes), rule("Sovraccarico"), 300)
    assert found == [(60, "Pending"), (90, "Firing"), (180, "Normal")]


@pytest.mark.parametrize("offset", [1, 4, 9])
def test_overload_is_as_prompt_wherever_the_evaluation_falls(schema: Home, offset: int) -> None:
    timeline = Timeline(schema, NOON, {6: lambda s: ampere(2600) if s >= 60 else 0}, offset=offset)
    assert changes_of(timeline, rule("Sovraccarico"), 150) == [(60 + offset, "Pending"), (90 + offset, "Firing")]


def test_exactly_the_limit_is_no_overload_and_a_short_peak_none_either(schema: Home) -> None:
    limit = Timeline(schema, NOON, {6: lambda s: ampere(2500)})
    assert changes_of(limit, rule("Sovraccarico", ecms_alert_power_w=2501), 120) == []
    peak = Timeline(schema, NOON + 1000, {6: lambda s: ampere(2900) if 60 <= s < 80 else 0})
    assert changes_of(peak, rule("Sovraccarico"), 200) == [(60, "Pending"), (80, "Normal")]


def test_lost_readings_neither_fire_nor_resolve_an_overload(schema: Home) -> None:
    boxes = {6: lambda s: None if s in {70, 100, 110, 120} else ampere(2600) if s >= 60 else 0}
    assert changes_of(Timeline(schema, NOON, boxes), rule("Sovraccarico"), 200) == [(60, "Pending"), (90, "Firing")]


def test_a_box_that_is_switched_off_ends_the_overload_after_35_s(schema: Home) -> None:
    boxes = {6: lambda s: ampere(2600) if s < 120 else None}
    found = changes_of(Timeline(schema, NOON, boxes), rule("Sovraccarico"), 300)
    assert found == [(0, "Pending"), (30, "Firing"), (150, "Normal")]


def test_boxes_that_are_off_and_an_empty_database_are_no_overload(schema: Home) -> None:
    assert changes_of(Timeline(schema, NOON), rule("Sovraccarico"), 120) == []


def test_an_alert_keeps_its_state_while_the_database_restarts(schema: Home) -> None:
    quiet = Timeline(schema, NOON, {6: lambda s: 0.1}, answers=lambda s: not 60 <= s < 120)
    assert changes_of(quiet, rule("Sovraccarico"), 240) == []
    firing = Timeline(schema, NOON + 1000, {6: lambda s: ampere(2600)}, answers=lambda s: not 60 <= s < 120)
    assert changes_of(firing, rule("Sovraccarico"), 240) == [(0, "Pending"), (30, "Firing")]


@pytest.mark.parametrize(
    "change",
    [datetime(2026, 3, 29, 1, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, tzinfo=UTC)],
    ids=["spring", "autumn"],
)
def test_clock_changes_are_like_any_hour(schema: Home, change: datetime) -> None:
    begin = int(change.timestamp()) - 300
    boxes = {1: lambda s: 0.2, 2: lambda s: 0.2, 6: lambda s: ampere(2600) if 280 <= s < 400 else 0.1}
    found = changes_of(Timeline(schema, begin, boxes), rule("Sovraccarico"), 600)
    assert found == [(280, "Pending"), (310, "Firing"), (400, "Normal")]
    for quiet in ("Dispositivo muto", "Le misure non vengono salvate"):
        for table in ("{data}", "hub_status"):
            schema.rows(f"DELETE FROM {table}")
        watched = Timeline(schema, begin, boxes).run(rule(quiet), 900)
        assert watched.changes == []


def test_one_appliance_above_watt_or_ampere_for_a_time(schema: Home) -> None:
    boxes = {6: lambda s: ampere(1200) if 100 <= s < 400 else 0, 1: lambda s: ampere(2000)}
    watt = alert(kind="appliance", device=6, above_w=1000, for_s=120)
    assert changes_of(Timeline(schema, NOON, boxes), watt, 600) == [
        (100, "Pending"),
        (220, "Firing"),
        (400, "Normal"),
    ]
    current = alert(kind="appliance", device=6, above_a=6, for_s=0)
    assert changes_of(Timeline(schema, NOON + 5000, boxes), current, 600) == []


def test_two_boxes_of_one_appliance_add_up(schema: Home) -> None:
    other = bytes.fromhex("5ccf7f0000ff")
    timeline = Timeline(schema, NOON, {6: lambda s: ampere(700)})
    at = datetime.fromtimestamp(NOON, UTC).replace(tzinfo=None)
    schema.rows("INSERT INTO {data} VALUES (%s, 6, %s, 3.000)", at, other)
    watched = alert(kind="appliance", device=6, above_w=1000, for_s=0)
    assert changes_of(timeline, watched, 100) == [(0, "Firing"), (40, "Normal")]


def test_a_silent_box_is_told_after_ten_minutes_and_no_other(schema: Home) -> None:
    boxes = {
        1: lambda s: 0.1,
        2: lambda s: None if 300 <= s < 1500 else 0.5,
        5: lambda s: 0.1 if s < 60 else None,  # sometimes unplugged
    }
    watcher = Timeline(schema, NOON, boxes).run(rule("Dispositivo muto"), 1800)
    assert watcher.changes == [
        (360, "frigorifero", "Pending"),
        (960, "frigorifero", "Firing"),
        (1500, "frigorifero", "Normal"),
    ]
    # The oven never had a box, so there is nothing to be silent.
    assert set(watcher.states()) == {"lavatrice", "frigorifero"}


def test_silence_is_not_told_while_nothing_is_stored(schema: Home) -> None:
    boxes = {1: lambda s: 0.1, 2: lambda s: 0.5}
    away = Timeline(schema, NOON, boxes, stores=lambda s: not 600 <= s < 3000)
    assert away.run(rule("Dispositivo muto"), 3600).changes == []
    again = Timeline(schema, NOON + 10_000, boxes, stores=lambda s: not 600 <= s < 3000)
    assert changes_of(again, rule("Le misure non vengono salvate"), 3600) == [
        (780, "Pending"),
        (1080, "Firing"),
        (3000, "Normal"),
    ]


def test_all_boxes_off_is_no_fault_of_the_storage(schema: Home) -> None:
    assert changes_of(Timeline(schema, NOON), rule("Le misure non vengono salvate"), 1800) == []


def test_a_database_that_does_not_answer_is_told_and_a_short_restart_is_not(schema: Home) -> None:
    storing = rule("Le misure non vengono salvate")
    restart = Timeline(schema, NOON, answers=lambda s: not 300 <= s < 480)
    assert "Firing" not in [state for _, state in changes_of(restart, storing, 1200)]
    down = Timeline(schema, NOON + 5000, answers=lambda s: not 300 <= s < 1200)
    assert changes_of(down, storing, 1800) == [(300, "Pending"), (600, "Firing"), (1200, "Normal")]


def test_an_appliance_that_has_finished_is_told_once(schema: Home) -> None:
    def washing(second: int) -> float:
        if 300 <= second < 2700:
            # heating, then tumbling with pauses
            return ampere(2000) if second < 900 else ampere(200) if second // 120 % 2 == 0 else ampere(4)
        return ampere(2)

    watched = alert(kind="finished", device=1)
    found = changes_of(Timeline(schema, NOON, {1: washing}), watched, 5400)
    last = max(second for second in range(300, 2700, 10) if washing(second) > ampere(10))
    # Evaluated each minute: quiet for 300 s at the first minute after, for a quarter of an hour.
    told = -(-(last + 300) // 60) * 60
    assert found[0] == (told, "Firing")
    assert [state for _, state in found] == ["Firing", "Normal"]
    assert found[1][0] - told in range(840, 961, 60)


def test_neither_standby_nor_a_short_spin_nor_a_silent_box_has_finished(schema: Home) -> None:
    watched = alert(kind="finished", device=1)
    assert changes_of(Timeline(schema, NOON, {1: lambda s: ampere(4)}), watched, 1200) == []
    spin = Timeline(schema, NOON + 20_000, {1: lambda s: ampere(300) if s < 300 else ampere(1)})
    assert changes_of(spin, watched, 1800) == []
    gone = Timeline(schema, NOON + 40_000, {1: lambda s: ampere(300) if s < 1200 else None})
    assert changes_of(gone, watched, 2400) == []


def test_the_meter_above_a_third_more_is_told_at_once(schema: Home) -> None:
    boxes = {6: lambda s: ampere(4200) if s >= 120 else ampere(500)}
    found = changes_of(Timeline(schema, NOON, boxes), rule("Il contatore sta per scattare"), 300)
    assert found == [(120, "Pending"), (140, "Firing")]


def test_the_meter_between_is_told_ten_minutes_before_it_trips(schema: Home) -> None:
    boxes = {6: lambda s: ampere(3600) if s >= 600 else ampere(500)}
    found = changes_of(Timeline(schema, NOON, boxes), rule("Il contatore sta per scattare"), 600 + 175 * 60)
    # 171 whole minutes spent leave less than 10 of 180.
    assert [state for _, state in found] == ["Pending", "Firing"]
    assert 600 + 170 * 60 < found[0][0] <= 600 + 172 * 60


@pytest.mark.parametrize(
    ("watt", "spent_min", "left"),
    [
        (3300, 170, 999),
        (3301, 0, 180),
        (3600, 60, 120),
        (4000, 179, 1),
        (4000, 181, 0),
        (4001, 0, 2),
        (4001, 1, 1),
        (4500, 3, 0),
    ],
)
def test_minutes_to_the_trip(schema: Home, watt: float, spent_min: int, left: int) -> None:
    # 230 W to the ampere: three decimals hold these to 0.12 W, and 4001 stays above 4000
    boxes = {6: lambda s: ampere(watt + 0.2 if watt % 100 == 1 else watt - 0.2) if s >= 0 else None}
    sql = rule("Il contatore sta per scattare").sql
    timeline = Timeline(schema, NOON, boxes)
    for second in range(-1200, 0, 10):
        timeline.boxes = {6: lambda _: ampere(100)}
        timeline._send(second)
    timeline.boxes = boxes
    for second in range(0, spent_min * 60 + 10, 10):
        timeline._send(second)
    with schema.server.session() as session:
        found = timeline._ask(session, sql, spent_min * 60)
    assert found == {"": left}


def test_what_no_box_sees_brings_the_trip_nearer(schema: Home) -> None:
    schema.rows("UPDATE household SET unmeasured_power_w = 300 WHERE id = 1")
    timeline = Timeline(schema, NOON, {6: lambda s: ampere(3100)})
    timeline.boxes, later = {6: lambda s: ampere(500)}, timeline.boxes
    timeline._send(-10)
    timeline.boxes = later
    timeline._send(0)
    with schema.server.session() as session:
        assert timeline._ask(session, rule("Il contatore sta per scattare").sql, 0) == {"": 180}


def test_the_overload_and_the_gauge_ask_the_same(schema: Home) -> None:
    text = (ROOT / "grafana/sql/total_now.sql").read_text(encoding="utf-8")
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    assert plain in rule("Sovraccarico").sql
