"""Seven days of a home without a line: they fit in the spool as it is installed, and all of them come out again."""

from __future__ import annotations

from pathlib import Path

import yaml

from ecms_bridge.datagram import Datagram, Flag
from ecms_bridge.hub.settings import Limits
from ecms_bridge.hub.spool import Row, Spool
from ecms_bridge.messages import OLDEST_S, encode_reading, reading_of
from ecms_bridge.simulator.cli import box_mac
from role_plugins import ROOT

BOXES = 8
INTERVAL_S = 10
READINGS = BOXES * OLDEST_S // INTERVAL_S
BEGINS = 1_800_000_000
_STORED_TOGETHER = BOXES * 1080
"""A home's commits are of eight readings; three hours of them at once give the same file, and sooner."""
_MOST_BYTES = 160 * 10**6
"""What docs/operation.md tells the owner of a small card."""


def row(number: int) -> Row:
    """Return the reading with this number as the daemon stores it, with the longest id that it gives."""
    turn, box = divmod(number, BOXES)
    time = BEGINS + turn * INTERVAL_S
    current_ma = 12_345 - turn % 12_000
    datagram = Datagram(2, box_mac(box), time, box + 1, current_ma, Flag.CALIBRATED, -61, turn, (1, 2, 3))
    reading_id = f"0123456789-{number:x}"
    identity = datagram.mac + bytes([box]) + time.to_bytes(4) + turn.to_bytes(4) + current_ma.to_bytes(4)
    return Row(reading_id, identity, encode_reading(reading_of(datagram, timestamp=time, reading_id=reading_id)))


def test_seven_days_of_a_home_fit_in_the_spool_and_drain(tmp_path: Path) -> None:
    installed = yaml.safe_load((ROOT / "roles/bridge/defaults/main.yml").read_text(encoding="utf-8"))
    spool = Spool(tmp_path, installed["bridge_spool_max_readings"])
    for begin in range(0, READINGS, _STORED_TOGETHER):
        spool.store([row(number) for number in range(begin, min(begin + _STORED_TOGETHER, READINGS))])
    assert spool.count == READINGS
    assert spool.room >= 3 * READINGS, "docs/operation.md says four weeks"
    size = spool.size()
    print(f"{READINGS} readings of {BOXES} boxes: {size / 10**6:.0f} MB, {size / READINGS:.0f} bytes each")
    assert size < _MOST_BYTES
    spool.close()

    # A restart in the middle of it loses nothing.
    spool = Spool(tmp_path, installed["bridge_spool_max_readings"])
    number = 0
    while spool.count:
        for stored in spool.load(Limits().drain):
            expected = row(number)
            assert (stored.id, stored.identity, stored.message) == (expected.id, expected.identity, expected.message)
            spool.confirm_row(stored.n)
            number += 1
        spool.flush()
    assert number == READINGS
    while spool.shrink():
        pass
    assert spool.size() < _MOST_BYTES // 20, "the room on the card comes back"
    spool.close()
