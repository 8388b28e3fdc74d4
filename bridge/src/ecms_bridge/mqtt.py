"""A connection to the broker for daemons that are one loop: no foreign threads, no hidden queues.

Every attempt to connect is a new paho client, so nothing of an old session is sent again behind the daemon's
back: what must be sent again is the daemon's own decision.
"""

from __future__ import annotations

import contextlib
import logging
import random
import selectors
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ecms_bridge import tls
from ecms_bridge.config import MqttAddress, MqttSettings
from ecms_bridge.mqtt_client import BufferedClient
from ecms_bridge.throttle import ThrottledLog

KEEPALIVE_S = 30
_CONNECT_TIMEOUT_S = 10.0
_FIRST_RETRY_S = 0.5
_MAX_RETRY_S = 30.0
_STEADY_S = 10.0
"""A connection that ends sooner is no success: two clients of one name would end each other's again and again."""
_BRIEF_BY_CHANCE = 1
"""A broker that starts anew may end one connection so soon, but not several one after the other."""
_MAX_BROKER_INFLIGHT = 65535
_CLOSING_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Will:
    """The retained message the broker publishes when the connection breaks."""

    topic: str
    payload: bytes


class MqttLink:
    """Keeps one connection to the broker alive from within a selector loop.

    Where the broker has several addresses they are tried in turn, each round from the first one on.

    Call ``prepare`` before each ``select``, ``handle`` for each event whose ``key.data`` is this link, and
    ``tick`` once a turn. ``on_up`` is called once all subscriptions stand, ``on_message(topic, payload)`` for
    each message.
    """

    def __init__(
        self,
        settings: MqttSettings,
        password: str,
        client_id: str,
        subscriptions: list[str],
        on_message: Callable[[str, bytes], None],
        on_up: Callable[[], None],
        will: Will | None = None,
    ) -> None:
        self._settings = settings
        self._password = password
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_up = on_up
        self._will = will
        self._addresses = settings.addresses
        self._tls = _contexts(settings)
        self._place = 0
        self._client: BufferedClient | None = None
        self._attempt: _Attempt | None = None
        self._registered: tuple[paho.SocketLike, int] | None = None
        self._retry_s = _FIRST_RETRY_S
        self._next_attempt = 0.0
        self._up_since = 0.0
        self._brief = 0
        self._throttled = ThrottledLog(_log)
        self._window = _MAX_BROKER_INFLIGHT
        self._in_flight = 0
        self._queue: deque[tuple[str, bytes, bool]] = deque()
        self._resting = False
        self.up = False
        self.trouble = ""
        """Why there is no connection, as it was logged; empty while there is one or the first round goes on."""
        self.denied_publications = 0

    @staticmethod
    def check(settings: MqttSettings) -> None:
        """Raise ConfigError if the settings name a CA file that is of no use."""
        _contexts(settings)

    @property
    def address(self) -> MqttAddress:
        """Where it is connected, or tries to be."""
        return self._addresses[self._place]

    @property
    def room(self) -> int:
        """How many messages can go out at once; what is published beyond waits for the broker's answers."""
        if not self.up:
            return 0
        return max(0, self._window - self._in_flight - len(self._queue))

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message (QoS 1) to the connection; false if there is none."""
        client = self._client
        if not self.up or client is None:
            return False
        if self._in_flight < self._window:
            return self._send(client, topic, payload, retain=retain)
        self._queue.append((topic, payload, retain))
        return True

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Hold packets back while in this context, so that many small ones travel as few large ones."""
        with self._client.together() if self._client is not None else contextlib.nullcontext():
            yield

    def prepare(self, selector: selectors.BaseSelector) -> bool:
        """Keep the registration true; return whether data waits that no selector can see (inside TLS)."""
        client = self._client
        sock = client.socket() if client is not None else None
        if client is None or sock is None:
            self._unregister(selector)
            return False
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.want_write() else 0)
        if self._registered is None:
            selector.register(sock, events, self)
        elif self._registered != (sock, events):
            selector.modify(sock, events, self)
        self._registered = (sock, events)
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    def handle(self, events: int) -> None:
        """Read and write what the socket is ready for."""
        client = self._client
        if client is None:
            return
        if events & selectors.EVENT_READ:
            client.loop_read()
        if events & selectors.EVENT_WRITE and client.want_write():
            client.loop_write()

    @property
    def resting(self) -> bool:
        return self._resting

    def rest(self) -> None:
        """Leave the broker until ``resume``, so that it gives what is shared to the others."""
        client = self._client
        if client is not None:
            client.disconnect()
            _drive(client, lambda: not client.want_write())
        self._client = None
        self._attempt = None
        self._queue.clear()
        self.up = False
        self._resting = True

    def resume(self) -> None:
        """Come back after ``rest``."""
        self._resting = False
        self._place = 0
        self._next_attempt = 0.0

    def tick(self) -> None:
        """Keep the connection alive, or try again when it is due."""
        if self._resting:
            return
        if self._client is not None:
            if self._client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS or self._client.socket() is None:
                self._lost()
        elif self._attempt is not None:
            if self._attempt.finished:
                self._take_over(self._attempt)
        elif time.monotonic() >= self._next_attempt:
            self._attempt = _Attempt(self._new_client(), self.address)

    def close(self, selector: selectors.BaseSelector, last_words: Will | None = None) -> None:
        """Publish the last words, if any, and disconnect so that the will is not needed."""
        client = self._client
        self._unregister(selector)
        if client is not None and self.up:
            self._queue.clear()
            reason = None
            if last_words is not None:
                sent = client.publish(last_words.topic, last_words.payload, qos=1, retain=True)
                if not _drive(client, sent.is_published):
                    reason = ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
            client.disconnect(reasoncode=reason)
            _drive(client, lambda: not client.want_write())
        self._client = None
        self.up = False

    def _send(self, client: BufferedClient, topic: str, payload: bytes, *, retain: bool) -> bool:
        if client.publish(topic, payload, qos=1, retain=retain).rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._in_flight += 1
        return True

    def _unregister(self, selector: selectors.BaseSelector) -> None:
        if self._registered is not None:
            selector.unregister(self._registered[0])
            self._registered = None

    def _new_client(self) -> BufferedClient:
        client = BufferedClient(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        client.username_pw_set(self._settings.username, self._password)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        # paho can learn the broker's window only before it connects, so the window is kept here instead.
        client.max_inflight_messages_set(0)
        client.max_queued_messages_set(0)
        if self.address.tls_ca:
            client.tls_set_context(self._tls[self.address.tls_ca])
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._message
        return client

    def _take_over(self, attempt: _Attempt) -> None:
        self._attempt = None
        if attempt.error is not None:
            self._in_trouble(
                "connect",
                "cannot reach the broker at %s: %s",
                self.address,
                tls.fault(attempt.error, self.address.tls_ca, self.address.host) or attempt.error,
            )
            self._turn_to_next()
        else:
            self._client = attempt.client

    def _connected(
        self,
        client: paho.Client,
        _data: object,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._in_trouble(
                "refused",
                "the broker refuses the user %r: %s; run the playbook again to set its password",
                self._settings.username,
                reason,
            )
            return
        self._window = getattr(properties, "ReceiveMaximum", _MAX_BROKER_INFLIGHT)
        self._in_flight = 0
        self._queue.clear()
        client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in self._subscriptions])

    def _subscribed(
        self,
        client: paho.Client,
        _data: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        denied = [topic for topic, reason in zip(self._subscriptions, reasons, strict=True) if reason.is_failure]
        if denied:
            self._in_trouble(
                "denied",
                "the broker denies %r the subscription of %s: run the playbook again",
                self._settings.username,
                ", ".join(denied),
            )
            client.disconnect()
            return
        _log.info("connected to the broker at %s", self.address)
        self._up_since = time.monotonic()
        self.up = True
        self.trouble = ""
        self._on_up()

    def _message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self._on_message(message.topic, bytes(message.payload))

    def _published(
        self, client: paho.Client, _data: object, _mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        self._in_flight -= 1
        if self._queue and client is self._client:
            topic, payload, retain = self._queue.popleft()
            self._send(client, topic, payload, retain=retain)
        if reason.is_failure:
            self.denied_publications += 1
            self._throttled.warning("publish", "the broker refuses a publication: %s; run the playbook again", reason)

    def _in_trouble(self, kind: str, message: str, *args: object) -> None:
        # While a round goes on, another address may still do.
        if self._place == len(self._addresses) - 1:
            self.trouble = message % args
        # By address, or the trouble of one would hide that of the next.
        self._throttled.warning(f"{kind} {self._place}", message, *args)

    def _lost(self) -> None:
        steady = self.up and time.monotonic() - self._up_since >= _STEADY_S
        if self.up:
            _log.warning("lost the connection to the broker")
            if steady:
                self._retry_s = _FIRST_RETRY_S
                self._brief = 0
            else:
                self._brief += 1
            if self._brief > _BRIEF_BY_CHANCE:
                self._in_trouble(
                    "brief",
                    "the broker ends each connection of %r soon after it began: see its log, and switch off any other "
                    "hub of this household",
                    self._client_id,
                )
        self.up = False
        self._client = None
        if steady:
            self._place = 0
            self._back_off()
        else:
            self._turn_to_next()
        self.trouble = self.trouble or ("" if self._place else "the broker ended the connection: see its log")

    def _turn_to_next(self) -> None:
        """Try the next address at once, and after the last one the first again when it is time."""
        self._place = (self._place + 1) % len(self._addresses)
        if self._place == 0:
            self._back_off()

    def _back_off(self) -> None:
        # Jitter, so that many hubs do not return to a restarted broker in the same instant.
        self._next_attempt = time.monotonic() + self._retry_s * random.uniform(0.5, 1.0)  # noqa: S311
        self._retry_s = min(self._retry_s * 2, _MAX_RETRY_S)


def _contexts(settings: MqttSettings) -> dict[str, ssl.SSLContext]:
    """Return how to speak TLS, by CA file; raise ConfigError if one is of no use."""
    files = {address.tls_ca for address in settings.addresses if address.tls_ca}
    return {file: tls.client_context(file, "broker") for file in sorted(files)}


def _drive(client: BufferedClient, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _CLOSING_S
    while not done() and client.socket() is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        with selectors.DefaultSelector() as selector:
            writing = selectors.EVENT_WRITE if client.want_write() else 0
            selector.register(client.socket(), selectors.EVENT_READ | writing)  # type: ignore[arg-type]
            for _key, events in selector.select(left):
                if events & selectors.EVENT_WRITE:
                    client.loop_write()
                if events & selectors.EVENT_READ:
                    client.loop_read()
    return done()


class _Attempt:
    """One attempt to connect, in a thread of its own because name lookup, TCP and TLS block."""

    def __init__(self, client: BufferedClient, address: MqttAddress) -> None:
        self.client = client
        self.error: Exception | None = None
        self.finished = False
        self._address = address
        threading.Thread(target=self._run, name="connect", daemon=True).start()

    def _run(self) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = _MAX_BROKER_INFLIGHT
        try:
            self.client.connect(
                self._address.host,
                self._address.port,
                keepalive=KEEPALIVE_S,
                clean_start=True,
                properties=properties,
            )
        except (OSError, ValueError, ssl.SSLError) as error:
            self.error = error
        finally:
            self.finished = True
