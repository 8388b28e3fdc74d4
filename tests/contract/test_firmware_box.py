"""The simulated box from its set-up page to acknowledged readings: the unmodified firmware as a process."""

from __future__ import annotations

import socket
import struct
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

import firmware_box
from ecms_bridge.datagram import Datagram, DatagramError, Flag, acknowledgement, parse
from firmware_box import EPOCH, HOME, KEY, Box, until

PERIOD_S = 10

firmware_box.need_tools()

# The first test builds the simulator.
pytestmark = pytest.mark.timeout(900)


class FakeHub(threading.Thread):
    """Checks every datagram with the real codec, keeps each reading once and acknowledges it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.away = False
        self.refused = 0
        self.arrived = 0
        self.by_sequence: dict[int | None, Datagram] = {}
        self.version_1: list[Datagram] = []

    def run(self) -> None:
        while True:
            data, sender = self.socket.recvfrom(2048)
            if not data:
                return
            if self.away:
                continue
            self.arrived += 1
            try:
                reading = parse(data, KEY)
            except DatagramError:
                self.refused += 1
                continue
            if reading.version == 1:
                self.version_1.append(reading)
                continue
            self.by_sequence.setdefault(reading.sequence, reading)
            self.socket.sendto(acknowledgement(data, KEY), sender)

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self.join()
        self.socket.close()

    def readings(self) -> list[Datagram]:
        return [self.by_sequence[number] for number in sorted(self.by_sequence, key=lambda n: n or 0)]


@pytest.fixture(scope="module", autouse=True)
def simulator() -> None:
    firmware_box.build()


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    hub = FakeHub()
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def box(hub: FakeHub, tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path, hub.port)
    box.start()
    yield box
    box.stop()
    assert "Sanitizer" not in box.printed(), box.printed()


def test_set_up_by_the_page_then_acknowledged_readings(box: Box, hub: FakeHub) -> None:
    assert "access point ECMS_device, open, channel 1" in box.printed()
    page = box.get("/")
    assert "<option value=2>Caffè &lt;b&gt;" in page
    until(lambda: HOME in box.get("/"), "the list of networks")
    assert "<script" not in page

    assert "8 a 63" in box.get("/save?ssid=x&password=short&device=1")
    box.get(f"/save?{urllib.parse.urlencode({'ssid': HOME, 'password': 'sbagliata', 'device': 2})}")
    until(lambda: "la password è sbagliata" in box.get("/"), "the reason of the failure")
    assert "access point closed" not in box.printed()
    assert not hub.by_sequence

    box.set_up()
    until(lambda: len(hub.by_sequence) >= 5, "five readings")
    readings = hub.readings()
    assert {reading.device for reading in readings} == {2}
    assert all(reading.sound for reading in readings)
    assert readings[0].sequence == 0
    assert Flag.BOOT in readings[0].flags
    assert readings[-1].flags == 0
    assert readings[-1].current_ma == pytest.approx(2000, rel=0.015)
    assert readings[-1].timestamp % PERIOD_S == 0
    assert readings[-1].firmware == tuple(int(part) for part in box.status()["firmware"].split("."))
    assert hub.refused == 0
    assert box.get(f"/save?{urllib.parse.urlencode({'ssid': HOME, 'device': 1})}").startswith("403")
    until(lambda: box.status()["state"] == "running", "the running state")


def test_phones_find_the_page_by_themselves(box: Box) -> None:
    until(lambda: box.port(53) is not None, "the name server")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(10)
        question = b"\x07captive\x05apple\x03com\x00" + struct.pack(">HH", 1, 1)
        phone.sendto(b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + question, ("127.0.0.1", int(box.port(53) or 0)))
        assert phone.recv(512)[-4:] == bytes([192, 168, 1, 2])
    with socket.create_connection(("127.0.0.1", int(box.port(80) or 0)), timeout=10) as phone:
        phone.sendall(b"GET /generate_204 HTTP/1.1\r\nHost: connectivitycheck.gstatic.com\r\n\r\n")
        answer = b"".join(iter(lambda: phone.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 302 Found\r\nLocation: http://192.168.1.2/\r\n")


def test_idle_connections_do_not_keep_others_out(box: Box) -> None:
    idle = [socket.create_connection(("127.0.0.1", int(box.port(80) or 0)), timeout=10) for _ in range(5)]
    try:
        assert "ECMS_device" not in box.get("/")
        assert "/save" in box.get("/")
    finally:
        for connection in idle:
            connection.close()


def test_an_hour_away_from_the_hub_loses_nothing(box: Box, hub: FakeHub) -> None:
    box.set_up()
    until(lambda: len(hub.by_sequence) >= 3, "the first readings")
    box.command("speed 120")
    hub.away = True
    away_from = box.status()["uptime"]
    until(lambda: box.status()["uptime"] >= away_from + 3600, "an hour", patience_s=120)
    waiting = box.status()["readings"]["pending"]
    assert waiting >= 300
    hub.away = False
    # Which one comes last is open: a reading whose confirmation was late waits for its next turn, newer ones pass it.
    taken = box.status()["readings"]["taken"]
    until(lambda: hub.by_sequence.keys() >= set(range(taken)), "delivery of what waited", patience_s=120)

    assert box.status()["readings"]["lost"] == 0
    readings = hub.readings()[:taken]
    assert [reading.sequence for reading in readings] == list(range(taken))
    moments = [reading.timestamp for reading in readings]
    assert moments == sorted(set(moments))
    assert max(moments) - min(moments) > 3600
    # The host may oversleep single slots; the box must not lose what it measured.
    assert len(moments) >= 0.9 * (max(moments) - min(moments)) / PERIOD_S
    assert any(Flag.RESENT in reading.flags for reading in readings)
    assert hub.refused == 0


def test_readings_before_the_clock_is_set_are_back_dated(box: Box, hub: FakeHub) -> None:
    box.command("time off")
    box.set_up()
    until(lambda: box.status()["readings"]["pending"] >= 5, "readings without a clock")
    assert not hub.by_sequence
    assert box.status()["state"] == "no_clock"
    box.command("time on")
    until(lambda: len(hub.by_sequence) >= 7, "delivery")
    readings = hub.readings()
    assert all(Flag.BACKDATED in reading.flags for reading in readings[:5])
    moments = [reading.timestamp for reading in readings]
    assert moments == sorted(set(moments))
    assert moments[0] >= EPOCH
    assert moments[4] - moments[0] >= 4 * PERIOD_S


def test_a_power_cut_keeps_the_settings_and_the_button_forgets_them(box: Box, hub: FakeHub) -> None:
    box.set_up()
    until(lambda: len(hub.by_sequence) >= 1, "a reading")
    box.stop()
    hub.by_sequence.clear()
    box.start()
    until(lambda: len(hub.by_sequence) >= 1, "a reading after the power cut")
    assert "access point" not in box.printed()
    assert Flag.BOOT in hub.readings()[0].flags
    box.command("button on")
    until(lambda: "access point ECMS_device" in box.printed(), "the access point")


def test_wifi_that_comes_and_goes(box: Box, hub: FakeHub) -> None:
    box.set_up()
    until(lambda: len(hub.by_sequence) >= 2, "readings")
    box.command("wifi off")
    until(lambda: box.status()["readings"]["pending"] >= 6, "readings kept without Wi-Fi")
    assert box.status()["state"] == "no_network"
    box.command("wifi on")
    until(lambda: box.status()["readings"]["pending"] == 0, "delivery")
    readings = hub.readings()
    assert [reading.sequence for reading in readings] == list(range(len(readings)))


def test_a_broken_sensor_sends_nothing(box: Box, hub: FakeHub) -> None:
    box.command("zero 0")
    box.set_up()
    until(lambda: box.status()["state"] == "no_sensor", "the fault")
    assert box.status()["amps"] is None
    assert hub.arrived == 0
    box.command("zero 514")
    until(lambda: len(hub.by_sequence) >= 1, "a reading")


def test_no_load_is_zero(box: Box, hub: FakeHub) -> None:
    box.command("amps 0")
    box.set_up()
    until(lambda: len(hub.by_sequence) >= 6, "readings")
    assert {reading.current_ma for reading in hub.readings()} == {0}


def test_five_crashes_lead_to_the_safe_mode(box: Box, hub: FakeHub) -> None:
    box.set_up()
    for crash in range(5):
        until(lambda n=crash: box.printed().count("ECMS firmware") == n + 1, "a start")  # type: ignore[misc]
        time.sleep(0.3)
        box.command("crash")
    until(lambda: box.printed().count("ECMS firmware") == 6, "the last start")
    until(lambda: bool(box.status()["safe_mode"]), "the safe mode")
    assert "action=/save" in box.get("/")
    sent = hub.arrived
    time.sleep(1)
    assert hub.arrived == sent


def test_version_1_sends_the_documents_twelve_bytes(hub: FakeHub, tmp_path: Path) -> None:
    box = Box(tmp_path, hub.port, ECMS_SIM_PROTOCOL="1", ECMS_SIM_AMPS="3")
    box.start()
    try:
        box.set_up()
        until(lambda: len(hub.version_1) >= 3, "readings")
    finally:
        box.stop()
    assert {(reading.device, reading.current_ma) for reading in hub.version_1} == {(2, 3000)}
    assert not hub.by_sequence
