"""Every question of grafana/sql over months and years of a home, and the document's own queries."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import closing

import pymysql
from pymysql.cursors import SSCursor

from bench import history, settings
from bench.report import Figure, Table
from bench.scale import Scale
from database import document
from database.fixtures import Home, Users, new_home
from database.server import PrivateServer
from ecms_bridge.schema import grants
from grafana import queries
from grafana.macros import expand

_SLUG = "casa_bench"
_BAR_MS = 60.0
_GROWTH_BAR = 1.5
_RATIO_BAR = 1000
_RATIO_FROM_DAYS = 365
_NOISE_MS = 5.0
"""Growth below this is that of the clock's noise."""

RANGES_S = {"1 h": 3_600, "6 h": 21_600, "24 h": 86_400, "7 d": 604_800, "31 d": 2_678_400, "1 y": 31_536_000}
_COMPARED = "7 d"
_LONGEST_S = {"silences": RANGES_S["31 d"]}
"""Ranges beyond which nobody asks: the silences are the digest's, of a week or a month."""
_COUNTERPARTS = {
    "ampere": document.SERIES,
    "watt": document.SERIES,
    "total_now": document.TOTAL,
    "mean_daily_wh": document.DAILY,
    "throughput": document.THROUGHPUT,
}
"""What answers the same question in the document."""

_TIMED_OUT = 1969
_GRACE_S = 30
"""MariaDB's error number for max_statement_time."""

_FETCHED_ROWS = 10_000

Times = dict[str, dict[str, tuple[float, ...]]]
"""By file and range, ms."""


def run(scale: Scale, say: Callable[[str], None]) -> list[Table]:
    """Return a table for each history, and one for the growth between them."""
    tables: list[Table] = []
    measured: dict[int, Times] = {}
    for days in scale.histories_days:
        server = PrivateServer(*settings.database_options())
        try:
            server.start()
            with new_home(server, _SLUG) as home:
                table, measured[days] = _history(home, days, scale, say)
                tables.append(table)
        finally:
            server.remove()
    if len(measured) > 1:
        tables.append(_growth(measured))
    return tables


def _history(home: Home, days: int, scale: Scale, say: Callable[[str], None]) -> tuple[Table, Times]:
    home.apply(
        retention_days=2 * days + 400,
        devices=[{"id": n, "name": name, "ratings": []} for n, name in enumerate(history.APPLIANCES, start=1)],
    )
    say(f"building {days} days of a home")
    now = history.build(home, days, say)
    history.build_document(home, now, days, say)
    users = Users(home.server, [])
    try:
        reader = queries.Reader(home, users.make(grants.grafana_grants(home.slug)))
        times = _ask_all(reader, now, scale.query_runs)
    finally:
        users.remove()
    theirs = _document(home, now, scale.query_timeout_s, say)
    figures = []
    for name, by_range in sorted(times.items()):
        worst = max(by_range, key=lambda label: statistics.median(by_range[label]))
        shown = name if worst == "" else f"{name}, slowest range: {worst}"
        figures.append(Figure(shown, "ms", by_range[worst], bar=_BAR_MS))
    for name, query in _COUNTERPARTS.items():
        label = _COMPARED if _COMPARED in times[name] else next(iter(times[name]))
        took, beyond = theirs[query]
        wanted = _RATIO_BAR if days >= _RATIO_FROM_DAYS else None
        what = f"{name}{', ' + label if label else ''}, against the document's query"
        figures.append(Figure(what, "ms", times[name][label], document=took, document_beyond=beyond, ratio_bar=wanted))
    readings = int(home.rows("SELECT SUM(n) FROM {roll} WHERE res = 60")[0][0])
    note = (
        f"{readings:,} readings of eight appliances, every file of grafana/sql asked by the household's reader, "
        f"{scale.query_runs} times for each range, all rows fetched. Shown is the range with the greatest median. "
        f"The document's queries run once, on its own table on the same server, for {_COMPARED}, and are stopped "
        f"after {scale.query_timeout_s:g} s."
    )
    return Table(f"Panels over {days} days", figures, [note]), times


def _ask_all(reader: queries.Reader, now: int, runs: int) -> Times:
    found: Times = {}
    for name in queries.NAMES:
        text = queries.text(name)
        found[name] = {}
        for label, seconds in (RANGES_S if "$__" in text else {"": 0}).items():
            if seconds > _LONGEST_S.get(name, seconds):
                continue
            query = expand(text, now - seconds, now, {"device": 1})
            found[name][label] = _ask(reader, now, query, runs)
    return found


def _ask(reader: queries.Reader, now: int, query: str, runs: int) -> tuple[float, ...]:
    """Return ms of each run, on one connection as Grafana keeps it."""
    measured = []
    with reader.cursor(now) as cursor:
        for _ in range(runs + 1):
            begun = time.perf_counter()
            cursor.execute(query)
            cursor.fetchall()
            measured.append((time.perf_counter() - begun) * 1000)
    # The first fetches pages that an open dashboard has in memory.
    return tuple(measured[1:])


def _document(home: Home, now: int, timeout_s: float, say: Callable[[str], None]) -> dict[str, tuple[float, bool]]:
    """Return ms for each of the document's queries, and whether it was stopped there."""
    found = {}
    for query in dict.fromkeys(_COUNTERPARTS.values()):
        # The server stops the query, not the connection.
        patience_s = int(timeout_s) + _GRACE_S
        with closing(home.server.session(io_timeout_s=patience_s)) as session, session.cursor(SSCursor) as cursor:
            cursor.execute(f"USE {history.DOCUMENT_SCHEMA}")
            cursor.execute(f"SET timestamp = {now}, max_statement_time = {timeout_s}, sql_mode = ''")
            begun = time.perf_counter()
            beyond = False
            try:
                cursor.execute(document.at(query, now - RANGES_S[_COMPARED], now))
                while cursor.fetchmany(_FETCHED_ROWS):
                    pass
            except pymysql.MySQLError as error:
                if error.args[0] != _TIMED_OUT:
                    raise
                beyond = True
            found[query] = ((time.perf_counter() - begun) * 1000, beyond)
            say(f"a query of the document: {'more than ' if beyond else ''}{found[query][0] / 1000:.1f} s")
    return found


def _growth(measured: dict[int, Times]) -> Table:
    shortest, *longer = sorted(measured)
    figures = []
    for days in longer:
        for name in sorted(measured[days]):
            ratios = {
                label: statistics.median(runs) / statistics.median(measured[shortest][name][label])
                for label, runs in measured[days][name].items()
                if RANGES_S.get(label, 0) <= shortest * history.DAY_S and statistics.median(runs) > _NOISE_MS
            }
            if ratios:
                worst = max(ratios, key=lambda label: ratios[label])
                what = f"{name}{', ' + worst if worst else ''}: {days} against {shortest} days"
                figures.append(Figure(what, "times", (ratios[worst],), bar=_GROWTH_BAR))
    return Table(
        "Growth with the history",
        figures,
        [f"The same range over a longer history; queries faster than {_NOISE_MS:g} ms are left out."],
    )
