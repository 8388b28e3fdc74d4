"""Names derived from a household, and the broker rules made of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecms_bridge import access, names


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Mario Rossi", "mario_rossi"),
        ("D'Angelo", "d_angelo"),
        ("Niccolò", "niccolo"),
        ("  casa -- 2 ", "casa_2"),
        ("Straße", "strasse"),
        ("utente1", "utente1"),
        ("Demo", "demo"),
    ],
)
def test_examples(name: str, slug: str) -> None:
    assert names.slug_of(name) == slug


@pytest.mark.parametrize("name", ["", " ", "7 nani", "'", "дом", "Łukasz", "a" * 24, "Statistics"])
def test_name_without_a_safe_slug(name: str) -> None:
    with pytest.raises(names.HouseholdNameError):
        names.slug_of(name)


@given(st.text(max_size=30))
@example("İ")
@example("ﬁ ²")
def test_any_name_gives_a_valid_slug_or_an_error(name: str) -> None:
    try:
        slug = names.slug_of(name)
    except names.HouseholdNameError:
        return
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,22}", slug)
    assert "__" not in slug
    assert not slug.endswith("_")
    assert names.slug_of(slug) == names.check_slug(slug) == slug
    assert slug not in (names.WRITER_USER, names.ADMIN_USER)
    assert len(names.grafana_user(slug)) <= 32


@given(st.text(max_size=30))
@example("a\n")
@example("a__b")
@example("a_")
def test_check_slug_accepts_only_slugs(text: str) -> None:
    try:
        names.check_slug(text)
    except names.HouseholdNameError:
        return
    assert names.slug_of(text) == text


def test_all_names_of_a_household() -> None:
    assert names.household_names("mario_rossi") == {
        "slug": "mario_rossi",
        "schema": "ecms_mario_rossi",
        "data_table": "data_mario_rossi",
        "rollup_table": "roll_mario_rossi",
        "topics": {
            "readings": "mario_rossi/sensori",
            "confirmations": "mario_rossi/conferme",
            "status": "mario_rossi/stato",
        },
        "users": {"mqtt": "mario_rossi", "grafana": "grafana_mario_rossi"},
    }
    with pytest.raises(names.HouseholdNameError):
        names.household_names("Mario Rossi")


def covers(topic_filter: str, topic: str) -> bool:
    """Whether an MQTT topic filter matches a topic (MQTT 5, section 4.7)."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position >= len(levels) or level not in ("+", levels[position]):
            return False
    return len(wanted) == len(levels)


def may_publish(rules: list[access.Rule], topic: str) -> bool:
    for rule in rules:
        if rule["action"] == "publish" and covers(rule["topic"], topic):
            return rule["effect"] == "allow"
    return False


def test_a_household_publishes_under_its_name_only() -> None:
    rules = access.household_rules("a_b")
    assert may_publish(rules, "a_b/sensori")
    assert may_publish(rules, "a_b/homeassistant/sensor/x/config")
    assert not may_publish(rules, "a_b/conferme")
    assert not may_publish(rules, "acb/sensori")
    assert not may_publish(rules, "a_bc/sensori")
    subscribed = [r["topic"] for r in rules if r["action"] == "subscribe" and r["effect"] == "allow"]
    assert subscribed == ["a_b/#"]
    with pytest.raises(names.HouseholdNameError):
        access.household_rules("+")


def test_the_writer_confirms_and_publishes_nothing_else() -> None:
    rules = access.writer_rules()
    assert may_publish(rules, "a_b/conferme")
    assert not may_publish(rules, "a_b/sensori")
    assert not may_publish(rules, "a_b/c/conferme")
    subscribed = {r["topic"] for r in rules if r["action"] == "subscribe"}
    assert subscribed == {"+/sensori", "$share/ecms/+/sensori", "+/stato"}
