"""The module that keeps Mosquitto's clients and rights, at a real one; the matrix is in isolation/test_mqtt.py."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from broker_matrix import ADMIN, HOUSEHOLDS, WRITER, password_of
from ecms_bridge import access
from isolation.peer import Peer, Place
from private_mosquitto import (
    ADMIN_PASSWORD,
    EVERYTHING,
    INSTALLED,
    MARKER,
    PrivateBroker,
    apply_model,
    dynsec,
    dynsec_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S = 10
NOT_AUTHORISED = 135
NO_SUBSCRIBER = 16

pytestmark = pytest.mark.not_run_unless(INSTALLED, "mosquitto is not installed: make setup-test installs it")


def peer(server: PrivateBroker, user: str, password: str | None = None) -> Peer:
    return Peer(Place("127.0.0.1", server.port), user, password)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    server = PrivateBroker(tmp_path_factory.mktemp("mosquitto"))
    server.start()
    server.manage(apply_model)
    yield server
    server.stop()


@pytest.fixture
def observer(server: PrivateBroker) -> Iterator[Peer]:
    with peer(server, "observer") as made:
        assert made.subscribe("#") == 1
        made.received()
        yield made


def test_shared_subscription_gets_every_message_once(server: PrivateBroker, observer: Peer) -> None:
    """A denied client in the group must not swallow a share, as it does under acl_file."""
    with (
        peer(server, WRITER) as one,
        peer(server, WRITER) as two,
        peer(server, "a_b") as intruder,
    ):
        assert one.subscribe("$share/ecms/+/sensori") == 1
        assert two.subscribe("$share/ecms/+/sensori") == 1
        assert intruder.subscribe("$share/ecms/+/sensori") == NOT_AUTHORISED
        sent = [(f"{HOUSEHOLDS[n % 2]}/sensori", b"%d" % n) for n in range(40)]
        for topic, payload in sent:
            assert observer.publish(topic, payload) == 0
        assert sorted(one.received() + two.received()) == sorted(sent)
        assert intruder.received() == []


def test_second_run_changes_nothing(server: PrivateBroker) -> None:
    assert server.manage(apply_model) == []


def test_check_mode_reports_and_changes_nothing(server: PrivateBroker) -> None:
    before = server.file.read_bytes()

    def work(broker: Any) -> None:
        broker.ensure_client("new_home", "x", access.household_rules("new_home"))
        broker.ensure_client("a_b", "other", EVERYTHING, "household a_b")
        broker.remove_client("acb")

    assert server.manage(work, check_mode=True) == [
        "role client-new_home created",
        "client new_home created",
        "rules of client-a_b changed",
        "password of a_b set",
        "client acb deleted",
        "role client-acb deleted",
    ]
    assert server.file.read_bytes() == before


def test_rotation_is_detected_and_disconnects_only_that_client(server: PrivateBroker) -> None:
    def rotate(broker: Any) -> None:
        broker.ensure_client("a_b", "rotated", access.household_rules("a_b"), "household a_b")

    with peer(server, "a_b") as turned, peer(server, "acb") as other:
        assert server.manage(rotate) == ["password of a_b set"]
        assert turned.ended.wait(WAIT_S)
        other.barrier()
        assert not other.ended.is_set()
    assert server.manage(rotate) == []
    assert peer(server, "a_b").connect() == NOT_AUTHORISED
    with peer(server, "a_b", "rotated"):
        pass
    assert server.manage(apply_model) == ["password of a_b set"]


def test_disabled_client_is_enabled_again(server: PrivateBroker) -> None:
    with dynsec.Connection("127.0.0.1", server.port, ADMIN, ADMIN_PASSWORD, WAIT_S) as connection:
        connection.listen(dynsec.RESPONSE_TOPIC)
        command = {"command": "disableClient", "username": "acb"}
        connection.ask(dynsec.CONTROL_TOPIC, json.dumps({"commands": [command]}))
    assert peer(server, "acb").connect() == NOT_AUTHORISED
    assert server.manage(apply_model) == ["client acb enabled", "password of acb set"]
    with peer(server, "acb"):
        pass


def test_client_comes_and_goes_without_touching_the_others(server: PrivateBroker) -> None:
    def add(broker: Any) -> None:
        broker.ensure_client("guest", password_of("guest"), access.household_rules("guest"))

    def remove(broker: Any) -> None:
        broker.remove_client("guest")

    with peer(server, "acb") as other:
        assert server.manage(add) == ["role client-guest created", "client guest created"]
        with peer(server, "guest") as guest:
            assert guest.publish("guest/sensori", b"1") in (0, NO_SUBSCRIBER)
            assert server.manage(remove) == ["client guest deleted", "role client-guest deleted"]
            assert guest.ended.wait(WAIT_S)
        assert peer(server, "guest").connect() == NOT_AUTHORISED
        assert server.manage(remove) == []
        other.barrier()
        assert not other.ended.is_set()


def test_a_client_without_our_mark_is_left_alone(server: PrivateBroker) -> None:
    with dynsec.Connection("127.0.0.1", server.port, ADMIN, ADMIN_PASSWORD, WAIT_S) as connection:
        connection.listen(dynsec.RESPONSE_TOPIC)
        command = {"command": "createClient", "username": "tasmota", "password": "x", "textname": "by hand"}
        connection.ask(dynsec.CONTROL_TOPIC, json.dumps({"commands": [command]}))

    def take(broker: Any) -> None:
        broker.ensure_client("tasmota", "x", EVERYTHING)

    def remove(broker: Any) -> None:
        broker.remove_client("tasmota")

    for work in (take, remove):
        with pytest.raises(dynsec.DynsecError, match="'tasmota' is not ours"):
            server.manage(work)
    with peer(server, "tasmota", "x") as stranger:
        assert stranger.publish("a_b/sensori", b"1") == NOT_AUTHORISED


def test_restart_keeps_clients_and_a_new_admin_password_counts(tmp_path: Path) -> None:
    server = PrivateBroker(tmp_path)
    server.start()
    server.manage(apply_model)
    server.stop()
    tree = json.loads(server.file.read_text())
    assert dynsec_file.with_admin(tree, ADMIN, ADMIN_PASSWORD, MARKER) == []
    assert dynsec_file.with_admin(tree, ADMIN, "new", MARKER) == [f"client {ADMIN}: password and role"]
    server.file.write_text(json.dumps(tree))
    admin = next(client for client in tree["clients"] if client["username"] == ADMIN)
    assert dynsec_file.password_matches(admin, "new")
    assert not dynsec_file.password_matches(admin, ADMIN_PASSWORD)
    server.start()  # sets the test's admin password again, as a role run with the old value would
    try:
        assert server.manage(apply_model) == []
    finally:
        server.stop()


def test_widened_admin_and_defaults_are_narrowed_again() -> None:
    tree: dict[str, Any] = {}
    dynsec_file.with_admin(tree, ADMIN, "x", MARKER)
    tree["defaultACLAccess"]["subscribe"] = True
    everything = {"acltype": "subscribePattern", "topic": "#", "priority": 9, "allow": True}
    tree["roles"][0]["acls"].append(everything)
    tree["clients"][0]["roles"].append({"rolename": "other"})
    changes = dynsec_file.with_admin(tree, ADMIN, "x", MARKER)
    assert changes == [
        "default access: deny",
        f"role {ADMIN}: control topic only",
        f"client {ADMIN}: password and role",
    ]
    assert everything not in tree["roles"][0]["acls"]


def test_rules_the_plugin_cannot_order_are_refused() -> None:
    rules = [
        {"action": "subscribe", "effect": "allow", "topic": "a/#", "match": "pattern"},
        {"action": "subscribe", "effect": "deny", "topic": "a/x", "match": "literal"},
    ]
    with pytest.raises(dynsec.DynsecError, match="before the patterns"):
        dynsec.acls_of(rules)
    with pytest.raises(dynsec.DynsecError, match="wildcard"):
        dynsec.acls_of([{"action": "publish", "effect": "deny", "topic": "+/x", "match": "literal"}])


def test_no_broker_is_one_sentence() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with (
            pytest.raises(dynsec.DynsecError, match="does not answer"),
            dynsec.Connection("127.0.0.1", port, "x", "y", 2),
        ):
            pass
