"""Configuration files (TOML) and credentials of the daemons, read strictly: a wrong key is an error."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

_T = TypeVar("_T", str, int, float, bool)


class ConfigError(Exception):
    """A configuration that cannot be used; the message is one sentence for the user."""


class Section:
    """One TOML table; every key must be read and every read key must have the type asked for."""

    def __init__(self, values: dict[str, object], where: str) -> None:
        self._values = dict(values)
        self._where = where

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a TOML file; raise ConfigError if it cannot be read or parsed."""
        try:
            return cls(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            msg = f"cannot read the configuration {path}: {error}"
            raise ConfigError(msg) from error

    def take(self, key: str, kind: type[_T]) -> _T:
        """Return and consume a value, an int where a float is asked for too; else raise ConfigError."""
        if key not in self._values:
            msg = f"{self._where} lacks {key!r}: run the playbook again"
            raise ConfigError(msg)
        value = self._values.pop(key)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            msg = f"{self._where}: {key!r} must be of type {kind.__name__}, not {value!r}"
            raise ConfigError(msg)
        return value

    def section(self, key: str) -> Section:
        """Return and consume a sub-table; raise ConfigError if it is missing."""
        value = self._values.pop(key, None)
        if not isinstance(value, dict):
            msg = f"{self._where} lacks the table [{key}]: run the playbook again"
            raise ConfigError(msg)
        return Section(value, f"{self._where} [{key}]")

    def sections(self, key: str) -> list[Section]:
        """Return and consume an array of sub-tables, empty if it is missing; else raise ConfigError."""
        values = self._values.pop(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            msg = f"{self._where}: {key!r} must be an array of tables: run the playbook again"
            raise ConfigError(msg)
        return [Section(value, f"{self._where} [[{key}]]") for value in values]

    def maybe(self, key: str) -> Section | None:
        """Return and consume a sub-table, None if it is missing; else raise ConfigError."""
        return self.section(key) if key in self._values else None

    def done(self) -> None:
        """Raise ConfigError if a key was not consumed."""
        if self._values:
            msg = f"{self._where} has the unknown key {min(self._values)!r}: remove it"
            raise ConfigError(msg)


@dataclass(frozen=True, slots=True)
class MqttAddress:
    """Where a broker listens. ``tls_ca`` is the path of a CA file, or empty for a plain connection."""

    host: str
    port: int
    tls_ca: str

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """How to reach the broker: at its first address, or at another one of the same cluster."""

    host: str
    port: int
    username: str
    tls_ca: str
    alternatives: tuple[MqttAddress, ...] = ()

    @property
    def addresses(self) -> tuple[MqttAddress, ...]:
        """All addresses, in the order in which they are tried."""
        return (MqttAddress(self.host, self.port, self.tls_ca), *self.alternatives)

    @classmethod
    def parse(cls, section: Section) -> Self:
        settings = cls(
            section.take("host", str),
            section.take("port", int),
            section.take("username", str),
            section.take("tls_ca", str),
            tuple(_alternative(one) for one in section.sections("alternative")),
        )
        section.done()
        return settings


def _alternative(section: Section) -> MqttAddress:
    address = MqttAddress(section.take("host", str), section.take("port", int), section.take("tls_ca", str))
    section.done()
    return address


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """How to reach the database: by ``socket`` if not empty, else by ``host`` and ``port``.

    ``alternatives`` are other nodes of the same cluster, none of which has any of its own.
    """

    host: str
    port: int
    socket: str
    user: str
    tls_ca: str
    alternatives: tuple[DatabaseSettings, ...] = ()

    @property
    def nodes(self) -> tuple[DatabaseSettings, ...]:
        """Each node by itself, in the order in which they are tried."""
        return (replace(self, alternatives=()), *self.alternatives)

    def as_user(self, user: str) -> DatabaseSettings:
        """Return the same for another user."""
        return replace(self, user=user, alternatives=tuple(replace(one, user=user) for one in self.alternatives))

    def __str__(self) -> str:
        return " or ".join((self.socket or f"{self.host} port {self.port}", *map(str, self.alternatives)))

    @classmethod
    def parse(cls, section: Section) -> DatabaseSettings:
        host, port = section.take("host", str), section.take("port", int)
        socket, user, tls_ca = (section.take(key, str) for key in ("socket", "user", "tls_ca"))
        parts = section.sections("alternative")
        alternatives = tuple(
            cls(one.take("host", str), one.take("port", int), "", user, one.take("tls_ca", str)) for one in parts
        )
        for part in (*parts, section):
            part.done()
        return cls(host, port, socket, user, tls_ca, alternatives)


def credential(name: str) -> str:
    """Return a credential that systemd passed (LoadCredential=); raise ConfigError if it did not."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY", "")
    try:
        if not directory:
            raise FileNotFoundError
        value = (Path(directory) / name).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the credential {name!r} is missing: start the service by systemd, or set CREDENTIALS_DIRECTORY"
        raise ConfigError(msg) from error
    if not value:
        msg = f"the credential {name!r} is empty: run the playbook again"
        raise ConfigError(msg)
    return value
