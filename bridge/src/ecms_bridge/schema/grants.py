"""The database rights of every user, in one place; nothing beyond them is needed for any task.

A household's own user and the administrator hold rights on whole schemas. There ``_`` and ``%`` are wildcards
of GRANT, so ``_`` is escaped: without it the user of ``a_b`` would read ``ecms_acb`` too. The writer holds
rights on single tables. There GRANT takes the name of the schema literally, so it must not be escaped.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from ecms_bridge import names

Privilege = Literal["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP", "CREATE VIEW"]


STATISTICS_VIEWS = ("appliance_day", "appliance_month", "load_profile", "overview", "participant", "standby")


class Grant(TypedDict):
    """Rights as GRANT takes them: ``GRANT <privileges> ON <on> TO …``."""

    on: str
    privileges: list[Privilege]


def grafana_grants(slug: str) -> list[Grant]:
    """Return the rights of a household's reader ``grafana_<slug>``: it reads its schema and nothing else."""
    return [{"on": f"{_pattern(names.schema_name(names.check_slug(slug)))}.*", "privileges": ["SELECT"]}]


def admin_grants() -> list[Grant]:
    """Return the rights of ``ecms-admin``, which migrates all household schemas and retires old rows."""
    return [
        {
            "on": f"{_pattern(names.schema_name(''))[:-1]}%`.*",
            "privileges": [
                "SELECT",
                "INSERT",
                "UPDATE",
                "DELETE",
                "CREATE",
                "ALTER",
                "INDEX",
                "DROP",
                "CREATE VIEW",
            ],
        }
    ]


def writer_grants(slug: str) -> list[Grant]:
    """Return the rights of ``ecms-writer`` in one household, by table.

    The tables must exist when they are granted: run ``ecms-schema apply`` first.
    """
    names.check_slug(slug)
    stored: list[Privilege] = ["SELECT", "INSERT", "UPDATE"]
    by_table: dict[str, list[Privilege]] = {
        names.data_table(slug): stored,
        names.rollup_table(slug): stored,
        "box": stored,
        "hub_status": stored,
        "writer_status": stored,
        "dead_letter_count": stored,
        "dead_letter": stored,
        # The only rows that leave: those released when their appliance is added.
        "quarantine": [*stored, "DELETE"],
        "rollup_day": stored,
        "closed_day": ["SELECT", "UPDATE"],
        "calendar": ["SELECT"],
        "tariff_slot": ["SELECT"],
        "device": ["SELECT"],
        "schema_version": ["SELECT"],
        "box_assignment": ["SELECT"],
        # UPDATE counts dead letters and is what FOR UPDATE asks for.
        "writer_state": ["SELECT", "UPDATE"],
        "cluster_turn": ["SELECT", "UPDATE"],
    }
    return [
        {"on": f"`{names.schema_name(slug)}`.`{table}`", "privileges": privileges}
        for table, privileges in by_table.items()
    ]


def statistics_grants() -> list[Grant]:
    """Return the rights of ``ecms-statistics``: it reads the views over all homes, and no table below them.

    The views must exist when they are granted: run ``ecms-schema statistics`` first.
    """
    schema = names.schema_name(names.STATISTICS)
    return [{"on": f"`{schema}`.`{view}`", "privileges": ["SELECT"]} for view in STATISTICS_VIEWS]


def _pattern(schema: str) -> str:
    return "`" + schema.replace("_", "\\_") + "`"
