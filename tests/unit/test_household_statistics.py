"""A household's choice about the statistics: one sentence for each mistake, and the facts of a sound one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given

from role_plugins import load
from unit.test_household_alerts import ALL, anything
from unit.test_household_inventory import mistakes, sound

inventory: Any = load("roles/household/filter_plugins/ecms_inventory.py")

PART = {"ecms_statistics": True}
CASES: list[tuple[dict[str, Any], str]] = [
    ({"ecms_statistics": "perhaps"}, 'ecms_statistics is "perhaps": set true or false'),
    (PART | {"ecms_statistics_name": "Anna"}, 'ecms_statistics_name is "Anna": set true or false'),
    (PART | {"ecms_statistics_from": "tomorrow"}, 'ecms_statistics_from is "tomorrow": set a date such as 2026-01-31'),
    (PART | {"ecms_statistics_from": 2026}, "ecms_statistics_from is 2026: set a date"),
    ({"ecms_statistics_name": True}, "ecms_statistics_name is True, but ecms_statistics is false"),
    ({"ecms_statistics_from": "2026-01-01"}, 'ecms_statistics_from is "2026-01-01", but ecms_statistics is false'),
]


@pytest.mark.parametrize(("changes", "sentence"), CASES, ids=[case[1][:60] for case in CASES])
def test_each_mistake_gives_its_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    (found,) = mistakes(changes)
    assert sentence in found


def facts(changes: dict[str, Any]) -> object:
    given = sound() | changes
    assert mistakes(changes) == []
    return inventory.household_facts(given, {}, "hub-rossi", ALL)["statistics"]


def test_nobody_takes_part_who_did_not_say_so() -> None:
    assert facts({}) == {"takes_part": False, "named": False, "since": ""}
    assert facts({"ecms_statistics_name": False}) == {"takes_part": False, "named": False, "since": ""}


@pytest.mark.parametrize("since", ["2026-01-31", dt.date(2026, 1, 31)])
def test_a_choice(since: object) -> None:
    chosen = PART | {"ecms_statistics_name": "yes", "ecms_statistics_from": since}
    assert facts(chosen) == {"takes_part": True, "named": True, "since": "2026-01-31"}


@given(anything, anything, anything)
def test_no_value_crashes_the_checker(takes_part: Any, named: Any, since: Any) -> None:
    found = mistakes(
        {"ecms_statistics": takes_part, "ecms_statistics_name": named, "ecms_statistics_from": since},
    )
    assert all(sentence.startswith("hub-rossi: ") for sentence in found)
