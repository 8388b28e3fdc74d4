"""Seven recorded days of real appliances through boxes, hub, broker and database, against their true Wh."""

from __future__ import annotations

import itertools
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from ecms_bridge import names
from ecms_bridge.simulator import replay
from ecms_bridge.simulator.box import SimulatedBox
from ecms_bridge.simulator.cli import box_mac
from ecms_bridge.simulator.fleet import Fleet
from ecms_bridge.simulator.loads import MAINS_VOLTAGE_V
from hub import REPOSITORY, Hub
from notrun import not_run

# Where a checkout has the recordings: in a folder beside it, or where the variable says.
RECORDINGS = Path(os.environ.get("ECMS_RECORDED_DAYS", REPOSITORY.parent / "shared/data/eco"))
FIRST_BOX = 2000
SAMPLE_S = 10
DAY_S = 86400
BRIDGED_S = 30
STORED_S = 180.0
# A 10 s sample blurs the bursts of a kettle more than the plateaus of the others.
TRUTH_TOLERANCE = {"frigorifero": 0.015, "asciugatrice": 0.015, "bollitore": 0.06}
FROM_WH = 100.0


@dataclass(frozen=True, slots=True)
class Result:
    """One appliance's day, in Wh and covered seconds."""

    day: str
    appliance: str
    truth_wh: float
    replayed_wh: float
    stored_wh: float
    covered_s: int
    samples: int
    bridged_s: int

    def line(self) -> str:
        difference = f"{100 * (self.stored_wh / self.truth_wh - 1):+.2f} %" if self.truth_wh >= FROM_WH else ""
        return (
            f"| {self.day} | {self.appliance} | {self.truth_wh:.1f} | {self.replayed_wh:.1f} | {self.stored_wh:.1f} "
            f"| {difference} | {100 * self.covered_s / DAY_S:.2f} % |"
        )


@pytest.mark.timeout(1800)
def test_stored_energy_of_recorded_days(hub: Hub) -> None:
    days = sorted(RECORDINGS.glob("*.csv"))
    if not days:
        not_run("no recorded days: set ECMS_RECORDED_DAYS to a folder with YYYY-MM-DD.csv and truth.json")
    truth = json.loads((RECORDINGS / "truth.json").read_text(encoding="utf-8"))
    results = [result for number, path in enumerate(days) for result in _play(hub, number, path, truth[path.stem])]
    table = "\n".join(
        (
            "| day | appliance | true Wh | replayed Wh | stored Wh | stored against true | coverage |",
            "|---|---|---:|---:|---:|---:|---:|",
            *(result.line() for result in results),
        )
    )
    print(table)
    (REPOSITORY / "build/recorded-days.md").write_text(table + "\n", encoding="utf-8")
    for result in results:
        assert abs(result.stored_wh - result.replayed_wh) <= max(1.0, 0.005 * result.replayed_wh), result
        assert result.covered_s == result.samples * SAMPLE_S + result.bridged_s, result
        if result.truth_wh >= FROM_WH:
            tolerance = TRUTH_TOLERANCE[result.appliance]
            assert abs(result.stored_wh - result.truth_wh) <= tolerance * result.truth_wh, result


def _play(hub: Hub, number: int, path: Path, truth: dict[str, dict[str, float]]) -> list[Result]:
    key = bytes.fromhex(hub.key_file.read_text(encoding="ascii"))
    recording = replay.Recording.from_csv(path)
    appliances = list(recording.columns)
    first = number * len(appliances)
    boxes = {
        name: SimulatedBox(box_mac(FIRST_BOX + first + n), 100 + first + n, key, pacing=replay.PACING, ring=DAY_S)
        for n, name in enumerate(appliances)
    }
    begins = replay.day_before(time.time())
    with Fleet(hub.machine.address, hub.udp_port(), list(boxes.values())) as fleet:
        samples = {box: recording.column(name) for name, box in boxes.items()}
        assert replay.play(fleet, samples, begins), fleet.summary()
    return [_result(hub, path.stem, name, boxes[name], recording.column(name), truth[name]) for name in appliances]


def _result(
    hub: Hub, day: str, name: str, box: SimulatedBox, samples: list[tuple[int, float]], truth: dict[str, float]
) -> Result:
    query = (
        "SELECT SUM(roll.a_s * rating.voltage_v * rating.power_factor) / 3600, SUM(roll.cov_s), SUM(roll.n) "
        f"FROM {names.rollup_table(hub.slug)} AS roll JOIN device_rating AS rating USING (idDevice) "
        f"WHERE roll.res = 15 AND roll.mac = x'{box.mac.hex()}'"
    )
    deadline = time.monotonic() + STORED_S
    while (row := hub.query(query)[0])[2] != str(len(samples)) and time.monotonic() < deadline:
        time.sleep(1)
    stored_wh, covered_s, stored = row
    assert stored == str(len(samples))
    seconds = [second for second, _ in samples]
    return Result(
        day=day,
        appliance=name,
        truth_wh=truth["wh_1hz"],
        replayed_wh=sum(float(replay.current_ma(w)) / 1000 * MAINS_VOLTAGE_V * SAMPLE_S / 3600 for _, w in samples),
        stored_wh=float(stored_wh),
        covered_s=int(covered_s),
        samples=len(samples),
        bridged_s=sum(b - a - SAMPLE_S for a, b in itertools.pairwise(seconds) if b - a <= BRIDGED_S),
    )
