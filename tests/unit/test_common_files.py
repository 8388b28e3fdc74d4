"""The action ``ecms_files`` of role common as Ansible runs it, on files of this computer."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from role_plugins import ROOT, load
from unit.test_household_role import ansible

action: Any = load("roles/common/action_plugins/ecms_files.py")

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ecms_files: "{{ wanted }}"
"""
WORD = "a-word-that-no-output-holds"


class Files:
    """A directory and what it is to hold."""

    def __init__(self, directory: Path) -> None:
        self.work = directory
        self.place = directory / "place"
        self.place.mkdir()
        self.arguments: dict[str, Any] = {
            "directory": str(self.place),
            "directories": ["a_b", "acb"],
            "directory_mode": "0750",
            "mode": "0640",
        }
        self.files: dict[str, str] = {"a_b/one.txt": f"{WORD}\n", "acb/two.txt": '{"è": 1}\n', "three.txt": ""}

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the action; a plugin of a role is known where the role is."""
        (self.work / "play.yml").write_text(PLAYBOOK)
        for kind in ("library", "action_plugins"):
            link = self.work / kind
            if not link.exists():
                link.symlink_to(ROOT / "roles/common" / kind)
        files = [{"path": path, "content": content} for path, content in self.files.items()]
        wanted = {"wanted": self.arguments | {"files": files}, "ansible_python_interpreter": sys.executable}
        return ansible(self.work, self.work / "play.yml", "-e", json.dumps(wanted), *options)

    def changed(self, *options: str) -> bool:
        done = self.run(*options)
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"changed=(\d)", done.stdout)
        assert found
        return found[1] == "1"

    def there(self) -> dict[str, tuple[str, str]]:
        """Return content and mode of each file, and the mode of each directory."""
        found = {str(path.relative_to(self.place)): path for path in self.place.rglob("*")}
        return {
            name: ("" if path.is_dir() else path.read_text("utf-8"), oct(stat.S_IMODE(path.stat().st_mode)))
            for name, path in found.items()
        }


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_files_and_directories_are_made_once(files: Files) -> None:
    (files.place / "not-named").write_text("stays")
    (files.place / "not-named").chmod(0o600)
    assert files.changed()
    expected = {name: (content, "0o640") for name, content in files.files.items()}
    expected |= {"a_b": ("", "0o750"), "acb": ("", "0o750"), "not-named": ("stays", "0o600")}
    assert files.there() == expected
    before = {path: path.stat().st_mtime_ns for path in files.place.rglob("*")}
    assert not files.changed()
    assert {path: path.stat().st_mtime_ns for path in files.place.rglob("*")} == before


def test_what_differs_is_changed_and_nothing_else(files: Files) -> None:
    assert files.changed()
    (files.place / "acb/two.txt").chmod(0o604)
    kept = (files.place / "three.txt").stat().st_ino
    files.files["a_b/one.txt"] = "another\n"
    assert files.changed()
    assert files.there()["a_b/one.txt"] == ("another\n", "0o640")
    assert files.there()["acb/two.txt"] == (files.files["acb/two.txt"], "0o640")
    assert (files.place / "three.txt").stat().st_ino == kept


def test_a_check_tells_the_difference_and_makes_none(files: Files) -> None:
    assert files.changed("--check")
    assert files.there() == {}
    assert files.changed()
    before = files.there()
    files.files["acb/two.txt"] = "three\n"
    shown = files.run("--check", "--diff").stdout
    assert f"--- before: {files.place}/acb/two.txt" in shown
    assert ('-{"è": 1}' in shown, "+three" in shown, WORD in shown) == (True, True, False)
    assert files.there() == before


def test_no_output_gets_a_content_that_is_not_a_difference(files: Files) -> None:
    done = files.run("-vvv")
    assert "changed=1" in done.stdout
    assert WORD not in done.stdout.split("TASK [ecms_files]", 1)[1]


def test_a_directory_that_is_not_there_is_named(files: Files) -> None:
    files.arguments["directory"] = str(files.place / "nowhere")
    done = files.run()
    assert done.returncode != 0
    assert f"{files.place}/nowhere/a_b cannot be written: No such file or directory" in " ".join(done.stdout.split())


def test_what_is_sent_at_once_is_bounded() -> None:
    contents = {"a": "x" * 6, "b": "x" * 6, "c": "x" * 30, "d": "x"}
    assert list(action.batches(contents, ["a", "b", "c", "d"], most=12)) == [
        {"a": "x" * 6, "b": "x" * 6},
        {"c": "x" * 30},
        {"d": "x"},
    ]
    assert list(action.batches(contents, [], most=12)) == []
