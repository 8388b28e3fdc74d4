"""A household that is to go: which one, and whether that was said clearly enough."""

from __future__ import annotations

from ecms_bridge import names
from household_checks.values import Variables, show


def removal_mistakes(wanted: Variables) -> list[str]:
    """Return a sentence for each mistake of the command line: ``name``, and ``confirm`` unless it will be asked for."""
    name, confirm = wanted.get("name"), wanted.get("confirm")
    if not name:
        return ['Say whose home is to go: -e name="Mario Rossi".']
    try:
        slug = names.slug_of(str(name))
    except names.HouseholdNameError as error:
        return [f"name: {error}."]
    return [] if confirm in ("", slug) else confirmation_mistakes(confirm, slug)


def confirmation_mistakes(typed: object, slug: str) -> list[str]:
    """Return a sentence unless this is exactly the household's slug."""
    if typed == slug:
        return []
    return [f"{show(typed)} is not {show(slug)}, so nothing was removed: type exactly that, or set -e confirm={slug}."]
