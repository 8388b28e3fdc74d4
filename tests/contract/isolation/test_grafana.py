"""The matrix at a real Grafana, where there is one.

``ECMS_TEST_GRAFANA=url,admin,password-file`` names one on this machine. Its organisations a_b and acb are the test's.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from isolation import grafana
from isolation.ledger import Ledger
from notrun import not_run


def test_a_live_grafana(ledger: Ledger, request: pytest.FixtureRequest) -> None:
    where = os.environ.get("ECMS_TEST_GRAFANA")
    if not where:
        reason = "no Grafana is named by ECMS_TEST_GRAFANA=url,admin,password-file"
        ledger.not_run((ask.cell for ask in grafana.asks()), reason)
        not_run(reason)
    url, admin, file = where.split(",", 2)
    password = Path(file).read_text(encoding="utf-8").strip()
    server = grafana.Server(url, admin, password, request.getfixturevalue("stand"))
    try:
        entered = [ledger.enter(ask.cell, server.allows(ask)) for ask in grafana.asks()]
    finally:
        server.tidy()
    assert [line for line in entered if line] == []
