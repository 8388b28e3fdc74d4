"""Fixtures of the hub's tests; without mosquitto they say NOT RUN."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.hub.rig import HOUSEHOLD, Broker, Writer, until
from ecms_bridge.config import MqttSettings
from ecms_bridge.hub.settings import HubSettings
from notrun import not_run


@pytest.fixture(scope="session", autouse=True)
def _mosquitto_and_threads() -> None:
    if shutil.which("mosquitto") is None:
        not_run("mosquitto is not installed")
    # Daemon and writer share an interpreter here: at the default, each packet could wait 5 ms for the other.
    sys.setswitchinterval(0.0002)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def writer(broker: Broker) -> Iterator[Writer]:
    writer = Writer(broker.port)
    writer.start()
    until(lambda: writer.up, "the writer is connected")
    yield writer
    writer.stop()


@pytest.fixture
def settings(tmp_path: Path, broker: Broker) -> HubSettings:
    spool = tmp_path / "spool"
    spool.mkdir()
    return HubSettings(
        household=HOUSEHOLD,
        require_signed_readings=False,
        address="127.0.0.1",
        port=0,
        mqtt=MqttSettings("127.0.0.1", broker.port, HOUSEHOLD, ""),
        spool_directory=spool,
        spool_max_readings=10_000,
        clock_marker=None,
    )
