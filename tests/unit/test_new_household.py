"""playbooks/household.yml: a new inventory that site.yml takes as it is, or one sentence and nothing written."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from role_plugins import ROOT, load
from unit.test_household_role import ansible, facts, write_playbook

inventory: Any = load("roles/household/filter_plugins/ecms_inventory.py")
PLAYBOOK = ROOT / "playbooks/household.yml"
OWN = {"household_key", "mqtt_mario_rossi", "database_grafana_mario_rossi", "grafana_user_mario_rossi"}


def wanted(**options: Any) -> dict[str, Any]:
    usual = {"directory": "", "hub_hostname": "pi", "address": "", "user": "pi", "central": True}
    return {"name": "Mario Rossi"} | usual | options


def scaffold(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return ansible(tmp_path, PLAYBOOK, *arguments)


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def fill_in(directory: Path) -> None:
    """Do what the checklist says about the appliances, and nothing else."""
    file = next(directory.glob("group_vars/*/household.yml"))
    text = file.read_text(encoding="utf-8")
    assert text.count("\n#  - {id: 1,") == 1
    file.write_text(text.replace("\n#  - {id: 1,", "\n  - {id: 1,"), encoding="utf-8")


@pytest.mark.parametrize(("options", "sentence"), [
    ({"name": ""}, 'Say whose home it is: -e name="Mario Rossi".'),
    ({"name": "3 Rossi"}, "name: the household name '3 Rossi' must start with a letter, such as 'Mario Rossi'."),
    ({"name": "Росси"}, "name: the household name 'Росси' holds "),
    ({"name": "Mario\tRossi"}, 'name is "Mario?Rossi": leave out control characters.'),
    ({"name": "Hub"}, 'name: "Hub" gives "hub", which is a group of every inventory: choose another name.'),
    ({"name": "All"}, 'name: "All" gives "all", which is a group of every inventory: choose another name.'),
    ({"hub_hostname": "Pi"}, 'hub_hostname is "Pi" (did you mean "pi"?): set one name'),
    ({"address": "pi local"}, 'address is "pi local": set the name or the address at which SSH reaches the hub.'),
    ({"user": "-o x"}, 'user is "-o x": set the user of the hub that SSH logs in as, such as pi.'),
    ({"central": "perhaps"}, 'central is "perhaps": set true for services on a central machine, false for the hub.'),
    ({"directory": "/nowhere/home"}, "/nowhere is no directory: make it first, or choose another"),
    ({"directory": "/tmp"}, "/tmp is there already: edit it, or choose another place by -e directory=."),
])  # fmt: skip
def test_what_cannot_be_a_household_is_a_sentence(options: dict[str, Any], sentence: str) -> None:
    (found,) = inventory.scaffold_mistakes(wanted(**options))
    assert found.startswith(sentence)


def test_a_name_is_taken_by_its_slug_a_group_or_a_host() -> None:
    new = inventory.new_household(wanted(name="Màrio  Rossi", directory="/homes/new"))
    assert (new["slug"], new["hub"]) == ("mario_rossi", "hub-mario-rossi")
    empty: dict[str, Any] = {"directory": "/homes/other", "households": [], "groups": [], "hosts": []}
    for taken in ({"households": ["Mario Rossi"]}, {"groups": ["mario_rossi"]}, {"hosts": ["hub-mario-rossi"]}):
        (sentence,) = inventory.neighbour_mistakes(new, [empty | taken])
        assert sentence.startswith('name: "Màrio  Rossi" gives the slug "mario_rossi", ')
        assert sentence.endswith("/homes/other: choose another name." if "groups" in taken or "hosts" in taken else
                                 "/homes/other has already: choose another name.")  # fmt: skip
    assert inventory.neighbour_mistakes(new, [empty | {"households": ["Mario Rossini"], "groups": ["mario"]}]) == []


def test_a_household_of_many_is_made_once_and_the_role_takes_it(tmp_path: Path) -> None:
    homes, made = tmp_path / "homes", tmp_path / "homes/mario_rossi"
    homes.mkdir()
    # As it is typed: the shell takes the quotes away, and Ansible takes the blank for an end.
    typed = ("-e", "name=Mario Rossi", "-e", f"directory={made}")
    dry = scaffold(tmp_path, *typed, "--check")
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert "This check made nothing." in dry.stdout
    assert list(homes.iterdir()) == []

    done = scaffold(tmp_path, *typed, "-vvv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in homes.iterdir()] == ["mario_rossi"]
    kept = {path.name: path.read_text().strip() for path in (made / ".secrets").glob("[!.]*")}
    assert set(kept) == OWN
    assert [name for name, value in kept.items() if value in done.stdout + done.stderr] == []
    assert stat.S_IMODE((made / ".secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE((made / ".secrets" / name).stat().st_mode) for name in kept} == {0o600}
    for words in ("Made ", "group_vars/mario_rossi/household.yml", "--check --diff", "flash.yml", "grafana_user_mario"):
        assert words in done.stdout

    before = files(homes)
    again = scaffold(tmp_path, *typed)
    assert again.returncode == 2
    assert "is there already: edit it, or choose another place by -e directory=." in again.stdout + again.stderr
    taken = scaffold(tmp_path, "-e", "name=mario-rossi", "-e", f"directory={homes / 'other'}")
    assert taken.returncode == 2
    assert 'name: "mario-rossi" gives the slug "mario_rossi", that ' in taken.stdout + taken.stderr
    assert files(homes) == before

    # Beside a central machine, unchanged but for the appliances: nothing is missing and nothing is made anew.
    playbook = write_playbook(tmp_path)
    run = ("-i", str(ROOT / "inventories/central"), "-i", str(made), "-e", f"facts_dir={tmp_path}")
    unfilled = ansible(tmp_path, playbook, *run, "--check")
    assert unfilled.returncode == 2
    assert "hub-mario-rossi: ecms_devices is missing: set a list" in unfilled.stdout + unfilled.stderr
    fill_in(made)
    filled = ansible(tmp_path, playbook, *run, "--check")
    assert filled.returncode == 0, filled.stdout + filled.stderr
    known = facts(tmp_path, "hub-mario-rossi")["household"]
    assert (known["name"], known["hub_hostname"]) == ("Mario Rossi", "pi")
    assert known["secrets"] == kept


def test_a_household_on_its_own_has_every_group_and_every_secret(tmp_path: Path) -> None:
    made = tmp_path / "casa"
    done = scaffold(
        tmp_path, "-e", f'{{"name": "Niccolò D\'Angelo", "directory": "{made}", "central": false}}',
        "-e", "hub_hostname=casa address=192.0.2.7 user=anna",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    before = files(made / ".secrets")
    fill_in(made)
    run = ansible(tmp_path, write_playbook(tmp_path), "-i", str(made), "-e", f"facts_dir={tmp_path}")
    assert run.returncode == 0, run.stdout + run.stderr
    assert files(made / ".secrets") == before
    known = facts(tmp_path, "hub-niccolo-d-angelo")
    assert known["household"]["name"] == "Niccolò D'Angelo"
    assert known["household"]["hub_hostname"] == "casa"
    hosts = yaml.safe_load((made / "hosts.yml").read_text())["all"]["children"]["niccolo_d_angelo"]["hosts"]
    assert hosts == {"hub-niccolo-d-angelo": {"ansible_host": "192.0.2.7", "ansible_user": "anna"}}


def test_without_a_name_or_in_a_broken_neighbourhood_nothing_is_made(tmp_path: Path) -> None:
    homes = tmp_path / "homes"
    (homes / "other").mkdir(parents=True)
    (homes / "other/hosts.yml").write_text("all: [no inventory\n")
    nameless = scaffold(tmp_path, "-e", f"directory={homes / 'new'}")
    assert nameless.returncode == 2
    assert 'Say whose home it is: -e name="Mario Rossi".' in (nameless.stdout + nameless.stderr).replace('\\"', '"')
    broken = scaffold(tmp_path, "-e", "name=Anna", "-e", f"directory={homes / 'new'}")
    assert broken.returncode == 2
    assert "other/hosts.yml, line 2, column 1: " in broken.stdout + broken.stderr
    assert [path.name for path in homes.iterdir()] == ["other"]


@pytest.mark.parametrize(
    ("example", "name", "options"),
    [
        ("casa_rossi", "Mario Rossi", {"address": "hub-rossi.vpn.example.org"}),
        ("casa_bianchi", "Anna Bianchi", {"address": "hub-bianchi.vpn.example.org"}),
        ("casa", "Mario Rossi", {"central": False}),
    ],
)
def test_the_examples_are_what_is_made(tmp_path: Path, example: str, name: str, options: dict[str, Any]) -> None:
    """There is one template: whoever changes it changes the examples."""
    made = tmp_path / "made"
    given = {"name": name, "directory": str(made)} | options
    done = scaffold(tmp_path, "-e", yaml.safe_dump(given, default_flow_style=True).replace("\n", ""))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [(place / "hosts.yml").read_text().splitlines() for place in (made, ROOT / "inventories" / example)]
    # The first says what the example is for.
    assert lines[0][1:] == lines[1][1:]
