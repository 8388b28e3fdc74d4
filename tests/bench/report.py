"""Tables of figures, each beside its bar and the document's way, as Markdown and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity: its runs, and what it is held against.

    ``bar`` is the limit to keep, ``at_least`` its direction. ``document`` is what the document's way gave; with
    ``document_beyond`` it was stopped there and would have been more. ``ratio_bar`` is how many times better than
    the document's way it must be.
    """

    what: str
    unit: str
    runs: tuple[float, ...]
    bar: float | None = None
    at_least: bool = False
    document: float | None = None
    document_beyond: bool = False
    ratio_bar: float | None = None

    @property
    def median(self) -> float:
        """The median of the runs."""
        return statistics.median(self.runs)

    @property
    def ratio(self) -> float | None:
        """How many times better than the document's way, None without one."""
        if self.document is None or not self.document or not self.median:
            return None
        return self.median / self.document if self.at_least else self.document / self.median

    @property
    def judged(self) -> bool:
        """Whether it has a bar."""
        return self.bar is not None or self.ratio_bar is not None

    @property
    def missed(self) -> list[str]:
        """The bars that were missed, in words."""
        found = []
        if self.bar is not None and (self.median < self.bar if self.at_least else self.median > self.bar):
            found.append(f"{self.what}: {number(self.median)} {self.unit}, bar {self.bar_text}")
        if self.ratio_bar is not None and self.ratio is not None and self.ratio < self.ratio_bar:
            found.append(
                f"{self.what}: {number(self.ratio)} times better than the document's way, bar {self.ratio_bar:g}"
            )
        return found

    @property
    def bar_text(self) -> str:
        """The bar with its direction, empty without one."""
        if self.bar is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {number(self.bar)}"

    def line(self) -> str:
        """Return the row of the Markdown table."""
        spread = f"{number(min(self.runs))} to {number(max(self.runs))}" if len(self.runs) > 1 else ""
        beyond = "> " if self.document_beyond else ""
        document = "" if self.document is None else f"{beyond}{number(self.document)}"
        ratio = "" if self.ratio is None else f"{beyond}{number(self.ratio)}"
        bars = [text for text in (self.bar_text, f"ratio ≥ {self.ratio_bar:g}" if self.ratio_bar else "") if text]
        verdict = "" if not bars else "**missed**" if self.missed else "reached"
        return (
            f"| {self.what} | {self.unit} | {number(self.median)} | {spread} | {document} | {ratio} "
            f"| {', '.join(bars)} | {verdict} |"
        )


@dataclass(slots=True)
class Table:
    """What one part measured; ``notes`` are sentences printed under the figures."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the table with its title."""
        lines = [
            f"### {self.title}",
            "",
            "| what | unit | median | runs | document's way | ratio | bar | |",
            "|---|---|---:|---:|---:|---:|---|---|",
            *(figure.line() for figure in self.figures),
        ]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines)

    def unjudged(self) -> Self:
        """Return the table without its bars."""
        return replace(self, figures=[replace(figure, bar=None, ratio_bar=None) for figure in self.figures])

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Return what ``as_dict`` was given, also after a way through JSON."""
        figures = [Figure(**{**figure, "runs": tuple(figure["runs"])}) for figure in content["figures"]]
        return cls(content["title"], figures, content["notes"])


def number(value: float) -> str:
    """Return a figure with three significant digits, thousands apart."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{round(value, 2 - len(str(int(abs(value)))) + 1):,.0f}"
    return f"{value:.3g}"


def document(heading: Sequence[str], tables: Iterable[Table], failures: Sequence[str]) -> str:
    """Return the whole report: where it was measured, every table, the bars missed and the parts that failed."""
    done = list(tables)
    missed = [words for table in done for figure in table.figures for words in figure.missed]
    lines = [*heading, ""]
    for table in done:
        lines += [table.markdown(), ""]
    if any(figure.judged for table in done for figure in table.figures):
        lines += [f"Bars missed: {len(missed)}.", *(f"- {words}" for words in missed)]
    lines += [f"- **failed**: {words}" for words in failures]
    return "\n".join(lines) + "\n"
