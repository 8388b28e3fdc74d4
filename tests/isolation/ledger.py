"""Cells of the access matrix, what came of each, and the table of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["allowed", "refused", "NOT RUN"]
NOT_RUN: Outcome = "NOT RUN"
LEFT_OUT = "-"

OWN = "its own home"
OTHER = "another home"
ANY = "any home"
ALL = "all homes at once"
SERVER = "the server"
COLUMNS = (OWN, OTHER, ANY, ALL, SERVER)

DATAGRAMS = "Datagrams to a hub"
MOSQUITTO = "MQTT, a live Mosquitto"
EMQX_RULES = "MQTT, EMQX's rules as written, read without EMQX"
EMQX = "MQTT, a live EMQX"
SQL = "SQL, a live MariaDB, by socket and by TLS"
GRAFANA = "Grafana, a live one"
CHANNELS = (DATAGRAMS, MOSQUITTO, EMQX_RULES, EMQX, SQL, GRAFANA)


@dataclass(frozen=True)
class Cell:
    """One deed: ``who`` does ``action`` to ``what`` that is ``whose`` (a column); ``allowed`` is what must follow."""

    channel: str
    who: str
    action: str
    whose: str
    what: str
    allowed: bool

    @property
    def expected(self) -> Outcome:
        return word(self.allowed)


@dataclass(frozen=True)
class Row:
    """What the table tells of one deed of one kind of user: a word for each column that has cells."""

    channel: str
    who: str
    action: str
    outcomes: tuple[str, ...]


def word(allowed: bool) -> Outcome:
    return "allowed" if allowed else "refused"


class Ledger:
    """The outcomes of one run."""

    def __init__(self) -> None:
        self._entries: dict[Cell, Outcome] = {}
        self.notes: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def enter(self, cell: Cell, outcome: bool | Outcome) -> str:
        """Note what came of a cell; return a sentence if it is not what must come of it, or an empty string."""
        came = word(outcome) if isinstance(outcome, bool) else outcome
        self._entries[cell] = came
        if came in (cell.expected, NOT_RUN):
            return ""
        return f"{cell.channel}: {cell.who}, {cell.action}, {cell.whose} ({cell.what}): {came}, must be {cell.expected}"

    def not_run(self, cells: Iterable[Cell], reason: str) -> None:
        """Note cells that cannot run here, and why."""
        for cell in cells:
            self.enter(cell, NOT_RUN)
            self.notes[cell.channel] = reason

    def rows(self) -> list[Row]:
        """Return the rows of the table, channel by channel and user by user."""
        kinds: dict[tuple[str, str, str], dict[str, set[Outcome]]] = {}
        for cell, outcome in self._entries.items():
            kinds.setdefault((cell.channel, cell.who, cell.action), {}).setdefault(cell.whose, set()).add(outcome)
        users = list(dict.fromkeys(who for _, who, _ in kinds))
        return [
            Row(*kind, tuple(" and ".join(sorted(columns.get(column, {LEFT_OUT}))) for column in COLUMNS))
            for kind, columns in sorted(
                kinds.items(), key=lambda item: (CHANNELS.index(item[0][0]), users.index(item[0][1]))
            )
        ]

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Return for each channel how many cells were as they must be, otherwise, and not run."""
        found = {}
        for channel in CHANNELS:
            entries = [(cell, outcome) for cell, outcome in self._entries.items() if cell.channel == channel]
            right = sum(outcome == cell.expected for cell, outcome in entries)
            left = sum(outcome == NOT_RUN for _, outcome in entries)
            found[channel] = (right, len(entries) - right - left, left)
        return found

    def save(self, path: Path) -> None:
        """Write every cell as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        cells = [asdict(cell) | {"outcome": outcome} for cell, outcome in self._entries.items()]
        path.write_text(json.dumps({"notes": self.notes, "cells": cells}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Ledger:
        """Read what ``save`` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        made = cls()
        made.notes = document["notes"]
        for entry in document["cells"]:
            outcome = entry.pop("outcome")
            made._entries[Cell(**entry)] = outcome
        return made


def by_row(cells: Iterable[Cell]) -> Iterator[tuple[str, list[Cell]]]:
    """Yield the cells of each row of the table under a name for a test."""
    kinds: dict[str, list[Cell]] = {}
    for cell in cells:
        kinds.setdefault(f"{cell.who}, {cell.action}, {cell.whose}", []).append(cell)
    yield from kinds.items()
