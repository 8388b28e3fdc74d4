"""What is known of each box, written at most once a minute, since every row written wears the SD card."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from pymysql.cursors import Cursor

from ecms_bridge import names
from ecms_bridge.messages import Reading
from ecms_bridge.writer.rollups import utc

EVERY_S = 60.0


@dataclass(slots=True)
class News:
    """What a box's readings told since its row was last written; times in Unix s."""

    device: int
    first: int
    last: int
    rssi: int | None = None
    firmware: str | None = None
    sequence: int | None = None
    calibrated: bool | None = None
    boots: frozenset[int] = frozenset()
    clipped: int = 0
    readings: int = 0

    def add(self, reading: Reading, device: int) -> None:
        """Add one more reading, which counts as the latest unless it is older than another."""
        self.readings += 1
        self.first = min(self.first, reading.timestamp)
        if "clipped" in reading.flags:
            self.clipped += 1
        if "boot" in reading.flags:
            self.boots |= {reading.timestamp}
        if reading.timestamp < self.last:
            return
        self.device = device
        self.last = reading.timestamp
        if reading.sequence is not None:
            self.rssi = reading.rssi
            self.firmware = reading.firmware
            self.sequence = reading.sequence
            self.calibrated = "calibrated" in reading.flags


@dataclass(slots=True)
class _Known:
    """What was last written of a box, and when (monotonic s)."""

    device: int
    firmware: str | None
    at: float


@dataclass(slots=True)
class Draft:
    """News with those of a batch added; they hold once the batch is committed."""

    pending: dict[bytes, News] = field(default_factory=dict)
    due: list[bytes] = field(default_factory=list)


class Boxes:
    """The table ``box`` of one household."""

    def __init__(self, slug: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._pending: dict[bytes, News] = {}
        self._known: dict[bytes, _Known] = {}
        newer = "%(last)s >= last_seen"
        self._statement = f"""
            INSERT INTO {names.schema_name(slug)}.box (mac, idDevice, first_seen, last_seen, rssi, firmware,
              sequence, calibrated, last_boot, boots, clipped, readings)
            VALUES (%(mac)s, %(device)s, %(first)s, %(last)s, %(rssi)s, %(firmware)s,
              %(sequence)s, %(calibrated)s, %(last_boot)s, %(boots)s, %(clipped)s, %(readings)s)
            ON DUPLICATE KEY UPDATE
              idDevice = IF({newer}, %(device)s, idDevice),
              rssi = IF({newer}, COALESCE(%(rssi)s, rssi), rssi),
              firmware = IF({newer}, COALESCE(%(firmware)s, firmware), firmware),
              sequence = IF({newer}, COALESCE(%(sequence)s, sequence), sequence),
              calibrated = IF({newer}, COALESCE(%(calibrated)s, calibrated), calibrated),
              boots = boots + IF(last_boot IS NULL OR last_boot < %(last_boot)s, %(boots)s, 0),
              last_boot = IF(last_boot IS NULL OR last_boot < %(last_boot)s, %(last_boot)s, last_boot),
              clipped = clipped + %(clipped)s,
              readings = readings + %(readings)s,
              first_seen = IF(%(first)s < first_seen, %(first)s, first_seen),
              last_seen = IF({newer}, %(last)s, last_seen)"""  # noqa: S608

    def draft(self, readings: Iterable[tuple[Reading, int]]) -> Draft:
        """Return the news with the given readings (and their appliance) added, and which boxes to write now."""
        pending = dict(self._pending)
        touched: set[bytes] = set()
        for reading, device in readings:
            mac = reading.mac
            if mac not in touched:
                touched.add(mac)
                known = pending.get(mac)
                # A copy: what is pending must stay as it is if the batch is not committed.
                pending[mac] = replace(known) if known else News(device, reading.timestamp, reading.timestamp)
            pending[mac].add(reading, device)
        now = self._monotonic()
        return Draft(pending, [mac for mac, news in pending.items() if self._is_due(mac, news, now)])

    def write(self, cursor: Cursor, draft: Draft) -> None:
        """Write the boxes that are due; times never go backwards."""
        for mac in draft.due:
            news = draft.pending[mac]
            cursor.execute(
                self._statement,
                {
                    "mac": mac,
                    "device": news.device,
                    "first": utc(news.first),
                    "last": utc(news.last),
                    "rssi": news.rssi,
                    "firmware": news.firmware,
                    "sequence": news.sequence,
                    "calibrated": news.calibrated,
                    "last_boot": utc(max(news.boots)) if news.boots else None,
                    "boots": len(news.boots),
                    "clipped": news.clipped,
                    "readings": news.readings,
                },
            )

    def committed(self, draft: Draft) -> None:
        """Take over a draft whose transaction has been committed."""
        now = self._monotonic()
        for mac in draft.due:
            news = draft.pending.pop(mac)
            self._known[mac] = _Known(news.device, news.firmware, now)
        self._pending = draft.pending

    def overdue(self) -> bool:
        """Return whether something should be written even though no reading comes."""
        now = self._monotonic()
        return any(self._is_due(mac, news, now) for mac, news in self._pending.items())

    def pending(self) -> bool:
        """Return whether something is not written yet."""
        return bool(self._pending)

    def hasten(self) -> None:
        """Make everything due, because the writer ends."""
        self._known.clear()

    def _is_due(self, mac: bytes, news: News, now: float) -> bool:
        known = self._known.get(mac)
        return (
            known is None
            or bool(news.boots)
            or now - known.at >= EVERY_S
            or news.device != known.device
            or (news.firmware is not None and news.firmware != known.firmware)
        )
