"""The access model at a real Mosquitto: every forbidden cell is refused, every allowed one delivers.

"Refused" means the broker's reason code says so and nothing is delivered; what proves the silence is a
barrier behind which a delivered message would have been seen (the allowed cells use the same one).
"""

from __future__ import annotations

import itertools
import json
import queue
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from broker_matrix import ADMIN, HOUSEHOLDS, PUBLISH, STRANGERS, SUBSCRIBE, WILLS, WRITER, password_of
from ecms_bridge import access
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


class Peer:
    """A client that waits for the broker's answer to everything it does."""

    _serial = itertools.count()

    def __init__(
        self,
        port: int,
        username: str | None,
        password: str | None = None,
        *,
        client_id: str | None = None,
        will: str | None = None,
    ) -> None:
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.ended = threading.Event()
        self._answers: queue.Queue[list[int]] = queue.Queue()
        self._connected: queue.Queue[int] = queue.Queue()
        self._port = port
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or f"test-{next(self._serial)}",
            protocol=MQTTv5,
            reconnect_on_failure=False,
        )
        if username is not None:
            self._client.username_pw_set(username, password_of(username) if password is None else password)
        if will is not None:
            self._client.will_set(will, b"will", qos=1)
        self._client.on_connect = lambda _c, _d, _f, reason, _p: self._connected.put(reason.value)
        self._client.on_subscribe = lambda _c, _d, _m, rs, _p: self._answers.put([r.value for r in rs])
        self._client.on_unsubscribe = lambda _c, _d, _m, rs, _p: self._answers.put([r.value for r in rs])
        self._client.on_publish = lambda _c, _d, _m, reason, _p: self._answers.put([reason.value])
        self._client.on_message = lambda _c, _d, message: self.messages.put((message.topic, bytes(message.payload)))
        self._client.on_disconnect = lambda *_: self.ended.set()

    def connect(self) -> int:
        """Return the reason code of the CONNACK."""
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        return self._connected.get(timeout=WAIT_S)

    def __enter__(self) -> Self:
        assert self.connect() == 0
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """Stop answering without a DISCONNECT, so that the will is due."""
        self._client.loop_stop()

    def subscribe(self, topic: str) -> int:
        self._client.subscribe(topic, qos=1)
        return self._answers.get(timeout=WAIT_S)[0]

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        self._client.publish(topic, payload, qos=1, retain=retain)
        return self._answers.get(timeout=WAIT_S)[0]

    def barrier(self) -> None:
        """Make a round trip; what the broker queued for this client before now has arrived after it."""
        self._client.unsubscribe(f"barrier/{next(self._serial)}")
        self._answers.get(timeout=WAIT_S)

    def received(self) -> list[tuple[str, bytes]]:
        self.barrier()
        found = []
        while not self.messages.empty():
            found.append(self.messages.get())
        return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    server = PrivateBroker(tmp_path_factory.mktemp("mosquitto"))
    server.start()
    server.manage(apply_model)
    yield server
    server.stop()


@pytest.fixture
def observer(server: PrivateBroker) -> Iterator[Peer]:
    with Peer(server.port, "observer") as peer:
        assert peer.subscribe("#") == 1
        peer.received()
        yield peer


@pytest.mark.parametrize("retain", [False, True], ids=["live", "retained"])
@pytest.mark.parametrize(("user", "topic", "allowed"), PUBLISH)
def test_publish(server: PrivateBroker, observer: Peer, user: str, topic: str, allowed: bool, retain: bool) -> None:
    password = ADMIN_PASSWORD if user == ADMIN else None
    with Peer(server.port, user, password) as peer:
        reason = peer.publish(topic, b"cell", retain=retain)
    assert (topic, b"cell") in observer.received() if allowed else (topic, b"cell") not in observer.received()
    assert reason == (0 if allowed else NOT_AUTHORISED)
    with Peer(server.port, "observer") as late:
        late.subscribe("#")
        assert ((topic, b"cell") in late.received()) == (allowed and retain)
    if retain and allowed:
        observer.publish(topic, b"", retain=True)


