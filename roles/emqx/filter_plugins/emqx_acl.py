"""The broker's access model as EMQX's acl.conf: Erlang terms, of which the first that matches decides."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

_SOURCE = str(Path(__file__).resolve().parents[3] / "bridge" / "src")
if _SOURCE not in sys.path:
    sys.path.append(_SOURCE)

from ecms_bridge import names  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Rule = dict[str, str]
USERNAME = "${username}"
_ALL_HOUSEHOLDS = f'{{username, {{re, "^(?:{names.SLUG_PATTERN})$"}}}}'


class AclError(ValueError):
    """Rules that EMQX cannot keep; the message says what to set instead."""


def emqx_acl(household_rules: Iterable[Rule], slug: str, clients: Iterable[dict[str, Any]]) -> str:
    """Return the rules of EMQX for named clients, for every household, and for nobody else.

    ``household_rules`` are those of the household ``slug``; they are written once for all, with EMQX's
    placeholder in the slug's place, so that a household comes and goes without a change of the rules.
    A client's name may look like a slug; its own rules come first and end with a denial.

    Raises AclError for a rule that EMQX would understand more widely than it is meant.
    """
    lines: list[str] = []
    for client in clients:
        who = f"{{username, {_string(client['username'])}}}"
        description = client.get("description")
        lines.append(f"%% {_comment(client['username'])}{f': {_comment(description)}' if description else ''}")
        lines += [line for rule in client["rules"] for line in _terms(rule, who)]
        lines += [f"{{deny, {who}, all, all}}.", ""]
    lines.append("%% households, each below its own name")
    for rule in household_rules:
        lines += _terms({**rule, "topic": _for_every(rule["topic"], slug)}, _ALL_HOUSEHOLDS)
    lines += ["", "{deny, all}."]
    return "\n".join(_without_repetitions(lines)) + "\n"


def _for_every(topic: str, slug: str) -> str:
    levels = topic.split("/")
    if levels[0] != slug or slug in levels[1:]:
        raise AclError(f"the household's rule for {topic!r} does not lie below its name, and EMQX has one rule for all")
    return "/".join([USERNAME, *levels[1:]])


def _terms(rule: Rule, who: str) -> list[str]:
    """Return the terms of one rule; EMQX asks for a shared subscription as for the topics behind its group."""
    topic = rule["topic"]
    shared = topic.startswith("$share/")
    if shared:
        if rule["effect"] == "deny":
            raise AclError(f"EMQX cannot deny {topic!r} alone: deny the topics that it shares")
        topic = topic.split("/", 2)[2]
    if topic.startswith("eq ") or (USERNAME not in topic and "${" in topic):
        raise AclError(f"the topic {rule['topic']!r} means something else to EMQX: use names without 'eq ' and '${{'")
    wild = bool({"+", "#"} & set(topic.split("/")))
    literal = rule["match"] == "literal"
    if rule["action"] == "publish":
        if literal and wild:
            raise AclError(f"the rule for publishing to {rule['topic']!r} is literal but has a wildcard")
        return [f"{{{rule['effect']}, {who}, publish, [{_string(topic)}]}}."]
    if literal and wild:
        if USERNAME in topic:
            raise AclError(f"EMQX fills in no name where a subscription is literal: make {topic!r} a pattern")
        return [f"{{{rule['effect']}, {who}, subscribe, [{{eq, {_string(topic)}}}]}}."]
    before = []
    if rule["effect"] == "allow" and topic.split("/")[-1] == "+":
        # To EMQX a last + also covers a subscription that ends in #, which is wider.
        wider = f"{topic[:-1]}#"
        if {"+", "#"} & set(topic.split("/")[:-1]) or USERNAME in topic:
            raise AclError(f"EMQX would take {topic!r} for {wider!r} too: make the rule literal, or end it otherwise")
        before = [f"{{deny, {who}, subscribe, [{{eq, {_string(wider)}}}]}}."]
    return [*before, f"{{{rule['effect']}, {who}, subscribe, [{_string(topic)}]}}."]


def _string(text: str) -> str:
    if any(ord(letter) < 32 for letter in text):  # noqa: PLR2004 - control characters
        raise AclError(f"the name or topic {text!r} has a control character: remove it")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _comment(text: str) -> str:
    return " ".join(str(text).split())


def _without_repetitions(lines: list[str]) -> list[str]:
    seen: set[str] = set()
    kept = []
    for line in lines:
        if line not in seen or not line.startswith("{"):
            kept.append(line)
        seen.add(line)
    return kept


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {"emqx_acl": emqx_acl}
