"""Every query of ``grafana/sql``: it runs for every range, answers what the README says, reads no more than it must."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from database.fixtures import Home, Users, home, mariadb, users
from ecms_bridge.digest import questions
from ecms_bridge.schema import grants
from ecms_dashboards import sources
from grafana.history import reopen
from grafana.macros import expand
from grafana.queries import FOLDER, NAMES, Reader, text
from role_plugins import load

__all__ = ["home", "mariadb", "users"]

HOUR, DAY = 3600, 86400
RANGES = (5 * 60, HOUR, 2 * HOUR, 6 * HOUR, DAY, 7 * DAY, 31 * DAY, 90 * DAY, 365 * DAY, 20 * 365 * DAY)
NOW = 1_718_186_400
"""2024-06-12 12:00 in Rome."""

README = (FOLDER / "README.md").read_text(encoding="utf-8")
_QUERIES_OF_A_TABLE = re.compile(r"^\| (`[^|]+`) \| ([ST]) \| (.+) \| (.+) \|$", re.MULTILINE)


def documented() -> dict[str, tuple[str, str]]:
    """Return the format and the columns of each query, as the README has them."""
    found = {}
    for names, form, _, columns in _QUERIES_OF_A_TABLE.findall(README):
        for name in re.findall(r"`(\w+)`", names):
            found[name] = (form, columns)
    return found


@pytest.fixture
def reader(home: Home, users: Users) -> Reader:
    return Reader(home, users.make(grants.grafana_grants(home.slug)))


def fill(home: Home, days: int) -> None:
    """Fill ``days`` before NOW with readings of 8 appliances: raw ones for a day, else what they come to."""
    home.apply(devices=[*home.facts["devices"][:7], {"id": 8, "name": "pompa", "ratings": []}])
    of_device = "UNHEX(CONCAT('02000000000', device.idDevice))"
    for minutes in (15, 60):
        home.rows(
            f"INSERT INTO {{roll}} SELECT {minutes}, FROM_UNIXTIME({NOW // 3600 * 3600} - seq * {minutes} * 60), "
            f"device.idDevice, {of_device}, {6 * minutes}, {60 * minutes}, {60 * minutes} * 0.5, 0, 2 "
            f"FROM seq_1_to_{days * 24 * 60 // minutes} JOIN device"
        )
    home.rows(
        f"INSERT INTO {{data}} SELECT FROM_UNIXTIME({NOW} - seq * 10), device.idDevice, {of_device}, 0.5 "
        "FROM seq_0_to_8639 JOIN device"
    )
    home.rows(
        f"INSERT INTO box (mac, idDevice, first_seen, last_seen) SELECT {of_device}, idDevice, "
        f"FROM_UNIXTIME({NOW - days * DAY}), FROM_UNIXTIME({NOW}) FROM device"
    )
    home.rows("UPDATE closed_day SET day = '1970-01-01', ends = '1970-01-01 00:00:01'")
    home.apply()
    reopen(home, NOW)
    for table in ("{data}", "{roll}", "rollup_day", "calendar", "tariff_slot", "day_price", "box", "device"):
        home.rows(f"ANALYZE TABLE {table}")


def test_the_readme_names_every_query_and_no_other() -> None:
    assert set(documented()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_is_one_statement_with_a_sentence(name: str) -> None:
    query = text(name)
    assert query.startswith("-- ")
    assert ";" not in "\n".join(line for line in query.splitlines() if not line.startswith("--"))
    # What Grafana's macros would do to a comment, and its guard to these functions.
    assert not re.search(r"^--.*\$", query, re.MULTILINE)
    assert not re.search(r"\b(session_|current_|system_)?user\(|show\s+grants", query, re.IGNORECASE)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_an_empty_household_for_every_range(reader: Reader, name: str) -> None:
    form, columns = documented()[name]
    for seconds in RANGES:
        answer = reader.ask(name, NOW, NOW - seconds, NOW, device=2)
        if form == "S":
            assert answer.columns[0] == "time"
            assert answer.columns == ("time", "metric", "value") or name == "hub_queue"
        if answer.columns != ("time", "metric", "value"):
            assert [column for column in answer.columns if column != "time" and f"`{column}`" not in columns] == []


def test_what_an_empty_household_is_told(reader: Reader) -> None:
    assert reader.ask("total_now", NOW).rows == ((None,),)
    assert len(reader.ask("throughput", NOW).rows) == 7
    assert reader.ask("periods", NOW).of("wh", "coverage_percent", "colour") == [(0, None, "text")] * 3
    for name in ("watt", "daily_wh", "mean_daily_wh", "gaps", "boxes", "hub", "appliance_cycles", "appliance_standby"):
        assert reader.ask(name, NOW, device=2).rows == (), name


def test_what_several_queries_share_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ampere", "watt", "appliance_watt"):
        assert "-- include parts/steps" in (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
        assert "FROM rollup_15" in text(name)
        assert "include" not in text(name)
    monkeypatch.setattr(sources, "QUERIES", tmp_path)
    (tmp_path / "whole.sql").write_text("-- All.\nSELECT x\nFROM (\n  -- include part\n) AS y\n", "utf-8")
    with pytest.raises(FileNotFoundError, match=r"part\.sql"):
        text("whole")
    (tmp_path / "part.sql").write_text("-- Of it.\nSELECT 1 AS x\n  FROM z\n", "utf-8")
    assert text("whole") == "-- All.\nSELECT x\nFROM (\n  SELECT 1 AS x\n    FROM z\n) AS y"


@pytest.mark.parametrize("name", [*questions.NAMES, *load("roles/grafana/filter_plugins/ecms_grafana.py").SHARED])
def test_what_the_digest_and_the_alerts_read_as_a_file_includes_nothing(name: str) -> None:
    assert text(name) == (FOLDER / f"{name}.sql").read_text(encoding="utf-8").rstrip("\n")


def plan(home: Home, name: str, seconds: int) -> list[dict[str, Any]]:
    # Not as the reader: EXPLAIN of a view takes more rights than its SELECT.
    query = "EXPLAIN " + expand(text(name), NOW - seconds, NOW, {"device": 2})
    with home.session.cursor() as cursor:
        cursor.execute(f"USE {home.schema}")
        cursor.execute(f"SET timestamp = {NOW}")
        cursor.execute(query)
        columns = [column[0] for column in cursor.description]
        found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        cursor.execute("SET timestamp = DEFAULT")
    return found


def test_no_query_scans_what_grows(home: Home) -> None:
    """Readings and their sums are read by the key, from its first column to a point or range of time."""
    fill(home, 120)
    seen = set()
    for name in NAMES:
        for seconds in (one for one in RANGES if one <= 31 * DAY):
            steps = plan(home, name, seconds)
            read = " ".join(str(step["table"]) for step in steps)
            for step in steps:
                table, how = str(step["table"]), str(step["type"])
                # What only a branch with an impossible WHERE would read is planned and not read.
                idle = step["select_type"] == "DERIVED" and f"<derived{step['id']}>" not in read
                if idle or not (table == "r" or table.startswith(("data_", "roll_", "rollup_day"))):
                    continue
                seen.add(table.split("_t", maxsplit=1)[0])
                whole = how in {"ALL", "index"} or (how == "ref" and step["key_len"] == "1")
                assert not whole, (name, seconds, step)
    assert seen == {"data", "roll", "rollup_day", "r"}


def rows_read(reader: Reader, name: str, seconds: int) -> int:
    """Return how many rows the server's storage engines read for a query."""
    with reader.cursor(NOW) as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        before = sum(int(row[1]) for row in cursor.fetchall())
        cursor.execute(expand(text(name), NOW - seconds, NOW, {"device": 2}).replace("%", "%%"), ())
        cursor.fetchall()
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(row[1]) for row in cursor.fetchall()) - before


def test_what_is_read_does_not_grow_with_the_history(home: Home, reader: Reader) -> None:
    """Rows read for a range of up to 30 days are the same over 40 days of history and over 200: not timed, counted."""
    fill(home, 40)
    ranges = (HOUR, DAY, 7 * DAY, 30 * DAY)
    young = {(name, seconds): rows_read(reader, name, seconds) for name in NAMES for seconds in ranges}
    for table in ("{data}", "{roll}", "rollup_day", "box"):
        home.rows(f"DELETE FROM {table}")
    fill(home, 200)
    old = {(name, seconds): rows_read(reader, name, seconds) for name in NAMES for seconds in ranges}
    grown = {key: (young[key], old[key]) for key in young if old[key] > 1.5 * young[key] + 200}
    assert grown == {}
    assert sum(young.values()) > 10_000
