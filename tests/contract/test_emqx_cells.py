"""The client with which molecule/emqx asks a real EMQX, here against a real Mosquitto: it must find what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker_matrix import password_of
from emqx import cells
from isolation import mqtt
from isolation.ledger import EMQX, MOSQUITTO
from isolation.peer import Place
from private_mosquitto import EVERYTHING, INSTALLED, PrivateBroker, apply_model

pytestmark = pytest.mark.not_run_unless(INSTALLED, "mosquitto is not installed: make setup-test installs it")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateBroker]:
    server = PrivateBroker(tmp_path_factory.mktemp("mosquitto"))
    server.start()
    server.manage(apply_model)
    yield server
    server.stop()


def wrong(server: PrivateBroker, channel: str, *kinds: mqtt.Kind) -> list[str]:
    """Return what is found wrong, of some deeds only, so that it does not take long."""
    chosen = [d for d in mqtt.deeds() if d.kind in kinds and d.user != "acb" and d.version == mqtt.NEWEST]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "deeds", lambda: iter(chosen))
        return list(cells.wrong_cells(mqtt.Broker(Place("127.0.0.1", server.port)), channel))


def test_what_mosquitto_does_otherwise_is_found_and_nothing_else(server: PrivateBroker) -> None:
    assert wrong(server, MOSQUITTO, "connect", "end", "take") == []
    found = wrong(server, EMQX, "connect", "end", "take")
    assert len(found) == 1
    assert "end a session whose client id it was told" in found[0]


@pytest.mark.parametrize("kind", ["publish", "subscribe", "will", "clear", "take"])
def test_a_household_that_may_do_everything_is_found(server: PrivateBroker, kind: mqtt.Kind) -> None:
    server.manage(lambda broker: broker.ensure_client("a_b", password_of("a_b"), EVERYTHING, "household a_b"))
    forbidden = [
        deed
        for deed in mqtt.deeds()
        if (deed.kind, deed.user, deed.version, deed.allowed) == (kind, "a_b", mqtt.NEWEST, False)
        # What a filter of everything makes of these is the broker's business.
        and not deed.topic.startswith("$")
    ]
    assert len(wrong(server, MOSQUITTO, kind)) >= len(forbidden) > 0
