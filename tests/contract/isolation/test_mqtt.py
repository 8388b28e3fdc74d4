"""The matrix at a real Mosquitto, in EMQX's rules as the role writes them, and at a real EMQX where there is one.

``ECMS_TEST_EMQX=host:port:ca-file`` names one whose users have the passwords of these tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from emqx import rules
from emqx.acl import MODEL
from isolation import mqtt
from isolation.ledger import EMQX, EMQX_RULES, MOSQUITTO, Ledger
from isolation.peer import Place
from notrun import not_run
from private_mosquitto import INSTALLED, PrivateBroker, apply_model


def rows(channel: str, *kinds: mqtt.Kind) -> dict[str, list[mqtt.Deed]]:
    """Return the deeds of each row and column of the table; of these kinds, by default all."""
    found: dict[str, list[mqtt.Deed]] = {}
    for deed in mqtt.deeds():
        if not kinds or deed.kind in kinds:
            cell = deed.cell(channel)
            found.setdefault(f"{cell.who}: {cell.action}: {cell.whose}", []).append(deed)
    return found


AT_MOSQUITTO = rows(MOSQUITTO)
IN_RULES = rows(EMQX_RULES, "publish", "subscribe", "will")


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mqtt.Broker]:
    server = PrivateBroker(tmp_path_factory.mktemp("mosquitto"))
    server.start()
    server.manage(apply_model)
    broker = mqtt.Broker(Place("127.0.0.1", server.port))
    with broker.observed():
        yield broker
    server.stop()


def enter(ledger: Ledger, broker: mqtt.Broker, channel: str, deeds: list[mqtt.Deed]) -> list[str]:
    """Ask a broker and return a line for each cell that it decides otherwise."""
    entered = (ledger.enter(deed.cell(channel), broker.allows(deed)) for deed in deeds)
    return [line for line in entered if line]


@pytest.mark.not_run_unless(INSTALLED, "mosquitto is not installed: make setup-test installs it")
@pytest.mark.parametrize("row", AT_MOSQUITTO)
def test_mosquitto(ledger: Ledger, mosquitto: mqtt.Broker, row: str) -> None:
    assert enter(ledger, mosquitto, MOSQUITTO, AT_MOSQUITTO[row]) == []


@pytest.mark.parametrize("row", IN_RULES)
def test_the_rules_of_emqx(ledger: Ledger, row: str) -> None:
    wrong = []
    for deed in IN_RULES[row]:
        action: rules.Action = "subscribe" if deed.kind == "subscribe" else "publish"
        allowed = rules.allows(MODEL, deed.user, action, deed.topic)
        wrong.append(ledger.enter(deed.cell(EMQX_RULES), allowed))
    assert "".join(wrong) == ""


def test_a_live_emqx(ledger: Ledger) -> None:
    where = os.environ.get("ECMS_TEST_EMQX")
    if not where:
        reason = (
            "no EMQX is named by ECMS_TEST_EMQX=host:port:ca-file; molecule/emqx asks one where its package can be had"
        )
        ledger.not_run((deed.cell(EMQX) for deed in mqtt.deeds()), reason)
        not_run(reason)
    host, port, ca = where.split(":", 2)
    broker = mqtt.Broker(Place(host, int(port), ca or None))
    with broker.observed():
        assert enter(ledger, broker, EMQX, list(mqtt.deeds())) == []
