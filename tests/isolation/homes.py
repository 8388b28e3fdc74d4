"""Two whole homes, from the datagram to the row: each a hub with its key and password; one broker, writer, database."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from broker_matrix import HOUSEHOLDS, WRITER, password_of
from contract.database.rig import Daemon, running
from contract.hub.rig import PATIENCE_S, Process
from database.fixtures import PASSWORD
from ecms_bridge import names
from ecms_bridge.config import MqttSettings
from ecms_bridge.datagram import Datagram, Flag, encode, format_mac, read_acknowledgement
from ecms_bridge.hub.settings import HubSettings
from ecms_bridge.messages import decode_confirmation
from isolation.ledger import DATAGRAMS, OTHER, OWN, Cell
from isolation.peer import Peer, Place
from isolation.sql import Stand
from private_mosquitto import PrivateBroker, apply_model

MINE, THEIRS = HOUSEHOLDS


def key_of(slug: str) -> bytes:
    """Return the key that a home's hub and boxes have in these tests."""
    return hashlib.sha256(slug.encode()).digest()


class Box:
    """A box, which may lie about its key and its MAC; ``port`` is that of its hub."""

    def __init__(self, number: int, slug: str, port: int) -> None:
        self.mac = bytes([2, 0x45, 0x43, 0, 1, number])
        self.answers: list[bytes] = []
        self._key = key_of(slug)
        self._hub = port
        self._sequence = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE_S)

    def reading(self, *, key: bytes | None = None, mac: bytes | None = None, version: int = 2) -> bytes:
        """Return the datagram of a new reading."""
        self._sequence += 1
        at = int(time.time()) - 100 + self._sequence
        made = Datagram(version, mac or self.mac, at, 1, 1000, Flag.CALIBRATED, -60, self._sequence, (1, 2, 3))
        return encode(made, key or self._key)

    def send(self, data: bytes) -> None:
        """Send a datagram and wait until its fate is final: until two that were sent later are acknowledged."""
        self._socket.sendto(data, ("127.0.0.1", self._hub))
        for _ in range(2):
            right = self.reading()
            self._socket.sendto(right, ("127.0.0.1", self._hub))
            while self.answers[-1:] == [] or read_acknowledgement(self.answers[-1], right, self._key) is None:
                self.answers.append(self._socket.recv(100))

    def acknowledged(self, data: bytes) -> bool:
        """Tell whether a datagram was answered so that the box would let go of it."""
        return any(read_acknowledgement(answer, data, self._key) is not None for answer in self.answers)

    def close(self) -> None:
        self._socket.close()


