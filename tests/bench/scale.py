"""How much is measured: ``small`` proves that every part works, the others give figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of one scale: rows, readings, days and households are numbers, ``home_s`` and ``query_timeout_s`` seconds.

    ``judged``: whether its figures are held against the bars.
    """

    name: str
    judged: bool
    runs: int
    inserts: int
    document_inserts: int
    readings: int
    homes: int
    spooled: int
    live_s: float
    home_s: float
    written_hours: float
    histories_days: tuple[int, ...]
    query_runs: int
    query_timeout_s: float
    households: tuple[int, ...]


def _scale(name: str, *histories_days: int) -> Scale:
    return Scale(
        name,
        judged=True,
        runs=3,
        inserts=100_000,
        document_inserts=3_000,
        readings=40_000,
        homes=20,
        spooled=100_000,
        live_s=20.0,
        home_s=180.0,
        written_hours=24.0,
        histories_days=histories_days,
        query_runs=5,
        query_timeout_s=60.0,
        households=(1, 5, 10, 20),
    )


SCALES = {
    "small": Scale(
        "small",
        judged=False,
        runs=1,
        inserts=2_000,
        document_inserts=50,
        readings=2_000,
        homes=2,
        spooled=3_000,
        live_s=2.0,
        home_s=11.0,
        written_hours=0.25,
        histories_days=(2,),
        query_runs=1,
        query_timeout_s=20.0,
        households=(1, 2),
    ),
    "month": _scale("month", 30),
    "year": _scale("year", 30, 365),
    "full": _scale("full", 30, 365, 1095),
}
