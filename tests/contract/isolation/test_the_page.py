"""docs/security.md says what the cells of this run came to. Its name puts it behind the files that ask them."""

from __future__ import annotations

import pytest

from isolation import page
from isolation.ledger import CHANNELS, EMQX, MOSQUITTO, NOT_RUN, SERVER, SQL, Cell, Ledger, Row
from notrun import not_run


def test_the_page_says_what_this_run_saw(ledger: Ledger) -> None:
    asked = {row.channel for row in ledger.rows()}
    if asked != set(CHANNELS):
        not_run("only a part of the matrix was asked: run tests/contract/isolation as a whole")
    told = page.rows(page.PAGE.read_text(encoding="utf-8"))
    assert page.differences(told, ledger.rows()) == [], "make security writes the page anew"


def made(*outcomes: tuple[str, str, bool, bool | str]) -> Ledger:
    ledger = Ledger()
    for channel, what, allowed, outcome in outcomes:
        ledger.enter(Cell(channel, "a user", "an action", SERVER, what, allowed), outcome)  # type: ignore[arg-type]
    ledger.notes[EMQX] = "there is none"
    return ledger


def test_a_table_is_read_as_it_was_written() -> None:
    ledger = made((MOSQUITTO, "x", True, True), (EMQX, "x", True, NOT_RUN), (SQL, "x", False, False))
    text = page.written(page.PAGE.read_text(encoding="utf-8"), page.table(ledger, "Asked now."))
    everything = [row for row in ledger.rows() if row.channel != EMQX]
    everything.append(Row(EMQX, "everybody", "everything", ("-", "-", "-", "-", "NOT RUN")))
    assert sorted(map(str, page.rows(text))) == sorted(map(str, everything))
    assert page.differences(page.rows(text), ledger.rows()) == []
    assert page.written(text, page.table(ledger, "Asked now.")) == text


@pytest.mark.parametrize(
    ("told", "differs"),
    [("allowed", False), ("refused", True), ("NOT RUN", False), ("allowed and refused", True)],
)
def test_a_cell_that_came_out_otherwise_is_a_difference(told: str, differs: bool) -> None:
    said = [Row(SQL, "a user", "an action", ("-", "-", "-", "-", told))]
    assert bool(page.differences(said, made((SQL, "x", True, True)).rows())) is differs


def test_rows_and_channels_that_only_one_of_both_has_are_differences() -> None:
    run = made((SQL, "x", True, True)).rows()
    for told in ([], [Row(SQL, "a user", "another action", run[0].outcomes), *run]):
        assert len(page.differences(told, run)) == 1
        assert len(page.differences(run, told)) == 1


def test_a_wrong_cell_is_told() -> None:
    ledger = Ledger()
    assert ledger.enter(Cell(SQL, "u", "a", SERVER, "w", False), False) == ""
    assert "allowed, must be refused" in ledger.enter(Cell(SQL, "u", "a", SERVER, "w", False), True)
    assert ledger.counts()[SQL] == (0, 1, 0)
    assert "**1 otherwise**" in page.table(ledger, "Asked now.")
