"""Fixtures: the digest as a process, with the configuration that the playbook writes, and a real mail server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from database.authority import Authority
from database.fixtures import PASSWORD, Home, Users, home, mariadb, users
from ecms_bridge.schema import grants
from mail_server import MAIL_PASSWORD, MAIL_USER, MailServer
from role_plugins import ROOT

__all__ = ["home", "mariadb", "users"]


@dataclass
class Tool:
    """``ecms-digest`` of one household."""

    home: Home
    directory: Path
    settings: dict[str, Any]

    @property
    def state(self) -> Path:
        return self.directory / "state" / "sent.json"

    @property
    def config(self) -> Path:
        return self.directory / f"{self.home.slug}.toml"

    def write(self) -> None:
        lines = _keys(self.settings["household"])
        lines += ["[smtp]", *_keys(self.settings["smtp"]), "[database]", *_keys(self.settings["database"])]
        for kind, to in self.settings["letters"]:
            lines += ["[[letter]]", *_keys({"kind": kind, "to": to})]
        self.config.write_text("\n".join(lines) + "\n")

    def send(self, now: int) -> subprocess.CompletedProcess[str]:
        return self.run(now, "--send", str(self.config))

    def show(self, now: int, kind: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(now, "--print", kind, "--config-directory", str(self.directory), *words)

    def run(self, now: int, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it as if it were ``now`` (Unix s)."""
        self.write()
        program = (
            "import sys; from datetime import UTC, datetime; from ecms_bridge.digest.cli import main; "
            f"sys.exit(main(sys.argv[1:], datetime.fromtimestamp({now}, UTC)))"
        )
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT / "bridge/src"),
                "TZ": "Asia/Tokyo",
                "STATE_DIRECTORY": str(self.state.parent),
                "CREDENTIALS_DIRECTORY": str(self.directory / "service"),
            },
            capture_output=True,
            text=True,
            check=False,
        )


def _keys(values: dict[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def server(authority: Authority) -> Iterator[MailServer]:
    made = MailServer(*authority.issue("127.0.0.1"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def tool(home: Home, users: Users, tmp_path: Path, authority: Authority, server: MailServer) -> Tool:
    user = users.make(grants.grafana_grants(home.slug))
    database = home.server.settings_of(user)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "service").mkdir()
    for place in (f"credentials/database_{home.slug}", "service/database"):
        (tmp_path / place).write_text(PASSWORD + "\n")
    (tmp_path / "service/smtp_password").write_text(MAIL_PASSWORD + "\n")
    return Tool(
        home,
        tmp_path,
        {
            "smtp": {
                "host": "127.0.0.1",
                "port": server.port,
                "encryption": "starttls",
                "user": MAIL_USER,
                "from": "casa@example.org",
                "from_name": "ECMS, casa",
                "tls_ca": str(authority.certificate),
            },
            "household": {
                "slug": home.slug,
                "timezone": "Europe/Rome",
                "language": "en",
                "questions": str(ROOT / "grafana/sql"),
            },
            "database": {
                "host": database.host,
                "port": database.port,
                "socket": database.socket,
                "user": user,
                "tls_ca": "",
            },
            "letters": [("weekly", "anna@example.org")],
        },
    )
