"""What the rollups must be, computed from the raw rows in Python and in another way than the writer's."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from database.fixtures import Home


class Raw(NamedTuple):
    """A raw row: Unix s, appliance, box, A."""

    timestamp: int
    device: int
    mac: bytes
    amps: Decimal


class Sums(NamedTuple):
    """What a bucket holds: readings, seconds covered, ampere-seconds, least and greatest A."""

    n: int
    cov_s: int
    a_s: Decimal
    a_min: Decimal
    a_max: Decimal


Key = tuple[int, int, int, bytes]
"""Minutes, begin of the bucket (Unix s), appliance, box."""


def expected(rows: Iterable[Raw]) -> dict[Key, Sums]:
    """Return all buckets of 15 and 60 minutes."""
    result: dict[Key, Sums] = {}
    latest: dict[bytes, int] = {}
    for row in sorted(rows):
        since = row.timestamp - latest.get(row.mac, -31)
        step = since if since <= 30 else 10
        latest[row.mac] = row.timestamp
        for minutes in (15, 60):
            key = (minutes, row.timestamp // (minutes * 60) * minutes * 60, row.device, row.mac)
            old = result.get(key, Sums(0, 0, Decimal(0), row.amps, row.amps))
            result[key] = Sums(
                old.n + 1,
                old.cov_s + step,
                old.a_s + row.amps * step,
                min(old.a_min, row.amps),
                max(old.a_max, row.amps),
            )
    return result


def raw(home: Home) -> list[Raw]:
    """Return the raw rows of a household."""
    found = home.rows("SELECT updated_at, idDevice, mac, sensorData FROM {data}")
    return [Raw(int(row[0].replace(tzinfo=UTC).timestamp()), row[1], row[2], row[3]) for row in found]


def stored(home: Home) -> dict[Key, Sums]:
    """Return the buckets that the schema holds."""
    found = home.rows("SELECT res, bucket, idDevice, mac, n, cov_s, a_s, a_min, a_max FROM {roll}")
    return {(row[0], int(row[1].replace(tzinfo=UTC).timestamp()), row[2], row[3]): Sums(*row[4:]) for row in found}


def check(home: Home) -> None:
    """Fail unless the stored buckets are exactly what the raw rows say."""
    wanted, found = expected(raw(home)), stored(home)
    assert found == wanted
