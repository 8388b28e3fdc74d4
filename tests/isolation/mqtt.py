"""What users do at a broker, as cells; and a broker that is asked for each, by its outcome: a message that arrives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Literal

from paho.mqtt.enums import MQTTProtocolVersion

from broker_matrix import HOUSEHOLDS, PUBLISH, STRANGERS, SUBSCRIBE, WILLS, WRITER
from ecms_bridge.hub.daemon import client_id
from isolation.ledger import ALL, ANY, EMQX, EMQX_RULES, OTHER, OWN, SERVER, Cell
from isolation.peer import FAILURE, Peer, Place

OBSERVER = "observer"
"""A user of the tests who may do everything."""

UNLIKE_MOSQUITTO = {
    (user, topic_filter)
    for user, topic_filter, _, _ in SUBSCRIBE
    if topic_filter.startswith(f"$share/x/{user}/") or (user == WRITER and topic_filter == "$share/other/+/sensori")
}
"""User and filter that EMQX allows and Mosquitto does not: it takes the group off; what is left the user may read."""

NEWEST, OLDER = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
_KEY = bytes(32)
_serial = itertools.count()

Kind = Literal["connect", "publish", "clear", "subscribe", "will", "guess", "end", "take"]


@dataclass(frozen=True)
class Deed:
    """What a user does. ``topic`` may be a filter and ``delivered`` a topic of it; ``password`` is for strangers."""

    kind: Kind
    user: str | None
    topic: str = ""
    delivered: str = ""
    allowed: bool = False
    version: MQTTProtocolVersion = NEWEST
    retain: bool = False
    password: str | None = None

    def cell(self, channel: str) -> Cell:
        """Return the cell of the matrix that this is at a broker."""
        allowed = self.allowed
        if channel in (EMQX, EMQX_RULES) and (self.user, self.topic) in UNLIKE_MOSQUITTO:
            allowed = True
        if channel == EMQX and self.kind == "end":
            allowed = False
        version = "MQTT 5" if self.version == NEWEST else "MQTT 3.1.1"
        what = " ".join(part for part in (self.user, self.topic, self.delivered, self.password) if part)
        late = ", retained" if self.retain else ""
        return Cell(channel, self._who(), self._action(), self._whose(), f"{what}, {version}{late}", allowed)

    def _who(self) -> str:
        if self.kind == "connect" and not self.allowed:
            return "a stranger"
        if self.user in HOUSEHOLDS:
            return "a household"
        return "the writer" if self.user == WRITER else "the broker's admin"

    def _action(self) -> str:
        confirms = self.topic.endswith("/conferme") and self.topic.count("/") == 1
        if self.kind == "publish":
            other = "publish" if self._who() == "a household" else "publish anything else"
            return "publish `conferme`" if confirms else other
        if self.kind == "will":
            return "last will on `conferme`" if confirms else "last will"
        if self.kind == "subscribe":
            return self._subscribes()
        return {
            "connect": "connect",
            "clear": "clear a retained message",
            "guess": "end the session of a hub",
            "end": "end a session whose client id it was told",
            "take": "get what waits for a session whose client id it was told",
        }[self.kind]

    def _subscribes(self) -> str:
        if self._who() == "a household":
            return "subscribe in a group (`$share`)" if self.topic.startswith("$share/") else "subscribe"
        if (self.user, self.topic) in UNLIKE_MOSQUITTO:
            return "subscribe readings in a group not its own"
        return "subscribe readings and states" if self.allowed else "subscribe anything else"

    def _whose(self) -> str:
        if self.kind == "connect":
            return SERVER
        first, *rest = _shared_off(self.topic).split("/")
        if first in ("+", "#"):
            return ALL
        if first.startswith("$") or not rest or first == "homeassistant":
            return SERVER
        if self._who() != "a household":
            return ANY
        return OWN if first == self.user else OTHER


def _shared_off(topic: str) -> str:
    return topic.split("/", 2)[2] if topic.startswith("$share/") else topic


def deeds() -> Iterator[Deed]:
    """Yield all that is asked of a broker."""
    for version in (NEWEST, OLDER):
        yield from _messages(version)
        yield from _sessions(version)
    for user, password in STRANGERS:
        yield Deed("connect", user, password=password)


def _messages(version: MQTTProtocolVersion) -> Iterator[Deed]:
    for retain in (False, True):
        for user, topic, allowed in PUBLISH:
            # Over MQTT 3.1.1 a refusal has no answer, and nobody can see what arrives below $.
            if version == NEWEST or not topic.startswith("$"):
                yield Deed("publish", user, topic, topic, allowed, version, retain)
        for user, topic_filter, topic, allowed in SUBSCRIBE:
            # A group gets nothing retained (MQTT 5), though Mosquitto 2.0 sends it all the same.
            if not (retain and topic_filter.startswith("$share/")):
                yield Deed("subscribe", user, topic_filter, topic, allowed, version, retain)
    for user, topic, allowed in WILLS:
        yield Deed("will", user, topic, topic, allowed, version)


def _sessions(version: MQTTProtocolVersion) -> Iterator[Deed]:
    for user in (*HOUSEHOLDS, WRITER):
        yield Deed("connect", user, allowed=True, version=version)
    for user, other in (HOUSEHOLDS, HOUSEHOLDS[::-1]):
        for home in (user, other):
            yield Deed("clear", user, f"{home}/stato", f"{home}/stato", home == user, version, retain=True)
        yield Deed("guess", user, f"{other}/#", version=version)
        yield Deed("end", user, f"{other}/#", allowed=True, version=version)
        yield Deed("take", user, f"{other}/#", f"{other}/stato", version=version)


class Broker:
    """A running broker, asked as its users; ``passwords`` are those that are not the tests' own."""

    def __init__(self, place: Place, passwords: Mapping[str, str] | None = None) -> None:
        self._place = place
        self._passwords = passwords or {}

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Let a user who may do everything see what arrives."""
        with self._peer(OBSERVER, NEWEST) as self._observer:
            if self._observer.subscribe("#") >= FAILURE:
                raise ConnectionError("the observer may not observe")
            self._observer.received()
            yield

    def allows(self, deed: Deed) -> bool:
        """Do it; return whether it worked. Raise AssertionError where the broker says one thing and does another."""
        ask = {
            "connect": self._connect,
            "publish": self._publish,
            "clear": self._clear,
            "subscribe": self._subscribe,
            "will": self._will,
            "guess": self._guess,
            "end": self._end,
            "take": self._take,
        }[deed.kind]
        return ask(deed)

    def _peer(
        self,
        user: str | None,
        version: MQTTProtocolVersion,
        client_id: str = "",
        will: tuple[str, bytes] | None = None,
        kept_s: int = 0,
    ) -> Peer:
        password = self._passwords.get(user) if user is not None else None
        return Peer(self._place, user, password, version=version, client_id=client_id, will=will, kept_s=kept_s)

    def _connect(self, deed: Deed) -> bool:
        password = deed.password if deed.password is not None else self._passwords.get(deed.user or "")
        with closing(Peer(self._place, deed.user, password, version=deed.version)) as peer:
            return peer.connect() < FAILURE

    def _publish(self, deed: Deed) -> bool:
        payload = _payload()
        with closing(self._peer(deed.user, deed.version)) as peer:
            said = peer.connect() < FAILURE and peer.publish(deed.topic, payload, retain=deed.retain) < FAILURE
        if deed.topic.startswith("$"):
            return said
        came = (deed.topic, payload) in self._observer.received()
        if deed.retain:
            stayed = self._retained(deed.topic) == payload
            self._forget(deed.topic)
            _agree(deed, stayed, came)
        if deed.version == NEWEST:
            _agree(deed, said, came)
        return came

    def _clear(self, deed: Deed) -> bool:
        payload = _payload()
        self._observer.publish(deed.topic, payload, retain=True)
        with closing(self._peer(deed.user, deed.version)) as peer:
            if peer.connect() < FAILURE:
                peer.publish(deed.topic, b"", retain=True)
        gone = self._retained(deed.topic) is None
        self._forget(deed.topic)
        return gone

    def _subscribe(self, deed: Deed) -> bool:
        payload, seen = _payload(), list[tuple[str, bytes]]()
        real = not deed.delivered.startswith("$")
        with closing(self._peer(deed.user, deed.version)) as peer:
            if peer.connect() >= FAILURE:
                return False
            if real and deed.retain:
                self._observer.publish(deed.delivered, payload, retain=True)
            said = peer.subscribe(deed.topic) < FAILURE
            if real and not deed.retain:
                self._observer.publish(deed.delivered, payload)
            seen = peer.received()
        if real and deed.retain:
            self._forget(deed.delivered)
        self._observer.received()
        if not said and seen:
            raise AssertionError(f"{deed} is refused, and yet {seen} came")
        came = (deed.delivered, payload) in seen
        if real:
            _agree(deed, said, came)
        return came if real else said

    def _will(self, deed: Deed) -> bool:
        """Cut the connection, then one of the same user whose will is allowed: what comes by then is all that comes."""
        payload, control = _payload(), _payload()
        first = self._peer(deed.user, deed.version, will=(deed.topic, payload))
        allowed = f"{HOUSEHOLDS[0]}/conferme" if deed.user == WRITER else f"{deed.user}/stato"
        second = self._peer(deed.user, deed.version, will=(allowed, control))
        with closing(first), closing(second):
            first.connect()
            if second.connect() >= FAILURE:
                raise AssertionError(f"{deed.user} may not have its own will")
            first.cut()
            second.cut()
            seen = self._observer.until((allowed, control))
        return (deed.topic, payload) in [*seen, *self._observer.received()]

    def _guess(self, deed: Deed) -> bool:
        """Use all ids that can be made from what others know of a hub; its own holds a part that only it knows."""
        other = deed.topic.partition("/")[0]
        known = client_id(other, _KEY).rpartition("-")[0]
        guesses = [known, f"{known}-", other, client_id(other, bytes(31) + b"\1"), f"{known}-{'0' * 16}"]
        with self._peer(other, NEWEST, client_id(other, _KEY)) as hub:
            return any(self._ends(hub, deed, guess) for guess in guesses)

    def _end(self, deed: Deed) -> bool:
        other = deed.topic.partition("/")[0]
        told = f"told-{next(_serial)}"
        with self._peer(other, NEWEST, told) as session:
            return self._ends(session, deed, told)

    def _ends(self, session: Peer, deed: Deed, guess: str) -> bool:
        with closing(self._peer(deed.user, deed.version, guess)) as intruder:
            intruder.connect()
            intruder.barrier()
        session.barrier()
        return session.ended.is_set()

    def _take(self, deed: Deed) -> bool:
        """Leave a subscription and a message waiting for it, and connect with its client id."""
        other, told, waits, live = deed.topic.partition("/")[0], f"told-{next(_serial)}", _payload(), _payload()
        with self._peer(other, deed.version, told, kept_s=60) as session:
            session.subscribe(deed.topic)
        self._observer.publish(deed.delivered, waits)
        with closing(self._peer(deed.user, deed.version, told, kept_s=60)) as intruder:
            seen = []
            if intruder.connect() < FAILURE:
                self._observer.publish(deed.delivered, live)
                seen = intruder.received()
        # Ends what is kept of the session.
        with self._peer(other, deed.version, told), self._peer(deed.user or "", deed.version, told):
            self._observer.received()
        return bool(seen)

    def _retained(self, topic: str) -> bytes | None:
        with self._peer(OBSERVER, NEWEST) as late:
            late.subscribe(topic)
            return next((payload for _, payload in late.received()), None)

    def _forget(self, topic: str) -> None:
        self._observer.publish(topic, b"", retain=True)
        self._observer.received()


def _payload() -> bytes:
    return b"cell-%d" % next(_serial)


def _agree(deed: Deed, said: bool, came: bool) -> None:
    if said != came:
        raise AssertionError(f"{deed}: the broker says {'yes' if said else 'no'} and does otherwise")
