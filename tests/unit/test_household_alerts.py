"""Alerts, who is told, the dashboard's users and its mail server: one sentence for each mistake, and the facts."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from role_plugins import ROOT, load

inventory: Any = load("roles/household/filter_plugins/ecms_inventory.py")

KNOWN = list(
    yaml.safe_load((ROOT / "roles/household/meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"][
        "main"
    ]["options"]
)
GROUPS = ["mario_rossi", "hub", "broker", "writer", "database", "dashboard"]
ALL = {group: ["hub-rossi"] for group in GROUPS}
OVEN = {"name": "forno dimenticato", "kind": "appliance", "device": 2, "above_w": 1500, "for_s": 7200}


def variables(**changes: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = yaml.safe_load((ROOT / "roles/household/defaults/main.yml").read_text(encoding="utf-8"))
    own = {
        "ecms_household_name": "Mario Rossi",
        "ecms_secrets_dir": "/home/mario/casa/.secrets",
        "ecms_devices": [{"id": 1, "name": "lavatrice"}, {"id": 2, "name": "forno", "sometimes_unplugged": True}],
    }
    return defaults | own | changes


def mistakes(changes: dict[str, Any]) -> list[str]:
    given_here = variables(**changes)
    found: list[str] = inventory.host_mistakes(given_here, "hub-rossi", GROUPS, KNOWN, given_here)
    return found


def facts(**changes: Any) -> Any:
    return inventory.household_facts(variables(**changes), {}, "hub-rossi", ALL)


def alert(**changes: Any) -> dict[str, Any]:
    return {"ecms_alerts": [OVEN, {"name": "un altro", "kind": "appliance", "device": 1, "above_w": 100} | changes]}


def smtp(**changes: Any) -> dict[str, Any]:
    return {"ecms_smtp": {"host": "smtp.example.org", "from": "casa@example.org"} | changes}


CASES: list[tuple[dict[str, Any], str]] = [
    ({"ecms_language": "de"}, 'ecms_language is "de": set it or en'),
    ({"ecms_unmeasured_power_w": -1}, "ecms_unmeasured_power_w is -1: set a whole number from 0 to 110000 watt"),
    ({"ecms_preset_alerts": "all"}, 'ecms_preset_alerts is "all": set a list of overload, meter, silent, storing'),
    ({"ecms_preset_alerts": ["overlaod"]}, 'ecms_preset_alerts has "overlaod": there are overload, meter'),
    ({"ecms_alerts": "none"}, 'ecms_alerts is "none": set a list'),
    ({"ecms_alerts": ["forno"]}, 'ecms_alerts, entry 1 is "forno": set a name, a kind and its numbers'),
    (alert(name=""), 'ecms_alerts, entry 2: name is "": set 1 to 50 characters'),
    (alert(name="FORNO dimenticato"), 'ecms_alerts, entry 2: name "FORNO dimenticato" is taken by another alert'),
    (alert(name="sovraccarico"), 'ecms_alerts, entry 2: name "sovraccarico" is taken by a preset alert'),
    (alert(kind="power"), 'ecms_alerts, entry 2: kind is "power": set total or appliance or'),
    (alert(kind=["total"]), "ecms_alerts, entry 2: kind is ['total']: set total or"),
    (alert(device=9), "ecms_alerts, entry 2: device is 9: set the id of an appliance of ecms_devices"),
    (alert(device=None), "ecms_alerts, entry 2: device is missing: set the id"),
    (alert(above_w=0), "ecms_alerts, entry 2: above_w is 0: set a number from 1 to 110000 watt"),
    (alert(above_w="2 kW"), 'ecms_alerts, entry 2: above_w is "2 kW": set a number'),
    (alert(above_a=3), "ecms_alerts, entry 2 needs one limit: set above_w (watt) or above_a (ampere)"),
    (alert(for_s=-5), "ecms_alerts, entry 2: for_s is -5: set a number from 0 to 86400 seconds"),
    (alert(for_min=5), 'ecms_alerts, entry 2 has an unknown entry "for_min"'),
    (
        {"ecms_alerts": [{"name": "tutto", "kind": "total"}]},
        "ecms_alerts, entry 1 needs a limit: set above_w (watt)",
    ),
    (
        {"ecms_alerts": [{"name": "tutto", "kind": "total", "above_w": 4000}]},
        "ecms_alerts, entry 1: above_w is 4000, more than 1.1 times ecms_contract_power_w (3000): set at most 3300",
    ),
    (
        {"ecms_alerts": [{"name": "zitto", "kind": "silent", "devices": [7]}]},
        "ecms_alerts, entry 1: devices is [7]: set ids of appliances of ecms_devices, or leave it out",
    ),
    (
        {"ecms_alerts": [{"name": "bucato", "kind": "finished", "device": 1, "on_w": 5}]},
        "ecms_alerts, entry 1: off_w is 10, not below on_w (5): set off_w between standby and work",
    ),
    ({"ecms_notify": {"email": "a@b.org"}}, "ecms_notify is {'email': 'a@b.org'}: set a list"),
    ({"ecms_notify": [{"mail": "a@b.org"}]}, "ecms_notify, entry 1 is {'mail': 'a@b.org'}: set one of email, ntfy"),
    ({"ecms_notify": [{"email": "a.b.org"}]}, 'ecms_notify, entry 1: email is "a.b.org": set one address'),
    ({"ecms_notify": [{"email": "a@b.org", "token": True}]}, 'ecms_notify, entry 1 has an unknown entry "token"'),
    ({"ecms_notify": [{"ntfy": "casa"}]}, 'ecms_notify, entry 1: ntfy is "casa": set an address such as https://ntfy'),
    ({"ecms_notify": [{"ntfy": "https://ntfy.sh/"}]}, "end it with one topic"),
    ({"ecms_notify": [{"webhook": "ftp://x"}]}, 'ecms_notify, entry 1: webhook is "ftp://x": set an address'),
    ({"ecms_notify": [{"webhook": "https://x.org/$HOME"}]}, "webhook is"),
    ({"ecms_notify": [{"telegram": "anna"}]}, 'telegram is "anna": set the number of the chat'),
    ({"ecms_grafana_users": "anna"}, 'ecms_grafana_users is "anna": set a list'),
    ({"ecms_grafana_users": [7]}, "ecms_grafana_users, entry 1 is 7: set a login and a role"),
    ({"ecms_grafana_users": [{"login": "Anna", "role": "Viewer"}]}, 'login is "Anna": set 2 to 40 lower-case'),
    ({"ecms_grafana_users": [{"login": "admin", "role": "Admin"}]}, 'login "admin" is the server\'s own'),
    ({"ecms_grafana_users": [{"login": "anna", "role": "Boss"}]}, 'role is "Boss": set Admin or Editor or Viewer'),
    ({"ecms_grafana_users": [{"login": "anna", "role": "Viewer"}] * 2}, 'entry 2: login "anna" is taken'),
    ({"ecms_smtp": "smtp.example.org"}, 'ecms_smtp is "smtp.example.org": set host, port, from and user'),
    (smtp(host="smtp.example.org:587"), 'ecms_smtp: host is "smtp.example.org:587": set the name of a mail server'),
    (smtp(port="smtp"), 'ecms_smtp: port is "smtp": set a whole number from 1 to 65535'),
    (smtp(encryption="ssl"), 'ecms_smtp: encryption is "ssl": set starttls or tls or none'),
    (smtp(encryption="tls", port=2465), 'encryption is "tls" and port is 2465, but Grafana speaks TLS from the first'),
    (smtp(encryption="tls", port="587"), 'encryption is "tls" and port is 587, but Grafana'),
    (smtp(port=465), 'port is 465 and encryption is "starttls", but mail servers and Grafana speak TLS from the first'),
    (smtp(port=465, encryption="none"), 'port is 465 and encryption is "none", but'),
    (smtp(**{"from": "casa"}), 'ecms_smtp: from is "casa": set the address that mails come from'),
    (smtp(username="x"), 'ecms_smtp has an unknown entry "username"'),
    (smtp(user="anna"), 'ecms_secrets lacks "smtp_password", the password of the user of ecms_smtp'),
    (smtp(user="anna") | {"ecms_secrets": {"smtp_password": " "}}, '"smtp_password" is empty: set what the mail'),
    (
        {"ecms_devices": [{"id": 1, "name": "a", "sometimes_unplugged": "often"}]},
        'ecms_devices, entry 1: sometimes_unplugged is "often": set true or false',
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), CASES, ids=[case[1][:60] for case in CASES])
def test_each_mistake_gives_its_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    found = mistakes(changes)
    assert len(found) == 1, found
    assert sentence in found[0]


def test_what_the_documentation_shows_has_no_mistake() -> None:
    text = (ROOT / "docs/alerts.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(part.split("```")[0]) for part in text.split("```yaml\n")[1:]]
    assert len(blocks) > 3
    devices = [{"id": number, "name": f"apparecchio {number}"} for number in range(1, 8)]
    tokens = {"telegram_token": "123456:ABCDEF-real-one", "notify_token": "tk_0123456789abcdef", "smtp_password": "x"}
    for block in blocks:
        kept = {name: value for name, value in tokens.items() if name in str(block) or name in needed(block)}
        assert mistakes({"ecms_devices": devices} | block | {"ecms_secrets": kept}) == [], block


def needed(block: dict[str, Any]) -> list[str]:
    found = inventory.FilterModule().filters()["ecms_message_secrets"](block)
    return [*found, *(["smtp_password"] if block.get("ecms_smtp", {}).get("user") else [])]


def test_a_token_that_cannot_be_generated_has_to_be_given() -> None:
    found = mistakes({"ecms_notify": [{"telegram": -100123}, {"ntfy": "https://ntfy.sh/casa", "token": True}]})
    assert [sentence.split(",")[0] for sentence in found] == [
        'hub-rossi: ecms_secrets lacks "telegram_token"',
        'hub-rossi: ecms_secrets lacks "notify_token"',
    ]


def test_the_presets_are_there_with_the_households_numbers_and_language() -> None:
    found = facts(ecms_alert_power_w=2200)["alerts"]
    assert [one["name"] for one in found] == [
        "Sovraccarico",
        "Il contatore sta per scattare",
        "Dispositivo muto",
        "Le misure non vengono salvate",
    ]
    assert found[0] | {"uid": ""} == {
        "uid": "",
        "name": "Sovraccarico",
        "kind": "total",
        "urgent": True,
        "once": False,
        "devices": [],
        "above_w": 2200.0,
        "for_s": 30.0,
    }
    assert facts(ecms_language="en", ecms_preset_alerts=["overload"])["alerts"][0]["name"] == "Overload"
    assert facts(ecms_preset_alerts=[])["alerts"] == []


def test_an_alert_keeps_its_identity_when_its_numbers_change() -> None:
    before = facts(ecms_alerts=[OVEN])["alerts"][-1]
    after = facts(ecms_alerts=[OVEN | {"above_w": 1800}])["alerts"][-1]
    assert before["uid"] == after["uid"]
    assert (before["above_w"], after["above_w"]) == (1500.0, 1800.0)
    assert before["devices"] == [2]


def test_a_household_without_users_of_its_own_is_one_itself() -> None:
    assert facts()["grafana_users"] == [{"login": "mario_rossi", "role": "Editor", "name": "Mario Rossi"}]
    given_here = [{"login": "anna", "role": "Viewer"}]
    assert facts(ecms_grafana_users=given_here)["grafana_users"] == [{"login": "anna", "role": "Viewer", "name": ""}]


def test_who_may_fall_silent_is_known() -> None:
    assert facts()["sometimes_unplugged"] == [2]


def service_facts(given_here: dict[str, Any]) -> Any:
    services = {"broker": given_here, "database": given_here}
    return inventory.service_facts(given_here, {}, "hub-rossi", ALL, ["hub-rossi"], services)


@pytest.mark.parametrize(("encryption", "port"), [("tls", 465), ("starttls", 587), ("none", 587)])
def test_the_port_follows_the_encryption(encryption: str, port: int) -> None:
    assert mistakes(smtp(encryption=encryption)) == []
    assert service_facts(variables(**smtp(encryption=encryption)))["smtp"]["port"] == port


def test_the_mail_server_is_filled_in() -> None:
    found = service_facts(variables(**smtp()))
    assert found["smtp"] == {
        "host": "smtp.example.org",
        "port": 587,
        "encryption": "starttls",
        "user": "",
        "from": "casa@example.org",
        "from_name": "ECMS",
    }
    assert found["hubs"]["dashboard"] == ["hub-rossi"]


def test_without_a_host_for_the_dashboard_there_is_none_and_no_mistake() -> None:
    groups = {name: hosts for name, hosts in ALL.items() if name != "dashboard"}
    assert inventory.run_mistakes({"hub-rossi": "Mario Rossi"}, {}, groups) == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(anything, anything, anything, anything, anything)
def test_no_value_crashes_the_checker(alerts: Any, notify: Any, users: Any, mail: Any, presets: Any) -> None:
    found = mistakes(
        {
            "ecms_alerts": alerts,
            "ecms_notify": notify,
            "ecms_grafana_users": users,
            "ecms_smtp": mail,
            "ecms_preset_alerts": presets,
        }
    )
    assert all(sentence.startswith("hub-rossi: ") for sentence in found)


@given(st.dictionaries(st.sampled_from(["name", "kind", "device", "devices", "above_w", "on_w", "off_w"]), anything))
def test_no_alert_crashes_the_checker(one: dict[str, Any]) -> None:
    kinds = ("total", "appliance", "silent", "finished", "meter", "storing")
    for kind in kinds:
        assert all(sentence.startswith("hub-rossi: ") for sentence in mistakes({"ecms_alerts": [one | {"kind": kind}]}))
