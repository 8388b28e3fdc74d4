"""The box's own firmware against the real hub: set up by its page, then readings, then an hour without the hub."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware_box
from ecms_bridge import names
from firmware_box import Box, until
from hub import Hub

DEVICE = 3
MAC = "5C:CF:7F:EC:50:01"
PERIOD_S = 10
AWAY_S = 3600
BEGAN_AGO_S = 4 * 3600
"""Its time runs faster than the hub's, and no reading may be ahead of that."""
PATIENCE_S = 180.0

firmware_box.need_tools()


@pytest.fixture
def box(hub: Hub, tmp_path: Path) -> Iterator[Box]:
    firmware_box.build()
    box = Box(
        tmp_path,
        hub.udp_port(),
        ECMS_SIM_KEY=hub.key_file.read_text("ascii").strip(),
        ECMS_SIM_HOSTS=f"pi.local={hub.machine.address}",
        ECMS_SIM_BIND="0.0.0.0",
        ECMS_SIM_EPOCH=str(int(time.time()) - BEGAN_AGO_S),
        ECMS_SIM_MAC=MAC,
        ECMS_SIM_DEVICES="&".join(f"{number}={name}" for number, name in hub.devices().items() if number < 100),
    )
    box.start()
    yield box
    box.stop()
    assert "Sanitizer" not in box.printed(), box.printed()


def _stored(hub: Hub) -> list[tuple[int, int, float]]:
    rows = hub.query(
        f"SELECT UNIX_TIMESTAMP(updated_at), idDevice, sensorData FROM {names.data_table(hub.slug)} "
        f"WHERE mac = x'{MAC.replace(':', '')}' ORDER BY updated_at"
    )
    return [(int(moment), int(device), float(amps)) for moment, device, amps in rows]


@pytest.mark.timeout(900)
def test_an_hour_without_the_hub_loses_nothing(hub: Hub, box: Box) -> None:
    assert f"<option value={DEVICE}>{hub.devices()[DEVICE]}" in box.get("/")
    box.set_up(DEVICE)
    until(lambda: len(_stored(hub)) >= 3, "storage of the first readings", PATIENCE_S)

    hub.machine.cut_power()
    box.command("speed 120")
    away_from = box.status()["uptime"]
    until(lambda: box.status()["uptime"] >= away_from + AWAY_S, "an hour of the box", PATIENCE_S)
    assert box.status()["readings"]["pending"] >= 0.9 * AWAY_S / PERIOD_S
    hub.machine.start()
    box.command("speed 1")

    # Between two of its seconds times ten the box has time to hear of everything it sent.
    until(lambda: _everything_is_stored(hub, box), "storage of everything measured", PATIENCE_S)
    stored = _stored(hub)
    moments = [moment for moment, _, _ in stored]
    assert moments[-1] - moments[0] > AWAY_S
    assert {device for _, device, _ in stored} == {DEVICE}
    assert [amps for _, _, amps in stored] == [pytest.approx(2, rel=0.015)] * len(stored)
    assert box.status()["readings"]["lost"] == 0


def _everything_is_stored(hub: Hub, box: Box) -> bool:
    readings: dict[str, int] = box.status()["readings"]
    return readings["pending"] == 0 and len(_stored(hub)) == readings["taken"]
