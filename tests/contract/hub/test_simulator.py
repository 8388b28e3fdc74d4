"""The simulator's command as users run it, against the hub's daemon and a writer that confirms."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.hub.rig import FAST, KEY, PATIENCE_S, RunningHub, Writer, until
from ecms_bridge.hub.settings import HubSettings

PATIENT = replace(FAST, first_resend=5.0, spool_after=60.0)
"""Every acknowledgement comes from a confirmation, none from the spool."""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "household_key"
    path.write_text(KEY.hex() + "\n", encoding="ascii")
    return path


def simulate(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ecms_bridge.simulator", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    output, errors = process.communicate(timeout=2 * PATIENCE_S)
    assert errors == ""
    return process.returncode, json.loads(output)


def test_live_boxes_with_faults(settings: HubSettings, writer: Writer, key_file: Path) -> None:
    writer.confirming = True
    with RunningHub(settings, PATIENT) as hub:
        process = simulate(
            *("--hub", "127.0.0.1", "--port", hub.port, "--key-file", key_file),
            *("--device", "1:lavatrice", "--device", "2:frigorifero", "--device-v1", "6:forno"),
            *("--interval", 1, "--duration", 2.5, "--burst", 5, "--duplicate", 0.3, "--reorder", 0.2),
        )
        code, summary = ended(process)
        assert (code, summary["complete"], summary["pending"]) == (0, True, 0)
        until(lambda: hub.counters()["confirmed"] == hub.counters()["published"], "confirmed")
    assert [box["name"] for box in summary["boxes"]] == ["lavatrice", "frigorifero", "forno"]
    stored = {(m["mac"], m["timestamp"]) for m in writer.messages}
    for box in summary["boxes"]:
        assert box["sent"] >= 7
        assert box["acknowledged"] == (box["sent"] if box["version"] == 2 else 0)
        assert len([mac for mac, _ in stored if mac == box["mac"]]) == box["sent"]
    assert max(m["amps"] for m in writer.messages if m["device"] == 1) > 5


def test_boxes_that_lose_their_power(settings: HubSettings, writer: Writer, key_file: Path) -> None:
    assert writer.up
    with RunningHub(settings, PATIENT) as hub:
        process = simulate(
            *("--hub", "127.0.0.1", "--port", hub.port, "--key-file", key_file, "--device", "1:forno"),
            *("--interval", 1, "--duration", 3.5, "--reboot-every", 1.2, "--grace", 0),
        )
        code, summary = ended(process)
        until(lambda: len(writer.messages) >= summary["sent"], "published")
    starts = [message for message in writer.messages if "boot" in message["flags"]]
    assert len(starts) >= 2
    assert {message["seq"] for message in starts} == {0}
    assert code == 1
    assert summary["boxes"][0]["dropped"] >= 1


def test_interrupted_boxes_wait_for_their_answers(settings: HubSettings, writer: Writer, key_file: Path) -> None:
    with RunningHub(settings, PATIENT) as hub:
        process = simulate(*("--hub", "127.0.0.1", "--port", hub.port, "--key-file", key_file, "--device", "1:forno"))
        until(lambda: writer.messages, "published")
        process.send_signal(signal.SIGINT)
        writer.confirm(*writer.ids)
        code, summary = ended(process)
        assert (code, summary["sent"], summary["acknowledged"]) == (0, 1, 1)


def test_without_a_hub_it_fails(key_file: Path) -> None:
    process = simulate(
        *("--hub", "127.0.0.1", "--port", 9, "--key-file", key_file, "--device", "1:forno"),
        *("--duration", 0.3, "--grace", 0.3),
    )
    code, summary = ended(process)
    assert (code, summary["complete"], summary["pending"]) == (1, False, 1)


def test_refused_readings_are_a_failure(settings: HubSettings, writer: Writer, key_file: Path) -> None:
    assert writer.up
    with RunningHub(settings, PATIENT) as hub:
        process = simulate(
            *("--hub", "127.0.0.1", "--port", hub.port, "--key-file", key_file, "--device", "1:forno"),
            *("--duration", 0.3, "--clock-error", 3600),
        )
        code, summary = ended(process)
    assert (code, summary["refused"], summary["pending"]) == (1, 1, 0)


def test_recorded_day(settings: HubSettings, writer: Writer, key_file: Path, tmp_path: Path) -> None:
    writer.confirming = True
    file = tmp_path / "day.csv"
    lines = [f"{second},{second % 700},{'' if second % 300 < 50 else 92.34}" for second in range(0, 6000, 10)]
    file.write_text("second_of_day,forno_w,frigorifero_w\n" + "\n".join(lines) + "\n", encoding="ascii")
    begins = int(time.time()) // 10 * 10 - 86400
    with RunningHub(settings, PATIENT) as hub:
        process = simulate(
            *("--replay", file, "--hub", "127.0.0.1", "--port", hub.port, "--key-file", key_file),
            *("--device", "6:forno", "--device", "2:frigorifero", "--begins", begins, "--timeout", PATIENCE_S),
        )
        code, summary = ended(process)
    assert (code, summary["complete"]) == (0, True)
    stored = {(m["device"], m["timestamp"] - begins): m["amps"] for m in writer.messages}
    expected = {(6, s): round(s % 700 / 230, 3) for s in range(0, 6000, 10)}
    expected |= {(2, s): 0.401 for s in range(0, 6000, 10) if s % 300 >= 50}
    assert stored == expected
