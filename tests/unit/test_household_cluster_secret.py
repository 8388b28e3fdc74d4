"""The secret by which the brokers of a cluster know each other is checked like every other one."""

from __future__ import annotations

import pytest
import yaml

from role_plugins import ROOT, load

inventory = load("roles/household/filter_plugins/ecms_inventory.py")
DEFAULTS = yaml.safe_load((ROOT / "roles/household/defaults/main.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("groups", "value", "sentence"),
    [
        (["broker"], "C" * 40, ""),
        (["broker"], "changeme-changeme-changeme", 'ecms_secrets: "mqtt_cluster" is a placeholder'),
        (["broker"], "Tr0ub4dor", 'ecms_secrets: "mqtt_cluster" is too short'),
        (["writer"], "C" * 40, 'ecms_secrets has an unknown name "mqtt_cluster"'),
    ],
)
def test_sentences(groups: list[str], value: str, sentence: str) -> None:
    given = DEFAULTS | {"ecms_secrets_dir": "/home/me/central/.secrets", "ecms_secrets": {"mqtt_cluster": value}}
    found = "\n".join(inventory.host_mistakes(given, "broker-1", groups, list(given), given))
    assert (sentence in found) if sentence else "mqtt_cluster" not in found
    assert value not in found
