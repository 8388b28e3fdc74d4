from __future__ import annotations

import re

import pytest

from ecms_bridge.schema.migrator import Migration, packaged_migrations, statistics_migrations

PUBLISHED = {
    1: "526ac18485828b09398ea4abf31a2609746e1a21beb8d850b26e19be42f41f7a",
    2: "53cd84e8179d380fcdf0439c75865308c5357756982f35a05cb953cced4e329a",
    3: "4a04a369c3dde03ed731b2bbcd0cebd5de6d3aa71b777e56cc85e89b50f685e3",
    4: "226e5befbc9b9d54b9639caff634526f66cca7bc4c8291b57e28f6d98b741598",
    5: "8b78120ae3e9543bd62d4ada6bf53cd80582a3250173304881fca12dada23821",
    6: "cf965a48d21fd8c996087d57dfa085e5241d7df0d5efe4752f350cf3bd36364c",
}
PUBLISHED_STATISTICS = {
    1: "0a2f7fae2b641ae5d63cc30acb8d169bbecfba0414c9e75a9f538a780c0f346d",
}
"""Homes have run these; a schema with another checksum is refused. A change is a new migration and a new line here."""


def test_a_published_migration_never_changes() -> None:
    assert {migration.version: migration.checksum for migration in packaged_migrations()} == PUBLISHED
    assert {migration.version: migration.checksum for migration in statistics_migrations()} == PUBLISHED_STATISTICS


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


@pytest.mark.parametrize(
    "migration", [*packaged_migrations(), *statistics_migrations()], ids=lambda migration: migration.name
)
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