class Homes:
    """Everything from the hubs to the database, on the homes of a ``Stand``."""

    def __init__(self, stand: Stand, directory: Path) -> None:
        self._stand = stand
        self._directory = directory
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._broker = PrivateBroker(self._made("broker"))
            self._broker.start()
            self._stack.callback(self._broker.stop)
            self._broker.manage(apply_model)
            writer = Daemon(self._made("writer"), self._broker.port, self._stand.settings(WRITER), PASSWORD)
            (self._directory / "writer/mqtt_password").write_text(f"{password_of(WRITER)}\n", encoding="ascii")
            self._stack.enter_context(running(writer))
            self._hubs = {slug: self._hub(slug, slug) for slug in HOUSEHOLDS}
            self._boxes = {slug: Box(n, slug, self._hubs[slug].port) for n, slug in enumerate(HOUSEHOLDS)}
            for box in self._boxes.values():
                self._stack.callback(box.close)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _made(self, name: str) -> Path:
        directory = self._directory / name
        directory.mkdir()
        return directory

    def _hub(self, slug: str, household: str) -> Process:
        """Start the hub of ``slug``, which says that it is that of ``household``."""
        directory = self._made(f"hub-{slug}-as-{household}")
        (directory / "spool").mkdir()
        mqtt = MqttSettings("127.0.0.1", self._broker.port, names.mqtt_user(slug), "")
        settings = HubSettings(household, False, "127.0.0.1", 0, mqtt, directory / "spool", 1000, None)
        hub = Process(settings, directory, key=key_of(slug), password=password_of(slug))
        self._stack.callback(hub.end, signal.SIGTERM)
        hub.unattended()
        return hub

    def datagrams(self) -> Iterator[tuple[Cell, bool]]:
        """Yield what a box of one home may send, and what becomes of it in both."""
        mine, theirs = self._boxes[MINE], self._boxes[THEIRS]
        right, of_theirs = mine.reading(), theirs.reading()
        theirs.send(of_theirs)
        for data, action, whose, allowed in (
            (right, "send a reading signed with its home's key", OWN, True),
            (mine.reading(key=key_of(THEIRS)), "send a reading signed with another home's key", OWN, False),
            (of_theirs, "send again what a box of another home sent", OWN, False),
            (mine.reading(mac=bytes([2, 0x45, 0x43, 0, 2, 0]), version=1), "send a reading unsigned", OWN, True),
            (mine.reading(version=1), "send a reading unsigned, with a MAC that has signed", OWN, False),
        ):
            before = self._rows(MINE, data)
            mine.send(data)
            came = self._rows(MINE, data) > before
            if came != mine.acknowledged(data) and data[:1] == b"E":
                raise AssertionError(f"{action}: {'' if came else 'not '}stored, and acknowledged otherwise")
            yield self._cell("a box", action, whose, data.hex(), allowed), came
        mine.send(right)
        yield (
            self._cell("a box", "make a second row by sending again", OWN, right.hex(), False),
            self._rows(MINE, right) > 1,
        )
        alike = mine.reading(mac=theirs.mac)
        mine.send(alike)
        action = "send a reading with the MAC of another home's box"
        for slug, whose, allowed in ((MINE, OWN, True), (THEIRS, OTHER, False)):
            yield self._cell("a box", action, whose, alike.hex(), allowed), self._rows(slug, alike) > 0
        freed = any(read_acknowledgement(answer, right, key_of(THEIRS)) is not None for answer in mine.answers)
        yield self._cell("a box", "let go of a reading by the answer of another home's hub", OTHER, "", False), freed

    def hubs(self) -> Iterator[tuple[Cell, bool]]:
        """Yield under which names a hub gets its readings stored."""
        box = self._boxes[MINE]
        data = box.reading()
        box.send(data)
        yield self._cell("a hub", "publish under a name", OWN, MINE, True), self._rows(MINE, data) > 0
        liar = self._hub(MINE, THEIRS)
        data = box.reading()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, ("127.0.0.1", liar.port))
        assert liar.process.stderr is not None
        refused = f"the broker denies '{MINE}' the subscription of {THEIRS}/conferme"
        while refused not in liar.process.stderr.readline():
            pass
        box.send(box.reading())
        came = self._rows(THEIRS, data) > 0
        yield self._cell("a hub", "publish under a name", OTHER, THEIRS, False), came
        yield from self._payloads(box)

    def _payloads(self, box: Box) -> Iterator[tuple[Cell, bool]]:
        """Publish under one name readings that say in their payload that they are another home's."""
        data = box.reading()
        at = int.from_bytes(data[12:16])
        claims = {"household": THEIRS, "slug": THEIRS, "topic": f"{THEIRS}/sensori", "schema": f"ecms_{THEIRS}"}
        payload = {"id": "claim-1", "mac": format_mac(box.mac), "timestamp": at, "device": 1, "amps": 1.0, **claims}
        with Peer(Place("127.0.0.1", self._broker.port), MINE) as peer:
            peer.subscribe(f"{MINE}/conferme")
            peer.publish(f"{MINE}/sensori", json.dumps(payload).encode())
            confirmed: list[str] = []
            while "claim-1" not in confirmed:
                confirmed += decode_confirmation(peer.messages.get(timeout=PATIENCE_S)[1])
        for slug, whose, allowed in ((MINE, OWN, True), (THEIRS, OTHER, False)):
            cell = self._cell("a hub", "name another home in a message", whose, json.dumps(payload), allowed)
            yield cell, self._rows(slug, data) > 0

    def _rows(self, slug: str, data: bytes) -> int:
        """Return how many rows a home has of the reading in a datagram."""
        mac, at = (data[:6], data[6:10]) if len(data) == 12 else (data[4:10], data[12:16])
        return self._stand.count(slug, mac, int.from_bytes(at))

    @staticmethod
    def _cell(who: str, action: str, whose: str, what: str, allowed: bool) -> Cell:
        return Cell(DATAGRAMS, who, action, whose, what, allowed)
