"""A Galera cluster of three real nodes under two real writers: nodes that die lose and double nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pymysql
import pytest

from contract.database.rig import Daemon, readings, running
from database import model
from database.fixtures import PASSWORD, Home, Users, new_home
from database.galera import Cluster, Node
from database.mosquitto import Broker, Hub
from ecms_bridge import names
from ecms_bridge.config import DatabaseSettings
from ecms_bridge.messages import Reading
from ecms_bridge.schema import grants
from ecms_bridge.session import explain, is_clustered, node_of, open_session
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch

SLUG = "casa"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("galera"))
    yield made
    made.remove()


@pytest.fixture
def home(cluster: Cluster) -> Iterator[Home]:
    with new_home(cluster.nodes[-1], SLUG) as made:
        yield made


@pytest.fixture
def user(cluster: Cluster, home: Home) -> Iterator[str]:
    users = Users(cluster.nodes[-1], [])
    made = users.make(grants.writer_grants(home.slug))
    for node in cluster.nodes:
        node.caught_up()
    yield made
    users.remove()


@pytest.fixture
def broker() -> Iterator[Broker]:
    made = Broker(names.WRITER_USER, SLUG)
    made.start()
    yield made
    made.remove()


def contents(node: Node, home: Home) -> list[tuple[str, int]]:
    """Return what a node holds of a household, as checksums of its tables, after all that was committed before."""
    node.caught_up()
    with closing(node.session()) as session, session.cursor() as cursor:
        found = []
        for table in (names.data_table(home.slug), names.rollup_table(home.slug), "box", "rollup_day", "cluster_turn"):
            cursor.execute(f"CHECKSUM TABLE {home.schema}.{table}")
            ((_, checksum),) = cursor.fetchall()
            found.append((table, checksum))
    return found


def at_once(nodes: Sequence[Node]) -> None:
    """Let nodes come back together: after a power cut none of them is enough."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(Node.come_back, nodes))


def test_a_node_killed_under_load_loses_and_doubles_nothing(
    cluster: Cluster, home: Home, user: str, broker: Broker, tmp_path: Path
) -> None:
    sent = 1200

    def send(hub: Hub) -> None:
        for number, reading in enumerate(readings(sent)):
            hub.send(reading)
            if number % 10 == 0:
                time.sleep(0.05)

    with ExitStack() as stack:
        writers = [
            Daemon(
                tmp_path / f"writer{number}",
                broker.port,
                cluster.settings_of(user, number),
                PASSWORD,
                shared_group=names.SHARED_GROUP,
            )
            for number in range(2)
        ]
        for writer in writers:
            stack.enter_context(running(writer))
            writer.said("connected to the broker")
        hub = stack.enter_context(Hub(broker, home.slug))
        sending = threading.Thread(target=send, args=(hub,))
        sending.start()
        time.sleep(1)
        cluster.nodes[0].kill()
        time.sleep(2)
        cluster.nodes[0].come_back()
        sending.join()
        hub.wait(180)
        writers[0].said("see that it runs")
        for writer in writers:
            assert writer.stop() == 0
            assert "stopped; stored 0 readings" not in writer.log.read_text("utf-8")
            writer.start()
    cluster.nodes[-1].caught_up()
    assert len(model.raw(home)) == sent
    assert {f"h-{row.mac[5]}-{row.timestamp}" for row in model.raw(home)} == {one.id for one in readings(sent)}
    model.check(home)
    first, *others = (contents(node, home) for node in cluster.nodes)
    assert others == [first, first]


def test_two_writers_on_two_nodes_see_each_others_readings_in_the_sums(
    cluster: Cluster, home: Home, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The later reading stands for the time since the earlier one, on a day (of Rome) that only the later one touches:
    # no row that both change would make them collide, but that of their turn.
    border = 1_718_056_800
    box = bytes([2, 0, 0, 0, 0, 1])
    summed, go = threading.Event(), threading.Event()
    with (
        closing(ReadingsDatabase(cluster.nodes[0].by_network(user), PASSWORD)) as one,
        closing(ReadingsDatabase(cluster.nodes[1].by_network(user), PASSWORD)) as two,
        ThreadPoolExecutor(1) as pool,
    ):
        # What is told of box and writer once a minute is a row that both change: told, it is out of the way.
        for number, writer in enumerate((one, two)):
            writer.store(Batch(home.slug, [Reading(box, border - 40_000 - number, 1, 1.0)]))
        # The moment between the sums and the commit has no other name.
        commit = two._commit

        def wait_and_commit() -> None:
            summed.set()
            assert go.wait(60)
            commit()

        monkeypatch.setattr(two, "_commit", wait_and_commit)
        later = pool.submit(two.store, Batch(home.slug, [Reading(box, border + 10, 1, 2.0)]))
        assert summed.wait(60)
        one.store(Batch(home.slug, [Reading(box, border - 10, 1, 1.0)]))
        go.set()
        assert later.result(60).stored == 1
    cluster.nodes[-1].caught_up()
    assert len(model.raw(home)) == 4
    model.check(home)


def test_without_a_majority_nothing_is_stored_and_after_a_power_cut_all_goes_on_by_itself(
    cluster: Cluster, home: Home, user: str, broker: Broker, tmp_path: Path
) -> None:
    one, two, three = cluster.nodes
    lone = three.by_network(user)
    daemon = Daemon(tmp_path / "writer", broker.port, cluster.settings_of(user), PASSWORD)
    with running(daemon), Hub(broker, home.slug) as hub:
        for reading in readings(200):
            hub.send(reading)
        hub.wait()
        one.kill()
        two.kill()
        for reading in readings(200, prefix="later", begin=1_718_100_000):
            hub.send(reading)
        daemon.said("does not answer", 60)
        deadline = time.monotonic() + 60
        while three.state("wsrep_ready") != "OFF":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert hub.open() == 200
        with pytest.raises(pymysql.OperationalError) as alone:
            open_session(_after(lone, lone), PASSWORD, io_timeout_s=10)
        assert "waits for the others of its cluster: see that most of them run" in explain(alone.value, lone)
        three.kill()
        at_once(cluster.nodes)
        hub.wait(180)
    three.caught_up()
    home.session = three.session()
    assert len(model.raw(home)) == 400
    model.check(home)
    first, *others = (contents(node, home) for node in cluster.nodes)
    assert others == [first, first]


def test_a_client_takes_the_first_node_that_serves(cluster: Cluster, home: Home, user: str) -> None:
    _, two, _ = cluster.nodes
    nobody = DatabaseSettings("127.0.0.1", 1, "", user, "")
    settings = _after(nobody, two.by_network(user))
    with closing(open_session(settings, PASSWORD, io_timeout_s=10)) as session:
        assert is_clustered(session)
        assert node_of(session, settings) == two.by_network(user)
    with pytest.raises(pymysql.OperationalError) as gone:
        open_session(_after(nobody, nobody), PASSWORD, io_timeout_s=10)
    assert explain(gone.value, _after(nobody, nobody)).startswith(
        "the database at 127.0.0.1 port 1 or 127.0.0.1 port 1 does not answer"
    )
    assert home.apply() == []


def _after(first: DatabaseSettings, *others: DatabaseSettings) -> DatabaseSettings:
    return DatabaseSettings(first.host, first.port, first.socket, first.user, first.tls_ca, others)
