"""Three machines become one database by site.yml: begun once, whole after a node's power cut and after everyone's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from hub.provision import SiteRun, run_site
from machines import machine
from machines.errors import MachineError

pytestmark = pytest.mark.timeout(2400)

NODES = ["db1", "db2", "db3"]
TAGS = ("--tags", "bridge_install,certificates,database")
"""What makes a database; the rest of site.yml is tested elsewhere."""
HUB = "hub-casa"
STATUS = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_ready')"
IDENTITY = (
    "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_cluster_state_uuid'"
)
_PATIENCE_S = 300.0


class Cluster:
    """Three machines, and the inventories that make them one database of a household whose hub is not there."""

    def __init__(self, machines: list[machine.Machine], directory: Path) -> None:
        self.machines = machines
        self._log = directory / "site.log"
        self.inventories = [directory / "central", directory / "casa"]
        hosts = {
            name: one.inventory_variables() | {"ecms_mqtt_broker": "mosquitto"}
            for name, one in zip(NODES, machines, strict=True)
        }
        hub = {
            "ansible_host": "127.0.0.1",
            "ansible_port": 9,
            "ecms_household_name": "Casa",
            "ecms_devices": [{"id": 1, "name": "lavatrice"}],
        }
        central = {"broker": ["db1"], "writer": ["db1"], "database": NODES}
        for inventory, groups in zip(
            self.inventories,
            (
                {group: {"hosts": {name: hosts[name] for name in names}} for group, names in central.items()},
                {"hub": {"hosts": {HUB: hub}}},
            ),
            strict=True,
        ):
            inventory.mkdir()
            (inventory / "hosts.json").write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")

    def site(self, *options: str) -> SiteRun:
        return run_site(self.inventories, self._log, options=[*TAGS, *options], lost=[HUB, "localhost"])

    def ask(self, node: int, statement: str) -> str:
        words = ["mariadb", "--batch", "--skip-column-names", "--execute", statement]
        return self.machines[node].run(words).stdout.strip()

    def whole(self, size: int = 3) -> None:
        """Wait until every node that runs sees a cluster of this size."""
        deadline = time.monotonic() + _PATIENCE_S
        wanted = {"wsrep_cluster_size": str(size), "wsrep_cluster_status": "Primary", "wsrep_ready": "ON"}
        for number, one in enumerate(self.machines):
            if one.name not in machine.running():
                continue
            seen: object = None
            while seen != wanted:
                assert time.monotonic() < deadline, (
                    NODES[number],
                    seen,
                    one.run("journalctl -u mariadb -n 60 -o cat").stdout,
                )
                time.sleep(1)
                try:
                    seen = dict(line.split("\t") for line in self.ask(number, STATUS).splitlines())
                except MachineError as error:
                    seen = str(error)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as stack:
        machines = []
        for name in NODES:
            stack.callback(machine.down, f"e2e-{name}")
            machines.append(machine.up(f"e2e-{name}", "trixie", name))
        yield Cluster(machines, tmp_path_factory.mktemp("cluster"))


def test_three_machines_are_one_database(cluster: Cluster) -> None:
    cluster.site()
    cluster.whole()
    identity = cluster.ask(0, IDENTITY)
    for node in range(3):
        assert cluster.ask(node, "SELECT nome FROM ecms_casa.device") == "lavatrice"
        listens = cluster.machines[node].run("ss --listening --tcp --numeric --no-header").stdout
        assert f"{cluster.machines[node].address}:4567" in listens
        assert "0.0.0.0:4567" not in listens
    assert cluster.site().changed == 0

    # One loses its power, gets what it missed when it is back, and nobody else notices.
    cluster.machines[2].cut_power()
    cluster.whole(2)
    cluster.ask(0, "CREATE DATABASE proof; CREATE TABLE proof.t (id INT PRIMARY KEY); INSERT INTO proof.t VALUES (1)")
    cluster.machines[2].start()
    cluster.whole()
    assert cluster.ask(2, "SET SESSION wsrep_sync_wait = 1; SELECT id FROM proof.t") == "1"

    # All of them lose it, and go on by themselves.
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(machine.Machine.cut_power, cluster.machines))
        list(pool.map(machine.Machine.start, cluster.machines))
    cluster.whole()

    # All stopped properly, none begins by itself; the run begins with the last one, and it is the same cluster.
    for node in (0, 2, 1):
        cluster.machines[node].run(["systemctl", "stop", "mariadb"])
    cluster.site()
    cluster.whole()
    assert cluster.ask(1, "SELECT id FROM proof.t") == "1"
    assert cluster.ask(2, IDENTITY) == identity
