"""Simulated boxes keep to the contract of real ones; loads are believable; recordings are read exactly."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.datagram import Datagram, Flag, acknowledgement, parse
from ecms_bridge.simulator import cli, loads, replay
from ecms_bridge.simulator.box import RING, Pacing, SimulatedBox
from ecms_bridge.simulator.fleet import Faults, Fleet, HubAddressError
from ecms_bridge.simulator.loads import APPLIANCES, Load

KEY = bytes(range(32))
MAC = b"\x02ECM\0\1"


def new_box(**options: object) -> SimulatedBox:
    return SimulatedBox(MAC, 3, KEY, **options)  # type: ignore[arg-type]


def sequences(datagrams: list[bytes]) -> list[int | None]:
    return [parse(data, KEY).sequence for data in datagrams]


def test_reading_is_sent_at_once_and_again_until_it_is_acknowledged() -> None:
    box = new_box()
    box.measure(1000, 1234)
    sent = {second: box.due(second) for second in range(200)}
    times = [second for second, data in sent.items() if data]
    assert times == [0, 5, 15, 35, 75, 135, 195]
    first, again = parse(sent[0][0], KEY), parse(sent[5][0], KEY)
    assert first == Datagram(2, MAC, 1000, 3, 1234, Flag.BOOT, -60, 0, (0, 1, 0))
    assert again.flags == Flag.BOOT | Flag.RESENT
    box.receive(acknowledgement(sent[0][0], KEY), 200)
    assert box.pending == 0
    assert [box.due(second) for second in range(200, 400)] == [[]] * 200
    assert (box.statistics.sent, box.statistics.datagrams, box.statistics.acknowledged) == (1, 7, 1)


def test_only_the_oldest_is_sent_again_while_nobody_answers() -> None:
    box = new_box()
    resent = []
    for second in range(600):
        if second % 10 == 0:
            box.measure(second, 1)
        resent += [n for n in sequences(box.due(second)) if n != second // 10]
    assert set(resent) == {0}
    assert box.pending == 60


def test_drains_oldest_first_at_five_a_second_once_the_hub_answers() -> None:
    box = new_box()
    for second in range(0, 3600, 10):
        box.measure(second, 1)
        box.due(float(second))
    begun = 3600.0
    box.measure(3600, 1)
    outstanding = [(begun, data) for data in box.due(begun)]
    drained: list[int] = []
    step = 0
    while box.pending and step < 10_000:
        now = begun + step * 0.05
        step += 1
        for sent_at, data in list(outstanding):
            if now - sent_at >= 1:
                box.receive(acknowledgement(data, KEY), now)
                outstanding.remove((sent_at, data))
        datagrams = box.due(now)
        assert len(datagrams) <= 1
        outstanding += [(now, data) for data in datagrams]
        drained += [int(n or 0) for n in sequences(datagrams)]
    assert drained == sorted(drained)
    assert len(drained) == 360
    assert 360 / 5 <= step * 0.05 <= 360 / 5 * 1.3


def test_ring_holds_two_hours_and_loses_the_oldest() -> None:
    box = new_box()
    for number in range(RING + 5):
        box.measure(number * 10, 1)
    assert (box.pending, box.statistics.dropped) == (RING, 5)
    assert sequences(box.due(0))[:2] == [5, 6]


def test_refusal_frees_the_reading_and_foreign_answers_do_not() -> None:
    box = new_box()
    box.measure(1000, 1)
    data = box.due(0)[0]
    for foreign in (b"", b"x" * 24, acknowledgement(data, KEY)[:-1], acknowledgement(data, bytes(32))):
        box.receive(foreign, 1)
    assert (box.pending, box.statistics.foreign) == (1, 4)
    box.receive(acknowledgement(data, KEY, refused=True), 1)
    assert (box.pending, box.statistics.refused, box.statistics.acknowledged) == (0, 1, 0)


def test_version_1_expects_no_answer() -> None:
    box = new_box(version=1)
    box.measure(1000, 2600)
    assert parse(box.due(0)[0], KEY) == Datagram(1, MAC, 1000, 3, 3000)
    assert (box.pending, box.statistics.sent) == (0, 1)


def test_reboot_counts_from_0_and_says_so() -> None:
    box = new_box()
    box.measure(1000, 1)
    box.measure(1010, 1)
    box.due(0)
    box.reboot()
    assert (box.pending, box.statistics.dropped) == (0, 2)
    box.measure(1020, 1)
    again = parse(box.due(1)[0], KEY)
    assert (again.sequence, again.flags) == (0, Flag.BOOT)


def test_window_and_rate() -> None:
    box = new_box(pacing=Pacing(first_s=1.0, last_s=1.0, drain_s=0.0, window=10, per_second=400.0))
    for number in range(100):
        box.measure(number, 1)
    first = box.due(0.0)
    assert len(first) == 4
    more = [data for step in range(1, 10) for data in box.due(step / 100)]
    assert len(first + more) == 10
    for data in first:
        box.receive(acknowledgement(data, KEY), 0.2)
    assert len(box.due(0.2)) == 4


@given(st.sampled_from([*APPLIANCES, "altro"]), st.integers(0, 1000), st.integers(-86400, 10 * 86400))
def test_load_is_deterministic_and_possible(name: str, seed: int, second: int) -> None:
    current = Load(name, seed).current_a(second)
    assert current == Load(name, seed).current_a(second)
    assert current == 0 or loads.NOISE_FLOOR_A <= current <= 13
    assert current == round(current, 3)


def test_loads_differ_between_homes_and_several_are_on_within_a_minute() -> None:
    minute = {
        name: [Load(name, seed).current_a(second) for second in range(0, 60, 10)]
        for seed, name in enumerate(APPLIANCES)
    }
    assert sum(max(currents) > 0.3 for currents in minute.values()) >= 5
    assert sum(max(currents) > 4 for currents in minute.values()) >= 3
    assert Load("forno", 1).current_a(0) != Load("forno", 2).current_a(0)


def test_every_appliance_rests_and_works_within_a_day() -> None:
    for name in APPLIANCES:
        day = [Load(name).current_a(second) for second in range(0, 86400, 30)]
        assert min(day) < 0.3 < max(day), name


class EchoHub:
    """Acknowledges what it receives, as the hub does when the writer is quick."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self.seen: list[Datagram] = []

    def turn(self) -> None:
        while True:
            try:
                data, address = self.socket.recvfrom(100)
            except BlockingIOError:
                return
            self.seen.append(parse(data, KEY))
            if self.seen[-1].version == 2:
                self.socket.sendto(acknowledgement(data, KEY), address)


