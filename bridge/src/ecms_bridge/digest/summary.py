"""What a period held: Wh and cost against the one before, what was not measured, standby, silences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from ecms_bridge.digest.periods import Period
from ecms_bridge.digest.questions import Questions, Row

ENOUGH_PERCENT = Decimal(95)
"""Below this a sum lacks so much that it has to say so."""


@dataclass(frozen=True, slots=True)
class Use:
    """Wh and cost of a period; ``cost`` is None where a price is unknown, all are None where nothing was measured.

    ``coverage_percent`` is the share of the whole period that was measured.
    """

    wh: Decimal | None
    cost: Decimal | None
    coverage_percent: Decimal | None

    @property
    def whole(self) -> bool:
        """Whether so much of the period was measured that its sum stands for it."""
        return self.coverage_percent is not None and self.coverage_percent >= ENOUGH_PERCENT


@dataclass(frozen=True, slots=True)
class Line:
    """An appliance, or all of them together, in the period and the one before."""

    name: str
    now: Use
    before: Use

    @property
    def change_percent(self) -> Decimal | None:
        """Wh against the period before; None unless both were measured and the one before was not 0."""
        if self.now.wh is None or not self.before.wh:
            return None
        return 100 * (self.now.wh - self.before.wh) / self.before.wh


@dataclass(frozen=True, slots=True)
class Standby:
    """Mean W of an appliance's quiet hours, what that costs in a year, and W of one count of each sensor."""

    name: str
    watt: Decimal
    cost_year: Decimal | None
    floors_w: tuple[Decimal, Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a box was silent in the period, in quarters of an hour without a reading; ``longest_begins`` in UTC."""

    box: str
    appliance: str
    times: int
    minutes: int
    longest_minutes: int
    longest_begins: datetime


@dataclass(frozen=True, slots=True)
class Summary:
    """A period of a household."""

    household: str
    currency: str
    zone: ZoneInfo
    period: Period
    appliances: list[Line]
    total: Line
    standby: list[Standby]
    silences: list[Silence]


def summarise(questions: Questions, zone: ZoneInfo, period: Period) -> Summary:
    """Ask for all of it; raise pymysql.MySQLError if the database does not answer."""
    begins, ends = period.begins(zone), period.ends(zone)
    (settings,) = questions.ask("limits", begins, ends)
    devices = {row["__text"]: int(row["__value"]) for row in questions.ask("appliances", begins, ends)}
    now, before = _uses(questions, zone, period), _uses(questions, zone, period.before)
    nothing = Use(None, None, None)
    lines = [Line(name, now.get(name, nothing), before.get(name, nothing)) for name in devices]
    # An appliance that was never measured has no line; one that fell silent has.
    lines = [line for line in lines if (line.now, line.before) != (nothing, nothing)]
    lines.sort(key=lambda line: (-(line.now.wh or 0), line.name))
    return Summary(
        str(settings["name"]),
        str(settings["currency"]),
        zone,
        period,
        lines,
        Line("", _total([line.now for line in lines]), _total([line.before for line in lines])),
        _standby(questions, devices, begins, ends),
        [_silence(row) for row in questions.ask("silences", begins, ends)],
    )


def _uses(questions: Questions, zone: ZoneInfo, period: Period) -> dict[str, Use]:
    """Return by appliance what was measured; those that had a box but no reading are there with a coverage of 0."""
    begins, ends = period.begins(zone), period.ends(zone)
    covered_s: dict[str, Decimal] = {}
    days = questions.ask("daily_coverage", begins, ends)
    starts = sorted({int(row["time"]) for row in days})
    lengths = {start: following - start for start, following in pairwise([*starts, ends])}
    for row in days:
        seconds = Decimal(row["value"]) / 100 * lengths[int(row["time"])]
        covered_s[row["metric"]] = covered_s.get(row["metric"], Decimal(0)) + seconds
    used = {row["appliance"]: row for row in questions.ask("cost_by_appliance", begins, ends)}
    return {
        name: Use(
            _number(used.get(name), "wh"),
            _number(used.get(name), "cost"),
            100 * covered_s.get(name, Decimal(0)) / (ends - begins),
        )
        for name in covered_s.keys() | used.keys()
    }


def _number(row: Row | None, column: str) -> Decimal | None:
    return None if row is None or row[column] is None else Decimal(row[column])


def _total(uses: list[Use]) -> Use:
    """Return the sum: its cost is unknown if one is, its coverage is that of the appliance measured least."""
    measured = [use for use in uses if use.wh is not None]
    return Use(
        _sum([use.wh for use in measured]),
        _sum([use.cost for use in measured]),
        min((use.coverage_percent for use in uses if use.coverage_percent is not None), default=None),
    )


def _sum(values: list[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None


def _standby(questions: Questions, devices: dict[str, int], begins: int, ends: int) -> list[Standby]:
    """Return the appliances with quiet hours, the hungriest first."""
    found = [
        Standby(
            name,
            Decimal(row["standby_w"]),
            _number(row, "cost_year"),
            (Decimal(row["floor_05b_w"]), Decimal(row["floor_20a_w"]), Decimal(row["floor_30a_w"])),
        )
        for name, device in devices.items()
        for row in questions.ask("appliance_standby", begins, ends, device=device)
        if row["standby_w"] is not None
    ]

    return sorted(found, key=lambda one: (-one.watt, one.name))


def _silence(row: Row) -> Silence:
    return Silence(
        str(row["box"]),
        str(row["appliance"] or ""),
        int(row["silences"]),
        int(row["minutes"]),
        int(row["longest_minutes"]),
        datetime.fromtimestamp(int(row["longest_begins"]) // 1000, UTC),
    )
