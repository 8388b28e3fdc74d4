"""Everything here runs on a real MariaDB; ``daemon`` is the writer, not yet started, at a broker of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.database.rig import Daemon
from database.fixtures import PASSWORD, Home, Users, home, mariadb, users
from database.mosquitto import Broker
from ecms_bridge import names
from ecms_bridge.schema import grants

__all__ = ["broker", "daemon", "home", "mariadb", "users"]


@pytest.fixture
def broker(home: Home) -> Iterator[Broker]:
    made = Broker(names.WRITER_USER, home.slug)
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture
def daemon(home: Home, users: Users, broker: Broker, tmp_path: Path) -> Daemon:
    user = users.make(grants.writer_grants(home.slug))
    return Daemon(tmp_path / "writer", broker.port, home.server.settings_of(user), PASSWORD)
