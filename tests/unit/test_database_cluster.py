"""Which node begins a Galera cluster: never one beside a living cluster, never one that has less than another."""

from __future__ import annotations

from typing import Any

import pytest

from role_plugins import load

galera: Any = load("roles/database/filter_plugins/ecms_galera.py")
module: Any = load("roles/database/library/galera_state.py")

NODES = ["a", "b", "c"]
OURS = "11111111-1111-1111-1111-111111111111"
OTHER = "22222222-2222-2222-2222-222222222222"


def node(**changes: Any) -> dict[str, Any]:
    fresh = {"unit": "active", "serves": False, "cluster": "", "position": -1, "safe": False, "schemas": []}
    return fresh | changes


def member(position: int = 5, **changes: Any) -> dict[str, Any]:
    return node(**{"unit": "inactive", "cluster": OURS, "position": position, "schemas": ["ecms_casa"]} | changes)


def living(**changes: Any) -> dict[str, Any]:
    return member(unit="active", serves=True, **changes)


@pytest.mark.parametrize(
    ("states", "begins"),
    [
        ({"a": node(), "b": node(), "c": node()}, "a"),
        ({"a": node(), "b": node(schemas=["ecms_casa"]), "c": node()}, "b"),
        ({"a": member(5), "b": member(9), "c": member(7)}, "b"),
        ({"a": member(9), "b": member(9, safe=True), "c": member(7)}, "b"),
        ({"a": node(), "b": member(9), "c": node()}, "b"),
        ({"a": node(), "b": member(9, schemas=[]), "c": member(7, schemas=[])}, "b"),
        ({"a": member(9, schemas=[]), "b": node(schemas=["ecms_casa"]), "c": member(7, schemas=[])}, "b"),
    ],
)
def test_all_down_the_one_with_the_newest_data_begins(states: dict[str, Any], begins: str) -> None:
    assert galera.galera_plan(states, NODES) == {"begin": begins, "lives": False, "trouble": ""}


@pytest.mark.parametrize(
    "states",
    [
        {"a": living(), "b": living(), "c": living()},
        {"a": node(), "b": node(), "c": living()},
        {"a": member(99, safe=True), "b": member(9), "c": living()},
        {"c": living()},
    ],
)
@pytest.mark.parametrize("chosen", ["", "a"])
def test_beside_a_living_cluster_none_begins(states: dict[str, Any], chosen: str) -> None:
    plan = galera.galera_plan(states, NODES, chosen)
    assert (plan["begin"], plan["lives"]) == ("", True)


@pytest.mark.parametrize("states", [{"a": member(9, safe=True)}, {"a": node(), "b": node()}])
def test_without_having_asked_all_none_begins(states: dict[str, Any]) -> None:
    assert galera.galera_plan(states, NODES) == {"begin": "", "lives": False, "trouble": ""}


def test_the_inventory_may_choose_where_a_node_is_lost() -> None:
    states = {"a": member(5), "b": member(9)}
    assert galera.galera_plan(states, NODES, "a") == {"begin": "a", "lives": False, "trouble": ""}
    assert galera.galera_plan(states, NODES, "c")["trouble"].startswith("database_cluster_begin is c, which this run")


@pytest.mark.parametrize(
    "states",
    [
        {"a": node(schemas=["ecms_casa"]), "b": node(schemas=["ecms_rossi"]), "c": node()},
        {"a": living(), "b": node(schemas=["ecms_rossi"]), "c": living()},
        {"a": living(), "b": member(schemas=["ecms_rossi"], cluster=OTHER), "c": living()},
        {"a": member(9), "b": member(schemas=["ecms_rossi"], cluster=OTHER), "c": member(8)},
    ],
)
def test_a_node_with_households_of_its_own_does_not_lose_them(states: dict[str, Any]) -> None:
    plan = galera.galera_plan(states, NODES)
    assert plan["begin"] == ""
    assert "b holds ecms_rossi and is not in the cluster of a" in plan["trouble"]


@pytest.mark.parametrize(("others", "absent"), [({}, "b and no c"), ({"b": node()}, "c")])
def test_a_server_with_households_is_left_alone_until_all_nodes_are_there(others: dict[str, Any], absent: str) -> None:
    states = {"a": node(schemas=["ecms_casa"]), **others}
    plan = galera.galera_plan(states, NODES)
    assert (plan["begin"], plan["lives"]) == ("", False)
    assert plan["trouble"].startswith("a holds ecms_casa and would begin the cluster, which takes all of its nodes")
    assert f"but this run has no {absent}: see that each can be reached" in plan["trouble"]
    assert galera.galera_plan(states, NODES, "a") == {"begin": "a", "lives": False, "trouble": ""}


def test_what_a_node_saved_is_read() -> None:
    text = f"# GALERA saved state\nversion: 2.1\nuuid:    {OURS}\nseqno:   42\nsafe_to_bootstrap: 1\n"
    assert module.saved_state(text) == {"cluster": OURS, "position": 42, "safe": True}
    assert module.saved_state("") == {"cluster": "", "position": -1, "safe": False}
    assert module.saved_state(f"uuid: {module.NOBODY}\nseqno: -1\n")["cluster"] == ""
    said = f"0 [Note] WSREP: Recovered position: {OURS}:7,0-1-7\n"
    assert module.recovered(said) == (OURS, 7)
    assert module.recovered(f"WSREP: Recovered position: {module.NOBODY}:-1") is None
    assert module.recovered("skipping position recovery") is None
