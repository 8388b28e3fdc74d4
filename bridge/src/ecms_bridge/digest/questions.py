"""Asks the questions of ``grafana/sql``, so that the digest and the dashboards rest on the same definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecms_bridge.config import ConfigError
from ecms_bridge.session import Session

NAMES = ("appliance_standby", "appliances", "cost_by_appliance", "daily_coverage", "limits", "silences")
"""The files that have to be there."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_FILTER = re.compile(r"\$__timeFilter\((\w+(?:\.\w+)?)\)")

Row = dict[str, Any]


def expand(query: str, begins: int, ends: int, variables: Mapping[str, int]) -> str:
    """Return the SQL of a query for Grafana, for a range that holds ``begins`` and ``ends`` (Unix s)."""
    query = _VARIABLE.sub(lambda match: str(int(variables[match[1]])), query)
    query = _FILTER.sub(rf"\1 BETWEEN FROM_UNIXTIME({begins}) AND FROM_UNIXTIME({ends})", query)
    for macro, value in (
        ("timeFrom", f"FROM_UNIXTIME({begins})"),
        ("timeTo", f"FROM_UNIXTIME({ends})"),
        ("unixEpochFrom", str(begins)),
        ("unixEpochTo", str(ends)),
    ):
        query = query.replace(f"$__{macro}()", value)
    return query


class Questions:
    """The questions, asked of the schema that ``session`` uses."""

    def __init__(self, directory: Path, session: Session) -> None:
        """Raise ConfigError if a question is missing."""
        self._session = session
        try:
            self._texts = {name: (directory / f"{name}.sql").read_text(encoding="utf-8") for name in NAMES}
        except (OSError, UnicodeDecodeError) as error:
            msg = f"cannot read the questions in {directory}: {error}: run the playbook again"
            raise ConfigError(msg) from error

    def ask(self, name: str, begins: int, ends: int, **variables: int) -> list[Row]:
        """Return the answer's rows from ``begins`` up to before ``ends`` (Unix s)."""
        with self._session.cursor() as cursor:
            # Grafana's ranges hold their end.
            cursor.execute(expand(self._texts[name], begins, ends - 1, variables))
            columns = [column[0] for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
