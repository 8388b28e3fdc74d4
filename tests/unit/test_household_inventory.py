"""The checker of inventories: one sentence for each mistake, none for a sound one, and never a crash."""

from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from role_plugins import ROOT, load

inventory: Any = load("roles/household/filter_plugins/ecms_inventory.py")

KNOWN = list(
    yaml.safe_load((ROOT / "roles/household/meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"][
        "main"
    ]["options"]
)
GROUPS = ["mario_rossi", "hub", "broker", "writer", "database"]
KEY = "0123456789abcdef" * 4
PASSWORD = "kR7.wq-81Lp_zz0#"


def sound() -> dict[str, Any]:
    """Return the variables of a household without a mistake: the defaults and what has no default."""
    defaults: dict[str, Any] = yaml.safe_load((ROOT / "roles/household/defaults/main.yml").read_text(encoding="utf-8"))
    return defaults | {
        "ecms_household_name": "Mario Rossi",
        "ecms_secrets_dir": "/home/mario/casa/.secrets",
        "ecms_devices": [
            {"id": 1, "name": "lavatrice"},
            {"id": 2, "name": "frigorifero", "ratings": [{"valid_from": "2026-01-01", "power_factor": 0.85}]},
        ],
        "ecms_boxes": [
            {"name": "cucina", "mac": "5c-cf-7f-01-02-03", "device": 1, "variant": "05B", "calibration": 1.02}
        ],
    }


def mistakes(changes: dict[str, Any], groups: list[str] | None = None) -> list[str]:
    variables = sound() | changes
    found: list[str] = inventory.host_mistakes(variables, "hub-rossi", groups or GROUPS, KNOWN, variables)
    return found


def device(**changes: Any) -> dict[str, Any]:
    return {"ecms_devices": [{"id": 1, "name": "lavatrice"}, {"id": 2, "name": "forno"} | changes]}


def rating(**changes: Any) -> dict[str, Any]:
    return device(ratings=[{"valid_from": "2026-01-31", "voltage_v": 230} | changes])


def box(**changes: Any) -> dict[str, Any]:
    first = {"name": "cucina", "mac": "5C:CF:7F:01:02:03", "device": 1}
    return {"ecms_boxes": [first, {"name": "bagno", "mac": "5C:CF:7F:01:02:04", "device": 2} | changes]}


def remote_broker(**changes: Any) -> dict[str, Any]:
    passwords = {"mqtt_mario_rossi": PASSWORD, "mqtt_ecms-writer": PASSWORD}
    return {"ecms_mqtt_broker": "remote", "ecms_mqtt_host": "mqtt.example.org", "ecms_secrets": passwords} | changes


def remote_database(**changes: Any) -> dict[str, Any]:
    where = {"ecms_database_host": "mysql.example.org", "ecms_database_admin_username": "avnadmin"}
    return {"ecms_database": "remote", **where, "ecms_secrets": {"database_ecms-admin": PASSWORD}} | changes


def test_a_sound_inventory_has_no_mistake() -> None:
    assert mistakes({}) == []
    assert mistakes({"ecms_household": {}, "ecms_services": {}}) == []


def test_values_of_the_command_line_are_text_and_as_good() -> None:
    assert (
        mistakes(
            {
                "ecms_udp_port": "4211",
                "ecms_mains_voltage_v": "231.5",
                "ecms_require_signed_readings": "true",
                "ecms_retention_days": "30",
                "ecms_mains_frequency_hz": "60",
            }
        )
        == []
    )


CASES: list[tuple[dict[str, Any], str]] = [
    ({"ecms_household_name": ""}, "ecms_household_name is missing: set"),
    ({"ecms_household_name": 7}, "ecms_household_name is 7: set a text"),
    ({"ecms_household_name": "3 Rossi"}, "must start with a letter"),
    ({"ecms_household_name": "Abcdefghijklmnopqrst Rossi"}, "make it 23 characters or shorter"),
    ({"ecms_household_name": "Росси"}, "write it with the letters a to z"),
    ({"ecms_household_name": "Mario\tRossi"}, "leave out control characters"),
    ({"ecms_household_name": "statistics"}, "choose another name"),
    ({"ecms_timezone": "Europe/Rom"}, 'ecms_timezone is "Europe/Rom" (did you mean "Europe/Rome"?): set'),
    ({"ecms_timezone": None}, "ecms_timezone is missing: set a zone"),
    ({"ecms_mains_voltage_v": 23}, "ecms_mains_voltage_v is 23: set a number from 50 to 500 volt"),
    ({"ecms_mains_voltage_v": True}, "ecms_mains_voltage_v is True: set a number"),
    ({"ecms_mains_voltage_v": float("nan")}, "ecms_mains_voltage_v is nan: set a number"),
    ({"ecms_mains_frequency_hz": 55}, "ecms_mains_frequency_hz is 55: set 50 or 60"),
    ({"ecms_contract_power_w": 3}, "ecms_contract_power_w is 3: set a whole number from 500 to 100000 watt"),
    ({"ecms_alert_power_w": "2.5 kW"}, 'ecms_alert_power_w is "2.5 kW": set a whole number'),
    ({"ecms_alert_power_w": 3301}, "ecms_alert_power_w is 3301, more than 1.1 times ecms_contract_power_w (3000): set"),
    ({"ecms_hub_hostname": "pi.local"}, '(did you mean "pi"?): set one name'),
    ({"ecms_hub_hostname": "Pi"}, '(did you mean "pi"?): set one name'),
    ({"ecms_hub_hostname": "-pi"}, 'ecms_hub_hostname is "-pi": set one name'),
    ({"ecms_hub_hostname": "p" * 64}, "at most 63 characters"),
    ({"ecms_hub_hostname": "42"}, 'ecms_hub_hostname is "42": set one name'),
    ({"ecms_hub_hostname": "localhost"}, "set another, such as pi"),
    ({"ecms_udp_port": 0}, "ecms_udp_port is 0: set a whole number from 1 to 65535"),
    ({"ecms_udp_port": 65536}, "ecms_udp_port is 65536: set a whole number"),
    ({"ecms_udp_port": 123}, "ecms_udp_port is 123, the port of the time service: set another"),
    ({"ecms_udp_port": "5353"}, "ecms_udp_port is 5353, the port of mDNS: set another"),
    ({"ecms_udp_port": 53}, "ecms_udp_port is 53, the port of DNS: set another"),
    ({"ecms_require_signed_readings": "maybe"}, 'ecms_require_signed_readings is "maybe": set true or false'),
    ({"ecms_home_assistant": "perhaps"}, 'ecms_home_assistant is "perhaps": set true or false'),
    ({"ecms_retention_days": 7}, "ecms_retention_days is 7: set a whole number from 8 to 36500 days"),
    ({"ecms_mqtt_broker": "hivemq"}, 'ecms_mqtt_broker is "hivemq": set emqx or mosquitto or remote'),
    ({"ecms_database": "cloud"}, 'ecms_database is "cloud": set local or remote'),
    *(
        ({f"ecms_{name}": "mqtt.example.org"}, f'ecms_{name} is "mqtt.example.org", but ecms_{choice} is')
        for name, choice in {
            "mqtt_host": "mqtt_broker",
            "mqtt_ca": "mqtt_broker",
            "mqtt_username": "mqtt_broker",
            "mqtt_writer_username": "mqtt_broker",
            "database_host": "database",
            "database_ca": "database",
            "database_admin_username": "database",
        }.items()
    ),
    (
        {"ecms_mqtt_port": 8884},
        'ecms_mqtt_port is 8884, but ecms_mqtt_broker is "emqx": set ecms_mqtt_broker to remote',
    ),
    ({"ecms_database_port": "21699"}, 'ecms_database_port is "21699", but ecms_database is "local": set'),
    (remote_broker(ecms_mqtt_host=""), "ecms_mqtt_host is missing: set the name of the machine, such as"),
    (remote_broker(ecms_mqtt_host="mqtts://mqtt.example.org:8883"), "set a name or an address, without a port"),
    (remote_broker(ecms_mqtt_host="localhost"), 'ecms_mqtt_host is "localhost", which means every machine itself: set'),
    (remote_broker(ecms_mqtt_port=0), "ecms_mqtt_port is 0: set a whole number from 1 to 65535"),
    (remote_broker(ecms_mqtt_ca="ca.crt"), 'ecms_mqtt_ca is "ca.crt": set the absolute path of a certificate file'),
    (remote_broker(ecms_mqtt_ca="/nonexistent/ca.crt"), '/ca.crt" cannot be read (No such file or directory): save'),
    (remote_broker(ecms_mqtt_ca=str(ROOT / "README.md")), "is no certificate: save the service's CA certificate there"),
    (remote_broker(ecms_mqtt_username="mario rossi"), 'ecms_mqtt_username is "mario rossi": set a name'),
    (remote_broker(ecms_mqtt_writer_username='"'), "ecms_mqtt_writer_username is"),
    (remote_broker(ecms_secrets={"mqtt_mario_rossi": PASSWORD}), 'ecms_secrets lacks "mqtt_ecms-writer", the writer'),
    (
        remote_broker(ecms_secrets={"mqtt_ecms-writer": PASSWORD}),
        'ecms_secrets lacks "mqtt_mario_rossi", the household',
    ),
    (remote_database(ecms_database_host=None), "ecms_database_host is missing: set the name of the machine, such as"),
    (remote_database(ecms_database_host="::1"), 'ecms_database_host is "::1", which means every machine itself: set'),
    (remote_database(ecms_database_port="3306/tcp"), 'ecms_database_port is "3306/tcp": set a whole number'),
    (remote_database(ecms_database_ca=7), "ecms_database_ca is 7: set the absolute path of a certificate file"),
    (
        remote_database(ecms_database_admin_username=""),
        "ecms_database_admin_username is missing: set the service's own",
    ),
    (remote_database(ecms_database_admin_username="a b"), 'ecms_database_admin_username is "a b": set a name'),
    (remote_database(ecms_secrets={}), 'ecms_secrets lacks "database_ecms-admin", the administrator'),
    ({"ecms_devices": [], "ecms_boxes": []}, "ecms_devices is []: set a list of at least one appliance"),
    ({"ecms_devices": "lavatrice", "ecms_boxes": []}, 'ecms_devices is "lavatrice": set a list'),
    (device(id=256), "ecms_devices, entry 2: id is 256: set a whole number from 0 to 255"),
    (device(id=-1), "ecms_devices, entry 2: id is -1: set"),
    (device(id="two"), 'ecms_devices, entry 2: id is "two": set'),
    (device(id=1), "ecms_devices, entry 2: id 1 is taken by another appliance"),
    (device(name=""), 'ecms_devices, entry 2: name is "": set 1 to 50 characters'),
    (device(name="x" * 51), "ecms_devices, entry 2: name is"),
    (device(name=" forno"), 'ecms_devices, entry 2: name is " forno": set 1 to 50 characters, without blanks'),
    (device(name="LAVATRICÈ"), 'ecms_devices, entry 2: name "LAVATRICÈ" is taken by another appliance'),
    (device(nome="forno"), 'ecms_devices, entry 2 has an unknown entry "nome" (did you mean "name"?)'),
    (device(ratings=5), "ecms_devices, entry 2: ratings is 5: set a list"),
    (rating(valid_from="31/01/2026"), 'entry 2, rating 1: valid_from is "31/01/2026": set a date such as 2026-01-31'),
    (rating(valid_from="2026-02-30"), 'entry 2, rating 1: valid_from is "2026-02-30": set a date'),
    (rating(voltage_v=501), "entry 2, rating 1: voltage_v is 501: set a number from 50 to 500 volt"),
    (rating(power_factor=0), "entry 2, rating 1: power_factor is 0: set a number above 0 and at most 1"),
    (rating(power_factor=1.01), "entry 2, rating 1: power_factor is 1.01: set"),
    (device(ratings=[{"valid_from": "2026-01-31"}]), "entry 2, rating 1 says nothing: set voltage_v or power_factor"),
    (
        device(ratings=[{"valid_from": d, "voltage_v": 230} for d in ("2026-01-31", dt.date(2026, 1, 31))]),
        "entry 2, rating 2: valid_from 2026-01-31 is the day of another rating",
    ),
    ({"ecms_boxes": "none"}, 'ecms_boxes is "none": set a list'),
    (box(name="CUCINA"), 'ecms_boxes, entry 2: name "CUCINA" is taken by another box'),
    (box(mac="5C:CF:7F:01:02"), 'ecms_boxes, entry 2: mac is "5C:CF:7F:01:02": set six pairs in quotes'),
    (box(mac=1234), "ecms_boxes, entry 2: mac is 1234: set six pairs"),
    (box(mac="5c-cf-7f-01-02-03"), "ecms_boxes, entry 2: mac 5C:CF:7F:01:02:03 is taken by another box"),
    (box(device=3), "ecms_boxes, entry 2: device is 3: set the id of an appliance"),
    (box(variant="10A"), 'ecms_boxes, entry 2: variant is "10A": set 05B or 20A or 30A'),
    (box(calibration=0), "ecms_boxes, entry 2: calibration is 0: set a factor above 0"),
    (box(serial_port=""), 'ecms_boxes, entry 2: serial_port is "": set a port'),
    (box(ota_address="no name"), 'ecms_boxes, entry 2: ota_address is "no name": set a name or an address'),
    (box(varient="05B"), 'unknown entry "varient" (did you mean "variant"?)'),
    ({"ecms_ntp_servers": []}, "ecms_ntp_servers is []: set a list"),
    ({"ecms_ntp_servers": ["pool ntp org"]}, 'ecms_ntp_servers has "pool ntp org": set the name or the address'),
    ({"ecms_journal_storage": "auto"}, 'ecms_journal_storage is "auto": set volatile or persistent'),
    ({"ecms_timezon": "Europe/Rome"}, 'ecms_timezon is no variable of this version (did you mean "ecms_timezone"?)'),
    ({"ecms_garden": {}}, "ecms_garden is no variable of this version: remove it, or see"),
    ({"ecms_secrets_dir": "secrets"}, 'ecms_secrets_dir is "secrets": set the absolute path'),
    ({"ecms_secrets": ["x"]}, "ecms_secrets is no dictionary"),
    ({"ecms_secrets": {"mqtt_mario_rosi": "x"}}, 'unknown name "mqtt_mario_rosi" (did you mean "mqtt_mario_rossi"?)'),
    ({"ecms_secrets": {"mqtt_admin": "Change_Me-please-now"}}, 'ecms_secrets: "mqtt_admin" is a placeholder'),
    ({"ecms_secrets": {"mqtt_admin": "my-very-own-PassWord"}}, 'ecms_secrets: "mqtt_admin" is a placeholder'),
    ({"ecms_secrets": {"mqtt_admin": ""}}, 'ecms_secrets: "mqtt_admin" is empty'),
    ({"ecms_secrets": {"mqtt_admin": "Tr0ub4dor"}}, 'ecms_secrets: "mqtt_admin" is too short'),
    ({"ecms_secrets": {"mqtt_admin": "correct horse battery"}}, 'ecms_secrets: "mqtt_admin" holds a blank'),
    ({"ecms_secrets": {"mqtt_admin": 1234567890123456}}, 'ecms_secrets: "mqtt_admin" is no text'),
    ({"ecms_secrets": {"household_key": "changeme"}}, 'ecms_secrets: "household_key" is no key: set 64 hex digits'),
    ({"ecms_secrets": {"household_key": "0" * 64}}, 'ecms_secrets: "household_key" is no key'),
]


@pytest.mark.parametrize(("changes", "sentence"), CASES, ids=[case[1][:60] for case in CASES])
def test_each_mistake_gives_its_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    found = mistakes(changes)
    assert len(found) == 1, found
    assert sentence in found[0]
    assert found[0].startswith("hub-rossi: ")
    assert found[0].endswith(".")


def test_all_mistakes_are_reported_at_once() -> None:
    changes = {"ecms_udp_port": 123, "ecms_timezone": "Rome", "ecms_alert_power_w": 0, "ecms_timezon": ""}
    assert len(mistakes(changes)) == 4


def test_switches_are_checked_one_by_one() -> None:
    for name in KNOWN:
        if sound()[name] in (True, False) and isinstance(sound()[name], bool):
            assert mistakes({name: "perhaps"}) == [f'hub-rossi: {name} is "perhaps": set true or false.']


def test_no_sentence_holds_a_secret() -> None:
    values = {
        "household_key": "deadbeefdeadbeef",
        "mqtt_mario_rossi": "CHANGEME-visible",
        "mqtt_admin": "visible",
        "nonsense": "visible",
    }
    found = mistakes({"ecms_secrets": values})
    assert len(found) == 4
    assert not any(value in sentence for value in values.values() for sentence in found)


def test_secrets_of_ones_own_are_taken() -> None:
    assert mistakes({"ecms_secrets": {"household_key": KEY, "mqtt_admin": "kR7.wq-81Lp_zz0#"}}) == []


def test_a_host_that_is_no_hub_needs_no_household() -> None:
    assert mistakes({"ecms_household_name": "", "ecms_devices": []}, ["database"]) == []
    found = mistakes({"ecms_household_name": "", "ecms_secrets": {"household_key": KEY}}, ["database"])
    assert len(found) == 1
    assert 'unknown name "household_key"' in found[0]


GROUP_HOSTS = {"hub": ["hub-a"], "broker": ["hub-a"], "writer": ["hub-a"], "database": ["hub-a"]}


def test_a_run_of_one_home_has_no_mistake() -> None:
    assert inventory.run_mistakes({"hub-a": "Anna"}, {"hub-a": "/a/.secrets"}, GROUP_HOSTS) == []


@pytest.mark.parametrize("group", ["hub", "broker", "writer", "database"])
def test_a_group_without_hosts_is_a_mistake(group: str) -> None:
    for empty in ({**GROUP_HOSTS, group: []}, {name: hosts for name, hosts in GROUP_HOSTS.items() if name != group}):
        sentence = (
            f"no host is in the group {group}: name one under {group} in hosts.yml, or give the inventory that does"
        )
        assert inventory.run_mistakes({}, {}, empty) == [
            f"{sentence} so too, such as -i inventories/{'casa_rossi' if group == 'hub' else 'central'}."
        ]


def test_a_name_that_another_hub_has_is_refused_however_it_is_written() -> None:
    hubs = ["hub-a", "hub-b"]
    groups = dict.fromkeys(GROUP_HOSTS, hubs)
    found = inventory.run_mistakes({"hub-b": "mario  ROSSI", "hub-a": "Mario Rossi"}, {}, groups)
    assert len(found) == 1
    assert found[0].startswith('hub-b: ecms_household_name "mario  ROSSI" gives the slug "mario_rossi" that hub-a has')
    assert inventory.run_mistakes({"hub-a": "", "hub-b": ""}, {}, groups) == []


def test_two_households_never_share_a_directory_of_secrets() -> None:
    groups = {group: ["hub-a", "hub-b"] for group in GROUP_HOSTS}
    found = inventory.run_mistakes({}, {"hub-a": "/x/.secrets", "hub-b": "/x/.secrets"}, groups)
    assert len(found) == 1
    assert found[0].startswith("hub-b: its secrets would mix with those of hub-a in /x/.secrets: give")


def test_a_hub_without_a_broker_of_its_own_must_not_have_to_choose() -> None:
    groups = {**GROUP_HOSTS, "hub": ["hub-a", "b1", "b2"], "broker": ["b1", "b2"]}
    groups |= {"writer": ["central"], "database": ["central"]}
    assert inventory.run_mistakes({}, {}, groups) == [
        "the group broker has several hosts, and hub-a is none of them: leave one host in broker, or add hub-a to it."
    ]


CENTRAL = {
    "hub": ["casa", "alone"],
    "broker": ["m1", "m2"],
    "writer": ["m1", "m2", "alone"],
    "database": ["m1", "m2", "m3"],
    "dashboard": ["m1"],
}


def test_several_hosts_that_are_no_hub_serve_together() -> None:
    kinds = {"broker": {"m1": "emqx", "m2": "emqx"}, "database": dict.fromkeys(CENTRAL["database"], "local")}
    assert inventory.run_mistakes({}, {}, CENTRAL, {}, kinds) == []
    assert inventory.service_hosts("casa", "database", CENTRAL) == ["m1", "m2", "m3"]
    assert inventory.service_hosts("alone", "writer", CENTRAL) == ["alone"]
    facts = inventory.household_facts(sound(), {}, "casa", CENTRAL)
    assert facts["hosts"] == {"broker": ["m1", "m2"], "writer": ["m1", "m2"], "database": ["m1", "m2", "m3"]}


def test_a_machine_of_a_cluster_tries_itself_first_and_keeps_the_first_ones_secrets() -> None:
    assert inventory.service_hosts("m2", "database", CENTRAL) == ["m2", "m1", "m3"]
    assert inventory.service_host("m2", "database", CENTRAL) == "m2"
    assert {inventory.service_keeper(one, "database", CENTRAL) for one in ("m1", "m2", "m3", "casa")} == {"m1"}
    assert inventory.service_keeper("alone", "writer", CENTRAL) == "alone"


def test_where_others_reach_a_service_is_its_host_and_the_authority_kept_beside_its_inventory() -> None:
    variables = {"m1": {"ansible_host": "10.0.0.1", "inventory_dir": "/casa/central"}, "m2": {"inventory_dir": "/casa"}}
    assert inventory.service_places(["m2", "m1", "m3"], variables, 3306) == [
        {"host": "m2", "port": 3306, "ca": "/casa/.secrets/ca_m2.crt"},
        {"host": "10.0.0.1", "port": 3306, "ca": "/casa/central/.secrets/ca_m1.crt"},
        {"host": "m3", "port": 3306, "ca": "/.secrets/ca_m3.crt"},
    ]


def test_each_host_of_a_cluster_serves_every_hub_and_knows_the_others() -> None:
    keepers = {"broker": sound(), "database": sound()}
    for host in ("m1", "m2"):
        facts = inventory.service_facts(sound(), {}, host, CENTRAL, ["casa", "alone", host], keepers)
        both = ["alone", "casa"]
        assert facts["hubs"] == {
            "broker": both,
            "writer": ["casa"],
            "database": both,
            "dashboard": both if host == "m1" else [],
        }
        assert facts["cluster"] == {"broker": ["m1", "m2"], "writer": ["m1", "m2"], "database": ["m1", "m2", "m3"]}
        assert facts["database_by_network"] is True
    alone = inventory.service_facts(sound(), {}, "alone", CENTRAL, ["alone"], keepers)
    assert alone["cluster"] == {"broker": [], "writer": [], "database": []}
    assert alone["hubs"]["writer"] == ["alone"]


@pytest.mark.parametrize(
    ("group", "hosts", "kind", "sentence"),
    [
        ("database", ["m1", "m2"], ["local"], "the group database has 2 hosts (m1, m2), and half of a cluster"),
        ("database", ["m1", "m2", "m3", "m4"], ["local"], "the group database has 4 hosts (m1, m2, m3, m4), and half"),
        ("database", ["m1", "m2", "m3"], ["remote"], "ecms_database is remote, and the group database has several"),
        ("broker", ["m1", "m2"], ["mosquitto"], "the group broker has several hosts (m1, m2), and Mosquitto is no"),
        ("broker", ["m1", "m2"], ["remote"], "ecms_mqtt_broker is remote, and the group broker has several hosts"),
        ("broker", ["m1", "m2"], ["emqx", "mosquitto"], 'ecms_mqtt_broker is "emqx" and "mosquitto" among the hosts'),
        ("dashboard", ["m1", "m2"], ["any"], "the group dashboard has several hosts that are no hub (m1, m2): leave"),
    ],
)
def test_hosts_that_cannot_serve_together_are_refused(
    group: str, hosts: list[str], kind: list[str], sentence: str
) -> None:
    groups = {**GROUP_HOSTS, group: hosts}
    kinds = {group: {host: kind[place % len(kind)] for place, host in enumerate(hosts)}}
    found = inventory.run_mistakes({}, {}, groups, {}, kinds)
    assert len(found) == 1
    assert found[0].startswith(sentence)


def test_a_hub_is_served_by_itself_or_by_the_shared_host() -> None:
    groups = {"hub": ["alone", "casa"], "broker": ["alone", "central"], "writer": ["casa"]}
    assert inventory.service_host("alone", "broker", groups) == "alone"
    assert inventory.service_host("casa", "broker", groups) == "central"
    assert inventory.service_host("alone", "writer", groups) == "casa"
    with pytest.raises(ValueError, match="no host is in the group database"):
        inventory.service_host("alone", "database", groups)


def test_facts_are_derived_in_their_final_types() -> None:
    given_variables = sound() | {"ecms_udp_port": "4211", "ecms_require_signed_readings": "yes"}
    facts = inventory.household_facts(given_variables, {"household_key": KEY}, "hub-a", GROUP_HOSTS)
    assert facts["slug"] == "mario_rossi"
    assert facts["schema"] == "ecms_mario_rossi"
    assert facts["topics"]["readings"] == "mario_rossi/sensori"
    assert facts["users"] == {"mqtt": "mario_rossi", "grafana": "grafana_mario_rossi"}
    assert facts["udp_port"] == 4211
    assert facts["require_signed_readings"] is True
    assert facts["home_assistant"] is False
    assert facts["hosts"] == {"broker": ["hub-a"], "writer": ["hub-a"], "database": ["hub-a"]}
    assert facts["secrets"] == {"household_key": KEY}
    assert facts["devices"] == [
        {"id": 1, "name": "lavatrice", "ratings": []},
        {
            "id": 2,
            "name": "frigorifero",
            "ratings": [{"valid_from": "2026-01-01", "voltage_v": 230.0, "power_factor": 0.85}],
        },
    ]
    assert facts["boxes"] == [
        {"name": "cucina", "mac": "5C:CF:7F:01:02:03", "device": 1, "calibration": 1.02, "variant": "05B"}
    ]


def test_the_rules_say_that_a_household_confirms_nothing_itself() -> None:
    facts = inventory.household_facts(sound(), {}, "hub-a", GROUP_HOSTS)
    first = facts["access"][0]
    assert (first["effect"], first["action"], first["topic"]) == ("deny", "publish", "mario_rossi/conferme")


def test_services_know_whom_they_serve_in_this_run() -> None:
    groups = {
        "hub": ["alone", "casa", "absent"],
        "broker": ["alone", "central"],
        "writer": ["central"],
        "database": ["central"],
        "dashboard": ["alone"],
    }
    hosts = ["alone", "casa", "central"]
    keepers = {"broker": sound(), "database": sound()}
    central = inventory.service_facts(sound(), {}, "central", groups, hosts, keepers)
    both = ["alone", "casa"]
    assert central["hubs"] == {"broker": ["casa"], "writer": both, "database": both, "dashboard": []}
    alone = inventory.service_facts(sound(), {}, "alone", groups, hosts, keepers)
    assert alone["hubs"] == {"broker": ["alone"], "writer": [], "database": [], "dashboard": both}


def test_a_machine_that_is_no_hub_has_a_clock_and_updates_too() -> None:
    central = sound() | {"ecms_ntp_servers": ["ntp.example.org"], "ecms_automatic_reboot": "yes"}
    facts = inventory.service_facts(
        central, {}, "central", GROUP_HOSTS, ["central"], {"broker": central, "database": {}}
    )
    assert facts["machine"] == {
        "clock_trusted": False,
        "ntp_servers": ["ntp.example.org"],
        "security_updates": True,
        "automatic_reboot": True,
    }
    assert mistakes({"ecms_security_updates": "perhaps"}, ["broker"]) == [
        'hub-rossi: ecms_security_updates is "perhaps": set true or false.'
    ]


def test_services_elsewhere_are_said_to_every_host_that_uses_them() -> None:
    assert mistakes(remote_broker()) == []
    assert mistakes(remote_database()) == []
    keepers = {
        "broker": sound() | remote_broker(ecms_mqtt_port="8884", ecms_mqtt_ca="~/ca.crt"),
        "database": sound() | remote_database(),
    }
    facts = inventory.service_facts(sound(), {}, "hub-a", GROUP_HOSTS, ["hub-a"], keepers)
    assert facts["remote_broker"] == {
        "host": "mqtt.example.org",
        "port": 8884,
        "ca": str(Path.home() / "ca.crt"),
        "writer": "ecms-writer",
    }
    assert facts["remote_database"] == {"host": "mysql.example.org", "port": 3306, "ca": "", "admin": "avnadmin"}
    here = {"broker": sound(), "database": sound()}
    facts = inventory.service_facts(sound(), {}, "hub-a", GROUP_HOSTS, ["hub-a"], here)
    assert (facts["remote_broker"], facts["remote_database"]) == ({}, {})


def test_a_database_knows_whether_it_has_clients_on_other_hosts() -> None:
    keepers = {"broker": sound(), "database": sound()}

    def by_network(host: str, **groups: list[str]) -> object:
        return inventory.service_facts(sound(), {}, host, GROUP_HOSTS | groups, [], keepers)["database_by_network"]

    assert by_network("hub-a") is False
    assert by_network("central", database=["central"], dashboard=["central"]) is True
    assert by_network("central", database=["central"], writer=["central"], dashboard=["central"]) is False
    assert by_network("central", database=["central"], writer=["central"], dashboard=["view"]) is True
    assert by_network("hub-a", database=["central"], dashboard=["view"]) is False


def test_the_household_may_have_another_user_at_a_remote_broker() -> None:
    variables = sound() | remote_broker(ecms_mqtt_username="client-7")
    facts = inventory.household_facts(variables, {}, "hub-a", GROUP_HOSTS)
    assert facts["users"]["mqtt"] == "client-7"
    assert facts["topics"]["readings"] == "mario_rossi/sensori"


def test_a_hub_of_a_remote_broker_that_another_host_stands_for_needs_its_password_too() -> None:
    found = inventory.host_mistakes(sound(), "hub-rossi", ["hub"], KNOWN, sound() | remote_broker())
    assert len(found) == 1
    assert 'ecms_secrets lacks "mqtt_mario_rossi"' in found[0]


def test_the_variables_of_a_host_are_its_own_or_the_defaults() -> None:
    defaults = {"ecms_mqtt_broker": "emqx", "ecms_mqtt_port": 8883, "ecms_database": "local"}
    own = {"ecms_mqtt_broker": "remote", "ecms_mqtt_else": 1}
    assert inventory.given_of(own, "ecms_mqtt_", defaults) == {"ecms_mqtt_broker": "remote", "ecms_mqtt_port": 8883}


def certificate(directory: Path, *, authority: bool, days: int) -> str:
    """Return the path of a new certificate that signs itself and ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=100))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / f"{authority}-{days}.crt"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return str(path)


def test_the_certificate_of_a_remote_service_is_looked_at(tmp_path: Path) -> None:
    good = certificate(tmp_path, authority=True, days=1)
    assert mistakes(remote_broker(ecms_mqtt_ca=good)) == []
    assert mistakes(remote_database(ecms_database_ca=good)) == []
    for bad, sentence in (
        (certificate(tmp_path, authority=True, days=-1), "has expired: get the service's new CA certificate"),
        (certificate(tmp_path, authority=False, days=1), "is no authority's certificate: save the service's CA"),
    ):
        for found in (mistakes(remote_broker(ecms_mqtt_ca=bad)), mistakes(remote_database(ecms_database_ca=bad))):
            assert len(found) == 1
            assert sentence in found[0]


# Whatever a text editor can make of an inventory, the answer is sentences.

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.dates(),
    st.datetimes(),
    st.sampled_from(["Mario Rossi", "5C:CF:7F:01:02:03", "2026-01-31", "pi", "1" * 30, "1e5"]),
)
keys = st.sampled_from(
    ["id", "name", "ratings", "valid_from", "voltage_v", "power_factor", "mac", "device", "variant", "calibration", "x"]
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(keys, scalars), inner, max_size=5)),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(KNOWN), values, max_size=len(KNOWN)))
def test_any_inventory_gives_sentences_and_what_has_none_gives_facts(changes: dict[str, Any]) -> None:
    variables = sound() | copy.deepcopy(changes)
    found = inventory.host_mistakes(variables, "hub-a", GROUPS, KNOWN, variables)
    for sentence in found:
        assert sentence.startswith("hub-a: ")
        assert sentence.endswith(".")
        assert "\n" not in sentence
    if not found:
        facts = inventory.household_facts(variables, {}, "hub-a", GROUP_HOSTS)
        assert all(0 <= device["id"] <= 255 for device in facts["devices"])
        assert None not in facts.values()


@settings(deadline=None)
@given(st.integers(1, 65535) | st.integers(-(10**20), 10**20))
def test_every_port_is_either_good_or_refused(port: int) -> None:
    good = 1 <= port <= 65535 and port not in {53, 123, 5353}
    assert (mistakes({"ecms_udp_port": port}) == []) is good
    assert (mistakes({"ecms_udp_port": str(port)}) == []) is good


@settings(deadline=None)
@given(st.text(max_size=70))
def test_a_host_name_that_is_taken_obeys_rfc_1123(name: str) -> None:
    if mistakes({"ecms_hub_hostname": name}) == []:
        assert name.isascii()
        assert 1 <= len(name) <= 63
        assert name.replace("-", "").isalnum()
        assert not name.startswith("-")
        assert not name.endswith("-")
