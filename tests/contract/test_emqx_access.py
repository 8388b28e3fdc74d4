"""What acl.conf says beyond the access matrix, by an independent reading of its rules; and Erlang's own reader on it.

The matrix itself is in isolation/test_mqtt.py. This proves the rules, not EMQX: molecule/emqx asks a real one where its
package can be had.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_matrix import ADMIN, HOUSEHOLDS, PUBLISH, SUBSCRIBE, WRITER
from ecms_bridge import access, names
from emqx import rules
from emqx.acl import ACL, MODEL, acl
from emqx.terms import parse
from isolation.mqtt import UNLIKE_MOSQUITTO
from notrun import not_run


@pytest.mark.parametrize(("user", "topic", "allowed"), PUBLISH)
def test_a_delayed_publication_is_worth_no_more(user: str, topic: str, allowed: bool) -> None:
    assert rules.allows(MODEL, user, "publish", f"$delayed/1/{topic}") == allowed


@pytest.mark.parametrize(("user", "topic_filter"), sorted(UNLIKE_MOSQUITTO))
def test_what_differs_from_mosquitto_gives_nobody_more_than_he_may_read(user: str, topic_filter: str) -> None:
    assert (user, topic_filter, False) in [(u, f, allowed) for u, f, _, allowed in SUBSCRIBE]
    assert rules.allows(MODEL, user, "subscribe", topic_filter.split("/", 2)[2])


@pytest.mark.parametrize("user", [None, "", ADMIN, "Mario", "a-b", "a_", "_a", "a__b", "+", "#", "a/b", "$SYS"])
@pytest.mark.parametrize("action", ["publish", "subscribe"])
def test_who_is_no_household_may_nothing(user: str | None, action: rules.Action) -> None:
    for topic in ("a_b/sensori", "a_b/conferme", f"{user}/x", f"{user}/#", "#", "+/sensori", "$SYS/#", "x"):
        assert not rules.allows(MODEL, user, action, topic)


slugs = st.from_regex(names.SLUG_PATTERN, fullmatch=True).filter(
    lambda slug: len(slug) <= names.MAX_SLUG_LENGTH and slug != "statistics"
)
levels = st.one_of(
    slugs, st.sampled_from(["+", "#", "", "$SYS", "$share", "$queue", "$exclusive", "$delayed", "1", "conferme"])
)
topics = st.lists(levels, min_size=1, max_size=5).map("/".join)


@given(slugs, topics, st.sampled_from(["publish", "subscribe"]))
def test_a_household_never_leaves_its_name(slug: str, topic: str, action: rules.Action) -> None:
    if rules.allows(MODEL, slug, action, topic):
        real = rules._real(action, topic)
        assert real == slug or real.startswith(f"{slug}/")
        assert action == "subscribe" or real != f"{slug}/conferme"


@given(st.text(), topics, st.sampled_from(["publish", "subscribe"]))
def test_no_name_whatever_reaches_the_topics_of_another(name: str, topic: str, action: rules.Action) -> None:
    if name != WRITER and rules.allows(MODEL, name, action, topic):
        assert rules._real(action, topic).split("/")[0] == name


@given(slugs)
def test_one_rule_for_all_households_says_what_the_model_says_for_each(slug: str) -> None:
    own = f"{slug}/x"
    for rule in access.household_rules(slug):
        assert rule["topic"].split("/")[0] == slug
    assert rules.allows(MODEL, slug, "publish", own)
    assert rules.allows(MODEL, slug, "subscribe", f"{slug}/#")
    assert not rules.allows(MODEL, slug, "publish", names.confirmations_topic(slug))


def own_client(*own_rules: tuple[str, str, str, str], username: str = "energy_monitor") -> dict[str, Any]:
    keys = ("action", "effect", "topic", "match")
    return {"username": username, "rules": [dict(zip(keys, rule, strict=True)) for rule in own_rules]}


def test_a_client_of_ones_own_has_its_rules_and_nothing_of_a_household_of_that_name() -> None:
    model = rules.read(acl(own_client(("subscribe", "allow", "a_b/sensori", "literal"))))
    assert rules.allows(model, "energy_monitor", "subscribe", "a_b/sensori")
    for topic in ("a_b/+", "a_b/#", "acb/sensori", "energy_monitor/#"):
        assert not rules.allows(model, "energy_monitor", "subscribe", topic)
    assert not rules.allows(model, "energy_monitor", "publish", "energy_monitor/x")


def test_a_last_plus_does_not_open_what_follows() -> None:
    model = rules.read(acl(own_client(("subscribe", "allow", "a_b/+", "pattern"))))
    assert rules.allows(model, "energy_monitor", "subscribe", "a_b/+")
    assert rules.allows(model, "energy_monitor", "subscribe", "a_b/stato")
    assert not rules.allows(model, "energy_monitor", "subscribe", "a_b/#")


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (("subscribe", "allow", "+/+", "pattern"), "EMQX would take '+/+' for '+/#' too"),
        (("subscribe", "deny", "$share/x/a_b/#", "pattern"), "deny the topics that it shares"),
        (("publish", "deny", "+/x", "literal"), "literal but has a wildcard"),
        (("subscribe", "allow", "eq +/sensori", "pattern"), "means something else to EMQX"),
        (("subscribe", "allow", "${clientid}/#", "pattern"), "means something else to EMQX"),
        (("subscribe", "allow", "a\nb", "pattern"), "control character"),
    ],
)
def test_rules_that_emqx_would_widen_are_refused(rule: tuple[str, str, str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        acl(own_client(rule))


def test_a_household_rule_outside_of_its_name_is_refused() -> None:
    rule = {"action": "publish", "effect": "allow", "topic": "common/slug", "match": "pattern"}
    with pytest.raises(ValueError, match="does not lie below its name"):
        ACL.emqx_acl([rule], "slug", [])


def test_the_order_of_rules_is_kept() -> None:
    first = ("subscribe", "deny", "a_b/stato", "literal")
    second = ("subscribe", "allow", "a_b/#", "pattern")
    model = rules.read(acl(own_client(first, second)))
    assert not rules.allows(model, "energy_monitor", "subscribe", "a_b/stato")
    assert rules.allows(model, "energy_monitor", "subscribe", "a_b/sensori")
    assert rules.allows(rules.read(acl(own_client(second, first))), "energy_monitor", "subscribe", "a_b/stato")


AS_JSON = """
Path = os:getenv("ACL"),
Json = fun Json(T) when is_tuple(T) -> ["{\\"tuple\\":", Json(tuple_to_list(T)), "}"];
           Json(A) when is_atom(A) -> ["{\\"atom\\":\\"", atom_to_list(A), "\\"}"];
           Json([C | _] = S) when is_integer(C) ->
               ["\\"", [case X of $" -> "\\\\\\""; $\\\\ -> "\\\\\\\\"; _ -> X end || X <- S], "\\""];
           Json(L) when is_list(L) -> ["[", lists:join(",", [Json(X) || X <- L]), "]"] end,
