"""A hub that cannot be reached: named by ``site.yml``, in one sentence, while the other machines go on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from role_plugins import ROOT

REFUSING = {"ansible_host": "127.0.0.1", "ansible_port": 1}
"""A port at which nobody listens."""


def check(tmp_path: Path, *hubs: str, server: dict[str, object]) -> tuple[str, dict[str, int]]:
    """Run only what every run does, changing nothing; return what it printed and each host's failures."""
    children: dict[str, object] = {"hub": {"hosts": dict.fromkeys(hubs, REFUSING)}}
    children |= {group: {"hosts": {"server": server}} for group in ("broker", "writer", "database")}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"children": children}}), encoding="utf-8")
    for hub in hubs:
        variables = tmp_path / "host_vars" / f"{hub}.yml"
        variables.parent.mkdir(exist_ok=True)
        name, secrets = hub.removeprefix("hub-").title(), str(tmp_path / hub)
        told = {
            "ecms_household_name": name,
            "ecms_devices": [{"id": 1, "name": "forno"}],
            "ecms_mqtt_broker": "mosquitto",
            "ecms_secrets_dir": secrets,
        }
        variables.write_text(yaml.safe_dump(told), encoding="utf-8")
    run = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("site.yml", "-i", str(inventory), "--check", "--tags", "household"),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2, run.stdout + run.stderr
    recap = re.findall(r"^(\S+)\s+: ok=.* failed=(\d+)", run.stdout, re.MULTILINE)
    return run.stdout, {host: int(failed) for host, failed in recap}


@pytest.fixture
def here() -> dict[str, object]:
    """This machine, of which a check only looks at what is installed."""
    return {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "ecms_mqtt_broker": "mosquitto",
    }


def test_the_others_go_on_and_the_end_names_it(tmp_path: Path, here: dict[str, object]) -> None:
    output, failed = check(tmp_path, "hub-anna", "hub-bruno", server=here)
    assert failed == {"hub-anna": 1, "hub-bruno": 1, "localhost": 1, "server": 0}
    sentence = "hub-anna was not reached (ssh: connect to host 127.0.0.1 port 1: Connection refused): see that it is"
    assert sentence in output
    before, _, recap = output.rpartition("PLAY RECAP")
    assert "Not reached: hub-anna, hub-bruno. What the other machines do for their households" in before[-600:]
    assert "server" in recap


def test_where_none_is_reached_each_has_its_sentence(tmp_path: Path, here: dict[str, object]) -> None:
    output, failed = check(tmp_path, "hub-anna", server=here | {"ansible_connection": "ssh"} | REFUSING)
    assert failed == {"hub-anna": 1, "server": 1, "localhost": 0}
    assert {"hub-anna", "server"} == set(re.findall(r'"msg": "(\S+) was not reached', output))
