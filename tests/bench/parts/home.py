"""One home at its own pace: from datagram to row, memory, and what wears the SD card."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import closing

from bench import card, processes, settings
from bench.history import APPLIANCES, new_document
from bench.load import STEP_S, Pace, current_ma
from bench.report import Figure, Table
from bench.scale import Scale
from bench.stand import BOXES, Stand
from database import document
from ecms_bridge.datagram import format_mac
from ecms_bridge.messages import Reading
from ecms_bridge.simulator.cli import box_mac
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch
from ecms_bridge.writer.rollups import utc
from notrun import PREFIX

_DAY_S = 86_400
_LATENCY_BAR_S = 2.0
_MEMORY_BAR_MB = 80.0
_WRITTEN_BAR_MB = 60.0
_WARM_UP_S = 15.0
_CLEAN_PAGES = 5
_CLEAN_S = 120.0


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return latency, memory and bytes written a day at a home's pace."""
    with card.inserted(settings.commit_interval_s()) as inserted:
        if inserted is None:
            print(f"{PREFIX}bench home: no file system like a card's could be mounted, so its writes are not counted")
        with Stand(directory=inserted.directory if inserted else None) as stand:
            _fill_redo_log(stand)
            stand.start_writer()
            stand.start_hub()
            seen = _Watch(stand, inserted, _WARM_UP_S if scale.runs > 1 else 1.0, scale.home_s)
            pace = Pace(stand, 100)
            pace.run(seen.done)
            latencies = sorted(pace.latencies)
            memory = {name: (processes.pss_mb(pid), processes.rss_mb(pid)) for name, pid in stand.pids().items()}
            daily = seen.mb_a_day()
            say(f"{len(latencies)} readings at a home's pace")
            pages = _pages(stand, inserted, scale.written_hours)
            say(f"{scale.written_hours:g} hours of a home stored at once, and all changed pages written")
            theirs = _document(stand, inserted, scale.document_inserts)
    figures = [
        Figure("datagram to acknowledged row, p50", "s", (latencies[len(latencies) // 2],)),
        Figure("datagram to acknowledged row, p99", "s", (latencies[int(len(latencies) * 0.99)],), bar=_LATENCY_BAR_S),
        Figure(
            "memory of both daemons (PSS)",
            "MB",
            (sum(memory[name][0] for name in ("hub", "writer")),),
            bar=_MEMORY_BAR_MB,
        ),
        Figure(
            "memory of both daemons (RSS)",
            "MB",
            (sum(memory[name][1] for name in ("hub", "writer")),),
            bar=_MEMORY_BAR_MB,
        ),
        *(Figure(f"written by {name} while it runs", "MB/day", (daily[name],)) for name in daily if name != "card"),
    ]
    if inserted is not None:
        total = daily["card"] + pages
        figures += [
            Figure("written to the card while it runs, the file system's journal included", "MB/day", (daily["card"],)),
            Figure("changed pages written back once a day", "MB/day", (pages,)),
            Figure("written to the card", "MB/day", (total,), bar=_WRITTEN_BAR_MB, document=theirs),
        ]
    return [
        Table(
            "One home",
            figures,
            [
                (
                    "Eight boxes, a reading each 10 s. The time ends with the acknowledgement, which follows the "
                    "commit. The card is an ext4 file system on a loop device, which has blocks of 512 bytes like an "
                    "SD card and counts what is written to it; its redo log has been written once before, as on a "
                    f"hub after some days. {scale.home_s:g} s were watched, from one sync to the next, and "
                    f"extrapolated to a day. Pages: {scale.written_hours:g} hours of readings were stored one batch "
                    "after the other and all changed pages then written back, as the server would do of itself less "
                    "than once a day; extrapolated likewise. The document's way: its table, a commit for each "
                    "reading, without its pages and its file system's journal. Not counted: the system's own writes "
                    "(logs, updates)."
                )
            ],
        )
    ]


class _Watch:
    """Says when enough was seen, and what was written between the end of the warm-up and then."""

    def __init__(self, stand: Stand, inserted: card.Card | None, warm_up_s: float, seconds: float) -> None:
        self._stand = stand
        self._card = inserted
        self._begins = time.monotonic() + warm_up_s
        self._ends = self._begins + seconds
        self._before: dict[str, int] = {}
        self._after: dict[str, int] = {}
        self._took = seconds

    def done(self) -> bool:
        now = time.monotonic()
        if not self._before and now >= self._begins:
            self._begins, self._before = now, _written(self._stand, self._card)
        if now < self._ends:
            return False
        self._took, self._after = now - self._begins, _written(self._stand, self._card)
        return True

    def mb_a_day(self) -> dict[str, float]:
        """Return MB a day by process, and for the card."""
        return {name: (self._after[name] - before) / self._took * _DAY_S / 1e6 for name, before in self._before.items()}


def _written(stand: Stand, inserted: card.Card | None) -> dict[str, int]:
    if inserted is not None:
        inserted.settle()
    found = {name: processes.written_bytes(pid) for name, pid in stand.pids().items()}
    return found if inserted is None else found | {"card": inserted.written_bytes()}


def _fill_redo_log(stand: Stand) -> None:
    """Give the redo log's blocks their place on the card, which otherwise the first round of writes does."""
    stand.database.stop()
    log = stand.database.directory / "data/ib_logfile0"
    copy = log.with_suffix(".copy")
    copy.write_bytes(log.read_bytes())
    subprocess.run(["dd", f"if={copy}", f"of={log}", "bs=1M", "conv=notrunc,fsync", "status=none"], check=True)
    copy.unlink()
    stand.database.start()
    stand.home.session = stand.database.session()


def _pages(stand: Stand, inserted: card.Card | None, hours: float) -> float:
    """Return MB a day for the changed pages alone."""
    if inserted is None:
        return 0.0
    _write_back(stand)
    begins = int(time.time()) - 6 * _DAY_S
    with closing(ReadingsDatabase(stand.database.settings, stand.database.password)) as writer:
        for index in range(int(hours * 3600 / STEP_S)):
            writer.store(
                Batch(
                    stand.home.slug,
                    [
                        Reading(box_mac(n + 1), begins + index * STEP_S, n + 1, current_ma(n, index) / 1000)
                        for n in range(BOXES)
                    ],
                )
            )
    inserted.settle()
    before = inserted.written_bytes()
    _write_back(stand)
    inserted.settle()
    return (inserted.written_bytes() - before) / hours * 24 / 1e6


def _write_back(stand: Stand) -> None:
    """Have the server write all changed pages back."""
    before = stand.home.rows("SELECT @@innodb_max_dirty_pages_pct, @@innodb_io_capacity")[0]
    stand.home.rows(
        "SET GLOBAL innodb_max_dirty_pages_pct = 0, innodb_io_capacity_max = 4000, innodb_io_capacity = 4000"
    )
    end = time.monotonic() + _CLEAN_S
    while time.monotonic() < end:
        dirty = stand.home.rows("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'")[0][1]
        if int(dirty) <= _CLEAN_PAGES:
            break
        time.sleep(0.2)
    stand.home.rows("SET GLOBAL innodb_max_dirty_pages_pct = %s, innodb_io_capacity = %s", *before)


def _document(stand: Stand, inserted: card.Card | None, count: int) -> float | None:
    """Return MB a day of one commit for each reading."""
    if inserted is None:
        return None
    with closing(stand.database.session()) as session, session.cursor() as cursor:
        new_document(session)
        cursor.executemany("INSERT INTO device (nome) VALUES (%s)", [(name,) for name in APPLIANCES])
        session.commit()
        inserted.settle()
        before = inserted.written_bytes()
        begins = int(time.time()) - _DAY_S
        for n in range(count):
            box = n % BOXES
            moment = utc(begins + n // BOXES * STEP_S)
            cursor.execute(document.INSERT, (moment, box + 1, format_mac(box_mac(box + 1)), current_ma(box, n) // 1000))
            session.commit()
        written = inserted.written_bytes() - before
    return written / count * BOXES * _DAY_S / STEP_S / 1e6
