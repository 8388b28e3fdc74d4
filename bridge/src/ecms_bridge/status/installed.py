"""Which daemons this machine runs, how they reach their services, and with which passwords."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ecms_bridge.config import ConfigError, MqttSettings
from ecms_bridge.hub.settings import HubSettings
from ecms_bridge.writer.settings import Settings as WriterSettings

DEFAULT_DIRECTORY = Path("/etc/ecms")
HUB_UNIT = "ecms-udp-to-mqtt"
WRITER_UNIT = "ecms-mqtt-to-mysql"


class NotInstalledError(Exception):
    """Nothing can be told from here; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Login:
    """How one of the daemons reaches the broker."""

    unit: str
    settings: MqttSettings
    password: str


@dataclass(frozen=True, slots=True)
class Installed:
    """The configuration of the daemons of this machine; None for one that is not installed."""

    hub: HubSettings | None
    writer: WriterSettings | None
    logins: tuple[Login, ...]
    database_password: str

    @classmethod
    def read(cls, directory: Path = DEFAULT_DIRECTORY) -> Installed:
        """Read what the playbook wrote.

        Raises NotInstalledError where that is nothing or not to be read, ConfigError where it is of no use.
        """
        credentials = directory / "credentials"
        if credentials.is_dir() and not os.access(credentials, os.R_OK | os.X_OK):
            msg = f"cannot read the daemons' passwords in {credentials}: run this as root, such as by sudo"
            raise NotInstalledError(msg)
        hub_file, writer_file = directory / "udp_to_mqtt.toml", directory / "mqtt_to_mysql.toml"
        hub = HubSettings.from_file(hub_file) if hub_file.exists() else None
        writer = WriterSettings.from_file(writer_file) if writer_file.exists() else None
        if hub is None and writer is None:
            msg = f"no daemon of ECMS has its configuration in {directory}: run this on a hub or beside the writer"
            raise NotInstalledError(msg)
        logins = []
        if hub is not None:
            logins.append(Login(HUB_UNIT, hub.mqtt, _password(credentials, HUB_UNIT, "mqtt_password")))
        database_password = ""
        if writer is not None:
            logins.append(Login(WRITER_UNIT, writer.mqtt, _password(credentials, WRITER_UNIT, "mqtt_password")))
            database_password = _password(credentials, WRITER_UNIT, "database_password")
        return cls(hub, writer, tuple(logins), database_password)

    @property
    def units(self) -> list[str]:
        """The daemons' systemd units."""
        return [login.unit for login in self.logins]


def _password(credentials: Path, unit: str, name: str) -> str:
    path = credentials / f"{unit}.{name}"
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the credential {path}: {error}: run the playbook again"
        raise ConfigError(msg) from error
