"""The processor time that processes spend for each reading."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from bench import processes
from bench.report import Figure


class Spent:
    """Processor time of some processes, given as numbers by their names, in µs each, run by run."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._each: dict[str, list[float]] = {name: [] for name in self._pids}

    @contextlib.contextmanager
    def over(self, readings: int) -> Iterator[None]:
        """Count what is spent in this context as one run over so many readings."""
        before = {name: processes.cpu_s(pid) for name, pid in self._pids.items()}
        yield
        for name, pid in self._pids.items():
            self._each[name].append((processes.cpu_s(pid) - before[name]) / readings * 1e6)

    def figures(self, together: str, bar: float | None = None) -> list[Figure]:
        """Return a figure for each process, and one for all of them under the name ``together``."""
        total = tuple(sum(values) for values in zip(*self._each.values(), strict=True))
        return [
            *(Figure(f"processor time of {name}", "µs each", tuple(values)) for name, values in self._each.items()),
            Figure(f"processor time of {together}", "µs each", total, bar=bar),
        ]
