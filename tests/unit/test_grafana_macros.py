"""Our expander of Grafana's macros does what Grafana's documentation shows, and refuses what it does not know."""

from __future__ import annotations

import pytest

from grafana.macros import MacroError, expand

FROM, TO = 1494410783, 1494410983


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # The examples of the documentation's table.
        ("$__timeFilter(dateColumn)", "dateColumn BETWEEN FROM_UNIXTIME(1494410783) AND FROM_UNIXTIME(1494410983)"),
        ("$__timeFrom()", "FROM_UNIXTIME(1494410783)"),
        ("$__timeTo()", "FROM_UNIXTIME(1494410983)"),
        ("$__unixEpochFrom()", "1494410783"),
        ("$__unixEpochTo()", "1494410983"),
        ("a.b = ${device}", "a.b = 7"),
    ],
)
def test_what_the_documentation_shows(query: str, expected: str) -> None:
    assert expand(query, FROM, TO, {"device": 7}) == expected


@pytest.mark.parametrize(
    "query",
    [
        "$__timeGroup(a, '1d')",
        "$__timeFilter(DATE(a))",
        "$__timeFilter()",
        "$__timeFrom",
        "$__timeFrom(a)",
        "$__interval",
        "${other}",
    ],
)
def test_what_is_not_known_is_refused(query: str) -> None:
    with pytest.raises(MacroError):
        expand(query, FROM, TO, {"device": 7})
