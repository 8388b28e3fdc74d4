"""Molecule takes a step whose playbook is missing for a success: here it is not."""

from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SCENARIOS = sorted(REPOSITORY.glob("molecule/*/molecule.yml"))
_PLAYBOOK_OF = {"idempotence": "converge", "syntax": "converge", "check": "converge"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.parent.name)
def test_every_step_has_its_playbook(scenario: Path) -> None:
    settings: dict[str, Any] = yaml.safe_load(scenario.read_text(encoding="utf-8"))
    named = settings["provisioner"].get("playbooks", {})
    steps = settings["scenario"]["test_sequence"]
    assert {"converge", "idempotence", "verify"} <= set(steps)
    for step in steps:
        playbook = _PLAYBOOK_OF.get(step, step)
        # side_effect has no default: without a name molecule passes it over
        assert playbook in named or playbook != "side_effect"
        assert (scenario.parent / named.get(playbook, f"{playbook}.yml")).is_file(), step


def test_there_is_a_scenario() -> None:
    assert SCENARIOS
