"""A provider's machine: a database and a broker that only speak TLS, administered by someone who is no root."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from database.authority import Authority
from ecms_bridge import names
from machines import Machine, down, up

MQTT_PORT, DATABASE_PORT = 18883, 21699
_DATABASE = f"""[mariadbd]
bind-address = 0.0.0.0
port = {DATABASE_PORT}
ssl_cert = /etc/mysql/server.crt
ssl_key = /etc/mysql/server.key
require_secure_transport = ON
"""
_BROKER = f"""listener {MQTT_PORT}
certfile /etc/mosquitto/server.crt
keyfile /etc/mosquitto/server.key
allow_anonymous false
password_file /etc/mosquitto/passwords
max_inflight_messages 500
max_queued_messages 0
"""
_ADMIN = """CREATE USER avnadmin@'%' IDENTIFIED BY '{}' REQUIRE SSL;
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES,
  CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER,
  EVENT, TRIGGER ON *.* TO avnadmin@'%' WITH GRANT OPTION;
"""


@dataclass(frozen=True, slots=True)
class Provider:
    """The machine, and what its customer is told."""

    machine: Machine
    authority: Path
    secrets: dict[str, str]

    def variables(self) -> dict[str, object]:
        """Return what a household's inventory sets to use both services."""
        here, authority = self.machine.address, str(self.authority)
        return {
            "ecms_mqtt_broker": "remote",
            "ecms_mqtt_host": here,
            "ecms_mqtt_port": MQTT_PORT,
            "ecms_mqtt_ca": authority,
            "ecms_database": "remote",
            "ecms_database_host": here,
            "ecms_database_port": DATABASE_PORT,
            "ecms_database_ca": authority,
            "ecms_database_admin_username": "avnadmin",
            "ecms_secrets": self.secrets,
        }

    def rows(self, slug: str, sql: str) -> list[tuple[str, ...]]:
        """Run one statement in a household's schema as the database's root and return its rows."""
        command = ["mariadb", "--skip-ssl", "--batch", "--raw", "--skip-column-names", names.schema_name(slug)]
        return [tuple(line.split("\t")) for line in self.machine.run(command, stdin=sql).stdout.splitlines()]


@contextmanager
def provider(name: str, suite: str, network: str, slug: str, directory: Path) -> Iterator[Provider]:
    """Start the machine with a user of this household at its broker, and remove it at the end."""
    machine = up(name, suite, "servizi", network)
    try:
        authority = Authority(directory)
        certificate, key = authority.issue(machine.address)
        given = {
            secret: secrets.token_urlsafe(24)
            for secret in (f"mqtt_{slug}", f"mqtt_{names.WRITER_USER}", f"database_{names.ADMIN_USER}")
        }
        machine.run(
            "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "
            "mariadb-server mosquitto",
            timeout=600,
        )
        for user, home in (("mysql", "mysql"), ("mosquitto", "mosquitto")):
            machine.write(f"/etc/{home}/server.crt", certificate.read_text("ascii"), owner=user)
            machine.write(f"/etc/{home}/server.key", key.read_text("ascii"), owner=user, mode="400")
        machine.write("/etc/mysql/mariadb.conf.d/99-servizi.cnf", _DATABASE)
        machine.write("/etc/mosquitto/conf.d/servizi.conf", _BROKER)
        users = {slug: given[f"mqtt_{slug}"], names.WRITER_USER: given[f"mqtt_{names.WRITER_USER}"]}
        text = "".join(f"{user}:{password}\n" for user, password in users.items())
        machine.write("/etc/mosquitto/passwords", text, owner="mosquitto", mode="600")
        machine.run("mosquitto_passwd -U /etc/mosquitto/passwords && chown mosquitto /etc/mosquitto/passwords")
        machine.run(["mariadb"], stdin=_ADMIN.format(given[f"database_{names.ADMIN_USER}"]))
        machine.run(["systemctl", "restart", "mariadb", "mosquitto"])
        yield Provider(machine, authority.certificate, given)
    finally:
        down(name)