@pytest.fixture
def hub() -> Iterator[EchoHub]:
    echo = EchoHub()
    yield echo
    echo.socket.close()


def run(fleet: Fleet, hub: EchoHub, timeout_s: float = 20.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while fleet.pending and time.monotonic() < deadline:
        fleet.pump(0.001)
        hub.turn()
    return not fleet.pending


def test_fleet_survives_a_bad_network(hub: EchoHub) -> None:
    quick = Pacing(first_s=0.1, last_s=0.2, drain_s=0.005)
    boxes = [SimulatedBox(bytes([2, 0, 0, 0, 0, n]), n, KEY, pacing=quick) for n in range(3)]
    faults = Faults(loss=0.3, duplicate=0.3, reorder=0.3)
    with Fleet("127.0.0.1", hub.port, boxes, faults, seed=7) as fleet:
        for box in boxes:
            for number in range(40):
                box.measure(1000 + number, number)
        assert run(fleet, hub)
        summary = fleet.summary()
    assert [entry["acknowledged"] for entry in summary] == [40, 40, 40]
    assert {(d.mac, d.timestamp) for d in hub.seen} == {
        (box.mac, 1000 + number) for box in boxes for number in range(40)
    }
    assert len(hub.seen) > 120


def test_fleet_without_a_hub_keeps_everything() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    box = new_box(pacing=Pacing(first_s=0.01, last_s=0.01))
    with Fleet("localhost", port, [box]) as fleet:
        box.measure(1, 1)
        assert not fleet.settle(0.2)
        assert fleet.pending == 1


def test_unknown_hub_is_one_sentence() -> None:
    with pytest.raises(HubAddressError, match=r"cannot find the hub 'no\.such\.host\.invalid'"):
        Fleet("no.such.host.invalid", 4210, [])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_recording(tmp_path: Path) -> None:
    file = write(tmp_path / "day.csv", "second_of_day,frigorifero_w,forno_w\n0,92.3,\n10,,2300\n86390,0,-0.5\n")
    recording = replay.Recording.from_csv(file)
    assert recording.column("frigorifero") == [(0, 92.3), (86390, 0.0)]
    assert recording.column("forno") == [(10, 2300.0), (86390, -0.5)]
    with pytest.raises(replay.RecordingError, match=r"no column tv_w, only: frigorifero, forno"):
        recording.column("tv")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must begin with the line"),
        ("second_of_day\n", "must begin with the line"),
        ("time,a_w\n0,1\n", "must begin with the line"),
        ("second_of_day,a\n0,1\n", "must begin with the line"),
        ("second_of_day,a_w\n0,1,2\n", "line 2"),
        ("second_of_day,a_w\n0,1\nx,1\n", "line 3"),
        ("second_of_day,a_w\n0,x\n", "line 2"),
        ("second_of_day,a_w\n86400,1\n", "outside the day"),
        ("second_of_day,a_w\n\n", "line 2"),
    ],
)
def test_wrong_recording_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(replay.RecordingError, match=sentence):
        replay.Recording.from_csv(write(tmp_path / "day.csv", text))


