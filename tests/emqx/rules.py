"""What EMQX 5.8 does with the rules in acl.conf, by its documentation and without its code.

The first rule whose client, action and topics all match decides, and where none does the setting ``no_match``.
A user name is compared exactly, or searched for a regular expression that nothing anchors. Topics are compared
level by level: in a rule ``+`` stands for any one level, whatever it is (also the ``#`` of a subscription), ``#`` for
all that follow; neither matches a first level that begins with ``$``. ``{eq, Filter}`` matches that very spelling.
Of a shared subscription the group is taken off first, of an exclusive one the word, of a delayed publication the delay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from emqx.terms import Atom, Term, parse

Action = Literal["publish", "subscribe"]


@dataclass(frozen=True)
class Rule:
    """One rule as EMQX compiles it; ``action`` and ``topics`` may be the atom ``all``."""

    effect: str
    who: Term
    action: str
    topics: list[Term] | None

    def concerns(self, username: str | None, action: Action, topic: str) -> bool:
        """Tell whether this rule decides."""
        return (
            self.action in ("all", action)
            and _is(username, self.who)
            and (self.topics is None or any(_covers(each, topic, username) for each in self.topics))
        )


def read(text: str) -> list[Rule]:
    """Return the rules of an acl.conf; raise ValueError for what is none."""
    rules = []
    for term in parse(text):
        match term:
            case (("allow" | "deny") as effect, Atom("all")):
                rules.append(Rule(effect, Atom("all"), "all", None))
            case (("allow" | "deny") as effect, who, Atom() as action, topics) if action in {
                "publish",
                "subscribe",
                "all",
            }:
                if topics != Atom("all") and not isinstance(topics, list):
                    raise ValueError(f"no topics: {topics!r}")
                rules.append(Rule(effect, who, action, topics if isinstance(topics, list) else None))
            case _:
                raise ValueError(f"no rule: {term!r}")
    return rules


def allows(rules: list[Rule], username: str | None, action: Action, topic: str) -> bool:
    """Tell whether a client of this name may do that, where ``no_match`` is ``deny``."""
    real = _real(action, topic)
    deciding = next((rule for rule in rules if rule.concerns(username, action, real)), None)
    return deciding is not None and deciding.effect == "allow"


def _real(action: Action, topic: str) -> str:
    levels = topic.split("/")
    if action == "subscribe" and levels[0] == "$share":
        return "/".join(levels[2:])
    if action == "subscribe" and levels[0] in ("$queue", "$exclusive"):
        return "/".join(levels[1:])
    if action == "publish" and levels[0] == "$delayed":
        return _real(action, "/".join(levels[2:]))
    return topic


def _is(username: str | None, who: Term) -> bool:
    match who:
        case Atom("all"):
            return True
        case (Atom("username"), (Atom("re"), str() as pattern)):
            return username is not None and re.search(pattern, username) is not None
        case (Atom("username"), str() as name):
            return username == name
        case _:
            raise ValueError(f"no client: {who!r}")


def _covers(allowed: Term, topic: str, username: str | None) -> bool:
    match allowed:
        case (Atom("eq"), str() as spelling):
            return topic == spelling
        case str() as spelling if spelling.startswith("eq "):
            return topic == spelling.removeprefix("eq ")
        case str() as spelling:
            if "${username}" in spelling and username is None:
                return False
            wanted = spelling.replace("${username}", username or "").split("/")
            return _levels(topic.split("/"), wanted)
        case _:
            raise ValueError(f"no topic: {allowed!r}")


def _levels(topic: list[str], wanted: list[str]) -> bool:
    if topic[0].startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(topic) or level not in ("+", topic[place]):
            return False
    return len(topic) == len(wanted)
