"""What has arrived and is not yet stored, by household, within bounds."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice, takewhile

from ecms_bridge import names
from ecms_bridge.messages import AHEAD_S, OLDEST_S, MessageError, Reading, decode_reading, decode_status

MAX_HELD = 20_000
"""More is not kept: hubs keep every reading until it is confirmed and send it again."""

FIRST_TIMESTAMP = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
LAST_TIMESTAMP = 2**31 - 1
"""What the calendar and TIMESTAMP hold."""

MAX_LETTER_BYTES = 1024
_STRETCH = 4
"""When this many batches wait they are stored as one: its transaction costs little more than that of a single one."""

_MAX_STATUS_BYTES = 16_384
_MAX_STATUSES = 20


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that can never be stored, and why."""

    reason: str
    payload: bytes
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What a hub said of itself; ``payload`` is its JSON, ``received_at`` the Unix time (s)."""

    received_at: int
    state: str
    payload: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is stored of one household in one transaction."""

    slug: str
    readings: list[Reading] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)

    def ids(self) -> list[str]:
        """Return the ids to confirm once the batch is committed: every message's fate is then final."""
        return [item.id for items in (self.readings, self.letters) for item in items if item.id is not None]


@dataclass(slots=True)
class _Household:
    slug: str
    items: deque[Reading | Letter] = field(default_factory=deque)
    ids: set[str] = field(default_factory=set)
    statuses: list[Status] = field(default_factory=list)
    since: float = 0.0
    refused_until: float = 0.0


class Inbox:
    """Collects messages into batches that end at ``max_readings`` or after ``max_age_s`` (s).

    ``clock`` gives Unix time, ``monotonic`` seconds that never jump.
    """

    def __init__(
        self,
        max_readings: int,
        max_age_s: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_readings = max_readings
        self._max_age = max_age_s
        self._clock = clock
        self._monotonic = monotonic
        self._households: dict[str, _Household] = {}
        # Those of which something is held, the longest waiting first, and of these the ones with a full batch:
        # thousands of homes must not be looked through for each message.
        self._waiting: dict[str, None] = {}
        self._full: dict[str, None] = {}
        self.held = 0
        self.dropped = 0
        self.refused = 0

    def add(self, topic: str, payload: bytes) -> None:
        """Take a message from ``<slug>/sensori`` or ``<slug>/stato``; what cannot be kept is counted."""
        slug, _, kind = topic.partition("/")
        household = self._household(slug)
        if household is None or household.refused_until > self._monotonic():
            self.refused += 1
        elif kind == names.READINGS:
            self._add_reading(household, payload)
        elif kind == names.STATUS:
            self._add_status(household, payload)
        else:
            self.refused += 1

    def due(self) -> list[str]:
        """Return the households whose batch should be stored now, the longest waiting first."""
        now = self._monotonic()
        aged = list(takewhile(lambda slug: self._age(slug, now) >= self._max_age, self._waiting))
        full = sorted(self._full, key=lambda slug: self._age(slug, now), reverse=True)
        return aged + [slug for slug in full if self._age(slug, now) < self._max_age]

    def waiting(self) -> list[str]:
        """Return all households of which something is held."""
        return list(self._waiting)

    def seconds_until_due(self) -> float:
        """Return how long nothing will be due (s), if nothing arrives: infinity if nothing is held."""
        if self._full:
            return 0.0
        longest = next(iter(self._waiting), None)
        return float("inf") if longest is None else max(0.0, self._max_age - self._age(longest, self._monotonic()))

    def batch(self, slug: str) -> Batch:
        """Return what is to be stored next of a household; it stays held until ``done``."""
        household = self._households[slug]
        batch = Batch(slug, statuses=list(household.statuses))
        for item in islice(household.items, self._max_readings * _STRETCH):
            if isinstance(item, Reading):
                batch.readings.append(item)
            else:
                batch.letters.append(item)
        return batch

    def done(self, batch: Batch) -> None:
        """Let go of a batch that has been stored; it must be the last that ``batch`` returned."""
        household = self._households[batch.slug]
        count = len(batch.readings) + len(batch.letters)
        # What is left over has waited as long; keeping its age makes it due at once.
        for _ in range(count):
            household.items.popleft()
        self.held -= count
        household.ids.difference_update(batch.ids())
        del household.statuses[: len(batch.statuses)]
        if len(household.items) < self._max_readings:
            self._full.pop(batch.slug, None)
        if not household.items and not household.statuses:
            self._waiting.pop(batch.slug, None)

    def refuse(self, slug: str, for_s: float) -> None:
        """Drop what is held of a household that cannot be stored, and take nothing of it for a while (s)."""
        household = self._households[slug]
        self.held -= len(household.items)
        self.refused += len(household.items) + len(household.statuses)
        self._households[slug] = _Household(slug, refused_until=self._monotonic() + for_s)
        self._waiting.pop(slug, None)
        self._full.pop(slug, None)

    def _household(self, slug: str) -> _Household | None:
        household = self._households.get(slug)
        if household is None:
            try:
                names.check_slug(slug)
            except names.HouseholdNameError:
                return None
            household = self._households[slug] = _Household(slug)
        return household

    def _age(self, slug: str, now: float) -> float:
        return now - self._households[slug].since

    def _has_something(self, household: _Household) -> None:
        if household.slug not in self._waiting:
            household.since = self._monotonic()
            self._waiting[household.slug] = None
        if len(household.items) >= self._max_readings:
            self._full[household.slug] = None

    def _add_reading(self, household: _Household, payload: bytes) -> None:
        if self.held >= MAX_HELD:
            self.dropped += 1
            return
        item = self._judge(payload)
        if item.id is not None:
            if item.id in household.ids:
                return
            household.ids.add(item.id)
        household.items.append(item)
        self.held += 1
        self._has_something(household)

    def _judge(self, payload: bytes) -> Reading | Letter:
        try:
            reading = decode_reading(payload)
        except MessageError as error:
            return Letter(error.reason, payload[:MAX_LETTER_BYTES], error.message_id)
        payload = payload[:MAX_LETTER_BYTES]
        timestamp = reading.timestamp
        if not FIRST_TIMESTAMP <= timestamp <= LAST_TIMESTAMP:
            return Letter("timestamp", payload, reading.id)
        if reading.id is None:  # from a foreign publisher, so no hub has judged its time
            now = self._clock()
            if timestamp < now - OLDEST_S:
                return Letter("time_old", payload)
            if timestamp > now + AHEAD_S:
                return Letter("time_ahead", payload)
        return reading

    def _add_status(self, household: _Household, payload: bytes) -> None:
        try:
            state = str(decode_status(payload)["state"])
            text = payload.decode()
        except (MessageError, UnicodeDecodeError):
            self.refused += 1
            return
        if len(payload) > _MAX_STATUS_BYTES:
            self.refused += 1
            return
        if household.statuses and household.statuses[-1].state == state:
            household.statuses.pop()
        if len(household.statuses) < _MAX_STATUSES:
            household.statuses.append(Status(int(self._clock()), state, text))
        self._has_something(household)
