"""What has been sent to a household: for each kind and recipient the first day of the last period."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

from ecms_bridge.config import ConfigError
from ecms_bridge.digest.periods import Period

DIRECTORY = Path("/var/lib/ecms-digest")
"""Where systemd keeps the state of the service, in a folder for each household."""
FILE = "sent.json"


class Sent:
    """A small file, written anew and whole after each e-mail that the mail server has taken."""

    def __init__(self, path: Path) -> None:
        """Read it; raise ConfigError if that fails. Without a file nothing has been sent."""
        self._path = path
        self._days: dict[str, str] = {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            self._days = {str(key): date.fromisoformat(day).isoformat() for key, day in found.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            msg = f"cannot read what has been sent, {path}: {error}: remove it, and the last digests are sent again"
            raise ConfigError(msg) from error

    def has(self, recipient: str, period: Period) -> bool:
        """Return whether this recipient has had this period, or a later one."""
        return self._days.get(_key(recipient, period), "") >= period.first.isoformat()

    def check(self) -> None:
        """Raise ConfigError if nothing can be written, before an e-mail is sent that could not be remembered."""
        self._write()

    def add(self, recipient: str, period: Period) -> None:
        """Remember that it was sent; raise ConfigError if that fails."""
        self._days[_key(recipient, period)] = period.first.isoformat()
        self._write()

    def _write(self) -> None:
        part = self._path.with_name(self._path.name + ".part")
        try:
            with part.open("w", encoding="utf-8") as file:
                json.dump(self._days, file, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
        except OSError as error:
            msg = (
                f"cannot remember in {self._path} what has been sent: {error.strerror}: make room, or start its service"
            )
            raise ConfigError(msg) from error


def _key(recipient: str, period: Period) -> str:
    return f"{period.kind} {recipient}"
