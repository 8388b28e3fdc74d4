from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from ecms_bridge.schema.appliances import Stored, plan
from ecms_bridge.schema.errors import SchemaError
from ecms_bridge.schema.household import FIRST_TIME, Rating, parse_household


def facts(**changed: object) -> dict[str, Any]:
    return {
        "slug": "casa",
        "name": "Casa",
        "timezone": "Europe/Rome",
        "mains_voltage_v": 230,
        "contract_power_w": 3000,
        "alert_power_w": 2500,
        "unmeasured_power_w": 0,
        "currency": "EUR",
        "tariffs": [],
        "devices": [{"id": 1, "name": "forno", "ratings": []}],
        "boxes": [],
        "retention_days": 400,
        **changed,
    }


def device(**changed: object) -> dict[str, Any]:
    return facts(devices=[{"id": 1, "name": "forno", "ratings": [], **changed}])


def rating(**changed: object) -> dict[str, Any]:
    return device(ratings=[{"valid_from": "2024-06-10", "voltage_v": 225.5, "power_factor": 0.9, **changed}])


def test_every_appliance_has_a_rating_from_ever() -> None:
    (appliance,) = parse_household(facts()).appliances
    assert appliance.ratings == (Rating(FIRST_TIME, Decimal(230), Decimal(1)),)


def test_a_rating_begins_at_local_midnight() -> None:
    (appliance,) = parse_household(rating()).appliances
    assert appliance.ratings[1] == Rating(
        datetime.fromisoformat("2024-06-09 22:00:00"), Decimal("225.5"), Decimal("0.9")
    )


@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "1970-01-01"])
def test_a_rating_dated_before_time_began_holds_from_ever(day: str) -> None:
    (appliance,) = parse_household(rating(valid_from=day)).appliances
    assert appliance.ratings == (Rating(FIRST_TIME, Decimal("225.5"), Decimal("0.9")),)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "the household must be a JSON object"),
        (facts(slug="Casa"), "'Casa' is no household slug"),
        (facts(slug="x" * 24), "make it 23 characters or shorter"),
        (facts(slug=None), "'slug' must be text"),
        (facts(timezone="Europe/Atlantis"), "ecms_timezone 'Europe/Atlantis' is unknown here"),
        (facts(timezone="../../etc/passwd"), "is unknown here"),
        (facts(mains_voltage_v=0), "'mains_voltage_v' must be a number above 0"),
        (facts(mains_voltage_v=True), "'mains_voltage_v' must be a number"),
        (facts(mains_voltage_v=float("nan")), "'mains_voltage_v' must be a number"),
        (facts(devices={}), "'devices' must be a list"),
        (facts(devices=[1]), "each of ecms_devices must be a JSON object"),
        (device(id=256), "set the id of an appliance to 0 to 255, not 256"),
        (device(id="1"), "'id' must be a whole number"),
        (device(name=""), "give appliance 1 a name of 1 to 50 characters"),
        (device(name=" forno"), "without outer blanks"),
        (device(name="x" * 51), "a name of 1 to 50 characters"),
        (facts(devices=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]), "have the same id"),
        (rating(valid_from="10/06/2024"), "write valid_from of 'forno' as a date"),
        (rating(valid_from="2038-06-10"), "to a date before 2038-01-19"),
        (rating(valid_from="9999-12-31"), "to a date before 2038-01-19"),
        (rating(voltage_v=-1), "'voltage_v' must be a number above 0"),
        (rating(power_factor=1.1), "'power_factor' must be a number above 0 up to 1"),
        (facts(boxes=[{"mac": "aa:bb:cc:dd:ee:ff", "device": 1}]), "write the MAC of a box as AA:BB:CC:DD:EE:FF"),
        (facts(boxes=[{"mac": "AA:BB:CC:DD:EE:FF", "device": 2}]), "assigned to appliance 2, which ecms_devices"),
        (
            facts(
                devices=[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
                boxes=[{"mac": "AA:BB:CC:DD:EE:FF", "device": 1}, {"mac": "AA:BB:CC:DD:EE:FF", "device": 2}],
            ),
            "is assigned to two appliances",
        ),
        (facts(retention_days=7), "set ecms_retention_days to at least 8"),
        (facts(retention_days="400"), "'retention_days' must be a whole number"),
    ],
)
def test_a_mistake_is_one_sentence(given: object, sentence: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_household(given)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_stands_needs_no_plan() -> None:
    household = parse_household(rating())
    stored = Stored(
        names={1: "forno", 2: "old"},
        ratings={(1, r.valid_from): (r.voltage_v, r.power_factor) for r in household.appliances[0].ratings},
    )
    wanted = plan(household, stored)
    assert (wanted.changes, wanted.statements, wanted.boxes) == ([], [], [])
