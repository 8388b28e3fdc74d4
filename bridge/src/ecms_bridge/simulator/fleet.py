"""Many simulated boxes in one process, each with a UDP socket of its own, and the faults of their network."""

from __future__ import annotations

import heapq
import itertools
import random
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ecms_bridge.datagram import format_mac
from ecms_bridge.simulator.box import SimulatedBox

_RECEIVE_BUFFER_BYTES = 1024 * 1024
_LONGER_THAN_ANY_ACK = 64
_LATE_S = 0.5
_SETTLE_S = 0.005


class HubAddressError(Exception):
    """The hub's address cannot be found; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Probabilities, each from 0 to 1, of what happens to a datagram on its way (``loss``: to an answer too)."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0


NO_FAULTS = Faults()


class Fleet:
    """Boxes and their sockets; use it as a context manager, and ``pump`` it often."""

    def __init__(
        self, hub: str, port: int, boxes: Sequence[SimulatedBox], faults: Faults = NO_FAULTS, seed: int = 0
    ) -> None:
        """Open the sockets; raise HubAddressError if the hub's name means nothing."""
        try:
            family, _, _, _, address = socket.getaddrinfo(hub, port, type=socket.SOCK_DGRAM)[0]
        except OSError as error:
            msg = f"cannot find the hub {hub!r}: {error.strerror or error}; give its address by --hub"
            raise HubAddressError(msg) from error
        self.boxes = list(boxes)
        self._faults = faults
        self._chance = random.Random(seed)  # noqa: S311
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._late: list[tuple[float, int, socket.socket, bytes]] = []
        self._order = itertools.count()
        for box in self.boxes:
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            sock.connect(address)
            self._selector.register(sock, selectors.EVENT_READ, box)
            self._sockets.append(sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pending(self) -> int:
        """How many readings of all boxes wait for their acknowledgement."""
        return sum(box.pending for box in self.boxes)

    def pump(self, timeout_s: float = 0.0) -> None:
        """Send what is due, then take what arrives within the time."""
        self._send_due()
        for key, _ in self._selector.select(timeout_s):
            self._receive(key.fileobj, key.data)  # type: ignore[arg-type]
        self._send_due()

    def settle(self, timeout_s: float) -> bool:
        """Pump until nothing waits for an acknowledgement; false if the time is over before."""
        deadline = time.monotonic() + timeout_s
        while self.pending and time.monotonic() < deadline:
            self.pump(_SETTLE_S)
        return not self.pending

    def summary(self) -> list[dict[str, object]]:
        """Return what each box has done."""
        return [
            {
                "mac": format_mac(box.mac),
                "device": box.device,
                "version": box.version,
                "sent": box.statistics.sent,
                "datagrams": box.statistics.datagrams,
                "acknowledged": box.statistics.acknowledged,
                "refused": box.statistics.refused,
                "dropped": box.statistics.dropped,
                "foreign_answers": box.statistics.foreign,
                "pending": box.pending,
            }
            for box in self.boxes
        ]

    def close(self) -> None:
        self._selector.close()
        for sock in self._sockets:
            sock.close()

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._late and self._late[0][0] <= now:
            _, _, sock, data = heapq.heappop(self._late)
            _send(sock, data)
        for box, sock in zip(self.boxes, self._sockets, strict=True):
            for data in box.due(now):
                self._send(sock, data, now)

    def _send(self, sock: socket.socket, data: bytes, now: float) -> None:
        faults, chance = self._faults, self._chance
        if faults is NO_FAULTS:
            _send(sock, data)
            return
        for _ in range(2 if chance.random() < faults.duplicate else 1):
            if chance.random() < faults.loss:
                continue
            if chance.random() < faults.reorder:
                heapq.heappush(self._late, (now + chance.uniform(0, _LATE_S), next(self._order), sock, data))
            else:
                _send(sock, data)

    def _receive(self, sock: socket.socket, box: SimulatedBox) -> None:
        while True:
            try:
                ack = sock.recv(_LONGER_THAN_ANY_ACK)
            except OSError:
                # Nothing more, or the hub's machine says that nobody listens: the box sends again anyway.
                return
            if self._chance.random() >= self._faults.loss:
                box.receive(ack, time.monotonic())


def _send(sock: socket.socket, data: bytes) -> None:
    try:
        sock.send(data)
    except OSError:
        # As on the air: gone, and the box sends it again when no acknowledgement comes.
        return
