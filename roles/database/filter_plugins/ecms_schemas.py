"""Filters that turn households into what ``ecms-schema`` reads of them, all at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Facts: TypeAlias = Mapping[str, Any]

_MEMBERS = (
    "slug",
    "name",
    "timezone",
    "mains_voltage_v",
    "contract_power_w",
    "alert_power_w",
    "unmeasured_power_w",
    "currency",
    "tariffs",
    "devices",
    "retention_days",
)


def schema_facts(households: Sequence[Facts]) -> list[dict[str, Any]]:
    """Return what each household's schema has to hold; no secret is among it."""
    return [
        {name: household[name] for name in _MEMBERS}
        | {"boxes": [{"mac": box["mac"], "device": box["device"]} for box in household["boxes"]]}
        for household in households
    ]


def schema_files(households: Sequence[Facts]) -> list[dict[str, str]]:
    """Return the same as a file of each household, by path and content."""
    return [
        {"path": f"{facts['slug']}.json", "content": json.dumps(facts, indent=4, sort_keys=True) + "\n"}
        for facts in schema_facts(households)
    ]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"ecms_schema_facts": schema_facts, "ecms_schema_files": schema_files}
