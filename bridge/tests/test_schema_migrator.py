from __future__ import annotations

import re

import pytest

from ecms_bridge.schema.migrator import Migration, packaged_migrations


def test_statements_are_split_at_line_ends_and_named() -> None:
    migration = Migration(
        1,
        "x",
        "-- A comment; with a semicolon.\nCREATE TABLE {data_table} (\n  a CHAR(3) DEFAULT ';a'\n);\n\n"
        "  -- Another.\nSELECT '{rollup_table}';  \nSELECT 2",
    )
    assert list(migration.statements("casa")) == [
        "CREATE TABLE data_casa (\n  a CHAR(3) DEFAULT ';a'\n)",
        "SELECT 'roll_casa'",
        "SELECT 2",
    ]


def test_a_checksum_is_of_the_text_before_names() -> None:
    assert Migration(1, "x", "{data_table}").checksum == Migration(2, "y", "{data_table}").checksum
    assert Migration(1, "x", "{data_table}").checksum != Migration(1, "x", "{data_table} ").checksum


@pytest.mark.parametrize("migration", packaged_migrations(), ids=lambda migration: migration.name)
def test_migrations_avoid_what_only_one_server_knows(migration: Migration) -> None:
    foreign = (
        r"\bRETURNING\b|ALTER .*IF (NOT )?EXISTS|CREATE OR REPLACE TABLE|PAGE_COMPRESSED|\bLATERAL\b|\bAS new\b"
        r"|\bVALUES\s*\((?!1\))|\bENUM\b|\bUUID\b"
    )
    for statement in migration.statements("casa"):
        assert re.search(foreign, statement, re.IGNORECASE) is None
        if statement.startswith("CREATE TABLE"):
            assert statement.startswith("CREATE TABLE IF NOT EXISTS")
            assert statement.endswith("ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci")
