"""Ask a running broker over TLS what the access matrix says it must decide: ``python -m emqx.cells --help``.

For molecule/emqx, whose broker is a real EMQX on another machine; the contract tests ask Mosquitto with it, so that it
does not rot where no EMQX can be had. A denied client may get a reason code or be disconnected: both are a refusal.
"""

from __future__ import annotations

import argparse
import itertools
import queue
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from broker_matrix import HOUSEHOLDS, PUBLISH, STRANGERS, SUBSCRIBE, password_of

OBSERVER = "observer"
WAIT_S = 20
_FAILURE = 128
_serial = itertools.count()


@dataclass(frozen=True)
class Place:
    """Where the broker is; ``ca`` is the file of the authority, none for a plain connection."""

    host: str
    port: int
    ca: str | None


class Peer:
    """A client that waits for the answer to all that it does; a disconnection is an answer too."""

    def __init__(self, place: Place, username: str | None, password: str | None, client_id: str = "") -> None:
        self._answers: queue.Queue[int] = queue.Queue()
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._place = place
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or f"cells-{next(_serial)}",
            protocol=MQTTv5,
            reconnect_on_failure=False,
        )
        if username is not None:
            self._client.username_pw_set(username, password)
        if place.ca is not None:
            self._client.tls_set_context(ssl.create_default_context(cafile=place.ca))
        self._client.on_connect = lambda _c, _d, _f, reason, _p: self._answers.put(reason.value)
        self._client.on_subscribe = lambda _c, _d, _m, reasons, _p: self._answers.put(reasons[0].value)
        self._client.on_unsubscribe = lambda _c, _d, _m, _r, _p: self._answers.put(0)
        self._client.on_publish = lambda _c, _d, _m, reason, _p: self._answers.put(reason.value)
        self._client.on_disconnect = lambda _c, _d, _f, reason, _p: self._answers.put(max(reason.value, _FAILURE))
        self._client.on_message = lambda _c, _d, m: self.messages.put((m.topic, bytes(m.payload)))

    def connect(self, *, clean_start: bool = True) -> int:
        """Return the reason code with which the broker answers."""
        self._client.connect(self._place.host, self._place.port, clean_start=clean_start)
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
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Tell whether the broker takes a publication of QoS 1."""
        self._client.publish(topic, payload, qos=1)
        return self.answer() < _FAILURE

    def subscribe(self, topic: str) -> bool:
        """Tell whether the broker takes a subscription."""
        self._client.subscribe(topic, qos=1)
        return self.answer() < _FAILURE

    def received(self, topic: str, payload: bytes) -> bool:
        """Tell whether a message has come; what was sent before the round trip that this makes has come after it."""
        self._client.unsubscribe(f"barrier/{next(_serial)}")
        self.answer()
        while not self.messages.empty():
            if self.messages.get() == (topic, payload):
                return True
        return False


def wrong_cells(place: Place, passwords: Mapping[str, str], unlike: frozenset[tuple[str, str]]) -> Iterator[str]:
    """Yield a line for every cell that the broker decides otherwise than the matrix, apart from those in ``unlike``."""
    with Peer(place, OBSERVER, passwords[OBSERVER]) as observer:
        if not observer.subscribe("#"):
            raise ConnectionError("the observer may not observe")
        for user, topic, allowed in PUBLISH:
            payload = f"cell-{next(_serial)}".encode()
            peer = Peer(place, user, passwords.get(user, "no password"))
            taken = peer.connect() == 0 and peer.publish(topic, payload)
            peer.__exit__()
            if (taken, observer.received(topic, payload)) != (allowed, allowed):
                yield f"{user} publishes {topic}: must be {_word(allowed)}"
        for user, topic_filter, topic, allowed in SUBSCRIBE:
            payload = f"cell-{next(_serial)}".encode()
            peer = Peer(place, user, passwords.get(user, "no password"))
            taken = peer.connect() == 0 and peer.subscribe(topic_filter)
            if taken and not topic.startswith("$"):
                observer.publish(topic, payload)
                taken = peer.received(topic, payload)
            peer.__exit__()
            if taken != (allowed or (user, topic_filter) in unlike):
                yield f"{user} subscribes {topic_filter}: must be {_word(allowed)}"


def wrong_strangers(place: Place) -> Iterator[str]:
    """Yield a line for everybody who is let in and must not be."""
    for user, password in STRANGERS:
        peer = Peer(place, user, password)
        if peer.connect() < _FAILURE:
            yield f"user {user!r} is let in with the password {password!r}"
        peer.__exit__()


def takeovers(place: Place, passwords: Mapping[str, str]) -> Iterator[str]:
    """Yield a line if a household ends, or takes, the session of another by using its client id."""
    first, second = HOUSEHOLDS
    with Peer(place, first, passwords[first], "the same id") as mine:
        mine.subscribe(f"{first}/#")
        other = Peer(place, second, passwords[second], "the same id")
        other.connect(clean_start=False)
        payload = f"cell-{next(_serial)}".encode()
        if not mine.publish(f"{first}/x", payload) or not mine.received(f"{first}/x", payload):
            yield f"{second} ends the session of {first}"
        if other.received(f"{first}/x", payload):
            yield f"{second} takes the subscriptions of {first}"
        other.__exit__()


def _word(allowed: bool) -> str:
    return "allowed" if allowed else "refused"


def _password(entry: str) -> tuple[str, str]:
    user, _, path = entry.partition("=")
    return user, Path(path).read_text(encoding="ascii").strip()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m emqx.cells", description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--password-file", action="append", default=[], metavar="USER=PATH")
    parser.add_argument("--unlike", action="append", default=[], metavar="USER FILTER", help="a cell decided otherwise")
    parser.add_argument("--until-disconnected", metavar="USER", help="only stay connected until the broker ends it")
    words = parser.parse_args()
    place = Place(words.host, words.port, words.ca)
    if words.until_disconnected:
        with Peer(place, words.until_disconnected, password_of(words.until_disconnected)) as peer:
            print("connected", flush=True)
            return 0 if peer.answer(600) >= _FAILURE else 1
    users = (*HOUSEHOLDS, OBSERVER)
    passwords = {user: password_of(user) for user in users} | dict(map(_password, words.password_file))
    unlike = frozenset((user, topic) for user, _, topic in (cell.partition(" ") for cell in words.unlike))
    wrong = [*wrong_cells(place, passwords, unlike), *wrong_strangers(place), *takeovers(place, passwords)]
    print("\n".join(wrong) or f"{len(PUBLISH) + len(SUBSCRIBE)} cells and {len(STRANGERS)} strangers as they must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
