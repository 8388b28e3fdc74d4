"""``ecms-export`` as a process: what it writes equals what was stored, and a mistake is one sentence."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from database.fixtures import PASSWORD, Home, Users
from database.rome import DAY, HOUR, ROME, at, single
from ecms_bridge.messages import Reading
from ecms_bridge.schema import grants
from grafana.history import FRIDGE, FRIDGE_BOX, WASHER, WASHER_BOX, steady, store
from role_plugins import ROOT


@dataclass
class Tool:
    """The program with the configuration that the playbook would write."""

    home: Home
    directory: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ecms_bridge.export.cli", "--config-directory", str(self.directory), *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "bridge/src"), "TZ": "Asia/Tokyo"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def table(self, *words: str) -> list[dict[str, str]]:
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def fails(self, *words: str) -> str:
        done = self.run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1, done.stderr
        assert PASSWORD not in done.stderr
        return done.stderr


@pytest.fixture
def tool(home: Home, users: Users, tmp_path: Path) -> Tool:
    user = users.make(grants.admin_grants())
    settings = home.server.settings_of(user)
    for folder in ("households", "credentials"):
        (tmp_path / folder).mkdir()
    (tmp_path / "schema.toml").write_text(
        f'[database]\nhost = "{settings.host}"\nport = {settings.port}\nsocket = "{settings.socket}"\n'
        f'user = "{user}"\ntls_ca = "{settings.tls_ca}"\n',
        "utf-8",
    )
    (tmp_path / "credentials" / f"database_{user}").write_text(PASSWORD + "\n", "utf-8")
    (tmp_path / "households" / f"{home.slug}.json").write_text(json.dumps(home.facts), "utf-8")
    return Tool(home, tmp_path)


def test_days_with_wh_cost_and_coverage(tool: Tool) -> None:
    """1 A for two days, of which one has 23 hours, at 230 V: 24 and 23 times 230 Wh; the price rises on the second."""
    begin = at("2024-03-30 00:00")
    tool.home.apply(tariffs=[single("2024-01-01", 0.2), single("2024-03-31", 0.5)])
    store(tool.home, steady(FRIDGE_BOX, FRIDGE, 1.0, begin - 30, begin + 47 * HOUR - 30, 30))
    days = tool.table("--from", "2024-03-30", "--to", "2024-04-01")
    assert [(row["day"], row["appliance"]) for row in days] == [
        ("2024-03-30", "frigorifero"),
        ("2024-03-31", "frigorifero"),
    ]
    assert [float(row["wh"]) for row in days] == [pytest.approx(5520, abs=2), pytest.approx(5290, abs=2)]
    assert [float(row["cost"]) for row in days] == [pytest.approx(1.104, abs=0.001), pytest.approx(2.645, abs=0.001)]
    assert [float(row["coverage_percent"]) for row in days] == [pytest.approx(100, abs=0.1)] * 2


def test_hours_have_their_offset_and_add_up_to_the_days(tool: Tool) -> None:
    begin = at("2024-10-27 00:00")
    tool.home.apply(
        devices=[
            tool.home.facts["devices"][0],
            {
                "id": 2,
                "name": "frigorifero",
                "ratings": [{"valid_from": "2024-10-28", "voltage_v": 230, "power_factor": 0.5}],
            },
        ],
        tariffs=[single("2024-10-28", 0.3)],
    )
    store(tool.home, steady(FRIDGE_BOX, FRIDGE, 2.0, begin - 30, begin + 49 * HOUR - 30, 30))
    words = ("--from", "2024-10-27", "--to", "2024-10-29", "--by")
    hours, days = tool.table(*words, "hour"), tool.table(*words, "day")
    assert len(hours) == 25 + 24
    assert [row["begins"] for row in hours[1:5]] == [
        "2024-10-27T01:00:00+02:00",
        "2024-10-27T02:00:00+02:00",
        "2024-10-27T02:00:00+01:00",
        "2024-10-27T03:00:00+01:00",
    ]
    for day in days:
        its = [row for row in hours if row["begins"].startswith(day["day"])]
        assert sum(float(row["wh"]) for row in its) == pytest.approx(float(day["wh"]), rel=1e-5)
    assert float(days[1]["wh"]) == pytest.approx(2 * 230 * 0.5 * 24, rel=0.001)
    assert {row["cost"] for row in hours[:25]} == {""}
    assert days[0]["cost"] == ""
    assert float(days[1]["cost"]) == pytest.approx(0.3 * 5.52, rel=0.001)


def test_what_it_says_is_what_the_dashboard_says(tool: Tool, users: Users) -> None:
    from grafana.queries import Reader  # noqa: PLC0415 - only here

    begin, end = at("2024-06-01 00:00"), at("2024-06-04 00:00")
    tool.home.apply(tariffs=[single("2024-01-01", 0.25)])
    store(
        tool.home,
        (
            Reading(box, moment, device, (moment // 10 * device % 37) / 10)
            for moment in range(begin, end, 20)
            for box, device in ((FRIDGE_BOX, FRIDGE), (WASHER_BOX, WASHER))
            if moment % 700 > 90
        ),
    )
    reader = Reader(tool.home, users.make(grants.grafana_grants(tool.home.slug)))
    exported = {(row["day"], row["appliance"]): row for row in tool.table("--from", "2024-06-01", "--to", "2024-06-04")}
    assert len(exported) == 6
    for column, query in (("wh", "daily_wh"), ("cost", "daily_cost"), ("coverage_percent", "daily_coverage")):
        for name, points in reader.ask(query, end + HOUR, begin, end - 1).series().items():
            for moment, value in points:
                row = exported[datetime.fromtimestamp(moment, ROME).date().isoformat(), name]
                assert float(row[column]) == pytest.approx(value, abs=0.006), (column, name)


def test_single_readings(tool: Tool) -> None:
    moment = at("2024-06-10 12:00")
    store(
        tool.home,
        [Reading(FRIDGE_BOX, moment + 10, FRIDGE, 0.5), Reading(WASHER_BOX, moment, WASHER, 2.0)],
        [Reading(FRIDGE_BOX, moment - 1, FRIDGE, 9.0), Reading(FRIDGE_BOX, moment + 20, FRIDGE, 9.0)],
    )
    words = ("--by", "reading", "--from", "2024-06-10T12:00", "--to", "2024-06-10T10:00:20+00:00")
    assert tool.run(*words).stdout.splitlines() == [
        "time,appliance,box,ampere,watt",
        "2024-06-10T12:00:00+02:00,lavatrice,02:00:00:00:00:01,2.000,460.0",
        "2024-06-10T12:00:10+02:00,frigorifero,02:00:00:00:00:02,0.500,115.0",
    ]
    assert [row["appliance"] for row in tool.table(*words, "--appliance", "FRIGORIFERO")] == ["frigorifero"]
    italian = tool.run(*words, "--decimal-comma").stdout.splitlines()
    assert italian[1] == "2024-06-10T12:00:00+02:00;lavatrice;02:00:00:00:00:01;2,000;460,0"


def test_a_file_appears_whole_and_none_is_overwritten(tool: Tool, tmp_path: Path) -> None:
    store(tool.home, steady(FRIDGE_BOX, FRIDGE, 1.0, at("2024-06-10 12:00"), at("2024-06-10 13:00"), 30))
    target = tmp_path / "june.csv"
    done = tool.run("--from", "2024-06-01", "--to", "2024-07-01", "--output", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(target.read_text("utf-8").splitlines()) == 2
    assert "june.csv exists: choose another name" in tool.fails("--from", "2024-06-01", "--output", str(target))
    nowhere = str(tmp_path / "no" / "x.csv")
    assert "cannot write" in tool.fails("--from", "2024-06-01", "--output", nowhere)
    assert not list(tmp_path.glob("*.part"))


def test_nothing_measured_is_a_table_without_rows(tool: Tool) -> None:
    for by in ("reading", "hour", "day"):
        assert tool.table("--from", "2024-06-01", "--by", by) == []


def test_retired_readings_are_named(tool: Tool) -> None:
    begin = at("2024-06-10 12:00")
    store(tool.home, steady(FRIDGE_BOX, FRIDGE, 1.0, begin, begin + 5 * DAY, 600))
    tool.home.rows("DELETE FROM {data} WHERE updated_at < FROM_UNIXTIME(%s)", begin + 3 * DAY)
    done = tool.run("--from", "2024-06-10", "--by", "reading")
    assert done.returncode == 0
    assert "single readings before 2024-06-13T12:00:00+02:00 have been retired" in done.stderr


def test_a_reader_that_has_seen_enough(tool: Tool) -> None:
    store(tool.home, steady(FRIDGE_BOX, FRIDGE, 1.0, at("2024-06-10 00:00"), at("2024-06-11 00:00"), 10))
    program = f"{sys.executable} -m ecms_bridge.export.cli --config-directory {tool.directory}"
    command = f"{program} --from 2024-06-10 --by reading | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "bridge/src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "time,appliance,box,ampere,watt\n", "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--from", "1/6/2024"), "'1/6/2024' is no time: write a day such as 2026-01-31"),
        (("--from", "2024-06-31"), "'2024-06-31' is no time"),
        (("--from", "2024-06-02", "--to", "2024-06-02"), "set --to later than --from"),
        (("--from", "2024-06-01", "--appliance", "forni"), "no appliance 'forni': choose of lavatrice, frigorifero"),
        (("--from", "2024-06-01", "--household", "rossi"), "there is no household 'rossi': choose of t"),
    ],
)
def test_a_mistake_is_one_sentence(tool: Tool, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in tool.fails(*words)


def test_what_is_not_there_is_one_sentence(tool: Tool) -> None:
    second = tool.directory / "households" / "zz.json"
    second.write_text("{", "utf-8")
    assert "there are several households: choose one by --household: t" in tool.fails("--from", "2024-06-01")
    assert "run the playbook again" in tool.fails("--from", "2024-06-01", "--household", "zz")
    second.unlink()
    (password,) = (tool.directory / "credentials").iterdir()
    password.write_text("wrong", "utf-8")
    assert "refuses the user" in tool.fails("--from", "2024-06-01")
    password.unlink()
    assert "run this as root on the host of the database" in tool.fails("--from", "2024-06-01")
    for file in (tool.directory / "households").iterdir():
        file.unlink()
    assert "run this on the host of the database" in tool.fails("--from", "2024-06-01")