@pytest.mark.parametrize("retain", [False, True], ids=["live", "retained"])
@pytest.mark.parametrize(("user", "topic_filter", "topic", "allowed"), SUBSCRIBE)
def test_subscribe(
    server: PrivateBroker,
    observer: Peer,
    user: str,
    topic_filter: str,
    topic: str,
    allowed: bool,
    retain: bool,
) -> None:
    password = ADMIN_PASSWORD if user == ADMIN else None
    inject = not topic.startswith("$")
    with Peer(server.port, user, password) as peer:
        if retain and inject:
            observer.publish(topic, b"cell", retain=True)
        reason = peer.subscribe(topic_filter)
        if inject and not retain:
            observer.publish(topic, b"cell")
        seen = peer.received()
    if retain and inject:
        observer.publish(topic, b"", retain=True)
    assert reason == (1 if allowed else NOT_AUTHORISED)
    if allowed and retain and topic_filter.startswith("$share/"):
        # MQTT 5 sends a shared subscription nothing retained; Mosquitto 2.0 does all the same.
        assert {t for t, _ in seen} <= {topic}
    else:
        assert [t for t, _ in seen] == ([topic] if allowed else [])


@pytest.mark.parametrize(("user", "topic", "allowed"), WILLS)
def test_last_will(server: PrivateBroker, observer: Peer, user: str, topic: str, allowed: bool) -> None:
    first = Peer(server.port, user, client_id=f"will-of-{user}", will=topic)
    reason = first.connect()
    first.drop()
    # The same client id takes the session over, which ends the first connection and makes its will due.
    with Peer(server.port, user, client_id=f"will-of-{user}"):
        pass
    assert ((topic, b"will") in observer.received()) == allowed
    # The broker accepts the connection and drops a forbidden will, or refuses the connection at once.
    assert reason in ((0,) if allowed else (0, NOT_AUTHORISED))


@pytest.mark.parametrize(("user", "password"), STRANGERS)
def test_connection_refused(server: PrivateBroker, user: str | None, password: str | None) -> None:
    peer = Peer(server.port, user, password)
    assert peer.connect() in (134, NOT_AUTHORISED)
    peer.drop()


def test_shared_subscription_gets_every_message_once(server: PrivateBroker, observer: Peer) -> None:
    """A denied client in the group must not swallow a share, as it does under acl_file."""
    with (
        Peer(server.port, WRITER) as one,
        Peer(server.port, WRITER) as two,
        Peer(server.port, "a_b") as intruder,
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

    with Peer(server.port, "a_b") as turned, Peer(server.port, "acb") as other:
        assert server.manage(rotate) == ["password of a_b set"]
        assert turned.ended.wait(WAIT_S)
        other.barrier()
        assert not other.ended.is_set()
    assert server.manage(rotate) == []
    assert Peer(server.port, "a_b").connect() == NOT_AUTHORISED
    with Peer(server.port, "a_b", "rotated"):
        pass
    assert server.manage(apply_model) == ["password of a_b set"]


def test_disabled_client_is_enabled_again(server: PrivateBroker) -> None:
    with dynsec.Connection("127.0.0.1", server.port, ADMIN, ADMIN_PASSWORD, WAIT_S) as connection:
        connection.listen(dynsec.RESPONSE_TOPIC)
        command = {"command": "disableClient", "username": "acb"}
        connection.ask(dynsec.CONTROL_TOPIC, json.dumps({"commands": [command]}))
    assert Peer(server.port, "acb").connect() == NOT_AUTHORISED
    assert server.manage(apply_model) == ["client acb enabled", "password of acb set"]
    with Peer(server.port, "acb"):
        pass


def test_client_comes_and_goes_without_touching_the_others(server: PrivateBroker) -> None:
    def add(broker: Any) -> None:
        broker.ensure_client("guest", password_of("guest"), access.household_rules("guest"))

    def remove(broker: Any) -> None:
        broker.remove_client("guest")

    with Peer(server.port, "acb") as other:
        assert server.manage(add) == ["role client-guest created", "client guest created"]
        with Peer(server.port, "guest") as guest:
            assert guest.publish("guest/sensori", b"1") in (0, NO_SUBSCRIBER)
            assert server.manage(remove) == ["client guest deleted", "role client-guest deleted"]
            assert guest.ended.wait(WAIT_S)
        assert Peer(server.port, "guest").connect() == NOT_AUTHORISED
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
    with Peer(server.port, "tasmota", "x") as peer:
        assert peer.publish("a_b/sensori", b"1") == NOT_AUTHORISED


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
