"""Runs of the role emqx, or of parts of it, on this machine: many cases as hosts of one play."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from role_plugins import ROOT

PROGRAMS = Path(sys.executable).parent
CERTIFICATES = {
    "ca": "/etc/ecms/tls/ca.crt",
    "certificate": "/etc/ecms/tls/server.crt",
    "key": "/etc/ecms/tls/server.key",
}
SECRETS = {"mqtt_admin": "A" * 32, "mqtt_ecms-writer": "W" * 32}
# a module would be started for it, which takes longer than the whole play
DUMP = """
import json, pathlib
class FilterModule:
    def filters(self):
        return {"dump": lambda value, path: pathlib.Path(path).write_text(json.dumps(value))}
"""


def household(slug: str) -> dict[str, Any]:
    """Return as much of the fact ``ecms_household`` as the role reads."""
    return {"slug": slug, "name": slug, "users": {"mqtt": slug}, "secrets": {f"mqtt_{slug}": f"password-of-{slug}"}}


def play(directory: Path, cases: dict[str, dict[str, Any]], tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Run ``tasks`` for each case, all at once on this machine, and return what each case dumped to ``dump_to``.

    A case is its variables beyond those of an ordinary household on Debian 12. What the user saw is in ``output``.
    """
    usual = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "certificates_paths": CERTIFICATES,
        "ecms_services": {"secrets": SECRETS, "hubs": {"broker": []}},
        "emqx_households": [household("a_b")],
        "release": "12",
    }
    hosts = {
        name: usual | variables | {"dump_to": str(directory / f"{name}.json")} for name, variables in cases.items()
    }
    (directory / "filter_plugins").mkdir()
    (directory / "filter_plugins/dump.py").write_text(DUMP)
    inventory, playbook = directory / "hosts.yml", directory / "play.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    known = {"ansible.builtin.set_fact": {"distribution_major_version": "{{ release }}", "cacheable": True}}
    book = {
        "hosts": "all",
        "gather_facts": False,
        "roles": [{"role": "household", "when": False}, {"role": "emqx", "when": False}],
        "tasks": [known, *tasks],
    }
    playbook.write_text(yaml.safe_dump([book]))
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
        "ANSIBLE_HOME": str(directory / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    done = subprocess.run(
        [str(PROGRAMS / "ansible-playbook"), "-i", str(inventory), str(playbook)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    (directory / "output").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: json.loads((directory / f"{name}.json").read_text()) for name in cases}
