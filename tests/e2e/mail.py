"""The digest on a machine: what it has to tell, who takes its e-mail, and what the machine knows of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from database.authority import Authority
from ecms_bridge import names
from ecms_bridge.digest.periods import WEEKLY, Period, last_due
from machines import Machine
from mail_server import MAIL_PASSWORD, MAIL_USER, MailServer

ROME = ZoneInfo("Europe/Rome")
RECIPIENT = "anna@example.org"
AUTHORITY = "/usr/local/share/ca-certificates/posta.crt"
WATT = 230
_LOOK = """
import json, time
from pathlib import Path
from ecms_bridge.digest import cli, sent
from ecms_bridge.status import digests
print(json.dumps(digests.look(cli.DEFAULT_DIRECTORY, sent.DIRECTORY, int(time.time()), 0)))
"""


def mail_server(machine: Machine, directory: Path) -> tuple[MailServer, str]:
    """Return a mail server that this machine reaches, and the certificate of its authority, whom nobody knows yet."""
    gateway = machine.run("ip route show default").stdout.split()[2]
    authority = Authority(directory)
    return MailServer(*authority.issue(gateway), address=gateway), authority.certificate.read_text("ascii")


def variables(server: MailServer) -> dict[str, Any]:
    """Return what an inventory sets for a weekly digest through this server."""
    smtp = {"host": server.address, "port": server.port, "user": MAIL_USER, "from": MAIL_USER}
    return {
        "ecms_digest": [WEEKLY],
        "ecms_digest_to": [RECIPIENT],
        "ecms_smtp": smtp,
        "ecms_secrets": {"smtp_password": MAIL_PASSWORD},
    }


def due_period() -> Period:
    return last_due(WEEKLY, datetime.now(UTC).astimezone(ROME))


def measure(machine: Machine, slug: str, hours: int) -> int:
    """Put into the rollups what appliance 1 used at 1 A in the first hours of the period that is due; return the Wh."""
    begins = due_period().begins(ROME)
    table = names.rollup_table(slug)
    statements = ["SET time_zone = '+00:00'", "UPDATE closed_day SET day = '1970-01-01', ends = '1970-01-01 00:00:01'"]
    for minutes in (15, 60):
        seconds = minutes * 60
        statements.append(
            f"INSERT INTO {table} SELECT {minutes}, FROM_UNIXTIME({begins} + seq * {seconds}), 1, "
            f"x'020000000001', {6 * minutes}, {seconds}, {seconds}, 1, 1 FROM seq_0_to_{hours * 60 // minutes - 1}"
        )
    machine.run(["mariadb", names.schema_name(slug)], stdin=";\n".join(statements) + ";\n")
    return hours * WATT


def told_by_status(machine: Machine) -> list[dict[str, Any]]:
    """Return what ecms-status knows of the machine's digests."""
    found: list[dict[str, Any]] = json.loads(machine.run(["/opt/ecms/current/bin/python", "-c", _LOOK]).stdout)
    return found
