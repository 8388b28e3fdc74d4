"""Home Assistant's side of the hub at a real broker: appliances appear and go, and no watt-hour counts twice."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from jsonschema import Draft202012Validator
from paho.mqtt.enums import CallbackAPIVersion

import home_assistant
from contract.hub.rig import HOUSEHOLD, KEY, MAC, Box, Broker, RunningHub, Writer, configuration, until
from ecms_bridge import __version__
from ecms_bridge.config import ConfigError, Section
from ecms_bridge.datagram import Datagram, Flag, encode
from ecms_bridge.hub.appliances import Appliance, Appliances, Rating
from ecms_bridge.hub.settings import HubSettings, Timing

SCHEMA = json.loads(Path(home_assistant.__file__).with_name("device_discovery.json").read_text(encoding="utf-8"))
Draft202012Validator.check_schema(SCHEMA)
DISCOVERY = Draft202012Validator(SCHEMA)

# What Home Assistant subscribes to for discovery, and the form it demands of the topic:
# https://www.home-assistant.io/integrations/mqtt/#discovery-topic
PREFIX = f"{HOUSEHOLD}/homeassistant"
LEGAL_TOPIC = re.compile(rf"{PREFIX}/(?P<component>\w+)/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config").fullmatch

FROM_EVER = Rating(float("-inf"), 230.0, 1.0)
OVEN = Appliance(1, "forno", (FROM_EVER,))
PUMP = Appliance(7, "pompa di calore", (FROM_EVER, Rating(1_577_836_800, 400.0, 0.5)))
OTHER = bytes.fromhex("024543000002")
ASSIGNED = bytes.fromhex("024543000003")
HOME = Appliances({1: OVEN, 7: PUMP}, {ASSIGNED: 7})


class Listener:
    """Stands for Home Assistant: hears everything under its discovery prefix."""

    def __init__(self, port: int) -> None:
        self.retained: dict[str, bytes] = {}
        self.states: dict[str, list[dict[str, Any]]] = {}
        self.subscribed = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{PREFIX}/#", qos=1)
        self._client.on_subscribe = self._is_subscribed
        self._client.on_message = self._heard
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        until(lambda: self.subscribed, "Home Assistant listens")

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(10)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def energy(self, device: int) -> list[float]:
        states = self.states.get(f"{PREFIX}/device/ecms_{HOUSEHOLD}_{device}/state", [])
        return [state["energy_wh"] for state in states]

    def newest(self, device: int) -> dict[str, Any] | None:
        states = self.states.get(f"{PREFIX}/device/ecms_{HOUSEHOLD}_{device}/state")
        return states[-1] if states else None

    def _is_subscribed(self, *_: object) -> None:
        self.subscribed = True

    def _heard(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.endswith("/state"):
            assert not message.retain
            self.states.setdefault(message.topic, []).append(json.loads(message.payload))
        elif message.payload:
            self.retained[message.topic] = bytes(message.payload)
        else:
            self.retained.pop(message.topic, None)


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    made = Listener(broker.port)
    yield made
    made.stop()


@pytest.fixture
def at_home(settings: HubSettings) -> HubSettings:
    return replace(settings, home_assistant=HOME)


def send(
    hub: RunningHub, mac: bytes, device: int, amps: float, timestamp: float, flags: Flag = Flag.CALIBRATED
) -> None:
    number = round(timestamp * 10) % 2**32
    datagram = Datagram(2, mac, int(timestamp), device, round(amps * 1000), flags, -61, number, (1, 2, 3))
    Box(hub.port).send_bytes(encode(datagram, KEY))


def on_the_broker(broker: Broker) -> dict[str, bytes]:
    """What a Home Assistant that starts now finds."""
    late = Listener(broker.port)
    try:
        late.publish(f"{PREFIX}/barrier/config", b"x")
        until(lambda: f"{PREFIX}/barrier/config" in late.retained, "everything retained has come")
        late.publish(f"{PREFIX}/barrier/config", b"")
        return {topic: payload for topic, payload in late.retained.items() if "barrier" not in topic}
    finally:
        late.stop()


def test_each_appliance_appears_as_home_assistant_documents_it(at_home: HubSettings, listener: Listener) -> None:
    with RunningHub(at_home):
        until(lambda: len(listener.retained) == 2, "two appliances")
    unique = set()
    for topic, payload in listener.retained.items():
        match = LEGAL_TOPIC(topic)
        assert match is not None
        assert match["component"] == "device"
        message = json.loads(payload)
        DISCOVERY.validate(message)
        unique |= {component["unique_id"] for component in message["components"].values()}
        assert {c["device_class"] for c in message["components"].values()} == {"current", "power", "energy"}
        assert message["availability"][0]["topic"] == f"{HOUSEHOLD}/stato"
    assert len(unique) == 6
    oven = json.loads(listener.retained[f"{PREFIX}/device/ecms_mario_rossi_1/config"])
    assert oven["device"]["name"] == "forno"
    assert oven["origin"] == {"name": "ECMS", "sw_version": __version__}
    assert oven["state_topic"] == f"{PREFIX}/device/ecms_mario_rossi_1/state"
    assert oven["components"]["ecms_mario_rossi_1_energy"] == {
        "platform": "sensor",
        "unique_id": "ecms_mario_rossi_1_energy",
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "Wh",
        "value_template": "{{ value_json.energy_wh }}",
        "suggested_display_precision": 0,
        "expire_after": 60,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"unit_of_measurement": "kg"},
        {"state_class": "measurement"},
        {"stat_t": "x"},
        {"platform": "light"},
        {"expire_after": "60"},
    ],
)
def test_the_schema_can_refuse(at_home: HubSettings, listener: Listener, change: dict[str, Any]) -> None:
    with RunningHub(at_home):
        until(lambda: listener.retained, "an appliance")
    message = json.loads(next(iter(listener.retained.values())))
    name = next(name for name in message["components"] if name.endswith("_energy"))
    message["components"][name] |= change
    assert not DISCOVERY.is_valid(message)


def test_states_are_what_the_boxes_measured(at_home: HubSettings, listener: Listener) -> None:
    now = time.time()
    with RunningHub(at_home) as hub:
        until(lambda: len(listener.retained) == 2, "announced")
        send(hub, MAC, 1, 2.0, now)
        send(hub, OTHER, 1, 0.5, now)
        send(hub, ASSIGNED, 1, 3.0, now)  # the inventory gives this box to the heat pump
        send(hub, bytes.fromhex("024543000004"), 9, 9.0, now)  # nobody has appliance 9
        state = until(
            lambda: (s := listener.newest(1)) and s["current_a"] == 2.5 and listener.newest(7) and s, "both boxes"
        )
    assert state["power_w"] == 575.0
    pump = listener.newest(7)
    assert pump is not None
    assert (pump["current_a"], pump["power_w"]) == (3.0, 600.0)
    assert f"{PREFIX}/device/ecms_mario_rossi_9/state" not in listener.states


def test_energy_counts_each_reading_once(at_home: HubSettings, listener: Listener, writer: Writer) -> None:
    writer.confirming = True
    begin = int(time.time()) - 20
    with RunningHub(at_home) as hub:
        # The meter begins with the daemon, so these stand for the time since then.
        hub_began = begin + 20
        for n in range(1, 4):
            send(hub, MAC, 1, 10.0, hub_began + 10 * n)
        until(lambda: hub.counters()["confirmed"] == 3, "confirmed")
        counted = until(lambda: (e := listener.energy(1)) and e[-1] > 0 and e[-1], "counted")
        for n in range(1, 4):
            send(hub, MAC, 1, 10.0, hub_began + 10 * n, Flag.CALIBRATED | Flag.RESENT)
        send(hub, MAC, 1, 10.0, begin, Flag.CALIBRATED | Flag.BACKDATED)
        until(lambda: hub.counters()["received"] == 7, "resent")
        send(hub, MAC, 1, 10.0, hub_began + 40)
        until(lambda: listener.energy(1)[-1] > counted, "a new reading counts")
        final = listener.energy(1)[-1]
    # 10 A at 230 V for 10 s; the first of them began within the second in which the daemon did.
    each = 10 * 230 * 10 / 3600
    assert final - counted == pytest.approx(each, abs=0.01)
    assert 3 * each - 0.64 * 3 <= counted <= 3 * each + 0.64 * 3
    assert listener.energy(1) == sorted(listener.energy(1))


def test_late_readings_of_an_outage_count_once(at_home: HubSettings, listener: Listener) -> None:
    """A box without Wi-Fi sends what it kept: what lies after the daemon's start counts, each second once."""
    each = 10 * 230 * 10 / 3600
    with RunningHub(at_home) as hub:
        base = int(time.time()) + 10
        for n in (0, 20, 10):
            send(hub, MAC, 1, 10.0, base + 10 * n)  # two readings far apart, and one between them
        first = until(lambda: len(listener.energy(1)) > 2 and hub.counters()["received"] == 3, "three")
        assert first
        before = until(lambda: (e := listener.energy(1))[-1] > 2.5 * each and e[-1], "counted")
        for n in (*range(1, 20), *range(1, 20)):
            send(hub, MAC, 1, 10.0, base + 10 * n, Flag.CALIBRATED | Flag.RESENT)
        until(lambda: hub.counters()["received"] == 41, "resent twice")
        until(lambda: listener.energy(1)[-1] > before + 17 * each, "counted")
        assert listener.energy(1)[-1] == pytest.approx(before + 18 * each, abs=0.02)


