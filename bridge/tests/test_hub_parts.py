"""The small parts of the hub: judging, holding, configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.config import ConfigError
from ecms_bridge.datagram import Datagram, Flag, Refusal
from ecms_bridge.hub.boxes import BoxSocket, BoxSocketError
from ecms_bridge.hub.counters import Counters
from ecms_bridge.hub.holding import Held, Holding
from ecms_bridge.hub.judge import Judge
from ecms_bridge.hub.settings import HubSettings, household_key

NOW = 1_767_265_200.5
MAC = b"\2\0\0\0\0\1"
BEGIN, END = 1_767_265_200 - 7 * 86400 + 1, 1_767_265_200 + 300


def v1(timestamp: int, mac: bytes = MAC) -> Datagram:
    return Datagram(1, mac, timestamp, 1, 1000)


def v2(timestamp: int, *, sound: bool = True) -> Datagram:
    return Datagram(2, MAC, timestamp, 1, 1000, Flag(0), -60, 1, (1, 0, 0), sound)


@pytest.mark.parametrize(
    ("timestamp", "verdict"),
    [
        (BEGIN - 1, Refusal.TIME_OLD),
        (BEGIN, BEGIN),
        (END, END),
        (END + 1, Refusal.TIME_AHEAD),
        (0, Refusal.TIME_OLD),
        (2**32 - 1, Refusal.TIME_AHEAD),
    ],
)
def test_window_of_version_2(timestamp: int, verdict: int | Refusal) -> None:
    assert Judge(require_signed=True, signed=set()).judge(v2(timestamp), NOW, NOW) == verdict


@given(st.integers(0, 2**32 - 1))
def test_version_1_outside_the_window_gets_the_time_it_arrived(timestamp: int) -> None:
    verdict = Judge(require_signed=False, signed=set()).judge(v1(timestamp), NOW, NOW - 100)
    assert verdict == (timestamp if BEGIN <= timestamp <= END else int(NOW - 100))


def test_unsigned() -> None:
    signed: set[bytes] = set()
    judge = Judge(require_signed=False, signed=signed)
    assert judge.judge(v1(END), NOW, NOW) == END
    signed.add(MAC)
    assert judge.judge(v1(END), NOW, NOW) is Refusal.UNSIGNED
    assert judge.judge(v1(END, b"\2\0\0\0\0\2"), NOW, NOW) == END
    assert Judge(require_signed=True, signed=set()).judge(v1(END), NOW, NOW) is Refusal.UNSIGNED


def test_reserved_bits_are_refused_whatever_the_time() -> None:
    judge = Judge(require_signed=False, signed=set())
    assert judge.judge(v2(END, sound=False), NOW, NOW) is Refusal.RESERVED
    assert judge.judge(v2(0, sound=False), NOW, NOW) is Refusal.RESERVED


def test_holding_keeps_one_of_a_version_2_reading_with_its_newest_address() -> None:
    holding = Holding(3)
    assert holding.hold(b"a", Held(v2(1), b"data", ("first", 1), 0.0))
    assert holding.hold(b"a", Held(v2(1), b"data", ("second", 2), 1.0))
    assert len(holding) == 1
    released = holding.release()
    assert released is not None
    assert (released.address, released.arrived) == (("second", 2), 0.0)
    assert holding.release() is None


def test_holding_keeps_alike_version_1_readings_apart_and_has_a_limit() -> None:
    holding = Holding(2)
    assert holding.hold(b"a", Held(v1(1), b"data", ("x", 1), 0.0))
    assert holding.hold(b"a", Held(v1(1), b"data", ("x", 1), 10.0))
    assert not holding.hold(b"a", Held(v1(1), b"data", ("x", 1), 20.0))
    assert not holding.hold(b"b", Held(v2(1), b"data", ("x", 1), 20.0))
    arrived = [held.arrived for held in (holding.release(), holding.release()) if held]
    assert arrived == [0.0, 10.0]


def test_counters() -> None:
    counters = Counters()
    counters.refuse("tag")
    counters.refuse("tag")
    counters.received += 2
    assert counters.as_dict()["refused"] == {"tag": 2}
    assert counters.as_dict()["received"] == 2


CONFIG = """
household = "mario_rossi"
require_signed_readings = false
[udp]
address = "0.0.0.0"
port = 4210
[mqtt]
host = "127.0.0.1"
port = 1883
username = "mario_rossi"
tls_ca = ""
[spool]
directory = "/var/lib/ecms-udp-to-mqtt"
max_readings = 2000000
[clock]
marker = "/run/ecms/clock-synchronised"
"""


def read(path: Path, text: str) -> HubSettings:
    path = path / "udp_to_mqtt.toml"
    path.write_text(text, encoding="utf-8")
    return HubSettings.from_file(path)


def test_configuration(tmp_path: Path) -> None:
    settings = read(tmp_path, CONFIG)
    assert (settings.household, settings.port, settings.mqtt.username) == ("mario_rossi", 4210, "mario_rossi")
    assert settings.clock_marker == Path("/run/ecms/clock-synchronised")
    assert settings.spool_max_readings == 2_000_000
    trusted = read(tmp_path, CONFIG.replace("/run/ecms/clock-synchronised", ""))
    assert trusted.clock_marker is None


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('household = "mario_rossi"', 'household = "Mario Rossi"', "no household slug"),
        ('household = "mario_rossi"', "", "lacks 'household'"),
        ("port = 4210", "port = 0", "0 is no port"),
        ("port = 1883", "port = 65536", "65536 is no port"),
        ("port = 4210", 'port = "4210"', "must be of type int"),
        ("port = 4210", "port = 4210\nspare = 1", "unknown key 'spare'"),
        ("max_readings = 2000000", "max_readings = 0", "at least 1"),
        ("[clock]", "[klock]", r"lacks the table \[clock\]"),
        ("[udp]", "[udp", "cannot read the configuration"),
        ("require_signed_readings = false", "require_signed_readings = 0", "must be of type bool"),
    ],
)
def test_wrong_configuration_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in CONFIG
    with pytest.raises(ConfigError, match=sentence) as error:
        read(tmp_path, CONFIG.replace(old, new))
    assert str(tmp_path) in str(error.value)


def test_missing_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        HubSettings.from_file(tmp_path / "missing.toml")


def test_household_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ConfigError, match="missing"):
        household_key()
    for bad in ("", "00" * 31, "0g" * 32, "00" * 33):
        (tmp_path / "household_key").write_text(bad + "\n", encoding="ascii")
        with pytest.raises(ConfigError) as error:
            household_key()
        assert not bad or bad not in str(error.value)
    (tmp_path / "household_key").write_text("0A" * 32 + "\n", encoding="ascii")
    assert household_key() == b"\x0a" * 32
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(ConfigError, match="CREDENTIALS_DIRECTORY"):
        household_key()


def test_socket_in_use_is_one_sentence() -> None:
    first = BoxSocket("127.0.0.1", 0)
    with pytest.raises(BoxSocketError, match=f"UDP port {first.port} .*ecms_udp_port"):
        BoxSocket("127.0.0.1", first.port)
    first.close()


def test_datagrams_longer_than_any_are_cut_and_sending_failures_counted() -> None:
    receiver, sender = BoxSocket("127.0.0.1", 0), BoxSocket("127.0.0.1", 0)
    for length in (0, 36, 1400):
        assert sender.send(bytes(length), ("127.0.0.1", receiver.port))
    assert [len(data) for data, _ in receiver.receive(10)] == [0, 36, 64]
    assert list(receiver.receive(10)) == []
    assert not sender.send(b"x", ("127.0.0.1", 0))
    assert sender.failures == 1
    receiver.close()
    sender.close()
