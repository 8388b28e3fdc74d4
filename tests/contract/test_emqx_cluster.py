"""Restarting and joining the brokers of a cluster: the role's own code, with scripts for EMQX's and systemd's commands.

EMQX itself cannot be had where tests run.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from emqx.role import play
from emqx.standin import StandIn
from notrun import not_run
from role_plugins import load

MODULE: Any = load("roles/emqx/library/emqx_rolling.py")
NODES = [f"emqx@10.0.0.{number}" for number in (1, 2, 3)]
OWN, *OTHERS = NODES


class Machine:
    """The commands ``emqx`` and ``systemctl`` of one broker's machine."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self._emqx = "exec cat {}/seen"
        self._systemctl = 'echo "$*" >> {}/asked; test "$1" != restart || cp {}/after {}/seen'
        for name, body in (("emqx", self._emqx), ("systemctl", self._systemctl)):
            self.script(name, body)
        monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")

    def script(self, name: str, body: str) -> None:
        path = self._directory / name
        path.write_text(f"#!/bin/sh\n{body.replace('{}', str(self._directory))}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def sees(self, running: list[str], stopped: list[str], *, when: str = "seen") -> None:
        text = json.dumps({"running_nodes": running, "stopped_nodes": stopped})
        (self._directory / when).write_text(text)

    @property
    def asked(self) -> list[str]:
        path = self._directory / "asked"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(MODULE, "_AGAIN_S", 0.05)
    return Machine(tmp_path, monkeypatch)


@pytest.fixture
def port() -> Any:
    standin = StandIn(api_port=0, mqtt_port=0, keys={"a": "b"})
    standin.start()
    yield standin.api_port
    standin.stop()


def test_a_broker_is_restarted_and_waits_for_those_that_ran(machine: Machine, port: int) -> None:
    machine.sees(NODES, [])
    machine.sees(NODES, [], when="after")
    assert MODULE.restart(OWN, NODES, port, 10).running == set(NODES)
    assert machine.asked == ["daemon-reload", "restart emqx"]


def test_no_broker_is_restarted_while_another_one_is_down(machine: Machine, port: int) -> None:
    machine.sees(NODES[:2], NODES[2:])
    with pytest.raises(
        MODULE.RollingError, match=f"^{NODES[2]} of the cluster is down, so the broker of this host was not"
    ):
        MODULE.restart(OWN, NODES, port, 10)
    assert machine.asked == []


def test_a_broker_that_left_the_inventory_keeps_nobody_from_a_restart(machine: Machine, port: int) -> None:
    machine.sees(NODES, ["emqx@10.0.0.9"])
    machine.sees(NODES, ["emqx@10.0.0.9"], when="after")
    assert MODULE.restart(OWN, NODES, port, 10).running == set(NODES)


def test_the_first_start_expects_nobody(machine: Machine, port: int) -> None:
    machine.sees([OWN], [], when="after")
    assert MODULE.restart(OWN, NODES, port, 10).running == {OWN}


def test_a_broker_that_does_not_come_back_is_said(machine: Machine, port: int) -> None:
    machine.sees(NODES, [])
    machine.sees([OWN, OTHERS[0]], [OTHERS[1]], when="after")
    with pytest.raises(
        MODULE.RollingError, match=f"EMQX is back but does not find {OTHERS[1]}: see that the brokers reach"
    ):
        MODULE.restart(OWN, NODES, port, 0.2)
    machine.sees(NODES, [])
    machine.script("systemctl", "rm -f {}/seen")
    with pytest.raises(
        MODULE.RollingError, match="EMQX does not come back, and no other broker of the cluster is restarted"
    ):
        MODULE.restart(OWN, NODES, port, 0.2)


def test_users_are_taken_along_once_all_are_together(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() != 0:
        not_run("the role's tasks run as root here")
    machine.sees(NODES[:2], [])
    archive, moving = tmp_path / "emqx-export.tar.gz", tmp_path / "to-import"
    archive.write_text("the users")
    moving.write_text(f"{archive}\n")
    machine.script(
        "emqx",
        'echo "$*" >> {}/told; test "$3" = status && exec cat {}/seen; echo Data has been imported successfully.',
    )
    role = {
        "name": "emqx",
        "tasks_from": "together",
        "rolespec_validate": False,
    }
    cluster = {"emqx_cluster_hosts": ["one", "two"], "emqx_cluster_cookie": "C" * 40}
    said = "{{ (ansible_failed_result.msg | default('')) | dump(dump_to) }}"
    tasks = [
        {
            "block": [
                {"ansible.builtin.include_role": role, "vars": {"_emqx_moving": str(moving)}},
                {"ansible.builtin.set_fact": {"_dumped": "{{ '' | dump(dump_to) }}"}},
            ],
            "rescue": [{"ansible.builtin.set_fact": {"_dumped": said}}],
        }
    ]
    cases: dict[str, dict[str, Any]] = {
        "one": cluster | {"emqx_cluster_address": "10.0.0.1"},
        "two": cluster | {"emqx_cluster_address": "10.0.0.2", "ansible_connection": "local"},
    }
    (tmp_path / "play").mkdir()
    found = play(tmp_path / "play", cases, tasks)
    assert {name: text for name, text in found.items() if name in cases} == {"one": "", "two": ""}
    told = (tmp_path / "told").read_text().splitlines()
    assert told.count(f"ctl data import {archive}") >= 1
    assert not archive.exists()
    assert not moving.exists()


def test_three_live_brokers_of_which_one_is_killed() -> None:
    not_run("EMQX's package cannot be had here: its own clustering, with one of three brokers killed, was not run")