def test_missing_recording(tmp_path: Path) -> None:
    with pytest.raises(replay.RecordingError, match="cannot read"):
        replay.Recording.from_csv(tmp_path / "missing.csv")


def test_currents_are_rounded_to_milliampere() -> None:
    assert [replay.current_ma(watt) for watt in (0, 230, 92.3, -3, 2300.1)] == [0, 1000, 401, 0, 10000]
    assert replay.current_ma(120, 120) == 1000


def test_the_day_before_ends_now() -> None:
    assert replay.day_before(1_767_265_209.9) == 1_767_265_200 - 86400


def test_play_sends_every_sample_at_its_time(hub: EchoHub) -> None:
    box = new_box(pacing=replay.PACING, ring=replay.DAY_S)
    samples = [(second, second / 10) for second in range(0, 3000, 10)]
    with Fleet("127.0.0.1", hub.port, [box]) as fleet:
        assert not replay.play(fleet, {box: samples}, 5000, timeout_s=0.0)
        assert run(fleet, hub)
    expected = {(5000 + second, replay.current_ma(watt)) for second, watt in samples}
    assert {(d.timestamp, d.current_ma) for d in hub.seen} == expected
    assert all(Flag.BACKDATED in d.flags for d in hub.seen)


def test_macs_of_simulated_boxes_belong_to_no_maker() -> None:
    macs = {cli.box_mac(number) for number in range(1, 300)}
    assert len(macs) == 299
    assert all(mac[0] & 0b11 == 0b10 for mac in macs)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--hub", "h", "--port", "9", "--key-file", "KEY"], "no box to simulate"),
        (["--hub", "h", "--port", "9", "--key-file", "missing", "--device", "1:a"], "cannot read the key file"),
        (["--hub", "h", "--port", "9", "--key-file", "SHORT", "--device", "1:a"], "64 hexadecimal digits"),
        (
            ["--replay", "missing.csv", "--hub", "h", "--port", "9", "--key-file", "KEY", "--device", "1:a"],
            "cannot read the rec",
        ),
        (["--hub", "no.such.host.invalid", "--port", "9", "--key-file", "KEY", "--device", "1:a"], "cannot find the"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    files = {"KEY": write(tmp_path / "key", KEY.hex() + "\n"), "SHORT": write(tmp_path / "short", "00" * 31)}
    assert run_cli([str(files.get(word, word)) for word in arguments]) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert len(captured.err.splitlines()) == 1
    assert "00" * 31 not in captured.err


@pytest.mark.parametrize("device", ["1", "256:forno", "x:forno", "1:Forno!"])
def test_wrong_device(device: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run_cli(["--hub", "h", "--port", "9", "--key-file", "k", "--device", device])
    assert ended.value.code == 2


def run_cli(arguments: list[str]) -> int:

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return cli.main(arguments)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
