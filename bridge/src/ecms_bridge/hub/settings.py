"""What the daemon is told (configuration and credentials) and what it decides by itself (times and limits)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ecms_bridge import names
from ecms_bridge.config import ConfigError, MqttSettings, Section, credential
from ecms_bridge.datagram import KEY_LENGTH
from ecms_bridge.hub.appliances import Appliances

_MAX_PORT = 65535
_key_match = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_LENGTH}}}").fullmatch


@dataclass(frozen=True, slots=True)
class HubSettings:
    """The configuration file.

    ``clock_marker`` is None where the hub's clock is trusted, ``home_assistant`` where it is to be told nothing.
    """

    household: str
    require_signed_readings: bool
    address: str
    port: int
    mqtt: MqttSettings
    spool_directory: Path
    spool_max_readings: int
    clock_marker: Path | None
    home_assistant: Appliances | None = None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the configuration; raise ConfigError, one sentence, unless it is right."""
        document = Section.from_file(path)
        udp, spool, clock = (document.section(name) for name in ("udp", "spool", "clock"))
        marker = clock.take("marker", str)
        home_assistant = document.maybe("home_assistant")
        settings = cls(
            household=document.take("household", str),
            require_signed_readings=document.take("require_signed_readings", bool),
            address=udp.take("address", str),
            port=udp.take("port", int),
            mqtt=MqttSettings.parse(document.section("mqtt")),
            spool_directory=Path(spool.take("directory", str)),
            spool_max_readings=spool.take("max_readings", int),
            clock_marker=Path(marker) if marker else None,
            home_assistant=None if home_assistant is None else Appliances.parse(home_assistant),
        )
        for section in (udp, spool, clock, document):
            section.done()
        settings._check(path)
        return settings

    def _check(self, path: Path) -> None:
        try:
            names.check_slug(self.household)
        except names.HouseholdNameError as error:
            msg = f"{path}: {error}"
            raise ConfigError(msg) from error
        for port in (self.port, *(address.port for address in self.mqtt.addresses)):
            if not 0 < port <= _MAX_PORT:
                msg = f"{path}: {port} is no port: set one between 1 and {_MAX_PORT}"
                raise ConfigError(msg)
        if self.spool_max_readings < 1:
            msg = f"{path}: max_readings must be at least 1, not {self.spool_max_readings}"
            raise ConfigError(msg)


def household_key() -> bytes:
    """Return the household's key from its credential; raise ConfigError unless it is 32 bytes in hex."""
    text = credential("household_key")
    if _key_match(text) is None:
        msg = f"the credential 'household_key' must be {2 * KEY_LENGTH} hexadecimal digits"
        raise ConfigError(msg)
    return bytes.fromhex(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When things happen, in seconds."""

    first_resend: float = 10.0
    max_resend: float = 300.0
    stall: float = 10.0
    """Without a confirmation for this long, the next one makes everything older be sent again at once."""
    spool_after: float = 60.0
    spool_interval: float = 1.0
    """At most one commit, and so one forced write to the SD card, in this time."""
    spool_retry: float = 10.0
    status: float = 60.0
    status_interval: float = 1.0
    marker_poll: float = 1.0
    home_assistant: float = 10.0
    idle: float = 0.25
    """The longest a turn of the loop waits: a signal does not end the wait by itself."""

    def resend_delays(self) -> list[float]:
        """Return the delays after the first, second ... sending; the last one repeats."""
        delays = [self.first_resend]
        while delays[-1] < self.max_resend:
            delays.append(min(delays[-1] * 2, self.max_resend))
        return delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is kept in memory and done in one turn."""

    spool_early: int = 10_000
    """More unspooled readings than this go to the spool before their time."""
    unspooled: int = 20_000
    """At this many, new readings are not taken: their boxes keep them."""
    drain: int = 2_000
    """Spooled readings in flight while confirmations come."""
    probe: int = 50
    """Spooled readings in flight while none come, to learn when they do again."""
    held: int = 20_000
    """Readings that wait for the clock."""
    datagrams_a_turn: int = 256
    publications_a_turn: int = 256
