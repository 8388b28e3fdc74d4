"""Weeks and months by the household's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ecms_bridge.schema.calendar import day_begins

WEEKLY, MONTHLY = "weekly", "monthly"
KINDS = (WEEKLY, MONTHLY)

MORNING = time(7)
"""Not before this, since boxes may still be sending what they kept of the last day."""


@dataclass(frozen=True, slots=True)
class Period:
    """Local days from ``first`` up to before ``following``: a week from Monday, or a month."""

    kind: str
    first: date
    following: date

    @property
    def last(self) -> date:
        """The last local day."""
        return self.following - timedelta(days=1)

    @property
    def before(self) -> Period:
        """The period of the same kind that ended as this one began."""
        return Period(self.kind, _start(self.kind, self.first - timedelta(days=1)), self.first)

    def begins(self, zone: ZoneInfo) -> int:
        """Return when it begins, in Unix s."""
        return int(day_begins(self.first, zone).timestamp())

    def ends(self, zone: ZoneInfo) -> int:
        """Return when it has ended, in Unix s."""
        return int(day_begins(self.following, zone).timestamp())

    def due(self, zone: ZoneInfo) -> int:
        """Return from when on its e-mail is due, in Unix s."""
        return int(datetime.combine(self.following, MORNING, zone).timestamp())


def last_ended(kind: str, now: datetime) -> Period:
    """Return the last week or month that has ended at ``now``, by the zone of ``now``."""
    following = _start(kind, now.date())
    return Period(kind, _start(kind, following - timedelta(days=1)), following)


def last_due(kind: str, now: datetime) -> Period:
    """Return the last period whose e-mail is due: from the morning after it on."""
    found = last_ended(kind, now)
    return found.before if now.date() == found.following and now.time() < MORNING else found


def _start(kind: str, day: date) -> date:
    return day.replace(day=1) if kind == MONTHLY else day - timedelta(days=day.weekday())