def test_energy_goes_on_after_a_restart_and_begins_anew_after_a_crash(at_home: HubSettings, listener: Listener) -> None:
    with RunningHub(at_home) as hub:
        base = int(time.time()) + 10
        for n in range(3):
            send(hub, MAC, 1, 10.0, base + 10 * n)
        until(lambda: hub.counters()["received"] == 3 and listener.energy(1), "counted")
        until(lambda: listener.energy(1)[-1] > 12, "all of them")
    before = listener.energy(1)[-1]
    kept = at_home.spool_directory / "home_assistant.json"
    copy = kept.read_bytes()
    listener.states.clear()
    with RunningHub(at_home) as hub:
        assert not kept.exists(), "what was kept holds once"
        send(hub, MAC, 1, 10.0, base + 10, Flag.CALIBRATED | Flag.RESENT)
        send(hub, MAC, 1, 10.0, base + 15, Flag.CALIBRATED | Flag.RESENT)
        send(hub, MAC, 1, 10.0, base + 30)
        until(lambda: listener.newest(1) and hub.counters()["received"] == 3, "told")
    assert listener.energy(1)[-1] == pytest.approx(before + 10 * 230 * 10 / 3600, abs=0.002)
    kept.unlink()  # as a crash would leave it
    listener.states.clear()
    with RunningHub(at_home) as hub:
        send(hub, MAC, 1, 10.0, time.time() - 5)
        assert until(lambda: listener.newest(1), "told")["energy_wh"] == 0
    for damaged in (
        copy[:-5],
        b'{"energy_wh": [], "counted": {}}',
        b'{"energy_wh": {"1": "x"}, "counted": {}}',
        b"\xff",
    ):
        kept.write_bytes(damaged)
        listener.states.clear()
        with RunningHub(at_home) as hub:
            send(hub, MAC, 1, 10.0, time.time() - 5)
            assert until(lambda: listener.newest(1), "told")["energy_wh"] == 0


