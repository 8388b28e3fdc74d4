"""The writer alone: readings that wait at the broker, into the database and confirmed."""

from __future__ import annotations

from collections.abc import Callable

from bench import processes
from bench.feeder import Feeder
from bench.load import LostError
from bench.report import Figure, Table
from bench.scale import Scale
from bench.spent import Spent
from bench.stand import Stand

_TIMEOUT_S = 300.0
_BAR_PER_S = 10_000
_WARM_UP = 2_000


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return readings a second through the writer, which shares a core with MariaDB only."""
    cores = processes.cores()
    rates: list[float] = []
    with Stand(cores[0], broker_core=cores[-1]) as stand:
        stand.start_writer()
        stored = min(_WARM_UP, scale.readings)
        Feeder(stand, stored, 500).run(_TIMEOUT_S)
        spent = Spent({name: stand.pids()[name] for name in ("writer", "MariaDB")})
        for turn in range(scale.runs):
            feeder = Feeder(stand, scale.readings, 2000 + 100 * turn)
            with spent.over(scale.readings):
                took = feeder.run(_TIMEOUT_S)
            stored += scale.readings
            if stand.stored() != stored:
                raise LostError(f"the table holds {stand.stored()} readings instead of {stored}")
            rates.append(scale.readings / took)
            say(f"{scale.readings} readings in {took:.1f} s")
    return [
        Table(
            "The writer alone",
            [
                Figure(
                    "readings from the broker to the confirmation", "1/s", tuple(rates), bar=_BAR_PER_S, at_least=True
                ),
                *spent.figures("both", bar=1e6 / _BAR_PER_S),
            ],
            ["Writer and MariaDB share one core; the broker, and who fills it, run on another if there is one."],
        )
    ]
