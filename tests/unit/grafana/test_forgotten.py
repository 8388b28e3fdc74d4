"""Which provisioning files name organisations that Grafana's database does not have."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from role_plugins import load

MODULE: Any = load("roles/grafana/library/grafana_forgotten.py")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    written = {
        "yaml": "apiVersion: 1\ndatasources:\n- name: ecms\n  orgId: 2\n",
        "json": '{"apiVersion": 1, "groups": [{"orgId": 13, "name": "ecms"}]}',
        "several": "providers:\n- orgId: 2\n- orgId: 13\n",
        "nobody": "apiVersion: 1\n",
    }
    for name, text in written.items():
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in written}


def forgotten(files: dict[str, Path], database: Path) -> list[str]:
    return [Path(one).name for one in MODULE.forgotten(files.values(), MODULE.organisations(database))]


def made(database: Path, *numbers: int) -> Path:
    with closing(sqlite3.connect(database)) as session, session:
        session.execute("CREATE TABLE org (id INTEGER, name TEXT)")
        session.executemany("INSERT INTO org VALUES (?, '')", [(number,) for number in numbers])
    return database


def test_a_database_that_is_gone_knows_none(files: dict[str, Path], tmp_path: Path) -> None:
    assert forgotten(files, tmp_path / "grafana.db") == ["yaml", "json", "several"]


def test_a_database_that_was_only_begun_knows_none(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "grafana.db").touch()
    assert forgotten(files, tmp_path / "grafana.db") == ["yaml", "json", "several"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 2, 13), []),
        ((1, 2), ["json", "several"]),
        ((1,), ["yaml", "json", "several"]),
        ((1, 13, 3), ["yaml", "several"]),
    ],
)
def test_files_that_name_another_organisation_are_found(
    files: dict[str, Path], tmp_path: Path, numbers: tuple[int, ...], expected: list[str]
) -> None:
    assert forgotten(files, made(tmp_path / "grafana.db", *numbers)) == expected


def test_what_cannot_be_read_costs_no_file(files: dict[str, Path], tmp_path: Path) -> None:
    database = tmp_path / "grafana.db"
    database.write_text("this is no database, but long enough to be taken for one by its size")
    assert forgotten(files, database) == []


def test_a_database_in_use_is_read(files: dict[str, Path], tmp_path: Path) -> None:
    database = made(tmp_path / "grafana?.db", 1)
    with closing(sqlite3.connect(database)) as session:
        session.execute("PRAGMA journal_mode = WAL")
        session.execute("INSERT INTO org VALUES (2, '')")
        session.commit()
        assert forgotten(files, database) == ["json", "several"]
