"""What the bench makes of its figures."""

from __future__ import annotations

import json

from bench.report import Figure, Table, document, number

RATE = Figure("rows", "1/s", (900.0, 1100.0, 1000.0), bar=500, at_least=True, document=10.0, ratio_bar=50)


def test_the_median_counts_and_the_runs_are_shown() -> None:
    assert RATE.median == 1000
    assert RATE.line() == "| rows | 1/s | 1,000 | 900 to 1,100 | 10 | 100 | ≥ 500, ratio ≥ 50 | reached |"


def test_a_bar_is_kept_in_its_direction() -> None:
    assert not Figure("x", "s", (2.0,), bar=2.0).missed
    assert Figure("x", "s", (2.1,), bar=2.0).missed == ["x: 2.1 s, bar ≤ 2"]
    assert Figure("x", "1/s", (1.9,), bar=2.0, at_least=True).missed == ["x: 1.9 1/s, bar ≥ 2"]
    assert "**missed**" in Figure("x", "s", (2.1,), bar=2.0).line()
    assert Figure("x", "s", (2.1,)).line().endswith("|  |  |")


def test_a_ratio_says_how_many_times_better() -> None:
    faster = Figure("panel", "ms", (20.0,), document=60_000.0, document_beyond=True, ratio_bar=1000)
    assert faster.ratio == 3000
    assert not faster.missed
    assert "| > 60,000 | > 3,000 |" in faster.line()
    slower = Figure("panel", "ms", (20.0,), document=6_000.0, ratio_bar=1000)
    assert slower.missed == ["panel: 300 times better than the document's way, bar 1000"]
    assert Figure("nothing", "ms", (0.0,), document=1.0).ratio is None


def test_a_table_survives_json() -> None:
    table = Table("Rows", [RATE], ["A note."])
    assert Table.from_dict(json.loads(json.dumps(table.as_dict()))) == table
    assert table.markdown().splitlines()[0] == "### Rows"
    assert table.markdown().endswith("A note.")


def test_the_report_names_what_was_missed_and_what_failed() -> None:
    missed = Table("Slow", [Figure("x", "s", (3.0,), bar=2.0)])
    text = document(["Here."], [missed, Table("Rows", [RATE])], ["pipe: exit status 1"])
    assert "Bars missed: 1.\n- x: 3 s, bar ≤ 2\n- **failed**: pipe: exit status 1\n" in text
    assert "Bars missed" not in document(["Here."], [missed.unjudged()], [])


def test_numbers_have_three_digits() -> None:
    assert [number(value) for value in (0, 0.012345, 12.345, 999.4, 12_345, 1_234_567)] == [
        "0",
        "0.0123",
        "12.3",
        "999",
        "12,300",
        "1,230,000",
    ]
