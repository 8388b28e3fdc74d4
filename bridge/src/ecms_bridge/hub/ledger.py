"""The readings in memory that nobody has confirmed yet, and when each is to be sent.

Nothing here reads a clock or touches a socket: every method is told the time (monotonic, s).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ecms_bridge.hub.settings import Timing

Address = tuple[Any, ...]
_NEVER = float("-inf")


@dataclass(slots=True, eq=False)
class Entry:
    """One unconfirmed reading.

    ``datagram`` and ``address`` serve its acknowledgement (version 2 only); ``row`` is its place in the spool,
    None while it is not there.
    """

    id: str
    identity: bytes
    message: bytes
    arrived: float
    datagram: bytes | None = None
    address: Address | None = None
    row: int | None = None
    attempts: int = 0
    sent_at: float = _NEVER
    queue: OrderedDict[str, Entry] | None = field(default=None, repr=False)

    @property
    def published(self) -> bool:
        """Whether it was handed to a broker before, by this process or, if it comes from the spool, an earlier one."""
        return self.row is not None or self.sent_at != _NEVER


class Ledger:
    """Unconfirmed readings: live ones, which may still have to go to the spool, and ones loaded from it."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._delays = timing.resend_delays()
        self._by_id: dict[str, Entry] = {}
        self._by_identity: dict[bytes, Entry] = {}
        self._live: OrderedDict[str, Entry] = OrderedDict()
        self._fresh: OrderedDict[str, Entry] = OrderedDict()
        self._again: OrderedDict[str, Entry] = OrderedDict()
        self._drain: OrderedDict[str, Entry] = OrderedDict()
        self._waiting: list[OrderedDict[str, Entry]] = [OrderedDict() for _ in self._delays]
        self._confirmed_at = _NEVER

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def live(self) -> int:
        """How many readings are in memory only."""
        return len(self._live)

    @property
    def loaded(self) -> int:
        """How many readings from the spool are in flight."""
        return len(self._by_id) - len(self._live)

    def find(self, identity: bytes) -> Entry | None:
        return self._by_identity.get(identity)

    def add(self, entry: Entry) -> None:
        """Take a live reading (``row`` None) or one loaded from the spool; it is to be sent soon."""
        self._by_id[entry.id] = entry
        self._by_identity[entry.identity] = entry
        if entry.row is None:
            self._live[entry.id] = entry
            self._put(entry, self._fresh)
        else:
            self._put(entry, self._drain)

    def wake(self, now: float) -> None:
        """Make the entries whose delay is over be sent again."""
        for level, delay in zip(self._waiting, self._delays, strict=True):
            while level:
                entry = next(iter(level.values()))
                if entry.sent_at + delay > now:
                    break
                self._call_back(entry)

    def next(self) -> Entry | None:
        """Return what is to be sent first: new readings, then live ones again, then the spool's."""
        for queue in (self._fresh, self._again, self._drain):
            if queue:
                return next(iter(queue.values()))
        return None

    def sent(self, entry: Entry, now: float) -> None:
        """Note that the entry was handed to the broker."""
        level = min(entry.attempts, len(self._waiting) - 1)
        entry.attempts += 1
        entry.sent_at = now
        self._put(entry, self._waiting[level])

    def confirm(self, reading_id: str, now: float) -> Entry | None:
        """Return and forget the entry with this id, None if there is none.

        The first confirmation after a stall calls back what was sent before it: the way is free again.
        """
        entry = self._by_id.get(reading_id)
        if entry is None:
            return None
        self.forget(entry)
        if now - self._confirmed_at >= self._timing.stall:
            self._call_all_back(sent_until=now - self._timing.stall)
        self._confirmed_at = now
        return entry

    def reconnected(self) -> None:
        """Call back everything: what the lost connection still carried is unknown."""
        self._call_all_back(sent_until=float("inf"))

    def confirming(self, now: float) -> bool:
        """Whether confirmations come."""
        return now - self._confirmed_at < self._timing.stall

    def overdue(self, now: float, *, keep: int | None = None) -> list[Entry]:
        """Return the live readings, oldest first, that must go to the spool.

        These are the ones unconfirmed for too long and, if ``keep`` is given, all beyond that number.
        """
        excess = 0 if keep is None else len(self._live) - keep
        result: list[Entry] = []
        for entry in self._live.values():
            if len(result) >= excess and entry.arrived + self._timing.spool_after > now:
                break
            result.append(entry)
        return result

    def forget(self, entry: Entry) -> None:
        """Drop an entry that is confirmed, or safe in the spool."""
        del self._by_id[entry.id]
        if self._by_identity.get(entry.identity) is entry:
            del self._by_identity[entry.identity]
        self._live.pop(entry.id, None)
        self._take_out(entry)

    def spool_lost(self, now: float) -> None:
        """Make the loaded readings live ones, overdue at once: the spool no longer has them."""
        for entry in [entry for entry in self._by_id.values() if entry.row is not None]:
            entry.row = None
            entry.arrived = now - self._timing.spool_after
            self._live[entry.id] = entry
            self._live.move_to_end(entry.id, last=False)

    def oldest_age(self, now: float) -> float:
        """Return for how long (s) the oldest live reading has been unconfirmed; 0 without one."""
        return max(0.0, now - next(iter(self._live.values())).arrived) if self._live else 0.0

    def _put(self, entry: Entry, queue: OrderedDict[str, Entry]) -> None:
        self._take_out(entry)
        queue[entry.id] = entry
        entry.queue = queue

    def _take_out(self, entry: Entry) -> None:
        if entry.queue is not None:
            del entry.queue[entry.id]
            entry.queue = None

    def _call_back(self, entry: Entry) -> None:
        self._put(entry, self._again if entry.row is None else self._drain)

    def _call_all_back(self, sent_until: float) -> None:
        for level in reversed(self._waiting):  # the more often sent, the older
            for entry in _until(level.values(), sent_until):
                entry.attempts = 0
                self._call_back(entry)


def _until(entries: Iterable[Entry], sent_until: float) -> list[Entry]:
    result = []
    for entry in entries:
        if entry.sent_at > sent_until:
            break
        result.append(entry)
    return result