def test_switched_off_nothing_stays_behind(at_home: HubSettings, settings: HubSettings, broker: Broker) -> None:
    stranger = Listener(broker.port)
    foreign = f"{PREFIX}/device/somebody_elses/config"
    stranger.publish(foreign, b"{}")
    with RunningHub(at_home):
        until(lambda: len(stranger.retained) == 3, "announced")
    assert len(on_the_broker(broker)) == 3, "the hub goes offline, its appliances stay"
    only_oven = replace(settings, home_assistant=Appliances({1: OVEN}, {}))
    with RunningHub(only_oven):
        until(lambda: len(stranger.retained) == 2, "an appliance that is gone disappears")
    assert set(on_the_broker(broker)) == {foreign, f"{PREFIX}/device/ecms_mario_rossi_1/config"}
    with RunningHub(settings) as hub:
        until(lambda: set(stranger.retained) == {foreign}, "switched off")
        send(hub, MAC, 1, 1.0, time.time())
        until(lambda: hub.counters()["received"] == 1, "received")
    assert set(on_the_broker(broker)) == {foreign}
    assert stranger.states == {}
    stranger.stop()


def test_a_broker_that_forgot_everything_is_told_again(at_home: HubSettings, broker: Broker) -> None:
    with RunningHub(at_home):
        until(lambda: len(on_the_broker(broker)) == 2, "announced")
        broker.stop()
        broker.start()
        until(lambda: len(on_the_broker(broker)) == 2, "announced again", 60)


