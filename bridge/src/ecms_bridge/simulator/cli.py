"""Simulated boxes that speak to a hub: live ones, or a recorded day at full speed."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from ecms_bridge import __version__
from ecms_bridge.datagram import KEY_LENGTH, NO_FLAGS, Flag
from ecms_bridge.simulator import replay
from ecms_bridge.simulator.box import REAL_BOX, RING, Pacing, SimulatedBox
from ecms_bridge.simulator.fleet import Faults, Fleet, HubAddressError
from ecms_bridge.simulator.loads import MAINS_VOLTAGE_V, Load

_DEVICE = re.compile(r"(\d{1,3}):([a-z0-9_]+)")
_KEY = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_LENGTH}}}")
_MAX_DEVICE = 255
_TICK_S = 0.05


class UsageError(Exception):
    """What the user gave is of no use; the message is one sentence."""


class Stop:
    """Set by the first SIGINT or SIGTERM; the second one ends the wait for acknowledgements too."""

    def __init__(self) -> None:
        self.signals = 0

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._count)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1


def _device(text: str) -> tuple[int, str]:
    match = _DEVICE.fullmatch(text)
    if match is None or int(match[1]) > _MAX_DEVICE:
        msg = f"{text!r} must be a number and a name, such as 1:lavatrice"
        raise argparse.ArgumentTypeError(msg)
    return int(match[1]), match[2]


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        msg = f"{text} must be from 0 to 1"
        raise argparse.ArgumentTypeError(msg)
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ecms-simulate", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--hub", required=True, help="name or address of the hub")
    parser.add_argument("--port", type=int, required=True, help="its UDP port, the inventory's ecms_udp_port")
    parser.add_argument("--key-file", type=Path, required=True, help="file with the household's key in hex")
    boxes = {"type": _device, "action": "append", "default": [], "metavar": "ID:NAME"}
    parser.add_argument("--device", **boxes, help="a box of this appliance; once per box")  # type: ignore[arg-type]
    parser.add_argument("--first-box", type=int, default=1, metavar="N", help="its number; the MACs follow from it")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes another home")
    faults = parser.add_argument_group("faults of the network")
    faults.add_argument("--loss", type=_probability, default=0.0, metavar="P", help="lost datagrams and answers")
    faults.add_argument("--duplicate", type=_probability, default=0.0, metavar="P", help="doubled datagrams")
    faults.add_argument("--reorder", type=_probability, default=0.0, metavar="P", help="datagrams up to 0.5 s late")
    live = parser.add_argument_group("boxes that measure now")
    live.add_argument("--device-v1", **boxes, help="a version 1 box, which gets no answers")  # type: ignore[arg-type]
    live.add_argument("--duration", type=float, default=None, metavar="S", help="measure for so long, then stop")
    live.add_argument("--interval", type=int, default=10, metavar="S", help="a reading each (default: %(default)s)")
    live.add_argument("--grace", type=float, default=75.0, metavar="S", help="then wait for answers (default: 75)")
    live.add_argument("--burst", type=int, default=0, metavar="N", help="start with this many older readings")
    live.add_argument("--clock-error", type=int, default=0, metavar="S", help="the boxes' clocks are ahead by this")
    live.add_argument("--reboot-every", type=float, default=None, metavar="S", help="the boxes lose their power")
    recorded = parser.add_argument_group("a recorded day as the last 24 hours, instead")
    recorded.add_argument("--replay", type=Path, metavar="FILE.csv", help="lines of second_of_day,<name>_w,...")
    recorded.add_argument("--voltage", type=float, default=MAINS_VOLTAGE_V, metavar="V")
    recorded.add_argument("--begins", type=int, default=None, metavar="UNIX", help="instead of 24 hours ago")
    recorded.add_argument("--timeout", type=float, default=600.0, metavar="S")
    return parser


def _key(path: Path) -> bytes:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the key file {path}: {error}"
        raise UsageError(msg) from error
    if _KEY.fullmatch(text) is None:
        msg = f"the key file {path} must hold {2 * KEY_LENGTH} hexadecimal digits"
        raise UsageError(msg)
    return bytes.fromhex(text)


def box_mac(number: int) -> bytes:
    """Return the MAC of a simulated box: locally administered, so no real one has it."""
    return b"\x02ECM" + number.to_bytes(2)


class _Live:
    """Boxes that measure at multiples of the interval, as real ones do."""

    def __init__(self, arguments: argparse.Namespace, fleet: Fleet, loads: list[Load], stop: Stop) -> None:
        self._arguments = arguments
        self._fleet = fleet
        self._loads = loads
        self._stop = stop
        self._begun_at = int(time.time()) // arguments.interval * arguments.interval

    def run(self) -> bool:
        interval, duration = self._arguments.interval, self._arguments.duration
        begun = rebooted = time.monotonic()
        measured = self._begun_at // interval - 1 - self._arguments.burst
        while not self._stop.signals and (duration is None or time.monotonic() - begun < duration):
            while measured < int(time.time()) // interval:
                measured += 1
                self._measure(measured * interval)
            self._fleet.pump(_TICK_S)
            reboot = self._arguments.reboot_every
            if reboot is not None and time.monotonic() - rebooted >= reboot:
                rebooted = time.monotonic()
                for box in self._fleet.boxes:
                    box.reboot()
        deadline = time.monotonic() + self._arguments.grace
        while self._fleet.pending and self._stop.signals <= 1 and time.monotonic() < deadline:
            self._fleet.pump(_TICK_S)
        return self._fleet.pending == 0

    def _measure(self, timestamp: int) -> None:
        flags = NO_FLAGS if timestamp >= self._begun_at else Flag.BACKDATED
        for box, load in zip(self._fleet.boxes, self._loads, strict=True):
            current = load.current_a(timestamp - self._begun_at)
            box.measure(timestamp + self._arguments.clock_error, round(current * 1000), flags | Flag.CALIBRATED)


def _boxes(arguments: argparse.Namespace, key: bytes, pacing: Pacing, ring: int) -> list[tuple[SimulatedBox, str]]:
    wanted = [(2, *device) for device in arguments.device]
    wanted += [(1, *device) for device in arguments.device_v1]
    if not wanted:
        msg = "no box to simulate: give --device, such as --device 1:lavatrice"
        raise UsageError(msg)
    return [
        (SimulatedBox(box_mac(number), device, key, version=version, pacing=pacing, ring=ring), name)
        for number, (version, device, name) in enumerate(wanted, start=arguments.first_box)
    ]


def _run_live(arguments: argparse.Namespace, key: bytes, stop: Stop) -> tuple[bool, Fleet, list[str]]:
    boxes = _boxes(arguments, key, REAL_BOX, max(RING, arguments.burst + RING))
    with _fleet(arguments, boxes) as fleet:
        loads = [Load(name, arguments.seed) for _, name in boxes]
        return _Live(arguments, fleet, loads, stop).run(), fleet, [name for _, name in boxes]


def _run_replay(arguments: argparse.Namespace, key: bytes, _stop: Stop) -> tuple[bool, Fleet, list[str]]:
    recording = replay.Recording.from_csv(arguments.replay)
    boxes = _boxes(arguments, key, replay.PACING, replay.DAY_S)
    samples = {box: recording.column(name) for box, name in boxes}
    begins = replay.day_before(time.time()) if arguments.begins is None else arguments.begins
    with _fleet(arguments, boxes) as fleet:
        complete = replay.play(fleet, samples, begins, voltage_v=arguments.voltage, timeout_s=arguments.timeout)
        return complete, fleet, [name for _, name in boxes]


def _fleet(arguments: argparse.Namespace, boxes: list[tuple[SimulatedBox, str]]) -> Fleet:
    faults = Faults(loss=arguments.loss, duplicate=arguments.duplicate, reorder=arguments.reorder)
    return Fleet(arguments.hub, arguments.port, [box for box, _ in boxes], faults, arguments.seed)


def main(argv: list[str] | None = None) -> int:
    """Run boxes and print a summary as JSON; return 0 only if every reading was acknowledged."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    run = _run_live if arguments.replay is None else _run_replay
    stop = Stop()
    stop.install()
    begun = time.monotonic()
    try:
        complete, fleet, device_names = run(arguments, _key(arguments.key_file), stop)
    except (UsageError, HubAddressError, replay.RecordingError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    boxes = [{"name": name, **box} for name, box in zip(device_names, fleet.summary(), strict=True)]
    statistics = [box.statistics for box in fleet.boxes]
    complete = complete and not any(s.refused or s.dropped for s in statistics)
    print(
        json.dumps(
            {
                "complete": complete,
                "seconds": round(time.monotonic() - begun, 3),
                "sent": sum(s.sent for s in statistics),
                "acknowledged": sum(s.acknowledged for s in statistics),
                "refused": sum(s.refused for s in statistics),
                "pending": fleet.pending,
                "boxes": boxes,
            }
        )
    )
    return 0 if complete else 1
