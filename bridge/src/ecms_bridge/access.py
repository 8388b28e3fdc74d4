"""The broker's access model, once for every broker: who may publish and subscribe where."""

from __future__ import annotations

from typing import Literal, TypedDict

from ecms_bridge import names


class Rule(TypedDict):
    """One rule; the first that matches decides, and what no rule matches is denied.

    ``match`` is ``pattern`` where the topic is a filter that covers topics (or narrower filters), and
    ``literal`` where a subscription must be spelled exactly so.
    """

    action: Literal["publish", "subscribe"]
    effect: Literal["allow", "deny"]
    topic: str
    match: Literal["pattern", "literal"]


def household_rules(slug: str) -> list[Rule]:
    """Return the rules of a household's client: all under its name, but no confirmations of its own."""
    own = f"{names.check_slug(slug)}/#"
    return [
        {"action": "publish", "effect": "deny", "topic": names.confirmations_topic(slug), "match": "literal"},
        {"action": "publish", "effect": "allow", "topic": own, "match": "pattern"},
        {"action": "subscribe", "effect": "allow", "topic": own, "match": "pattern"},
    ]


def writer_rules() -> list[Rule]:
    """Return the writer's rules: it reads all readings and statuses and publishes confirmations."""
    readings = f"+/{names.READINGS}"
    return [
        {"action": "subscribe", "effect": "allow", "topic": readings, "match": "literal"},
        {
            "action": "subscribe",
            "effect": "allow",
            "topic": f"$share/{names.SHARED_GROUP}/{readings}",
            "match": "literal",
        },
        {"action": "subscribe", "effect": "allow", "topic": f"+/{names.STATUS}", "match": "literal"},
        {"action": "publish", "effect": "allow", "topic": f"+/{names.CONFIRMATIONS}", "match": "pattern"},
    ]
