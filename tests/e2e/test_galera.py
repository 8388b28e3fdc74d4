"""One server with a home's readings and two writers, which three machines take over by site.yml while boxes send.

Each reading is stored once, whoever loses its power. ECMS_E2E_SUITE chooses the Debian of the machines, ECMS_KEEP=1
leaves them running afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from contract.hub.rig import Process
from e2e.load import Load
from ecms_bridge import names
from ecms_bridge.config import MqttSettings
from ecms_bridge.hub.settings import HubSettings
from hub import Hub, ProvisionError, SiteRun, run_site
from machines import machine
from machines.errors import MachineError

pytestmark = pytest.mark.timeout(2400)

NODES = ["db1", "db2", "db3"]
TAGS = ("--tags", "bridge,certificates,database,mosquitto")
"""What stores readings; the rest of site.yml is tested elsewhere."""
DATABASE_ALONE = ("--skip-tags", "bridge,mosquitto")
"""Of these what makes the nodes, for runs in which the rest would tell nothing new."""
HUB, SLUG = "hub-casa", "casa"
DEVICES = [{"id": number, "name": f"apparecchio {number}"} for number in range(1, 8)]
PER_SECOND = 4
STATUS = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_size', 'wsrep_cluster_status', 'wsrep_ready')"
IDENTITY = (
    "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_cluster_state_uuid'"
)
FILES = "find /etc /opt /usr/local -type f -printf '%p %C@\\n' | sort; dpkg-query --show"
_PATIENCE_S = 300.0


def until(condition: Callable[[], object], what: Callable[[], object]) -> None:
    """Wait until something holds; fail with what is the matter."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(1)


class Central:
    """Three machines, and the inventories of a central place and of a household whose hub no run reaches."""

    def __init__(self, machines: list[machine.Machine], directory: Path) -> None:
        self.machines = machines
        self._log = directory / "site.log"
        self.inventories = [directory / "central", directory / SLUG]
        self.secrets = self.inventories[1] / ".secrets"
        self.nodes = [Hub(one, SLUG, self.secrets) for one in machines]
        hub = {
            "ansible_host": "127.0.0.1",
            "ansible_port": 9,
            "ecms_household_name": "Casa",
            "ecms_devices": DEVICES,
        }
        self._write(self.inventories[1], {"hub": {"hosts": {HUB: hub}}})
        self.databases(NODES[:1])

    def databases(self, nodes: Sequence[str]) -> None:
        """Put these machines into the group ``database``; broker and writers are where they are."""
        hosts = {
            name: one.inventory_variables() | {"ecms_mqtt_broker": "mosquitto"}
            for name, one in zip(NODES, self.machines, strict=True)
        }
        groups = {"broker": NODES[:1], "writer": NODES[:2], "database": nodes}
        self._write(
            self.inventories[0], {group: {"hosts": {one: hosts[one] for one in has}} for group, has in groups.items()}
        )

    def site(self, *options: str) -> SiteRun:
        return run_site(self.inventories, self._log, options=[*TAGS, *options], lost=[HUB, "localhost"])

    def ask(self, node: int, statement: str) -> str:
        words = ["mariadb", "--batch", "--skip-column-names", "--execute", statement]
        return self.machines[node].run(words).stdout.strip()

    def whole(self, size: int = 3) -> None:
        """Wait until every node that runs sees a cluster of this size."""
        wanted = {"wsrep_cluster_size": str(size), "wsrep_cluster_status": "Primary", "wsrep_ready": "ON"}
        for number, one in enumerate(self.machines):
            if one.name in machine.running():
                until(partial(self._is, number, wanted), partial(self._told, number))

    def _is(self, node: int, wanted: dict[str, str]) -> bool:
        return self._status(node) == wanted

    def _status(self, node: int) -> dict[str, str]:
        try:
            return dict(line.split("\t") for line in self.ask(node, STATUS).splitlines())
        except MachineError:
            return {}

    def _told(self, node: int) -> tuple[object, ...]:
        journal = self.machines[node].run("journalctl -u mariadb -n 60 -o cat").stdout
        return NODES[node], self._status(node), journal

    def state(self) -> dict[str, object]:
        """Return what a preview must not touch: files and packages of the machines, their services, and the secrets."""
        kept = {str(path): path.read_text() for one in self.inventories for path in (one / ".secrets").iterdir()}
        for name, node in zip(NODES, self.nodes, strict=True):
            kept |= {f"{name} has": node.machine.run(FILES).stdout, f"{name} runs": str(node.invocations())}
        return dict(kept)

    def writers(self) -> dict[str, tuple[int, int]]:
        """Return how many readings each writer says to have stored, and since when it runs."""
        rows = self.nodes[0].query("SELECT writer, stored, UNIX_TIMESTAMP(started_at) FROM writer_status")
        return {writer: (int(stored), int(started)) for writer, stored, started in rows}

    @staticmethod
    def _write(inventory: Path, groups: dict[str, object]) -> None:
        inventory.mkdir(exist_ok=True)
        (inventory / "hosts.json").write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")


