"""What others may publish under a household's name: kept apart, told in one sentence a kind, and bounded."""

from __future__ import annotations

import json
import time

import pytest

from contract.database.rig import BEGIN, Daemon, readings, running
from database import model
from database.fixtures import Home
from database.mosquitto import Broker, Hub
from ecms_bridge import names

FLOOD = 2_000
LETTERS_A_MINUTE = 60


def message(**members: object) -> bytes:
    given = {"mac": "02:00:00:00:00:09", "timestamp": int(time.time()), "device": 1, "amps": 1, **members}
    return json.dumps(given).encode()


def said(daemon: Daemon) -> list[str]:
    """Return the log's warnings."""
    return [line[3:] for line in daemon.log.read_text("utf-8").splitlines() if line.startswith("<4>")]


def wait_for(home: Home, statement: str, value: object) -> None:
    deadline = time.monotonic() + 30
    while (found := home.rows(statement)[0][0]) != value:
        assert time.monotonic() < deadline, f"{statement}: {found}, not {value}"
        time.sleep(0.05)


SENTENCES = {
    "binary": (b"\x00\xff\xfe" * 100, "can never be stored (json): see the table dead_letter"),
    "no JSON": (b"lavatrice=5", "can never be stored (json): see the table dead_letter"),
    "JSON, but alien": (b'{"temperature": 21.5}', "can never be stored (mac): see the table dead_letter"),
    "nested without end": (b"[" * 30_000, "can never be stored (json): see the table dead_letter"),
    "huge": (b'{"mac": "' + b"x" * 60_000 + b'"}', "can never be stored (mac): see the table dead_letter"),
    "a current no box measures": (message(amps=1e9), "can never be stored (amps): see the table dead_letter"),
    "a time long gone": (message(timestamp=1_600_000_000), "can never be stored (time_old): see the table dead_letter"),
    "a time to come": (message(timestamp=2_100_000_000), "can never be stored (time_ahead): see the table dead_letter"),
    "no appliance": (message(device=300), "can never be stored (device): see the table dead_letter"),
}


@pytest.mark.parametrize("alien", SENTENCES)
def test_a_flood_of_alien_messages_is_one_line_and_few_letters(
    home: Home, broker: Broker, daemon: Daemon, alien: str
) -> None:
    payload, sentence = SENTENCES[alien]
    count = FLOOD if len(payload) < 1000 else FLOOD // 10
    with Hub(broker, home.slug) as hub, running(daemon):
        daemon.said("connected to the broker")
        for number, reading in enumerate(readings(count)):
            hub.publish(names.READINGS, payload)
            if number % 100 == 0:
                hub.send(reading)
        hub.wait()
        wait_for(home, "SELECT dead_letters FROM writer_state", count)
    assert len(said(daemon)) == 1, said(daemon)
    assert said(daemon)[0] == f"a message of {home.slug!r} {sentence}"
    assert home.rows(
        "SELECT COUNT(*) BETWEEN 1 AND %s, MAX(LENGTH(payload)) <= 1024 FROM dead_letter", LETTERS_A_MINUTE * 2
    ) == ((1, 1),)
    assert len(model.raw(home)) == len(range(0, count, 100))
    model.check(home)


def test_an_alien_message_that_is_retained_comes_with_every_start_and_harms_nothing(
    home: Home, broker: Broker, daemon: Daemon
) -> None:
    with Hub(broker, home.slug) as hub:
        hub.publish(names.READINGS, b"I stay", retain=True)
        for starts in (1, 2, 3):
            daemon.start()
            wait_for(home, "SELECT dead_letters FROM writer_state", starts)
            for reading in readings(20, begin=BEGIN + 1000 * starts, prefix=f"h{starts}"):
                hub.send(reading)
            hub.wait()
            assert daemon.stop() == 0
    assert home.rows("SELECT dead_letters FROM writer_state") == ((3,),)
    assert len(said(daemon)) == 3
    assert len(model.raw(home)) == 60
    model.check(home)


def test_the_household_is_what_the_topic_says(home: Home, broker: Broker, daemon: Daemon) -> None:
    now = int(time.time())
    with Hub(broker, home.slug) as hub, running(daemon):
        daemon.said("connected to the broker")
        for name in ("household", "slug", "topic", "schema"):
            hub.publish(names.READINGS, message(**{name: "someone_else"}, timestamp=now))
        hub.publish(names.READINGS, message(id="../someone_else", timestamp=now))
        wait_for(home, "SELECT dead_letters FROM writer_state", 1)
        wait_for(home, "SELECT COUNT(*) FROM {data}", 1)
    assert home.rows("SELECT reason FROM dead_letter") == (("id",),)


def test_an_unknown_appliance_is_one_line_however_often_it_sends(home: Home, broker: Broker, daemon: Daemon) -> None:
    now = int(time.time()) - 1000
    with Hub(broker, home.slug) as hub, running(daemon):
        daemon.said("connected to the broker")
        for number in range(FLOOD // 2):
            hub.publish(names.READINGS, message(device=200, timestamp=now + number))
        wait_for(home, "SELECT COUNT(*) FROM quarantine", FLOOD // 2)
        assert model.raw(home) == []
        [line] = said(daemon)
        assert line == (
            f"box 02:00:00:00:00:09 of {home.slug!r} sends the unknown appliance 200: its readings are kept in "
            "quarantine until you add the appliance to ecms_devices or assign the box in ecms_boxes"
        )
        home.apply(devices=[*home.facts["devices"], {"id": 200, "name": "pompa", "ratings": []}])
        wait_for(home, "SELECT COUNT(*) FROM {data}", FLOOD // 2)
    assert home.rows("SELECT COUNT(*) FROM quarantine") == ((0,),)
    model.check(home)
