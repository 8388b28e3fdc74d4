"""Many homes at one writer: each home's eight readings of one moment are a transaction of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

from bench import processes, settings
from bench.load import STEP_S, LostError, current_ma
from bench.report import Figure, Table
from bench.scale import Scale
from bench.stand import BOXES
from database.fixtures import Home, new_home
from database.server import PrivateServer
from ecms_bridge.messages import Reading
from ecms_bridge.simulator.cli import box_mac
from ecms_bridge.writer.database import ReadingsDatabase
from ecms_bridge.writer.inbox import Batch

_DEVICES = [{"id": n, "name": f"carico {n}", "ratings": []} for n in range(1, BOXES + 1)]


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return homes' bursts a second; raise LostError if a table does not hold what was stored."""
    core = processes.cores()[0]
    server = PrivateServer(*settings.database_options())
    rates: list[float] = []
    used: dict[str, list[float]] = {"writer": [], "MariaDB": []}
    with ExitStack() as stack:
        stack.callback(server.remove)
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
        server.start()
        homes = [stack.enter_context(new_home(server, f"casa_{n}")) for n in range(scale.homes)]
        for home in homes:
            home.apply(devices=_DEVICES)
        moments = max(1, scale.readings // BOXES // scale.homes)
        with closing(ReadingsDatabase(server.settings, server.password)) as writer:
            for turn in range(scale.runs + 1):
                pids = {"writer": os.getpid(), "MariaDB": server.pid}
                before = {name: processes.cpu_s(pid) for name, pid in pids.items()}
                # The first turn fills caches, and is not counted.
                count = moments if turn else 1
                took = _store(writer, homes, turn, count)
                bursts = count * scale.homes
                if turn:
                    for name, pid in pids.items():
                        used[name].append((processes.cpu_s(pid) - before[name]) / bursts * 1e6)
                    rates.append(bursts / took)
                    say(f"{bursts} bursts of {scale.homes} homes in {took:.1f} s")
        for home in homes:
            found = int(home.rows("SELECT COUNT(*) FROM {data}")[0][0])
            if found != (wanted := BOXES * (1 + moments * scale.runs)):
                raise LostError(f"the table of {home.slug} holds {found} rows instead of {wanted}")
    total = tuple(sum(values) for values in zip(*used.values(), strict=True))
    return [
        Table(
            "Many homes at one writer",
            [
                Figure("homes' bursts of eight readings, each a transaction", "1/s", tuple(rates), at_least=True),
                *(Figure(f"processor time of {name}", "µs a burst", tuple(values)) for name, values in used.items()),
                Figure("processor time of both", "µs a burst", total),
                Figure("homes that so keep one core busy", "", tuple(STEP_S / (each / 1e6) for each in total)),
            ],
            [
                (
                    f"{scale.homes} homes with a schema each; the writer's own class and MariaDB share one core. A "
                    "home sends a burst each 10 s, so the last line is computed: 10 s by the processor time of both."
                )
            ],
        )
    ]


def _store(writer: ReadingsDatabase, homes: list[Home], turn: int, moments: int) -> float:
    begins = int(time.time()) // 900 * 900 - (6 - turn) * 86_400
    batches = [
        Batch(
            home.slug,
            [
                Reading(
                    box_mac(n + 1),
                    begins + moment * STEP_S,
                    n + 1,
                    current_ma(n, moment) / 1000,
                    rssi=-60,
                    sequence=moment,
                    firmware="0.1.0",
                )
                for n in range(BOXES)
            ],
        )
        for moment in range(moments)
        for home in homes
    ]
    begun = time.monotonic()
    for batch in batches:
        writer.store(batch)
    return time.monotonic() - begun
