"""The role household as Ansible runs it: nothing is touched by a bad inventory, and no secret shows or changes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from role_plugins import ROOT

PROGRAMS = Path(sys.executable).parent
PLAYBOOK = """
- hosts: all
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - ansible.builtin.import_role: {name: household, rolespec_validate: false}
    - ansible.builtin.set_fact:
        _dumped: "{{ {'household': ecms_household | default(none), 'services': ecms_services} | dump(dump_to) }}"
      vars:
        dump_to: "{{ facts_dir }}/{{ inventory_hostname }}.json"
      no_log: true
      tags: [always]
"""
# a module would be started for it, which takes longer than the whole role
DUMP = """
import json, pathlib
class FilterModule:
    def filters(self):
        return {"dump": lambda facts, path: pathlib.Path(path).write_text(json.dumps(facts))}
"""
SERVICE_SECRETS = {
    *("mqtt_ecms-writer", "mqtt_admin"),
    *("database_ecms-writer", "database_ecms-admin"),
    *("grafana_admin", "grafana_secret_key"),
}


class Home:
    """A household's inventory in a directory of its own."""

    def __init__(self, directory: Path, slug: str, variables: dict[str, Any]) -> None:
        self.directory = directory
        self.host = f"hub-{slug.replace('_', '-')}"
        groups: dict[str, Any] = {
            group: {"children": {slug: None}} for group in ("hub", "broker", "writer", "database", "dashboard")
        }
        # an address of documentation: whoever connected to it would wait and fail
        groups[slug] = {"hosts": {self.host: {"ansible_host": "192.0.2.1"}}}
        (directory / "group_vars" / slug).mkdir(parents=True)
        (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
        (directory / "group_vars" / slug / "household.yml").write_text(yaml.safe_dump(variables))

    def secrets(self) -> dict[str, str]:
        return {path.name: path.read_text().strip() for path in (self.directory / ".secrets").glob("[!.]*")}


def home(tmp_path: Path, slug: str = "anna_bianchi", **variables: Any) -> Home:
    devices = [{"id": 1, "name": "lavatrice"}]
    name = slug.replace("_", " ").title()
    return Home(tmp_path / slug, slug, {"ecms_household_name": name, "ecms_devices": devices} | variables)


def ansible(tmp_path: Path, playbook: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [str(PROGRAMS / "ansible-playbook"), str(playbook), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def write_playbook(tmp_path: Path) -> Path:
    (tmp_path / "filter_plugins").mkdir(exist_ok=True)
    (tmp_path / "filter_plugins/dump.py").write_text(DUMP)
    playbook = tmp_path / "household.yml"
    playbook.write_text(PLAYBOOK)
    return playbook


def run(tmp_path: Path, homes: list[Home], *arguments: str) -> subprocess.CompletedProcess[str]:
    playbook = write_playbook(tmp_path)
    inventories = [part for one in homes for part in ("-i", str(one.directory))]
    return ansible(tmp_path, playbook, *inventories, "-e", f"facts_dir={tmp_path}", *arguments)


def facts(tmp_path: Path, host: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / f"{host}.json").read_text())
    return found


def test_a_bad_inventory_is_refused_with_a_sentence_per_mistake_before_anything_is_touched(tmp_path: Path) -> None:
    bad = home(
        tmp_path,
        ecms_timezon="Europe/Rome",
        ecms_udp_port=123,
        ecms_mqtt_broker="remote",
        ecms_devices=[{"id": 1, "name": "forno"}, {"id": 1, "name": "frigorifero"}],
        ecms_secrets={"mqtt_admin": "changeme-visible"},
    )
    done = ansible(tmp_path, ROOT / "site.yml", "-i", str(bad.directory))
    assert done.returncode == 2
    lines = done.stdout + done.stderr
    for sentence in (
        'hub-anna-bianchi: ecms_timezon is no variable of this version (did you mean "ecms_timezone"?): rename it.',
        "hub-anna-bianchi: ecms_devices, entry 2: id 1 is taken by another appliance: set a number of its own.",
        "hub-anna-bianchi: ecms_udp_port is 123, the port of the time service: set another, such as 4210.",
        "hub-anna-bianchi: ecms_mqtt_host is missing: set the name of the machine, such as",
        'hub-anna-bianchi: ecms_secrets lacks "mqtt_anna_bianchi", the household\'s password at the remote broker',
        'hub-anna-bianchi: ecms_secrets lacks "mqtt_ecms-writer", the writer\'s password at the remote broker',
        'hub-anna-bianchi: ecms_secrets: "mqtt_admin" is a placeholder: set a value of your own',
    ):
        assert sentence in lines
    assert "visible" not in lines
    assert "UNREACHABLE" not in lines
    assert not (bad.directory / ".secrets").exists()


def test_an_inventory_without_hosts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all:\n")
    done = ansible(tmp_path, ROOT / "site.yml", "-i", str(tmp_path / "hosts.yml"))
    assert done.returncode == 2
    assert "The inventory names no host: give the one of a household" in done.stdout + done.stderr


def test_secrets_are_generated_once_kept_private_and_never_shown(tmp_path: Path) -> None:
    one = home(tmp_path)
    first = run(tmp_path, [one], "-vvv")
    assert first.returncode == 0, first.stdout + first.stderr
    generated = one.secrets()
    assert set(generated) == {
        "household_key",
        "mqtt_anna_bianchi",
        "database_grafana_anna_bianchi",
        "grafana_user_anna_bianchi",
        *SERVICE_SECRETS,
    }
    assert len(set(generated.values())) == len(generated)
    assert len(bytes.fromhex(generated["household_key"])) == 32
    for name, value in generated.items():
        assert value.isalnum()
        assert value.isascii()
        assert len(value) >= 32
        assert value not in first.stdout + first.stderr, name
        assert stat.S_IMODE((one.directory / ".secrets" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((one.directory / ".secrets").stat().st_mode) == 0o700
    assert (one.directory / ".secrets/.gitignore").read_text().strip() == "*"

    known = facts(tmp_path, one.host)
    household, services = known["household"], known["services"]
    assert household["slug"] == "anna_bianchi"
    assert household["secrets"] == {name: generated[name] for name in set(generated) - SERVICE_SECRETS}
    assert services["secrets"] == {name: generated[name] for name in SERVICE_SECRETS}

    (one.directory / ".secrets/mqtt_admin").chmod(0o644)
    second = run(tmp_path, [one], "--tags", "preflight")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "changed=1" in second.stdout
    assert stat.S_IMODE((one.directory / ".secrets/mqtt_admin").stat().st_mode) == 0o600
    third = run(tmp_path, [one], "--check", "--diff")
    assert third.returncode == 0, third.stdout + third.stderr
    assert "changed=0" in third.stdout
    assert one.secrets() == generated
    assert facts(tmp_path, one.host) == known

    (one.directory / ".secrets/mqtt_admin").write_text("\n")
    broken = run(tmp_path, [one])
    assert broken.returncode == 2
    assert f'The secret "mqtt_admin" of {one.directory}/.secrets is empty: set a value' in broken.stdout + broken.stderr


def test_a_check_of_a_fresh_inventory_writes_nothing_and_says_so(tmp_path: Path) -> None:
    one = home(tmp_path)
    done = run(tmp_path, [one], "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "made-up values of the secrets that a real run generates: household_key, mqtt_anna_bianchi" in done.stdout
    assert not (one.directory / ".secrets").exists()
    assert len(facts(tmp_path, one.host)["household"]["secrets"]["household_key"]) == 64


def test_secrets_from_the_vault_come_first_and_are_not_written(tmp_path: Path) -> None:
    word = tmp_path / "vault-word"
    word.write_text("a word of the test\n")
    mine = "0f" * 31 + "aa"
    one = home(tmp_path)
    plain = tmp_path / "vault.yml"
    plain.write_text(yaml.safe_dump({"ecms_secrets": {"household_key": mine}}))
    vault = [str(PROGRAMS / "ansible-vault"), "encrypt", "--vault-password-file", str(word), str(plain)]
    subprocess.run(vault, check=True, capture_output=True, timeout=60)
    plain.rename(one.directory / "group_vars/anna_bianchi/vault.yml")
    done = run(tmp_path, [one], "--vault-password-file", str(word), "-vvv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert facts(tmp_path, one.host)["household"]["secrets"]["household_key"] == mine
    assert "household_key" not in one.secrets()
    assert mine not in done.stdout + done.stderr


def test_two_homes_in_one_run_keep_apart(tmp_path: Path) -> None:
    anna, mario = home(tmp_path), home(tmp_path, "mario_rossi")
    done = run(tmp_path, [anna, mario])
    assert done.returncode == 0, done.stdout + done.stderr
    for one, other in ((anna, mario), (mario, anna)):
        known = facts(tmp_path, one.host)
        assert known["household"]["secrets"]["household_key"] == one.secrets()["household_key"]
        assert known["household"]["hosts"] == {key: [one.host] for key in ("broker", "writer", "database")}
        assert known["services"]["hubs"] == {key: [one.host] for key in ("broker", "writer", "database", "dashboard")}
        assert not set(one.secrets().values()) & set(other.secrets().values())


def test_a_name_that_is_taken_is_refused_even_when_the_run_is_limited(tmp_path: Path) -> None:
    first, second = home(tmp_path), home(tmp_path, "altra_anna", ecms_household_name="Anna Bianchi")
    done = run(tmp_path, [first, second], "--limit", second.host)
    assert done.returncode == 2
    assert 'gives the slug "anna_bianchi" that hub-altra-anna has already: set another name.' in (
        done.stdout + done.stderr
    )


def test_hub_and_services_on_hosts_of_their_own(tmp_path: Path) -> None:
    split = home(tmp_path)
    groups: dict[str, Any] = {group: {"hosts": {"server": None}} for group in ("broker", "writer", "database")}
    groups |= {"hub": {"hosts": {split.host: None}}, "dashboard": {"hosts": {"server": None}}}
    groups["anna_bianchi"] = {"hosts": {split.host: None, "server": None}}
    (split.directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
    done = run(tmp_path, [split])
    assert done.returncode == 0, done.stdout + done.stderr
    hub, server = (facts(tmp_path, host) for host in (split.host, "server"))
    assert hub["services"]["secrets"] == {}
    assert set(server["services"]["secrets"]) == SERVICE_SECRETS
    assert hub["household"]["hosts"]["broker"] == ["server"]


@pytest.mark.parametrize("example", ["demo", "casa"])
def test_the_inventories_of_the_repository_are_sound(tmp_path: Path, example: str) -> None:
    inventory = str(ROOT / "inventories" / example)
    done = ansible(tmp_path, write_playbook(tmp_path), "-i", inventory, "-e", f"facts_dir={tmp_path}", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    known = json.loads(next(tmp_path.glob("hub-*.json")).read_text())["household"]
    assert [device["name"] for device in known["devices"]] == [
        "lavatrice",
        "frigorifero",
        "lavastoviglie",
        "asciugatrice",
        "condizionatore",
        "forno",
        "microonde",
    ]
    assert [device["id"] for device in known["devices"]] == list(range(1, 8))