@dataclass(frozen=True)
class OwnHub:
    """The household's hub: the real daemon beside the test, which reaches the broker by TLS."""

    central: Central
    daemon: Process
    slug: str = SLUG
    address: str = "127.0.0.1"

    @property
    def key_file(self) -> Path:
        return self.central.secrets / "household_key"

    def udp_port(self) -> int:
        return self.daemon.port

    announced_port = udp_port

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.central.nodes[0].query(sql)

    def stored(self) -> int:
        ((count,),) = self.query(f"SELECT COUNT(*) FROM {names.data_table(SLUG)}")
        return int(count)

    def goes_on(self) -> None:
        """Wait until readings are stored that nobody had when this was asked."""
        enough = self.stored() + 20 * PER_SECOND
        until(lambda: self.stored() > enough, lambda: "nothing is stored any more")


@pytest.fixture(scope="module")
def central(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Central]:
    """Three machines, of which site.yml has made one broker, writer and database, and another one a writer."""
    # The hub of the other end-to-end tests has Debian 12 by default.
    suite = os.environ.get("ECMS_E2E_SUITE", "trixie")
    with ExitStack() as stack:
        for name in NODES:
            if os.environ.get("ECMS_KEEP") != "1":
                stack.callback(machine.down, f"e2e-{name}")
        made = Central([machine.up(f"e2e-{name}", suite, name) for name in NODES], tmp_path_factory.mktemp("central"))
        made.site()
        yield made


@pytest.fixture(scope="module")
def hub(central: Central, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnHub]:
    directory = tmp_path_factory.mktemp("hub")
    (directory / "spool").mkdir()
    authority = central.inventories[0] / ".secrets" / f"ca_{NODES[0]}.crt"
    mqtt = MqttSettings(central.machines[0].address, 8883, SLUG, str(authority))
    settings = HubSettings(SLUG, True, "127.0.0.1", 0, mqtt, directory / "spool", 100_000, None)
    key, password = (
        (central.secrets / name).read_text(encoding="ascii").strip() for name in ("household_key", f"mqtt_{SLUG}")
    )
    daemon = Process(settings, directory, key=bytes.fromhex(key), password=password)
    daemon.unattended()
    yield OwnHub(central, daemon)
    daemon.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def early(hub: OwnHub) -> Load:
    """What the household measures before its server becomes a cluster."""
    return Load(hub, first_box=100, per_second=PER_SECOND)


def test_two_writers_share_a_home_and_one_may_lose_its_power(central: Central, hub: OwnHub, early: Load) -> None:
    db2 = central.machines[1]
    with early.meanwhile():
        until(lambda: set(central.writers()) == set(NODES[:2]), central.writers)
        db2.cut_power()
        cut = time.time()
        hub.goes_on()
        db2.start()
        until(lambda: central.writers()[NODES[1]][1] > cut, central.writers)
    early.check_stored()
    assert all(stored > 0 for stored, _ in central.writers().values()), central.writers()