def test_silent_boxes_are_not_told(at_home: HubSettings, listener: Listener) -> None:
    with RunningHub(at_home) as hub:
        send(hub, MAC, 1, 1.0, time.time() - 40)
        send(hub, OTHER, 7, 1.0, time.time())
        until(lambda: len(listener.energy(7)) > 3, "the other is told")
    assert listener.newest(1) is None


CONFIGURED = """
    [home_assistant]
    timezone = "Europe/Rome"
    mains_voltage_v = 230
    [[home_assistant.appliance]]
    id = 1
    name = "forno"
    [[home_assistant.appliance]]
    id = 7
    name = "pompa di calore"
    [[home_assistant.appliance.rating]]
    valid_from = "2026-07-01"
    voltage_v = 400.0
    power_factor = 0.5
    [[home_assistant.box]]
    mac = "02:45:43:00:00:03"
    device = 7
"""


def test_the_configuration_file(settings: HubSettings, tmp_path: Path) -> None:
    file = tmp_path / "udp_to_mqtt.toml"
    file.write_text(configuration(settings, 4210) + CONFIGURED, encoding="utf-8")
    appliances = HubSettings.from_file(file).home_assistant
    assert appliances is not None
    assert appliances.boxes == {ASSIGNED: 7}
    assert appliances.by_id[1] == OVEN
    midnight = 1_782_856_800  # 2026-07-01 00:00 in Rome
    assert appliances.by_id[7].watts(1.0, midnight - 1) == 230.0
    assert appliances.by_id[7].watts(1.0, midnight) == 200.0
    file.write_text(configuration(settings, 4210), encoding="utf-8")
    assert HubSettings.from_file(file).home_assistant is None


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("Europe/Rome", "Europe/Roma", "set ecms_timezone"),
        ("id = 7", "id = 256", "the appliance 256 'pompa di calore' is none"),
        ("02:45:43:00:00:03", "02:45", "the box '02:45' of appliance 7 is none"),
        ("device = 7", "device = 9", "of appliance 9 is none"),
        ("2026-07-01", "2026-02-30", "which is no date"),
        ("id = 1", "id = 1\n    more = 1", "unknown key 'more'"),
        ("power_factor = 0.5", "", "lacks 'power_factor'"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in CONFIGURED
    file = tmp_path / "x.toml"
    file.write_text(CONFIGURED.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        Appliances.parse(Section.from_file(file).section("home_assistant"))


def test_states_come_every_ten_seconds() -> None:
    assert Timing().home_assistant == 10.0
