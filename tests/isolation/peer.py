"""A client of a broker that waits for the answer to all that it does; a disconnection is an answer too."""

from __future__ import annotations

import itertools
import queue
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Self, cast

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker_matrix import password_of

WAIT_S = 20
FAILURE = 128
"""A reason code from here on is a refusal."""

_serial = itertools.count()


@dataclass(frozen=True)
class Place:
    """Where the broker is; ``ca`` is the file of the authority, none for a plain connection."""

    host: str
    port: int
    ca: str | None = None


class Peer:
    """One client. ``kept_s`` is how long the broker keeps the session after its end, 0 for not at all."""

    def __init__(
        self,
        place: Place,
        username: str | None,
        password: str | None = None,
        *,
        client_id: str = "",
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        will: tuple[str, bytes] | None = None,
        kept_s: int = 0,
    ) -> None:
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.ended = threading.Event()
        self._answers: queue.Queue[int] = queue.Queue()
        self._place = place
        self._kept_s = kept_s
        self._newest = version == MQTTProtocolVersion.MQTTv5
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or f"peer-{next(_serial)}",
            protocol=version,
            clean_session=None if self._newest else not kept_s,
            reconnect_on_failure=False,
        )
        if username is not None:
            self._client.username_pw_set(username, password_of(username) if password is None else password)
        if place.ca is not None:
            self._client.tls_set_context(ssl.create_default_context(cafile=place.ca))
        if will is not None:
            self._client.will_set(*will, qos=1)
        self._client.on_connect = lambda _c, _d, _f, reason, _p: self._answers.put(reason.value)
        self._client.on_subscribe = lambda _c, _d, _m, reasons, _p: self._answers.put(reasons[0].value)
        self._client.on_unsubscribe = lambda _c, _d, _m, _r, _p: self._answers.put(0)
        self._client.on_publish = lambda _c, _d, _m, reason, _p: self._answers.put(reason.value)
        self._client.on_disconnect = lambda _c, _d, _f, reason, _p: self._end(reason.value)
        self._client.on_message = lambda _c, _d, m: self.messages.put((m.topic, bytes(m.payload)))

    def _end(self, reason: int) -> None:
        self.ended.set()
        self._answers.put(max(reason, FAILURE))

    def connect(self) -> int:
        """Return the reason code with which the broker answers."""
        if self._newest:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._kept_s
            self._client.connect(
                self._place.host, self._place.port, clean_start=not self._kept_s, properties=properties
            )
        else:
            self._client.connect(self._place.host, self._place.port)
        self._client.loop_start()
        return self.answer()

    def answer(self, wait_s: float = WAIT_S) -> int:
        """Return the next reason code; raise queue.Empty if none comes."""
        return self._answers.get(timeout=wait_s)

    def __enter__(self) -> Self:
        reason = self.connect()
        if reason:
            raise ConnectionError(f"the broker does not let in a client that it must: reason code {reason}")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say good-bye, if there is somebody to say it to."""
        self._client.disconnect()
        self._client.loop_stop()

    def cut(self) -> None:
        """End the connection without a DISCONNECT, so that the will is due."""
        connection = cast("socket.socket | None", self._client.socket())
        if connection is not None:
            connection.shutdown(socket.SHUT_RDWR)

    def subscribe(self, topic: str) -> int:
        """Return the reason code of the broker's answer."""
        self._client.subscribe(topic, qos=1)
        return self.answer()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Return the reason code of the broker's answer; over MQTT 3.1.1 there is none and it is 0."""
        self._client.publish(topic, payload, qos=1, retain=retain)
        return self.answer()

    def barrier(self) -> None:
        """Make a round trip; what the broker queued for this client before now has arrived after it."""
        if not self.ended.is_set():
            self._client.unsubscribe(f"barrier/{next(_serial)}")
            self.answer()

    def until(self, message: tuple[str, bytes]) -> list[tuple[str, bytes]]:
        """Return what comes before a message and the message; raise queue.Empty if it does not come."""
        found = [self.messages.get(timeout=WAIT_S)]
        while found[-1] != message:
            found.append(self.messages.get(timeout=WAIT_S))
        return found

    def received(self) -> list[tuple[str, bytes]]:
        """Return what has come since the last call, after a round trip."""
        self.barrier()
        found = []
        while not self.messages.empty():
            found.append(self.messages.get())
        return found
