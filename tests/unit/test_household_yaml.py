"""What YAML makes of an inventory as people type it: each surprise is a sentence, or means what was meant."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from role_plugins import ROOT, load
from unit.test_household_inventory import mistakes
from unit.test_household_role import PROGRAMS, Home, ansible, facts, home, run

file_mistakes: Any = load("roles/household/filter_plugins/ecms_inventory.py").file_mistakes

TYPED: list[tuple[str, str]] = [
    ("ecms_devices: [{id: 1, name: no}]", "ecms_devices, entry 1: name is False: put the name in quotes"),
    ("ecms_devices: [{id: 1, name: 5}]", "ecms_devices, entry 1: name is 5: put the name in quotes"),
    ("ecms_devices: [{id: 1, name: 2026-01-31}]", "ecms_devices, entry 1: name is 2026-01-31: put the name in quotes"),
    ("ecms_devices: [{id: 1, name: ~}]", "ecms_devices, entry 1: name is missing: set 1 to 50 characters"),
    ("ecms_devices: [{id: yes, name: forno}]", "ecms_devices, entry 1: id is True: set a whole number from 0 to 255"),
    ("ecms_devices: [{id: 1.0, name: forno}]", "ecms_devices, entry 1: id is 1.0: set a whole number from 0 to 255"),
    (
        "ecms_devices: [{id: 1:30:00, name: forno}]",
        "ecms_devices, entry 1: id is 5400: set a whole number from 0 to 255",
    ),
    ("ecms_devices: {id: 1, name: forno}", "set a list of at least one appliance"),
    ("ecms_devices: [lavatrice]", 'ecms_devices, entry 1 is "lavatrice": set an id and a name'),
    (
        "ecms_devices: [{id: 1, name: forno, ratings: [{valid_from: 2026-01-31 10:00:00, voltage_v: 230}]}]",
        "valid_from is 2026-01-31 10:00:00: set a date such as 2026-01-31",
    ),
    (
        "ecms_devices: [{id: 1, name: forno, ratings: [{valid_from: 20260131, voltage_v: 230}]}]",
        "valid_from is 20260131: set a date such as 2026-01-31",
    ),
    (
        "ecms_devices: [{id: 1, name: forno, ratings: [{valid_from: 2026-01-31, voltage_v: '230 V'}]}]",
        'voltage_v is "230 V": set a number from 50 to 500 volt',
    ),
    (
        "ecms_boxes: [{name: cucina, mac: 12:34:56:12:34:56, device: 1}]",
        'mac is 9783981296: set six pairs in quotes, such as "5C:CF:7F:01:02:03"',
    ),
    ("ecms_boxes: [{name: on, mac: '5C:CF:7F:01:02:03', device: 1}]", "name is True: put the name in quotes"),
    ("ecms_boxes:", "ecms_boxes is missing: set a list, which may be empty"),
    ("ecms_hub_hostname: off", "ecms_hub_hostname is False: set one name of lower-case letters"),
    ("ecms_hub_hostname: 10", "ecms_hub_hostname is 10: set one name of lower-case letters"),
    ("ecms_household_name: no", 'ecms_household_name is False: set a text in quotes, such as "Mario Rossi"'),
    ("ecms_household_name: 2026", 'ecms_household_name is 2026: set a text in quotes, such as "Mario Rossi"'),
    ("ecms_udp_port: 4210.0", "ecms_udp_port is 4210.0: set a whole number from 1 to 65535"),
    ("ecms_udp_port: 42:10:00", "ecms_udp_port is 151800: set a whole number from 1 to 65535"),
    ("ecms_mains_voltage_v: 230,5", 'ecms_mains_voltage_v is "230,5": set a number from 50 to 500 volt'),
    ("ecms_mains_voltage_v: .nan", "ecms_mains_voltage_v is nan: set a number from 50 to 500 volt"),
    ("ecms_retention_days: [400]", "ecms_retention_days is [400]: set a whole number from 8 to 36500 days"),
    ("ecms_clock_trusted: maybe", 'ecms_clock_trusted is "maybe": set true or false'),
    ("ecms_timezone: Europe", 'ecms_timezone is "Europe"'),
    ("ecms_ntp_servers: pool.ntp.org", 'ecms_ntp_servers is "pool.ntp.org": set a list of time servers'),
    ("ecms_secrets: [x]", "ecms_secrets is no dictionary: set names and values, or leave it out"),
    ("ecms_secrets: {mqtt_admin: 1234567890123456}", 'ecms_secrets: "mqtt_admin" is no text: put its value in quotes'),
]
"""What is typed, and the sentence."""

MEANT = {
    'ecms_devices: [{id: "1", name: forno}]',
    "ecms_devices: [{id: 007, name: forno}]",
    "ecms_udp_port: 0x1072",
    "ecms_clock_trusted: yes",
    'ecms_clock_trusted: "no"',
    "ecms_mains_voltage_v: 230.5",
    "ecms_devices: [{id: 1, name: forno, ratings: [{valid_from: 2026-01-31, voltage_v: '230'}]}]",
    'ecms_boxes: [{name: "no", mac: 5C-CF-7F-01-02-03, device: "1"}]',
}


@pytest.mark.parametrize(("typed", "sentence"), TYPED, ids=[typed for typed, _ in TYPED])
def test_a_surprise_is_one_sentence(typed: str, sentence: str) -> None:
    found = mistakes({"ecms_boxes": []} | yaml.safe_load(typed))
    assert len(found) == 1, found
    assert sentence in found[0]


@pytest.mark.parametrize("typed", sorted(MEANT))
def test_other_ways_to_write_it_are_as_good(typed: str) -> None:
    assert mistakes({"ecms_boxes": []} | yaml.safe_load(typed)) == []


def refused(tmp_path: Path, one: Home, *options: str) -> str:
    """Run site.yml, which must refuse this inventory without touching a machine, and return what it printed."""
    done = ansible(tmp_path, ROOT / "site.yml", "-i", str(one.directory), *options)
    output = done.stdout + done.stderr
    assert done.returncode, output
    assert "UNREACHABLE" not in output
    return output


def variables_of(one: Home) -> Path:
    return next(one.directory.glob("group_vars/*/household.yml"))


def test_a_prefix_that_is_mistyped(tmp_path: Path) -> None:
    output = refused(tmp_path, home(tmp_path, emcs_udp_port=4211, ECMS_timezone="Europe/Rome"))
    for wrong, right in (("emcs_udp_port", "ecms_udp_port"), ("ECMS_timezone", "ecms_timezone")):
        assert f'{wrong} is no variable of this version (did you mean "{right}"?): rename it.' in output


def test_a_variable_that_is_set_twice(tmp_path: Path) -> None:
    one = home(tmp_path)
    with variables_of(one).open("a", encoding="utf-8") as file:
        file.write("ecms_udp_port: 4211\necms_udp_port: 4212\n")
    output = refused(tmp_path, one)
    assert "duplicate" in output
    assert "ecms_udp_port" in output


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"ecms_udp_port:\t4211\n", "line 1, column 15: found character '\\t' that cannot start any token"),
        (b"ecms_devices: [\n", "line 2, column 1: expected the node content, but found '<stream end>'"),
        (b'ecms_timezone: "Europe/Rome\n', "line 2, column 1: found unexpected end of stream"),
        (b"a: 1\n  b: 2\n", "line 2, column 4: mapping values are not allowed here"),
    ],
)
def test_a_file_that_is_no_yaml(tmp_path: Path, content: bytes, sentence: str) -> None:
    one = home(tmp_path)
    broken = variables_of(one).with_name("broken.yml")
    broken.write_bytes(content)
    output = refused(tmp_path, one)
    assert f"{broken}, {sentence}: correct the YAML there or in the line before." in output.replace("\\\\", "\\")


def test_a_file_that_is_not_in_utf_8(tmp_path: Path) -> None:
    one = home(tmp_path)
    broken = variables_of(one).with_name("broken.yml")
    broken.write_bytes(b"ecms_household_name: Niccol\xf2\n")
    assert f"{broken} is no text in UTF-8 (byte 28): save it as that." in refused(tmp_path, one)


BASE_60 = "YAML reads digits with colons as one number to the base 60: put them in quotes, or write the number"
BASE_8 = "YAML reads a number that begins with 0 to the base 8: leave the 0 out, or put it in quotes"
SWITCH = "YAML reads this name as a switch, true or false: put it in quotes"
TRAPS = [
    ("ecms_devices: [{id: 1:30, name: forno}]", ", line 1, column 21", BASE_60),
    ("ecms_boxes:\n  - mac: 12:34:56:12:34:56", ", line 2, column 10", BASE_60),
    ("ecms_contract_power_w: 50:00.0", ", line 1, column 24", BASE_60),
    ("ecms_secrets: {mqtt_admin: 12:34:56:12:34:56:12:34}", ", line 1, column 28", BASE_60),
    ("ecms_devices: [{id: 010, name: forno}]", ", line 1, column 21", BASE_8),
    ("ecms_tariffs: [{bands: {on: 0.2}}]", ", line 1, column 25", SWITCH),
    ("all: {hosts: {no: {}}}", ", line 1, column 15", SWITCH),
]
SAFE = """
ecms_devices: [{id: 007, name: "1:30"}, {id: 08, name: 'no'}, {id: 0x10, name: 5C:CF:7F:01:02:03}]
ecms_clock_trusted: yes
some_mode: 0644
ecms_secrets:
  mqtt_admin: !vault |
    12:30:00
