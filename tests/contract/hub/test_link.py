"""The connection to the broker, against a real one."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contract.hub.rig import Broker, Writer, free_port, until
from database.authority import Authority
from ecms_bridge.config import ConfigError, MqttAddress, MqttSettings
from ecms_bridge.mqtt import MqttLink, Will

TOPIC = "mario_rossi/stato"
ONLINE, OFFLINE = b'{"state":"offline","x":1}', b'{"state":"offline"}'


class Linked:
    """A link with the loop it lives in, turned by the test."""

    def __init__(
        self,
        port: int,
        topics: list[str],
        will: Will | None = None,
        client_id: str = "linked",
        ca: Path | None = None,
        settings: MqttSettings | None = None,
    ) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.ups = 0
        self.selector = selectors.DefaultSelector()
        self.link = MqttLink(
            settings or MqttSettings("127.0.0.1", port, "someone", str(ca or "")),
            "unused",
            client_id,
            topics,
            lambda topic, payload: self.messages.append((topic, payload)),
            self._up,
            will,
        )

    def _up(self) -> None:
        self.ups += 1

    def turn(self, timeout_s: float = 0.02) -> None:
        unseen = self.link.prepare(self.selector)
        for _, events in self.selector.select(0 if unseen else timeout_s):
            self.link.handle(events)
        if unseen:
            self.link.handle(selectors.EVENT_READ)
        self.link.tick()

    def until(self, condition: Callable[[], object], what: str) -> None:
        def turned() -> object:
            self.turn()
            return condition()

        until(turned, what)


@pytest.fixture
def linked(broker: Broker) -> Iterator[Linked]:
    linked = Linked(broker.port, ["a/b"], Will(TOPIC, OFFLINE))
    linked.until(lambda: linked.link.up, "connected")
    yield linked
    linked.link.close(linked.selector)
    linked.selector.close()


def test_everything_published_arrives_once_and_in_order_whatever_the_window(linked: Linked) -> None:
    window = linked.link.room
    assert 0 < window < 60_000
    count = 2 * window + 100
    with linked.link.together():
        for number in range(count):
            assert linked.link.publish("a/b", b"%d" % number)
    assert linked.link.room == 0
    linked.until(lambda: len(linked.messages) == count, "all received")
    assert linked.messages == [("a/b", b"%d" % number) for number in range(count)]
    linked.until(lambda: linked.link.room == window, "all answered")


def test_nothing_is_taken_while_there_is_no_connection(broker: Broker, linked: Linked) -> None:
    broker.stop()
    linked.until(lambda: not linked.link.up, "lost")
    assert not linked.link.publish("a/b", b"lost")
    assert linked.link.room == 0
    with linked.link.together():
        pass
    broker.start()
    linked.until(lambda: linked.link.up, "connected again")
    assert linked.ups == 2
    assert linked.link.publish("a/b", b"kept")
    linked.until(lambda: linked.messages, "received")
    assert linked.messages == [("a/b", b"kept")]


def test_window_is_whole_after_a_reconnection(broker: Broker, linked: Linked) -> None:
    window = linked.link.room
    for _ in range(window + 50):
        linked.link.publish("a/b", b"x")
    broker.stop()
    linked.until(lambda: not linked.link.up, "lost")
    broker.start()
    linked.until(lambda: linked.link.up, "connected again")
    assert linked.link.room == window


def test_last_words_replace_the_will(linked: Linked, writer: Writer) -> None:
    linked.link.close(linked.selector, Will(TOPIC, ONLINE))
    until(lambda: writer.statuses, "heard")
    time.sleep(0.2)
    assert writer.statuses == [{"state": "offline", "x": 1}]
    assert not linked.link.up


def test_will_is_published_when_the_connection_breaks(linked: Linked, writer: Writer) -> None:
    client = linked.link._client
    assert client is not None
    sock = client.socket()
    assert isinstance(sock, socket.socket)
    sock.shutdown(socket.SHUT_RDWR)
    until(lambda: writer.statuses == [{"state": "offline"}], "the will")


def test_same_client_twice_does_not_spin(broker: Broker, linked: Linked) -> None:
    other = Linked(broker.port, ["a/b"])
    other.until(lambda: other.link.up, "takes over")
    linked.until(lambda: not linked.link.up, "taken over")
    begun = time.monotonic()
    turns = 0
    while time.monotonic() - begun < 0.2:
        linked.turn()
        turns += 1
    assert turns < 50
    other.link.close(other.selector)
    linked.until(lambda: linked.link.up, "back")


def test_two_clients_of_one_name_take_turns_less_and_less_often_and_are_told(
    broker: Broker, linked: Linked, caplog: pytest.LogCaptureFixture
) -> None:
    waits = []
    for _ in range(4):
        other = Linked(broker.port, ["a/b"])
        other.until(lambda other=other: other.link.up, "takes over")  # type: ignore[misc]
        linked.until(lambda: not linked.link.up, "taken over")
        waits.append(linked.link._retry_s)
        other.link.close(other.selector)
        linked.until(lambda: linked.link.up, "back")
    assert waits == [1, 2, 4, 8]
    assert (
        caplog.messages.count(
            "the broker ends each connection of 'linked' soon after it began: see its log, and switch off any "
            "other hub of this household"
        )
        == 1
    )


def test_broker_that_is_away_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    linked = Linked(port, ["a/b"])
    linked.until(lambda: linked.link._next_attempt > 0, "tried")
    linked.until(lambda: linked.link._retry_s >= 2, "tried again")
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert f"cannot reach the broker at 127.0.0.1 port {port}" in told[0].getMessage()


def test_denied_publication_is_counted_and_told(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker.stop()
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite a/#\n", encoding="ascii")
    broker.start(f"allow_anonymous true\nacl_file {acl}\nuser root\n")
    allowed = Linked(broker.port, ["a/b"], client_id="allowed")
    allowed.until(lambda: allowed.link.up, "connected")
    assert allowed.link.publish("b/c", b"denied")
    allowed.until(lambda: allowed.link.denied_publications == 1, "denied")
    assert "refuses a publication" in caplog.text
    allowed.link.close(allowed.selector)


def test_refused_user_is_told(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    broker.stop()
    broker.start("allow_anonymous false\n")
    linked = Linked(broker.port, ["a/b"])
    linked.until(lambda: "refuses the user 'someone'" in caplog.text, "told")
    assert not linked.link.up
    assert "unused" not in caplog.text


def test_broker_that_accepts_and_says_nothing_does_not_block_the_loop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        linked = Linked(server.getsockname()[1], ["a/b"])
        linked.until(lambda: linked.link._client is not None, "TCP is open")
        begun = time.monotonic()
        for _ in range(5):
            linked.turn(0.01)
        assert time.monotonic() - begun < 1
        assert not linked.link.up
        linked.link.close(linked.selector)


def test_tls_with_a_broken_ca_file(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("not a certificate", encoding="ascii")
    for path in (ca, tmp_path / "missing.pem"):
        settings = MqttSettings("localhost", 8883, "x", str(path))
        with pytest.raises(ConfigError, match="cannot read the broker's CA certificate"):
            MqttLink.check(settings)
    MqttLink.check(MqttSettings("localhost", 1883, "x", ""))


def encrypted(certificate: Path, key: Path) -> str:
    return f"allow_anonymous true\nuser root\ncertfile {certificate}\nkeyfile {key}\n"


def test_tls(broker: Broker, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    broker.stop()
    broker.start(encrypted(*authority.issue("127.0.0.1")))
    linked = Linked(broker.port, ["a/b"], ca=authority.certificate)
    linked.until(lambda: linked.link.up, "connected")
    with linked.link.together():
        for number in range(1000):
            assert linked.link.publish("a/b", b"%d" % number)
    linked.until(lambda: len(linked.messages) == 1000, "all received")
    assert linked.messages == [("a/b", b"%d" % number) for number in range(1000)]
    linked.link.close(linked.selector)


def test_the_first_of_several_addresses_is_taken_that_can_be_trusted(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    broker.stop()
    broker.start(encrypted(*authority.issue("localhost")))
    dead, good = free_port(), str(authority.certificate)
    foreign = MqttAddress("localhost", broker.port, str(other.certificate))
    settings = MqttSettings("localhost", dead, "someone", good, (foreign, MqttAddress("127.0.0.1", broker.port, good)))
    linked = Linked(broker.port, ["a/b"], settings=settings)
    linked.until(lambda: linked.link.trouble, "no address will do")
    assert f"cannot reach the broker at localhost port {dead}: " in caplog.text
    assert (
        f"at localhost port {broker.port}: its certificate is not of the authority in {other.certificate}"
        in caplog.text
    )
    assert f"at 127.0.0.1 port {broker.port}: its certificate is not for '127.0.0.1'" in caplog.text

    broker.stop()
    broker.start(encrypted(*authority.issue("127.0.0.1")))
    linked.until(lambda: linked.link.up, "connected")
    assert (str(linked.link.address), linked.link.trouble) == (f"127.0.0.1 port {broker.port}", "")
    linked.link.close(linked.selector)


def test_an_authority_that_lacks_a_formality_is_trusted_all_the_same(broker: Broker, tmp_path: Path) -> None:
    authority = Authority(tmp_path, critical=False)
    broker.stop()
    broker.start(encrypted(*authority.issue("127.0.0.1")))
    linked = Linked(broker.port, ["a/b"], ca=authority.certificate)
    linked.until(lambda: linked.link.up, "connected")
    linked.link.close(linked.selector)


def test_what_is_wrong_with_a_brokers_tls_is_said(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    for more, ca, sentence in (
        (
            encrypted(*authority.issue("127.0.0.1")),
            other,
            f"is not of the authority in {other.certificate}: set the CA",
        ),
        (encrypted(*authority.issue("mqtt.example.org")), authority, "is not for '127.0.0.1': set the name that the"),
        (
            encrypted(*authority.issue("127.0.0.1", days=-1)),
            authority,
            "its certificate has expired: renew it there, or",
        ),
    ):
        broker.stop()
        broker.start(more)
        caplog.clear()
        linked = Linked(broker.port, ["a/b"], ca=ca.certificate)
        linked.until(lambda: "cannot reach the broker at 127.0.0.1 port" in caplog.text, "told")
        assert sentence in caplog.text
        assert not linked.link.up
        linked.link.close(linked.selector)


def test_a_broker_that_speaks_no_tls_is_refused(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    linked = Linked(broker.port, ["a/b"], ca=Authority(tmp_path).certificate)
    linked.until(lambda: "cannot reach the broker" in caplog.text, "told")
    assert not linked.link.up
    assert "it closed the connection: see that it runs, and that it speaks TLS at that port" in caplog.text
    linked.link.close(linked.selector)


def test_attempts_leave_no_threads_behind(linked: Linked) -> None:
    linked.turn()
    until(lambda: not [t for t in threading.enumerate() if t.name == "connect"], "the thread has ended")
