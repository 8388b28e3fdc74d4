"""What a run does for many homes costs no connection for each: no task of a role loops over them on a machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from role_plugins import ROOT

ON_THE_CONTROLLER = {
    "ansible.builtin.assert",
    "ansible.builtin.fail",
    "ansible.builtin.debug",
    "ansible.builtin.set_fact",
}
OTHER_PLAYBOOKS = ("export",)
"""Beginnings of files that site.yml never includes."""


def tasks_of(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield all tasks, also those of blocks."""
    for entry in entries:
        for part in ("block", "rescue", "always"):
            yield from tasks_of(entry.get(part, []))
        yield entry


def loops_over_homes(file: Path) -> list[str]:
    """Return the names of the tasks that loop over households with a module that runs on the machine."""
    tasks = yaml.safe_load(file.read_text("utf-8")) or []
    return [
        f"{file.relative_to(ROOT)}: {task['name']}"
        for task in tasks_of(tasks)
        if "households" in str(task.get("loop", "")) and not ON_THE_CONTROLLER & set(task)
    ]


def test_no_task_takes_a_connection_for_each_home() -> None:
    files = [file for file in ROOT.glob("roles/*/tasks/*.yml") if not file.name.startswith(OTHER_PLAYBOOKS)]
    assert len(files) > 40
    assert [task for file in files for task in loops_over_homes(file)] == []


def test_a_loop_that_does_is_found() -> None:
    assert loops_over_homes(ROOT / "roles/grafana/tasks/export_copies.yml") != []
