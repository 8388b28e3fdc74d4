"""The client with which molecule/emqx asks a real EMQX, here against a real Mosquitto: it must find what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker_matrix import HOUSEHOLDS, PUBLISH, SUBSCRIBE, WRITER, password_of
from emqx import cells
from private_mosquitto import INSTALLED, PrivateBroker, apply_model

pytestmark = pytest.mark.not_run_unless(INSTALLED, "mosquitto is not installed: make setup-test installs it")
PASSWORDS = {user: password_of(user) for user in (*HOUSEHOLDS, WRITER, cells.OBSERVER)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cells.Place]:
    server = PrivateBroker(tmp_path_factory.mktemp("mosquitto"))
    server.start()
    server.manage(apply_model)
    yield cells.Place("127.0.0.1", server.port, None)
    server.stop()


def test_a_broker_that_keeps_the_matrix_is_found_right(place: cells.Place) -> None:
    assert list(cells.wrong_cells(place, PASSWORDS, frozenset())) == []
    assert list(cells.wrong_strangers(place)) == []


def test_a_cell_that_is_decided_otherwise_is_found(place: cells.Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "PUBLISH", [(user, topic, not allowed) for user, topic, allowed in PUBLISH])
    monkeypatch.setattr(cells, "SUBSCRIBE", [(*cell, not allowed) for *cell, allowed in SUBSCRIBE])
    monkeypatch.setattr(cells, "STRANGERS", [("a_b", password_of("a_b"))])
    assert len(list(cells.wrong_cells(place, PASSWORDS, frozenset()))) == len(PUBLISH) + len(SUBSCRIBE)
    assert len(list(cells.wrong_strangers(place))) == 1


def test_a_session_that_another_household_ends_is_found(place: cells.Place) -> None:
    """To Mosquitto a client id is one for all users; EMQX is told otherwise."""
    assert "acb ends the session of a_b" in list(cells.takeovers(place, PASSWORDS))
