"""The digests of an inventory: one sentence for each mistake, and the facts of a sound one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from role_plugins import load
from unit.test_household_alerts import ALL, anything, smtp
from unit.test_household_inventory import GROUPS, mistakes, sound

inventory: Any = load("roles/household/filter_plugins/ecms_inventory.py")

TO = {"ecms_digest_to": ["anna@example.org"]}
CASES: list[tuple[dict[str, Any], str]] = [
    (TO | {"ecms_digest": "weekly"}, 'ecms_digest is "weekly": set a list of weekly and monthly, which may be empty'),
    (TO | {"ecms_digest": True}, "ecms_digest is True: set a list"),
    (TO | {"ecms_digest": ["daily"]}, 'ecms_digest has "daily": there are weekly and monthly'),
    (TO | {"ecms_digest": [7]}, "ecms_digest has 7: there are weekly and monthly"),
    (TO | {"ecms_digest": ["weekly", "weekly"]}, 'ecms_digest has "weekly" twice: name it once'),
    ({"ecms_digest": ["weekly"]}, "ecms_digest has nobody to write to: set ecms_digest_to"),
    ({"ecms_digest": ["weekly"], "ecms_notify": [{"ntfy": "https://ntfy.sh/casa"}]}, "has nobody to write to"),
    ({"ecms_digest_to": "anna@example.org"}, 'ecms_digest_to is "anna@example.org": set a list such as'),
    ({"ecms_digest_to": ["anna"]}, 'ecms_digest_to, entry 1 is "anna": set one address, such as anna@example.org'),
    ({"ecms_digest_to": ["a@b.org", "a@b.org"]}, 'ecms_digest_to has "a@b.org" twice: name it once'),
]


@pytest.mark.parametrize(("changes", "sentence"), CASES, ids=[case[1][:60] for case in CASES])
def test_each_mistake_gives_its_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    found = mistakes(changes)
    assert len(found) == 1, found
    assert sentence in found[0]


def test_the_host_that_would_send_it_needs_a_mail_server() -> None:
    wanted = TO | {"ecms_digest": ["weekly"]}
    found = mistakes(wanted, [*GROUPS, "dashboard"])
    assert found == ["hub-rossi: ecms_digest needs a mail server: set ecms_smtp."]
    assert mistakes(wanted | smtp(), [*GROUPS, "dashboard"]) == []
    # Another host may have one, which its own role looks for.
    assert mistakes(wanted) == []


def test_without_a_host_for_the_dashboard_nobody_sends_it() -> None:
    groups = {name: hosts for name, hosts in ALL.items() if name != "dashboard"}
    found = inventory.run_mistakes({"hub-rossi": "Mario Rossi"}, {}, groups, {"hub-rossi": ["weekly"]})
    (sentence,) = found
    assert sentence == (
        "hub-rossi: ecms_digest is sent by the host of the group dashboard, and there is none: "
        "name one under dashboard in hosts.yml, or leave ecms_digest out."
    )
    assert inventory.run_mistakes({"hub-rossi": "Mario Rossi"}, {}, ALL, {"hub-rossi": ["weekly"]}) == []
    assert inventory.run_mistakes({"hub-rossi": "Mario Rossi"}, {}, groups, {"hub-rossi": []}) == []


def wanted(variables: dict[str, Any]) -> object:
    return inventory.household_facts(variables, {}, "hub-rossi", ALL)["digest"]


def test_addresses_of_its_own_win_over_those_of_alerts() -> None:
    notify = {"ecms_notify": [{"email": "anna@example.org"}, {"telegram": 7}, {"email": "anna@example.org"}]}
    given = sound() | notify | {"ecms_digest": ["monthly"]}
    assert wanted(given) == {"kinds": ["monthly"], "to": ["anna@example.org"]}
    given |= {"ecms_digest_to": ["bruno@example.org"]}
    assert wanted(given) == {"kinds": ["monthly"], "to": ["bruno@example.org"]}
    assert wanted(given | {"ecms_digest": []}) == {"kinds": [], "to": []}


@given(anything, anything)
def test_no_value_crashes_the_checker(kinds: Any, to: Any) -> None:
    found = mistakes({"ecms_digest": kinds, "ecms_digest_to": to}, [*GROUPS, "dashboard"])
    assert all(sentence.startswith("hub-rossi: ") for sentence in found)
