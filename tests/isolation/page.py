"""The table of docs/security.md: made from a run, and read again to hold it against the next."""

from __future__ import annotations

import re
from pathlib import Path

from isolation.ledger import CHANNELS, COLUMNS, LEFT_OUT, NOT_RUN, Ledger, Row

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/security.md"
RESULTS = ROOT / "build/isolation/matrix.json"
TABLE = RESULTS.with_suffix(".md")
_BEGIN, _END = "<!-- matrix: written by make security -->", "<!-- end of the matrix -->"


def table(ledger: Ledger, heading: str) -> str:
    """Return the matrix as Markdown; ``heading`` says when and where it was asked."""
    lines = [heading]
    counts = ledger.counts()
    for channel in CHANNELS:
        rows = [row for row in ledger.rows() if row.channel == channel]
        right, wrong, left = counts[channel]
        told = [f"{right} cells as they must be"] if right else []
        told += [f"**{wrong} otherwise**"] if wrong else []
        told += [f"{left} NOT RUN: {ledger.notes[channel]}"] if left else []
        used = [n for n in range(len(COLUMNS)) if any(row.outcomes[n] != LEFT_OUT for row in rows)]
        names = ["who", "does", *(COLUMNS[n] for n in used)]
        lines += ["", f"### {channel}", "", f"{'; '.join(told)}.", ""]
        lines += [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
        if left and not right + wrong:
            lines += [f"| {' | '.join(['everybody', 'everything', *(NOT_RUN for _ in used)])} |"]
        else:
            lines += [f"| {' | '.join([row.who, row.action, *(row.outcomes[n] for n in used)])} |" for row in rows]
    return "\n".join(lines) + "\n"


def rows(text: str) -> list[Row]:
    """Return the rows of the tables in the page's matrix; raise ValueError where there is none."""
    found = []
    channel, names = "", [""]
    for line in _matrix(text).splitlines():
        if line.startswith("### "):
            channel = line.removeprefix("### ")
        elif line.startswith("| who | does |"):
            names = _fields(line)
        elif line.startswith("| "):
            who, does, *outcomes = _fields(line)
            told = dict(zip(names[2:], outcomes, strict=True))
            found.append(Row(channel, who, does, tuple(told.get(column, LEFT_OUT) for column in COLUMNS)))
    return found


def differences(page: list[Row], run: list[Row]) -> list[str]:
    """Return a line for each row that page and run tell otherwise; what either did not run is no difference."""
    only = {row.channel for row in page} ^ {row.channel for row in run}
    both = _channels_that_ran(page) & _channels_that_ran(run)
    told = {(row.channel, row.who, row.action): row.outcomes for row in page if row.channel in both}
    seen = {(row.channel, row.who, row.action): row.outcomes for row in run if row.channel in both}
    found = [f"{channel}: only the page or only the run has it" for channel in sorted(only)]
    for kind in {**told, **seen}:
        ours, theirs = told.get(kind), seen.get(kind)
        pairs = zip(ours, theirs, strict=True) if ours and theirs else ((None, None),)
        if not ours or not theirs or any(a != b and NOT_RUN not in (a, b) for a, b in pairs):
            found.append(f"{', '.join(kind)}: the page says {ours}, the run {theirs}")
    return found


def _channels_that_ran(rows: list[Row]) -> set[str]:
    return {row.channel for row in rows if set(row.outcomes) - {NOT_RUN, LEFT_OUT}}


def written(text: str, matrix: str) -> str:
    """Return the page with another matrix."""
    begin = text.index(_BEGIN) + len(_BEGIN)
    return f"{text[:begin]}\n\n{matrix}\n{text[begin + len(_matrix(text)) :]}"


def _matrix(text: str) -> str:
    match = re.search(f"{re.escape(_BEGIN)}(.*){re.escape(_END)}", text, re.DOTALL)
    if match is None:
        raise ValueError(f"{PAGE} has no place for the matrix between {_BEGIN} and {_END}")
    return match[1]


def _fields(line: str) -> list[str]:
    # A bar within a field is escaped.
    return [field.strip() for field in re.split(r"(?<!\\)\|", line)[1:-1]]
