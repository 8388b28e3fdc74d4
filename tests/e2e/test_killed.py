"""Whatever is killed, whenever: every reading of a version 2 box is stored exactly once."""

from __future__ import annotations

import pytest

from e2e.load import Load
from hub import Hub

SECONDS = 20.0
KILLS_AT = (4.0, 12.0)
POWER_CUT_AT = 6.0

VICTIMS = ("ecms-udp-to-mqtt", "ecms-mqtt-to-mysql", "mosquitto", "mariadb")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("victim", VICTIMS)
def test_kill_9(hub: Hub, victim: str) -> None:
    seen: list[str] = []

    def kill() -> None:
        process = hub.status(victim)["MainPID"]
        assert process not in {"0", *seen}, f"{victim} was not running again"
        seen.append(process)
        hub.machine.run(["kill", "-9", process])

    load = Load(hub, first_box=100 * (1 + VICTIMS.index(victim)))
    load.run(SECONDS, dict.fromkeys(KILLS_AT, kill))
    load.check_stored()
    assert len(seen) == len(KILLS_AT)
    assert hub.status(victim)["ActiveState"] == "active"


@pytest.mark.timeout(900)
def test_power_cut(hub: Hub) -> None:
    def cut() -> None:
        hub.machine.cut_power()
        hub.machine.start()

    load = Load(hub, first_box=100 * (1 + len(VICTIMS)))
    load.run(SECONDS, {POWER_CUT_AT: cut})
    load.check_stored()
