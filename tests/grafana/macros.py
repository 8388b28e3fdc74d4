"""Macros of Grafana's MySQL data source, expanded as its documentation says ("MySQL query editor", "Macros").

This is a reading of the documentation, written apart from Grafana: it proves our SQL, not Grafana's. It knows only the
macros that ``grafana/sql`` may use and refuses every other, and, as Grafana does, one whose argument holds a bracket.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_MACRO = re.compile(r"\$__(\w+)(?:\(([^()]*)\))?")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class MacroError(ValueError):
    """A query that Grafana would not send as it is meant."""


def expand(query: str, begins: int, ends: int, variables: Mapping[str, object] | None = None) -> str:
    """Return the SQL for the range from ``begins`` to ``ends`` (Unix s); raise MacroError for what is not known."""
    values = dict(variables or {})

    def variable(match: re.Match[str]) -> str:
        if match[1] not in values:
            msg = f"the query uses the variable {match[1]!r}, which nobody sets"
            raise MacroError(msg)
        return str(values[match[1]])

    def macro(match: re.Match[str]) -> str:
        name, argument = match[1], match[2]
        if name == "timeFilter" and argument:
            return f"{argument} BETWEEN FROM_UNIXTIME({begins}) AND FROM_UNIXTIME({ends})"
        without_argument = {
            "timeFrom": f"FROM_UNIXTIME({begins})",
            "timeTo": f"FROM_UNIXTIME({ends})",
            "unixEpochFrom": str(begins),
            "unixEpochTo": str(ends),
        }
        if name not in without_argument or argument != "":
            msg = f"{match[0]!r} is no macro that grafana/sql may use"
            raise MacroError(msg)
        return without_argument[name]

    # Dashboards replace variables before the data source sees the query, and comments are expanded like the rest.
    return _MACRO.sub(macro, _VARIABLE.sub(variable, query))
