"""The writer's configuration file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ecms_bridge import names
from ecms_bridge.config import ConfigError, DatabaseSettings, MqttSettings, Section

_MAX_BATCH = 10_000
_MAX_AGE_S = 60.0
_group_match = re.compile(r"[A-Za-z0-9_-]*").fullmatch


@dataclass(frozen=True, slots=True)
class Settings:
    """What the writer needs to know; a batch ends at ``max_readings`` or ``max_age_s`` (s)."""

    mqtt: MqttSettings
    shared_group: str
    database: DatabaseSettings
    max_readings: int
    max_age_s: float

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the file; raise ConfigError with one sentence at the first mistake."""
        root = Section.from_file(path)
        mqtt, database, batch = (root.section(name) for name in ("mqtt", "database", "batch"))
        shared_group = mqtt.take("shared_group", str)
        settings = cls(
            MqttSettings.parse(mqtt),
            shared_group,
            DatabaseSettings.parse(database),
            batch.take("max_readings", int),
            batch.take("max_age_s", float),
        )
        batch.done()
        root.done()
        if _group_match(shared_group) is None:
            msg = f"{path}: set shared_group to letters and digits, or leave it empty, not {shared_group!r}"
            raise ConfigError(msg)
        if not 1 <= settings.max_readings <= _MAX_BATCH:
            msg = f"{path}: set max_readings to 1 to {_MAX_BATCH}, not {settings.max_readings}"
            raise ConfigError(msg)
        if not 0 < settings.max_age_s <= _MAX_AGE_S:
            msg = f"{path}: set max_age_s above 0 up to {_MAX_AGE_S:g}, not {settings.max_age_s:g}"
            raise ConfigError(msg)
        return settings

    def subscriptions(self) -> list[str]:
        """Return the topics to subscribe: readings, shared with other writers if so configured, and statuses."""
        readings = f"+/{names.READINGS}"
        return [
            f"$share/{self.shared_group}/{readings}" if self.shared_group else readings,
            f"+/{names.STATUS}",
        ]
