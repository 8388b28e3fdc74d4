"""A private Galera cluster of MariaDB on the loopback, whose nodes can be killed and come back."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

from database.authority import Authority
from database.server import PrivateServer, free_port
from ecms_bridge.config import DatabaseSettings

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
_NODES = 3
_SYNCED_S = 120.0


class Node(PrivateServer):
    """A node: ``port`` is for clients."""

    start_s = 180.0
    """It answers once it has got from the others what it missed."""

    def __init__(self, cluster_ports: list[int], number: int, tls: str, like: PrivateServer | None = None) -> None:
        self.port = free_port()
        own = cluster_ports[number]
        addresses = ",".join(f"127.0.0.1:{port}" for port in cluster_ports)
        provider = {
            "base_host": "127.0.0.1",
            "base_port": str(own),
            "gmcast.listen_addr": f"ssl://127.0.0.1:{own}",
            "ist.recv_addr": f"127.0.0.1:{free_port()}",
            "gcache.size": "16M",
        }
        super().__init__(
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--wsrep-on=ON",
            f"--wsrep-provider={PROVIDER}",
            f"--wsrep-cluster-address=gcomm://{addresses}",
            "--wsrep-cluster-name=test",
            f"--wsrep-node-name=node{number}",
            f"--wsrep-node-address=127.0.0.1:{own}",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
            f"--wsrep-provider-options={';'.join(f'{k}={v}' for k, v in provider.items())};{tls}",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            like=like,
        )
        # Root's rsync gives up its rights before it writes there.
        self.directory.chmod(0o755)
        (self.directory / "data").chmod(0o777)

    def by_network(self, user: str) -> DatabaseSettings:
        return DatabaseSettings("127.0.0.1", self.port, "", user, "")

    def come_back(self) -> None:
        """Start again after a crash, as Debian's unit does: from the position that InnoDB has reached."""
        with tempfile.TemporaryFile("w+") as said:
            subprocess.run(self.command("--wsrep-recover"), stdin=subprocess.DEVNULL, stderr=said, check=True)
            said.seek(0)
            found = re.findall(r"WSREP: Recovered position: *(\S+)", said.read())
        self.start(f"--wsrep-start-position={found[-1]}")
        self.synced()

    def synced(self) -> None:
        """Wait until the node has all that the others have."""
        deadline = time.monotonic() + _SYNCED_S
        while (state := self.state("wsrep_local_state_comment")) != "Synced":
            assert time.monotonic() < deadline, (state, (self.directory / "log").read_text("utf-8", "replace"))
            time.sleep(0.1)

    def caught_up(self) -> None:
        """Wait until the node has applied all that was committed anywhere before."""
        with closing(self.session()) as session, session.cursor() as cursor:
            cursor.execute("SET SESSION wsrep_sync_wait = 1")
            cursor.execute("SELECT User FROM mysql.user LIMIT 1")

    def state(self, name: str) -> str:
        """Return a status variable."""
        with closing(self.session()) as session, session.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE %s", (name,))
            ((_, value),) = cursor.fetchall()
        return str(value)


class Cluster:
    """Three nodes, which talk to each other by TLS with certificates of one authority."""

    def __init__(self, directory: Path) -> None:
        authority = Authority(directory)
        certificate, key = authority.issue("localhost")
        tls = f"socket.ssl_cert={certificate};socket.ssl_key={key};socket.ssl_ca={authority.certificate}"
        self.nodes: list[Node] = []
        ports = [free_port() for _ in range(_NODES)]
        try:
            first = Node(ports, 0, tls)
            self.nodes.append(first)
            first.start("--wsrep-new-cluster")
            first.stop()
            for number in range(1, _NODES):
                self.nodes.append(Node(ports, number, tls, like=first))
            first.start("--wsrep-new-cluster")
            for node in self.nodes[1:]:
                node.start()
            for node in self.nodes:
                node.synced()
        except BaseException:
            self.remove()
            raise

    def settings_of(self, user: str, first: int = 0) -> DatabaseSettings:
        """Return how a client reaches all nodes, beginning with one of them."""
        order = self.nodes[first:] + self.nodes[:first]
        one, *others = (node.by_network(user) for node in order)
        return DatabaseSettings(one.host, one.port, one.socket, user, one.tls_ca, tuple(others))

    def remove(self) -> None:
        for node in self.nodes:
            node.remove()
