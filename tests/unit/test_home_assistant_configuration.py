"""What role bridge writes for Home Assistant is what the hub's daemon reads, whatever appliances are called."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jinja2
from ansible.plugins.filter.core import to_json  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from ecms_bridge.hub.settings import HubSettings

TEMPLATES = Path(__file__).parents[2] / "roles/bridge/templates"
NAMES = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=50)


def household(name: str, *, switched_on: bool) -> dict[str, Any]:
    return {
        "slug": "mario_rossi",
        "require_signed_readings": False,
        "home_assistant": switched_on,
        "udp_port": 4210,
        "users": {"mqtt": "mario_rossi"},
        "timezone": "Europe/Rome",
        "mains_voltage_v": 230.0,
        "devices": [
            {"id": 0, "name": name, "ratings": []},
            {
                "id": 255,
                "name": "pompa",
                "ratings": [
                    {"valid_from": "2026-01-01", "voltage_v": 400.0, "power_factor": 0.9},
                    {"valid_from": "2026-07-01", "voltage_v": 400.0, "power_factor": 0.8},
                ],
            },
        ],
        "boxes": [{"name": "x", "mac": "5C:CF:7F:01:02:03", "device": 255, "calibration": 1.0}],
    }


def render(facts: dict[str, Any]) -> str:
    # As Ansible renders: a missing variable is an error, and a block takes its line end with it.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"to_json": to_json, "bool": bool}
    return environment.get_template("udp_to_mqtt.toml.j2").render(
        bridge_household=facts,
        bridge_udp_address="0.0.0.0",
        bridge_mqtt_host="127.0.0.1",
        bridge_mqtt_port=1883,
        _bridge_mqtt_trusted="",
        bridge_mqtt_alternatives=[],
        bridge_spool_directory="/var/lib/x",
        bridge_spool_max_readings=10,
        bridge_clock_marker="",
    )


def read(facts: dict[str, Any], directory: Path) -> HubSettings:
    file = directory / "udp_to_mqtt.toml"
    file.write_text(render(facts), encoding="utf-8")
    return HubSettings.from_file(file)


@given(NAMES)
@example('la "lavatrice" \\ è 😀')
def test_names_survive(name: str) -> None:
    with TemporaryDirectory() as directory:
        settings = read(household(name, switched_on=True), Path(directory))
    assert settings.home_assistant is not None
    assert settings.home_assistant.by_id[0].name == name


def test_ratings_and_boxes(tmp_path: Path) -> None:
    appliances = read(household("x", switched_on=True), tmp_path).home_assistant
    assert appliances is not None
    assert [(r.voltage_v, r.power_factor) for r in appliances.by_id[255].ratings] == [(230, 1), (400, 0.9), (400, 0.8)]
    assert appliances.boxes == {bytes.fromhex("5CCF7F010203"): 255}


def test_switched_off_there_is_nothing(tmp_path: Path) -> None:
    assert read(household("x", switched_on=False), tmp_path).home_assistant is None
