"""A central machine and two households in one run of the real role: what each gets is its own, and nothing else's."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from role_plugins import ROOT
from unit.test_household_inventory import KNOWN
from unit.test_household_role import DUMP, ansible

PLAYBOOK = """
- hosts: hub:broker:writer:database:dashboard
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - ansible.builtin.import_role: {name: household, rolespec_validate: false}
    - ansible.builtin.set_fact:
        _dumped: "{{ dict(all_of_ecms | zip(q('ansible.builtin.vars', *all_of_ecms))) | dump(dump_to) }}"
      vars:
        all_of_ecms: "{{ q('ansible.builtin.varnames', '^ecms_') }}"
        dump_to: "{{ facts_dir }}/{{ inventory_hostname }}.json"
      no_log: true
"""
SERVICES_ONLY = {
    # What these say holds on the host of the service, or is a mistake without its own server elsewhere.
    *("ecms_mqtt_host", "ecms_mqtt_port", "ecms_mqtt_ca", "ecms_mqtt_username", "ecms_mqtt_writer_username"),
    *("ecms_database", "ecms_database_host", "ecms_database_port", "ecms_database_ca", "ecms_database_admin_username"),
    # Derived from the place of the inventory, and so compared as it is.
    "ecms_secrets_dir",
}
ROSSI: dict[str, Any] = {
    "ecms_household_name": "Mario Rossi",
    "ecms_timezone": "Europe/Lisbon",
    "ecms_mains_voltage_v": 231,
    "ecms_mains_frequency_hz": 60,
    "ecms_contract_power_w": 3100,
    "ecms_alert_power_w": 2600,
    "ecms_unmeasured_power_w": 11,
    "ecms_currency": "CHF",
    "ecms_tariffs": [{"valid_from": "2026-02-01", "price_kwh": 0.11}],
    "ecms_devices": [{"id": 1, "name": "lavatrice rossi"}],
    "ecms_boxes": [{"name": "cucina rossi", "mac": "02:00:00:00:00:11", "device": 1}],
    "ecms_hub_hostname": "pi-rossi",
    "ecms_udp_port": 4211,
    "ecms_require_signed_readings": True,
    "ecms_home_assistant": True,
    "ecms_mqtt_broker": "emqx",
    "ecms_retention_days": 111,
    "ecms_language": "en",
    "ecms_grafana_users": [{"login": "rossi", "role": "Viewer"}],
    "ecms_preset_alerts": ["overload"],
    "ecms_alerts": [{"name": "forno rossi", "kind": "appliance", "device": 1, "above_w": 1011, "for_s": 711}],
    "ecms_notify": [{"email": "rossi@example.org"}],
    "ecms_smtp": {"host": "smtp-rossi.example.org", "from": "rossi@example.org"},
    "ecms_digest": ["weekly"],
    "ecms_digest_to": ["digest-rossi@example.org"],
    "ecms_statistics": True,
    "ecms_statistics_name": True,
    "ecms_statistics_from": "2026-01-31",
    "ecms_secrets": {"household_key": "11a" + "0" * 61},
    "ecms_clock_trusted": True,
    "ecms_ntp_servers": ["ntp-rossi.example.org"],
    "ecms_security_updates": False,
    "ecms_automatic_reboot": True,
    "ecms_journal_storage": "persistent",
    "ecms_sd_card_care": False,
    "ecms_tmp_in_ram": False,
}
BIANCHI: dict[str, Any] = {
    "ecms_household_name": "Anna Bianchi",
    "ecms_timezone": "Pacific/Chatham",
    "ecms_mains_voltage_v": 122,
    "ecms_mains_frequency_hz": 50,
    "ecms_contract_power_w": 3200,
    "ecms_alert_power_w": 2700,
    "ecms_unmeasured_power_w": 22,
    "ecms_currency": "EUR",
    "ecms_tariffs": [{"valid_from": "2026-03-02", "price_kwh": 0.22}],
    "ecms_devices": [{"id": 2, "name": "lavatrice bianchi"}],
    "ecms_boxes": [{"name": "cucina bianchi", "mac": "02:00:00:00:00:22", "device": 2}],
    "ecms_hub_hostname": "pi-bianchi",
    "ecms_udp_port": 4222,
    "ecms_require_signed_readings": False,
    "ecms_home_assistant": False,
    "ecms_mqtt_broker": "mosquitto",
    "ecms_retention_days": 222,
    "ecms_language": "it",
    "ecms_grafana_users": [{"login": "bianchi", "role": "Admin"}],
    "ecms_preset_alerts": ["silent"],
    "ecms_alerts": [{"name": "forno bianchi", "kind": "appliance", "device": 2, "above_w": 1022, "for_s": 722}],
    "ecms_notify": [{"email": "bianchi@example.org"}],
    "ecms_smtp": {"host": "smtp-bianchi.example.org", "from": "bianchi@example.org"},
    "ecms_digest": ["monthly"],
    "ecms_digest_to": ["digest-bianchi@example.org"],
    "ecms_statistics": False,
    "ecms_statistics_name": False,
    "ecms_statistics_from": "",
    "ecms_secrets": {"household_key": "22b" + "0" * 61},
    "ecms_clock_trusted": False,
    "ecms_ntp_servers": ["ntp-bianchi.example.org"],
    "ecms_security_updates": True,
    "ecms_automatic_reboot": False,
    "ecms_journal_storage": "volatile",
    "ecms_sd_card_care": True,
    "ecms_tmp_in_ram": True,
}
HUBS = {"casa_rossi": "hub-mario-rossi", "casa_bianchi": "hub-anna-bianchi"}
SLUGS = {"casa_rossi": "mario_rossi", "casa_bianchi": "anna_bianchi"}
CENTRAL = "server-central"
Dump = dict[str, dict[str, Any]]


@pytest.fixture
def homes(tmp_path: Path) -> Path:
    """The example inventories of the repository, each household with a value of its own for every variable."""
    for name in ("central", *HUBS):
        shutil.copytree(
            ROOT / "inventories" / name, tmp_path / "homes" / name, ignore=shutil.ignore_patterns(".secrets")
        )
    for name, variables in (("casa_rossi", ROSSI), ("casa_bianchi", BIANCHI)):
        file = tmp_path / "homes" / name / "group_vars" / SLUGS[name] / "household.yml"
        file.write_text(yaml.safe_dump(variables), encoding="utf-8")
    central = tmp_path / "homes/central/group_vars/central/central.yml"
    smtp = {"host": "smtp-central.example.org", "from": "central@example.org"}
    central.write_text(yaml.safe_dump({"ecms_mqtt_broker": "mosquitto", "ecms_smtp": smtp}), encoding="utf-8")
    return tmp_path / "homes"


def derive(homes: Path, *names: str, options: tuple[str, ...] = ()) -> Dump:
    """Run the role over these inventories; return every variable and fact of ECMS of each host."""
    work = homes.parent
    (work / "filter_plugins").mkdir(exist_ok=True)
    (work / "filter_plugins/dump.py").write_text(DUMP)
    (work / "run.yml").write_text(PLAYBOOK)
    for file in work.glob("*.json"):
        file.unlink()
    inventories = [word for name in names for word in ("-i", str(homes / name))]
    done = ansible(work, work / "run.yml", *inventories, "-e", f"facts_dir={work}", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return {file.stem: json.loads(file.read_text()) for file in work.glob("*.json")}


def test_the_two_households_differ_in_everything_a_household_decides() -> None:
    """Otherwise the comparisons below would say less than they seem to."""
    for variables in (ROSSI, BIANCHI):
        assert set(variables) == set(KNOWN) - SERVICES_ONLY
    assert [name for name in ROSSI if ROSSI[name] == BIANCHI[name]] == []


def lasting(machine: dict[str, Any]) -> dict[str, Any]:
    """Return what a machine's services are whoever is in the run: not the hubs, nor the password of a reader that is
    only asked for when a home takes part in the statistics.
    """
    services = {name: value for name, value in machine["ecms_services"].items() if name != "hubs"}
    secrets = {name: value for name, value in services["secrets"].items() if name != "database_ecms-statistics"}
    return services | {"secrets": secrets}


def test_no_household_gets_anothers_values_whatever_the_order(homes: Path) -> None:
    together = derive(homes, "central", *HUBS)
    assert set(together) == {CENTRAL, *HUBS.values()}
    for home, variables in (("casa_rossi", ROSSI), ("casa_bianchi", BIANCHI)):
        own = together[HUBS[home]]
        assert {name: own[name] for name in variables} == variables
        assert own["ecms_secrets_dir"] == str(homes / home / ".secrets")
        other = next(name for name in HUBS if name != home)
        kept = [path.read_text().strip() for path in (homes / other / ".secrets").glob("[!.]*")]
        said = json.dumps(own)
        strangers = [SLUGS[other], other.removeprefix("casa_"), *kept]
        assert len(kept) >= 3
        assert [word for word in strangers if word in said] == []
    central = together[CENTRAL]
    assert "ecms_household" not in central
    assert central["ecms_services"]["hubs"] == {
        group: sorted(HUBS.values()) for group in ("broker", "writer", "database", "dashboard")
    }
    assert central["ecms_services"]["smtp"]["host"] == "smtp-central.example.org"
    said = json.dumps(central)
    for home in HUBS:
        kept = [path.read_text().strip() for path in (homes / home / ".secrets").glob("[!.]*")]
        assert [word for word in (*kept, f"smtp-{home.removeprefix('casa_')}") if word in said] == []

    for order in itertools.islice(itertools.permutations(["central", *HUBS]), 3, 6, 2):
        assert derive(homes, *order) == together

    # A household that is missing, by its inventory or by the limit, is in nothing, and changes nothing for the other.
    for present, absent in (list(HUBS), list(HUBS)[::-1]):
        alone = derive(homes, present, "central")
        assert set(alone) == {CENTRAL, HUBS[present]}
        assert alone[HUBS[present]] == together[HUBS[present]]
        assert [word for word in (SLUGS[absent], HUBS[absent]) if word in json.dumps(alone)] == []
        assert alone[CENTRAL]["ecms_services"]["hubs"]["database"] == [HUBS[present]]
        assert lasting(alone[CENTRAL]) == lasting(central)
    limited = derive(homes, "central", *HUBS, options=("--limit", f"{CENTRAL},{HUBS['casa_rossi']}"))
    assert limited == derive(homes, "central", "casa_rossi")


def test_the_examples_of_many_homes_are_sound(tmp_path: Path) -> None:
    work = tmp_path / "homes"
    for name in ("central", *HUBS):
        shutil.copytree(ROOT / "inventories" / name, work / name, ignore=shutil.ignore_patterns(".secrets"))
    known = derive(work, "central", *HUBS, options=("--check",))
    assert known[CENTRAL]["ecms_services"]["mqtt_broker"] == "emqx"
    for home, hub in HUBS.items():
        facts = known[hub]["ecms_household"]
        assert facts["slug"] == SLUGS[home]
        assert facts["hosts"] == {group: [CENTRAL] for group in ("broker", "writer", "database")}
    assert not list(work.glob("*/.secrets"))


def test_what_one_home_sets_for_all_is_refused(homes: Path) -> None:
    groups = homes / "casa_bianchi/group_vars"
    (groups / "all").mkdir()
    (groups / "all/prices.yml").write_text("ecms_currency: EUR\nbridge_restart_s: 2\n", encoding="utf-8")
    (groups / "anna_bianchi/all.yml").write_text("ecms_language: it\n", encoding="utf-8")
    hosts = homes / "casa_rossi/hosts.yml"
    with_vars = yaml.safe_load(hosts.read_text("utf-8"))
    with_vars["all"]["vars"] = {"ecms_timezone": "Europe/Rome", "ansible_user": "pi"}
    hosts.write_text(yaml.safe_dump(with_vars), encoding="utf-8")
    named = [word for name in ("central", *HUBS) for word in ("-i", str(homes / name))]
    done = ansible(homes.parent, ROOT / "site.yml", *named)
    assert done.returncode == 2
    said = done.stdout + done.stderr
    for place, name in (("casa_bianchi/group_vars/all/prices.yml", "currency"), ("casa_rossi/hosts.yml", "timezone")):
        assert f"{place}: ecms_{name} stands in the group all, where the last inventory's counts for every home" in said
    assert "ecms_language stands" not in said
    assert "restart_s stands" not in said