def test_a_server_with_a_home_becomes_a_cluster_of_three(central: Central, hub: OwnHub, early: Load) -> None:
    before = early.expected()
    assert early.stored_in(hub.query) == before
    load = Load(hub, first_box=200, per_second=PER_SECOND)
    with load.meanwhile():
        central.databases(NODES)
        state, running = central.state(), central.nodes[0].invocations()["mariadb.service"]
        assert central.site("--check", "--diff").changed
        assert central.state() == state
        # A run that does not reach the new ones leaves the server as it is.
        with pytest.raises(ProvisionError, match="db1 holds ecms_casa and would begin the cluster"):
            central.site("--limit", NODES[0], *DATABASE_ALONE)
        central.machines[0].run("! grep wsrep /etc/mysql/mariadb.conf.d/90-ecms.cnf")
        assert central.nodes[0].invocations()["mariadb.service"] == running
        central.site()
        central.whole()
        hub.goes_on()
        for one in central.machines:
            listens = one.run("ss --listening --tcp --numeric --no-header").stdout
            assert f"{one.address}:4567" in listens
            assert "0.0.0.0:4567" not in listens
        assert central.site(*DATABASE_ALONE).changed == 0

        # One machine that is both node and writer loses its power, and gets what it missed when it is back.
        central.machines[1].cut_power()
        central.whole(2)
        hub.goes_on()
        central.machines[1].start()
        central.whole()
    load.check_stored()
    for node in central.nodes:
        node.query("SET SESSION wsrep_sync_wait = 1; SELECT 1")
        assert early.stored_in(node.query) == before
        assert load.stored_in(node.query) == load.expected()
        assert node.devices() == {int(str(one["id"])): one["name"] for one in DEVICES}


def test_a_cluster_that_stood_still_goes_on_as_the_same_cluster(central: Central) -> None:
    identity = central.ask(0, IDENTITY)
    central.ask(0, "CREATE DATABASE proof; CREATE TABLE proof.t (id INT PRIMARY KEY); INSERT INTO proof.t VALUES (1)")

    # All of them lose their power, and go on by themselves.
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(machine.Machine.cut_power, central.machines))
        list(pool.map(machine.Machine.start, central.machines))
    central.whole()

    # All stopped properly, none begins by itself; the run begins with the last one, and it is the same cluster.
    for node in (0, 2, 1):
        central.machines[node].run(["systemctl", "stop", "mariadb"])
    central.site(*DATABASE_ALONE)
    central.whole()
    assert central.ask(1, "SELECT id FROM proof.t") == "1"
    assert central.ask(2, IDENTITY) == identity
    assert central.site("--check", "--diff", *DATABASE_ALONE).changed == 0


def test_a_node_that_is_alone_again_does_not_lose_what_it_stores(central: Central, hub: OwnHub) -> None:
    load = Load(hub, first_box=300, per_second=PER_SECOND)
    with load.meanwhile():
        central.databases(NODES[:1])
        # The others would go on as the cluster, and store what this one never gets.
        with pytest.raises(ProvisionError, match="db1 is one of 3 nodes of a cluster, and the others would go on"):
            central.site(*DATABASE_ALONE)
        central.whole()
        for other in central.machines[1:]:
            other.run("systemctl disable --now mariadb")
        central.site()
        hub.goes_on()
        assert central.site("--check", "--diff", *DATABASE_ALONE).changed == 0
        central.databases(NODES)
        with pytest.raises(ProvisionError, match=r"db1 holds ecms_casa and is not in the cluster of db\d"):
            central.site(*DATABASE_ALONE)
        hub.goes_on()

        # As docs/operation.md says: what is old goes, and they take everything from the one.
        for other in central.machines[1:]:
            other.run("rm -r /var/lib/mysql/ecms_*")
        central.site()
        central.whole()
    load.check_stored()
    for node in central.nodes:
        node.query("SET SESSION wsrep_sync_wait = 1; SELECT 1")
        assert load.stored_in(node.query) == load.expected()
