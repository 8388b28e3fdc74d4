"""Readings that arrived before the hub's clock was right."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ecms_bridge.datagram import Datagram
from ecms_bridge.hub.ledger import Address


@dataclass(slots=True, eq=False)
class Held:
    """A reading that waits; ``arrived`` is monotonic (s), since no other clock counts yet."""

    datagram: Datagram
    data: bytes
    address: Address
    arrived: float


class Holding:
    """Holds readings, at most ``limit``. What it cannot hold, a version 2 box keeps."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[bytes | int, Held] = OrderedDict()
        self._number = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, identity: bytes, held: Held) -> bool:
        """Hold a reading, or only its newest address if it is held already; false if there is no room."""
        if held.datagram.version == 1:
            # Alike datagrams of a box whose clock stands still are different readings.
            self._number += 1
            key: bytes | int = self._number
        else:
            key = identity
            known = self._held.get(key)
            if known is not None:
                known.address = held.address
                return True
        if len(self._held) >= self._limit:
            return False
        self._held[key] = held
        return True

    def release(self) -> Held | None:
        """Return and forget the oldest."""
        return self._held.popitem(last=False)[1] if self._held else None
