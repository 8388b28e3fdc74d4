"""Alert rules over a simulated timeline: their SQL on a real MariaDB, the states as Grafana's manual tells them."""

from alerts.evaluator import QueryFailedError, Rule, Watcher
from alerts.timeline import Timeline

__all__ = ["QueryFailedError", "Rule", "Timeline", "Watcher"]
