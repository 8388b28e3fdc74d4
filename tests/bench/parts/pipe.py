"""The whole way on one core: UDP, hub, Mosquitto, writer, MariaDB and back, with confirmations."""

from __future__ import annotations

from collections.abc import Callable

from bench import processes
from bench.load import Flood
from bench.report import Figure, Table
from bench.scale import Scale
from bench.spent import Spent
from bench.stand import Stand

_TIMEOUT_S = 300.0
_BAR_PER_S = 5_000
_WARM_UP = 2_000


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return datagrams a second and processor time per reading; raise LostError if anything is lost."""
    core = processes.cores()[0]
    rates: list[float] = []
    with Stand(core) as stand:
        stand.start_writer()
        stand.start_hub()
        Flood(min(_WARM_UP, scale.readings), 1000).send(stand, _TIMEOUT_S)
        spent = Spent(stand.pids())
        for turn in range(scale.runs):
            flood = Flood(scale.readings, 2000 + 100 * turn)
            with spent.over(flood.readings):
                took = flood.send(stand, _TIMEOUT_S)
            flood.check_stored(stand)
            rates.append(flood.readings / took)
            say(f"{flood.readings} datagrams in {took:.1f} s, {flood.datagrams - flood.readings} sent again")
    return [
        Table(
            "The whole way on one core",
            [
                Figure(
                    "datagrams from UDP to the acknowledged row", "1/s", tuple(rates), bar=_BAR_PER_S, at_least=True
                ),
                *spent.figures("all four", bar=1e6 / _BAR_PER_S),
            ],
            [
                (
                    "Eight boxes send as fast as they are acknowledged, from another core if there is one; hub, "
                    "Mosquitto, writer and MariaDB share one core. Every run ends with all readings acknowledged and "
                    "found in the table and in both rollups, once."
                )
            ],
        )
    ]
