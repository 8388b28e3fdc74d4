"""What ``ecms-status`` says of a broker that has several addresses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.hub.rig import Broker, free_port
from ecms_bridge.config import MqttAddress, MqttSettings
from ecms_bridge.status.broker import ask
from ecms_bridge.status.installed import Login
from notrun import not_run


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if shutil.which("mosquitto") is None:
        not_run("mosquitto is not installed")
    made = Broker(tmp_path)
    made.start()
    yield made
    made.stop()


def login(first: int, *others: int) -> Login:
    alternatives = tuple(MqttAddress("127.0.0.1", port, "") for port in others)
    return Login("ecms-udp-to-mqtt", MqttSettings("127.0.0.1", first, "casa", "", alternatives), "unused")


def test_the_address_that_answers_is_told(broker: Broker) -> None:
    answer = ask(login(free_port(), broker.port), "casa", [])
    assert (answer.address, answer.trouble) == (f"127.0.0.1 port {broker.port}", None)


def test_where_none_answers_the_first_is_told() -> None:
    first = free_port()
    answer = ask(login(first, free_port()), "casa", [])
    assert answer.address == f"127.0.0.1 port {first}"
    assert answer.trouble is not None
    assert answer.trouble.startswith(f"cannot reach the broker at 127.0.0.1 port {first}")
