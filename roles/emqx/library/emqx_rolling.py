"""Ansible module: restart one broker of a cluster, and only while the others run."""

# Ansible wants DOCUMENTATION before the imports of what the module uses.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: emqx_rolling
short_description: Restart one broker of an EMQX cluster
description:
  - Restarts EMQX on this host and waits until it answers and is together with the brokers that ran before.
  - Does nothing while another broker of the cluster is down, so that a change that no broker survives ends only one.
    Run it with C(throttle=1).
options:
  node: {type: str, required: true, description: Name of this host's node.}
  nodes: {type: list, elements: str, required: true, description: Names of all nodes of the cluster.}
  api_port: {type: int, default: 18083, description: Port of the management API on 127.0.0.1.}
  timeout: {type: int, default: 180, description: Seconds within which EMQX must be back.}
author: [ECMS]
"""

EXAMPLES = r"""
- name: One after the other
  emqx_rolling:
    node: emqx@10.0.0.1
    nodes: [emqx@10.0.0.1, emqx@10.0.0.2, emqx@10.0.0.3]
  throttle: 1
"""

RETURN = r"""
running:
  description: The cluster's nodes that this one sees after its restart.
  returned: success
  type: list
  elements: str
"""

import json
import subprocess
import time
import urllib.request
from collections.abc import Collection
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]

_ASKING_S = 60
_AGAIN_S = 1.0


class RollingError(Exception):
    """The broker was not restarted or is not back; the message is one sentence for the user."""


@dataclass(frozen=True)
class Seen:
    """The cluster's nodes as one of them sees them."""

    running: frozenset[str]
    stopped: frozenset[str]


def seen() -> Seen | None:
    """Return how the running EMQX of this host sees its cluster, None if it does not say."""
    try:
        done = subprocess.run(
            ["emqx", "ctl", "cluster", "status", "--json"],
            capture_output=True,
            text=True,
            timeout=_ASKING_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        found = json.loads(done.stdout)
        return Seen(frozenset(found["running_nodes"]), frozenset(found["stopped_nodes"]))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None


def answers(port: int) -> bool:
    """Return whether EMQX on this host says that it runs."""
    # No proxy of the environment: the API is on this host.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/status", timeout=5) as answer:
            answer.read()
    except OSError:
        return False
    return True


def restart(node: str, nodes: Collection[str], port: int, timeout_s: float) -> Seen:
    """Restart EMQX; return what it sees when it is back. Raises RollingError."""
    others = frozenset(nodes) - {node}
    before = seen()
    if before is not None and (down := before.stopped & others):
        raise RollingError(
            f"{', '.join(sorted(down))} of the cluster is down, so the broker of this host was not restarted and goes "
            "on with what it had: get the other one to run, or take its host out of the group broker, and run again"
        )
    expected = (before.running & others) if before is not None else frozenset()
    for command in (["systemctl", "daemon-reload"], ["systemctl", "restart", "emqx"]):
        subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + timeout_s
    while True:
        now = seen() if answers(port) else None
        if now is not None and node in now.running and expected <= now.running:
            return now
        if time.monotonic() >= deadline:
            missing = sorted(expected - now.running) if now is not None else []
            raise RollingError(
                f"EMQX is back but does not find {', '.join(missing)}: see that the brokers reach each other at the "
                "ports 4370 and 5369, and that mqtt_cluster is the same for all"
                if missing
                else "EMQX does not come back, and no other broker of the cluster is restarted: see journalctl -u emqx"
            )
        time.sleep(_AGAIN_S)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "node": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "str", "required": True},
            "api_port": {"type": "int", "default": 18083},
            "timeout": {"type": "int", "default": 180},
        },
        supports_check_mode=True,
    )
    given = module.params
    if module.check_mode:
        module.exit_json(changed=True, running=[])
    try:
        found = restart(given["node"], given["nodes"], given["api_port"], given["timeout"])
    except RollingError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, running=sorted(found.running))


if __name__ == "__main__":
    main()