"""


@pytest.mark.parametrize(("typed", "place", "sentence"), TRAPS)
@pytest.mark.parametrize("name", ["hosts.yml", "group_vars/casa/household.yml", "host_vars/hub"])
def test_what_yaml_reads_as_another_number_than_was_typed(
    tmp_path: Path, name: str, typed: str, place: str, sentence: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    # An alias is no second mistake.
    path.write_text(f"{typed}\nkept: &kept [fine]\nagain: *kept\n", encoding="utf-8")
    for source in (tmp_path, tmp_path / "hosts.yml"):
        assert file_mistakes([str(source)]) == [f"{path}{place}: {sentence}."]


def test_numbers_and_names_that_yaml_reads_as_they_were_typed(tmp_path: Path) -> None:
    path = tmp_path / "group_vars/all.yml"
    path.parent.mkdir()
    path.write_text(SAFE, encoding="utf-8")
    assert file_mistakes([str(tmp_path)]) == []


def test_a_number_to_the_base_60(tmp_path: Path) -> None:
    one = home(tmp_path)
    place = variables_of(one).with_name("more.yml")
    place.write_text("ecms_udp_port: 70:10\n", encoding="utf-8")
    assert f"{place}, line 1, column 16: {BASE_60}." in refused(tmp_path, one)


@pytest.mark.parametrize("content", ["- a list\n", "just words\n"])
def test_a_file_that_holds_no_variables(tmp_path: Path, content: str) -> None:
    one = home(tmp_path)
    broken = variables_of(one).with_name("broken.yml")
    broken.write_text(content, encoding="utf-8")
    assert str(broken) in refused(tmp_path, one)


def encrypted(tmp_path: Path, one: Home, plain: str) -> Path:
    """Add a vault file to an inventory; return the file of its password."""
    word, vault = tmp_path / "vault-word", variables_of(one).with_name("vault.yml")
    word.write_text("a word of the test\n", encoding="ascii")
    vault.write_text(plain, encoding="utf-8")
    command = [str(PROGRAMS / "ansible-vault"), "encrypt", "--vault-password-file", str(word), str(vault)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return word


def test_a_vault_without_its_password(tmp_path: Path) -> None:
    one = home(tmp_path)
    encrypted(tmp_path, one, "ecms_secrets: {mqtt_admin: not-shown-0123456789}\n")
    output = refused(tmp_path, one)
    assert "Attempting to decrypt but no vault secrets found" in output


def test_a_vault_that_holds_junk(tmp_path: Path) -> None:
    one = home(tmp_path)
    word = encrypted(tmp_path, one, 'ecms_secrets: {mqtt_admin: "two\\nlines-not-shown-0123", household_key: "beef"}\n')
    output = refused(tmp_path, one, "--vault-password-file", str(word))
    assert 'ecms_secrets: "mqtt_admin" holds a blank, a quote, a backslash or a letter beyond ASCII' in output
    assert 'ecms_secrets: "household_key" is no key: set 64 hex digits' in output
    assert "not-shown" not in output


def test_a_vault_that_was_cut_short(tmp_path: Path) -> None:
    one = home(tmp_path)
    word = encrypted(tmp_path, one, "ecms_secrets: {}\n")
    vault = variables_of(one).with_name("vault.yml")
    vault.write_text("".join(vault.read_text("ascii").splitlines(keepends=True)[:2]), encoding="ascii")
    output = refused(tmp_path, one, "--vault-password-file", str(word))
    assert "Vault vaulttext format error" in output


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ("hub", "no host is in the group hub: name one under hub in hosts.yml, or give"),
        ("database", "no host is in the group database: name one under database in hosts.yml, or give"),
    ],
)
def test_a_group_that_is_mistyped(tmp_path: Path, group: str, sentence: str) -> None:
    one = home(tmp_path)
    hosts = one.directory / "hosts.yml"
    hosts.write_text(hosts.read_text("utf-8").replace(f"    {group}:", f"    {group}s:"), encoding="utf-8")
    assert sentence in refused(tmp_path, one)


def test_text_as_the_command_line_gives_it_becomes_numbers(tmp_path: Path) -> None:
    one = home(tmp_path)
    done = run(tmp_path, [one], "-e", "ecms_udp_port=4299", "-e", "ecms_clock_trusted=yes")
    assert done.returncode == 0, done.stdout + done.stderr
    known: dict[str, Any] = facts(tmp_path, one.host)["household"]
    assert (known["udp_port"], known["clock_trusted"]) == (4299, True)
