"""Tell what a node of a Galera cluster holds and whether it serves; nothing is changed."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]

DOCUMENTATION = r"""
module: galera_state
short_description: Tells what a node of a Galera cluster holds and whether it serves
options:
  socket: {description: Socket of the server., type: path, required: true}
  data: {description: Directory of the server's data., type: path, default: /var/lib/mysql}
  recover: {description: Whether to look for the position of a server that does not run., type: bool, default: false}
author: The ECMS authors
"""
EXAMPLES = r"""
- name: Look at the node
  galera_state:
    socket: /run/mysqld/mysqld.sock
"""
RETURN = r"""
unit: {description: State of the unit such as C(active) or C(activating)., type: str}
serves: {description: Whether it is a member of the part of a cluster that has the majority., type: bool}
cluster: {description: Identity of the cluster whose data it holds; empty if it was in none., type: str}
members: {description: How many nodes that part has; 0 if it does not serve., type: int}
position: {description: Number of the last transaction that it holds; -1 if that is not known., type: int}
safe: {description: Whether it was the last that left its cluster., type: bool}
schemas: {description: Schemas of households that it holds., type: list}
"""

NOBODY = "00000000-0000-0000-0000-000000000000"
_UNKNOWN = -1
_STATUS = (
    "wsrep_cluster_status",
    "wsrep_cluster_state_uuid",
    "wsrep_cluster_size",
    "wsrep_ready",
    "wsrep_last_committed",
)
_POSITION = re.compile(r"WSREP: Recovered position: *([0-9a-f-]{36}):(-?\d+)")


def saved_state(text: str) -> dict[str, Any]:
    """Return what a file ``grastate.dat`` says."""
    found = dict(re.findall(r"^(uuid|seqno|safe_to_bootstrap): *(\S+)", text, re.MULTILINE))
    cluster = found.get("uuid", NOBODY)
    return {
        "cluster": "" if cluster == NOBODY else cluster,
        "position": int(found.get("seqno", _UNKNOWN)),
        "safe": found.get("safe_to_bootstrap") == "1",
    }


def recovered(text: str) -> tuple[str, int] | None:
    """Return cluster and position from what ``mariadbd --wsrep-recover`` has said, None if it found none."""
    found = _POSITION.findall(text)
    if not found or found[-1][0] == NOBODY:
        return None
    return found[-1][0], int(found[-1][1])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "required": True},
            "data": {"type": "path", "default": "/var/lib/mysql"},
            "recover": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    data = Path(module.params["data"])
    unit = module.run_command(["systemctl", "is-active", "mariadb"])[1].strip()
    state = {"unit": unit, "serves": False, "members": 0, "schemas": [], **saved_state(_read(data / "grastate.dat"))}
    if data.is_dir():
        state["schemas"] = sorted(path.name for path in data.glob("ecms_*") if stat.S_ISDIR(path.stat().st_mode))
    if unit == "active":
        socket = module.params["socket"]
        statement = "SHOW GLOBAL STATUS WHERE Variable_name IN " + repr(_STATUS)
        said = module.run_command(
            ["mariadb", "--socket", socket, "--batch", "--skip-column-names", "--execute", statement]
        )[1]
        told = dict(line.split("\t", 1) for line in said.splitlines() if "\t" in line)
        if told.get("wsrep_cluster_status") == "Primary" and told.get("wsrep_ready") == "ON":
            state |= {"serves": True, "cluster": told["wsrep_cluster_state_uuid"]}
            state["position"] = int(told.get("wsrep_last_committed", _UNKNOWN))
            state["members"] = int(told["wsrep_cluster_size"])
    elif module.params["recover"] and state["cluster"] and state["position"] == _UNKNOWN:
        # The unit's certificates are there only while it runs.
        command = ["mariadbd", "--user=mysql", "--wsrep-recover", "--skip-ssl", "--disable-log-error"]
        if found := recovered(module.run_command(command)[2]):
            state["cluster"], state["position"] = found
    module.exit_json(changed=False, **state)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
