"""The digests that this machine sends, and since when those that are due have not been sent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from ecms_bridge.config import ConfigError
from ecms_bridge.digest.periods import KINDS, last_due
from ecms_bridge.digest.sent import FILE, Sent
from ecms_bridge.digest.settings import Settings

Facts: TypeAlias = dict[str, Any]


def look(directory: Path, states: Path, at: int, running_since: int) -> list[Facts]:
    """Return the facts of each household whose digests are sent from here, at ``at`` (Unix s).

    ``directory`` has the configurations, ``states`` a folder for each household with what its service remembers,
    ``running_since`` (Unix s) is when the machine was started: nothing could be sent before.
    """
    found = []
    for path in sorted(directory.glob("*.toml")):
        told: Facts = {"slug": path.stem, "trouble": None, "letters": []}
        try:
            settings = Settings.read(path)
            sent = Sent(states / path.stem / FILE)
            # What the inventory has changed since may just not have been sent yet.
            able_since = max(running_since, int(path.stat().st_mtime))
        except ConfigError as error:
            told["trouble"] = str(error)
        except OSError as error:
            told["trouble"] = f"cannot read {path}: {error.strerror}: run the playbook again"
        else:
            told["letters"] = [
                _letters(settings, sent, kind, at, able_since)
                for kind in KINDS
                if any(kind == wanted for wanted, _ in settings.letters)
            ]
        found.append(told)
    return found


def _letters(settings: Settings, sent: Sent, kind: str, at: int, able_since: int) -> Facts:
    period = last_due(kind, datetime.fromtimestamp(at, UTC).astimezone(settings.zone))
    recipients = [recipient for wanted, recipient in settings.letters if wanted == kind]
    waiting = [recipient for recipient in recipients if not sent.has(recipient, period)]
    return {
        "kind": kind,
        "first_day": period.first.isoformat(),
        "sent": len(recipients) - len(waiting),
        "waiting": len(waiting),
        "due_since": max(period.due(settings.zone), able_since) if waiting else None,
    }
