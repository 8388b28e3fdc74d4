"""The states of an alert rule as Grafana's documentation describes them; a reading of it, not Grafana.

https://grafana.com/docs/grafana/latest/alerting/fundamentals/alert-rule-evaluation/ and its pages on
state and health, no data and error states, and stale instances.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NORMAL, PENDING, FIRING = "Normal", "Pending", "Firing"
MISSING_EVALUATIONS = 2
"""After so many evaluations without its series an instance resolves."""

Values = Mapping[str, float | None]
"""What a query gave: a number for each label, under an empty one if it has none."""

_COMPARE = {"gt": operator.gt, "lt": operator.lt}


class QueryFailedError(Exception):
    """The data source did not answer."""


@dataclass(frozen=True)
class Rule:
    """What an evaluation needs of a rule in a provisioning file."""

    title: str
    sql: str
    compare: str
    limit: float
    pending_s: float
    interval_s: int
    no_data: str
    error: str

    @classmethod
    def of(cls, rule: Mapping[str, Any], interval: str) -> Rule:
        """Return the rule that a provisioning file describes; fails where it is not as Grafana wants it."""
        query, condition = rule["data"]
        assert rule["condition"] == condition["refId"]
        assert condition["model"]["expression"] == query["refId"]
        assert query["model"]["format"] == "table"
        (one,) = condition["model"]["conditions"]
        (limit,) = one["evaluator"]["params"]
        return cls(
            title=rule["title"],
            sql=query["model"]["rawSql"],
            compare=one["evaluator"]["type"],
            limit=limit,
            pending_s=_seconds(rule["for"]),
            interval_s=int(_seconds(interval)),
            no_data=rule["noDataState"],
            error=rule["execErrState"],
        )


def _seconds(text: str) -> float:
    assert text.endswith("s"), text
    return float(text[:-1])


@dataclass
class _Instance:
    state: str = NORMAL
    since: float = 0.0
    seen: float = 0.0


@dataclass
class Watcher:
    """One rule and the states of its instances; ``changes`` are (s, label, state) as they came."""

    rule: Rule
    changes: list[tuple[float, str, str]] = field(default_factory=list)
    _instances: dict[str, _Instance] = field(default_factory=dict)

    def states(self) -> dict[str, str]:
        """Return the state of every instance by its label."""
        return {label: one.state for label, one in self._instances.items()}

    def evaluate(self, now: float, outcome: Values | QueryFailedError) -> None:
        """Take the outcome of one evaluation at ``now`` (s)."""
        if isinstance(outcome, QueryFailedError):
            self._all(now, self.rule.error)
            return
        # A NULL is no number, and a rule whose every instance has none has no data.
        values = {label: value for label, value in outcome.items() if value is not None}
        if not values:
            self._all(now, self.rule.no_data)
            return
        for label, value in values.items():
            one = self._instances.setdefault(label, _Instance())
            one.seen = now
            self._take(now, label, one, above=_COMPARE[self.rule.compare](value, self.rule.limit))
        for label, one in list(self._instances.items()):
            if now - one.seen >= MISSING_EVALUATIONS * self.rule.interval_s:
                self._take(now, label, one, above=False)
                del self._instances[label]

    def _all(self, now: float, policy: str) -> None:
        if policy == "Alerting" and not self._instances:
            self._instances[""] = _Instance()
        for label, one in self._instances.items():
            one.seen = now
            if policy == "Alerting":
                self._take(now, label, one, above=True)
            else:
                assert policy == "KeepLast", policy
                # A pending instance goes on waiting.
                if one.state == PENDING and now - one.since >= self.rule.pending_s:
                    self._enter(now, label, one, FIRING)

    def _take(self, now: float, label: str, one: _Instance, *, above: bool) -> None:
        if not above:
            if one.state != NORMAL:
                self._enter(now, label, one, NORMAL)
        elif one.state == NORMAL:
            self._enter(now, label, one, PENDING if self.rule.pending_s > 0 else FIRING)
        elif one.state == PENDING and now - one.since >= self.rule.pending_s:
            self._enter(now, label, one, FIRING)

    def _enter(self, now: float, label: str, one: _Instance, state: str) -> None:
        one.state, one.since = state, now
        self.changes.append((now, label, state))
