"""Filters that hand a household's names and its rights at the broker to roles, from the package itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

_SOURCE = str(Path(__file__).resolve().parents[3] / "bridge" / "src")
if _SOURCE not in sys.path:
    sys.path.append(_SOURCE)

from ecms_bridge import access, names  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable


def ecms_slug(name: str) -> str:
    """Return the slug of a household's name; raise ValueError with a sentence when it has none."""
    return names.slug_of(str(name))


def ecms_names(slug: str) -> dict[str, object]:
    """Return the schema, tables, topics and users of the household with this slug."""
    return names.household_names(str(slug))


def ecms_access(slug: str) -> list[dict[str, str]]:
    """Return the broker rules of the household with this slug, first match first."""
    return [_plain(rule) for rule in access.household_rules(str(slug))]


def ecms_writer_access(user: str) -> list[dict[str, str]]:
    """Return the broker rules of the writer; raise ValueError for any other user."""
    if user != names.WRITER_USER:
        raise ValueError(f"{user!r} is not the writer's user {names.WRITER_USER!r}")
    return [_plain(rule) for rule in access.writer_rules()]


def _plain(rule: access.Rule) -> dict[str, str]:
    return {key: str(value) for key, value in rule.items()}


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "ecms_slug": ecms_slug,
            "ecms_names": ecms_names,
            "ecms_access": ecms_access,
            "ecms_writer_access": ecms_writer_access,
        }
