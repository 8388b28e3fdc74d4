"""Tariffs in an inventory: a sentence for each mistake, and the examples of the documentation are sound."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from ecms_bridge.schema.tariff_facts import parse_tariff
from role_plugins import ROOT, load

_inventory: Any = load("roles/household/filter_plugins/ecms_inventory.py")

from household_checks import tariffs  # noqa: E402 - the line above puts the role on Python's path

F1 = {"band": "F1", "days": ["mon", "fri"], "from": "08:00", "to": "19:00"}


def given(*entries: object, **others: object) -> dict[str, Any]:
    return {"ecms_currency": "EUR", "ecms_tariffs": list(entries), **others}


def single(**changed: object) -> dict[str, Any]:
    return {"valid_from": "2026-01-01", "price_kwh": 0.25, **changed}


def banded(**changed: object) -> dict[str, Any]:
    return {"valid_from": "2026-01-01", "bands": {"F1": 0.3, "F3": 0.2}, "hours": [F1], "other_hours": "F3", **changed}


def examples() -> list[Any]:
    text = (ROOT / "docs/tariffs.md").read_text(encoding="utf-8")
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


@pytest.mark.parametrize("example", examples())
def test_the_documentations_examples_are_sound(example: dict[str, Any]) -> None:
    variables = {"ecms_currency": "EUR"} | example
    assert list(tariffs.mistakes(variables)) == []
    facts: Any = tariffs.facts(variables)
    assert [parse_tariff(fact).valid_from.year for fact in facts["tariffs"]] == [2026] * len(facts["tariffs"])


def test_the_documentation_has_examples() -> None:
    assert len(examples()) == 3


@pytest.mark.parametrize(
    "variables",
    [
        given(),
        given(single(), single(valid_from="2026-02-01", fixed_per_year=120, correction=True)),
        given(banded(), banded(valid_from="2027-01-01", holidays={"country": "IT", "band": "F3"})),
        given(banded(hours=[F1 | {"from": "00:00", "to": "24:00"}])),
        given(banded(hours=[F1, F1 | {"from": "19:00", "to": "20:15"}])),
        given(single(price_kwh="0.25", correction="true")),
    ],
)
def test_a_sound_inventory_has_no_mistake(variables: dict[str, Any]) -> None:
    assert list(tariffs.mistakes(variables)) == []
    for fact in tariffs.facts(variables)["tariffs"]:  # type: ignore[attr-defined]
        parse_tariff(fact)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (given(ecms_currency="euro"), 'ecms_currency is "euro": set a code of three capital letters, such as EUR'),
        (given(ecms_currency=None), "ecms_currency is missing: set a code"),
        ({"ecms_currency": "EUR", "ecms_tariffs": 0.25}, "ecms_tariffs is 0.25: set a list such as"),
        (given(0.25), "ecms_tariffs, entry 1 is 0.25: set valid_from and price_kwh or bands"),
        (given(single(price=1)), 'has an unknown entry "price"'),
        (given(single(valid_from="1/1/2026")), 'valid_from is "1/1/2026": set a date such as 2026-01-31'),
        (given(single(valid_from="2039-01-01")), "set a date such as 2026-01-31"),
        (given(single(), single()), "entry 2: valid_from 2026-01-01 is the day of another tariff: join the two"),
        (given({"valid_from": "2026-01-01"}), "set either price_kwh, one price for all hours, or bands"),
        (given(banded(price_kwh=0.2)), "set either price_kwh, one price for all hours, or bands"),
        (given(single(price_kwh="0,25")), 'price_kwh is "0,25": set a number from 0 to 1000'),
        (given(single(price_kwh=-1)), "price_kwh is -1: set a number from 0 to 1000"),
        (given(single(hours=[])), "hours needs bands: set bands instead of price_kwh, or remove it"),
        (given(single(fixed_per_month="x")), 'fixed_per_month is "x": set a number from 0 to 100000'),
        (given(single(correction="perhaps")), 'correction is "perhaps": set true or false'),
        (given(banded(bands=[])), "bands is []: set 1 to 20 names with their prices"),
        (given(banded(bands={"F1": "x", "F3": 1})), 'the price of band F1 is "x": set a number'),
        (given(banded(bands={1: 1, "F1": 1, "F3": 1})), "the band 1 needs a name of 1 to 20 characters, in quotes"),
        (given(banded(other_hours=None)), "other_hours is missing: set one of its bands, F1, F3"),
        (given(banded(other_hours="F2")), 'other_hours is "F2": set one of its bands, F1, F3'),
        (given(banded(hours={})), "hours is {}: set a list such as"),
        (given(banded(hours=["F1"])), 'hours 1 is "F1": set band, days, from and to'),
        (given(banded(hours=[F1 | {"band": "F2"}])), 'hours 1: band is "F2": set one of its bands'),
        (given(banded(hours=[F1 | {"days": ["monday"]}])), "days is ['monday']: set a list of mon, tue, wed"),
        (given(banded(hours=[F1 | {"to": 1140}])), 'to is 1140: set a quarter of an hour in quotes, such as "08:00"'),
        (given(banded(hours=[F1 | {"from": "8:00"}])), 'from is "8:00": set a quarter of an hour in quotes'),
        (given(banded(hours=[F1 | {"from": "08:10"}])), 'from is "08:10": set a quarter of an hour in quotes'),
        (given(banded(hours=[F1 | {"from": "23:00", "to": "07:00"}])), "make two entries of one over midnight"),
        (given(banded(hours=[F1, F1 | {"from": "18:45", "to": "20:00"}])), "hours 2: it overlaps with hours 1: give"),
        (given(banded(holidays="IT")), 'holidays is "IT": set country and band, such as {country: IT, band: F3}'),
        (given(banded(holidays={"country": "Italy", "band": "F3"})), 'country is "Italy": set a code of two'),
        (given(banded(holidays={"country": "IT", "band": "F2"})), 'holidays: band is "F2": set one of its bands'),
    ],
)
def test_each_mistake_has_a_sentence(variables: dict[str, Any], sentence: str) -> None:
    (found,) = tariffs.mistakes(variables)
    assert sentence in found
