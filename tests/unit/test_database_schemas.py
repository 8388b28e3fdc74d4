"""What role database hands to ``ecms-schema`` of each household: what it has to know, and no secret."""

from __future__ import annotations

import json
from typing import Any

from database.fixtures import facts
from ecms_bridge.schema.household import parse_household
from role_plugins import load

schemas: Any = load("roles/database/filter_plugins/ecms_schemas.py")

HOME = facts(
    "mario_rossi",
    name="Niccolò Rossi",
    boxes=[{"name": "cucina", "mac": "02:00:00:00:00:11", "device": 1, "serial_port": "/dev/ttyUSB0"}],
    secrets={"household_key": "0" * 64},
)


def test_the_schema_tool_reads_it_and_no_secret_is_in_it() -> None:
    (found,) = schemas.schema_facts([HOME])
    household = parse_household(found)
    assert (household.slug, household.boxes) == ("mario_rossi", {bytes.fromhex("020000000011"): 1})
    assert found["boxes"] == [{"mac": "02:00:00:00:00:11", "device": 1}]
    assert "secrets" not in found


def test_each_household_has_a_file_of_the_same() -> None:
    files = schemas.schema_files([HOME, HOME | {"slug": "a_b"}])
    assert [one["path"] for one in files] == ["mario_rossi.json", "a_b.json"]
    assert json.loads(files[0]["content"]) == schemas.schema_facts([HOME])[0]
    assert files[0]["content"].endswith("}\n")