case file:consult(Path) of
    {ok, Terms} -> io:setopts([{encoding, unicode}]), io:format("~ts", [Json(Terms)]), halt(0);
    {error, Why} -> io:format("~ts", [file:format_error(Why)]), halt(1)
end.
"""
"""Reads acl.conf as EMQX does (file:consult) and prints the terms."""


def consult(path: Path) -> Any:
    """Return the terms of a file as Erlang itself reads them."""
    if shutil.which("erl") is None:
        not_run("Erlang is not installed: make setup-test installs it")
    done = subprocess.run(
        ["erl", "-noshell", "-eval", AS_JSON],
        env={**os.environ, "ACL": str(path), "ERL_CRASH_DUMP_BYTES": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def plain(term: Any) -> Any:
    """Return a term of ours as Erlang's reader prints it."""
    if isinstance(term, tuple):
        return {"tuple": [plain(each) for each in term]}
    if isinstance(term, list):
        return [plain(each) for each in term]
    return {"atom": str(term)} if type(term).__name__ == "Atom" else term


def test_erlang_reads_what_we_read(tmp_path: Path) -> None:
    odd = own_client(("subscribe", "allow", 'quote"and\\slash/è', "literal"), username='o"dd\\')
    text = acl(odd)
    (tmp_path / "acl.conf").write_text(text, encoding="utf-8")
    terms = consult(tmp_path / "acl.conf")
    assert terms == [plain(term) for term in parse(text)]
    assert terms[-1] == {"tuple": [{"atom": "deny"}, {"atom": "all"}]}
    assert len(terms) > len(HOUSEHOLDS)
