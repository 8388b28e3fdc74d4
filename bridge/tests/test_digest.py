"""The digest's periods, macros and e-mail, without a database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecms_bridge.digest import letter
from ecms_bridge.digest.periods import KINDS, MONTHLY, WEEKLY, Period, last_due, last_ended
from ecms_bridge.digest.questions import expand
from ecms_bridge.digest.summary import Line, Silence, Standby, Summary, Use
from ecms_bridge.digest.words import LANGUAGES, Words

ROME = ZoneInfo("Europe/Rome")
WEEK = Period(WEEKLY, date(2024, 6, 10), date(2024, 6, 17))


@pytest.mark.parametrize(
    ("kind", "now", "first", "last"),
    [
        (WEEKLY, "2024-06-17T07:00", "2024-06-10", "2024-06-16"),
        (WEEKLY, "2024-06-17T06:59", "2024-06-03", "2024-06-09"),
        (WEEKLY, "2024-06-23T23:59", "2024-06-10", "2024-06-16"),
        (MONTHLY, "2024-03-01T07:00", "2024-02-01", "2024-02-29"),
        (MONTHLY, "2024-03-01T00:00", "2024-01-01", "2024-01-31"),
        (MONTHLY, "2024-01-31T12:00", "2023-12-01", "2023-12-31"),
    ],
)
def test_what_is_due(kind: str, now: str, first: str, last: str) -> None:
    found = last_due(kind, datetime.fromisoformat(now).replace(tzinfo=ROME))
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)


@given(st.sampled_from(KINDS), st.datetimes(datetime(2020, 2, 1), datetime(2037, 12, 31), timezones=st.just(ROME)))  # noqa: DTZ001
def test_periods_follow_each_other_without_a_gap(kind: str, now: datetime) -> None:
    period = last_ended(kind, now)
    assert period.following <= now.date()
    assert period.before.following == period.first
    assert period.before.ends(ROME) == period.begins(ROME)
    assert (
        last_ended(kind, datetime(period.following.year, period.following.month, period.following.day, tzinfo=ROME))
        == period
    )


def test_macros() -> None:
    query = "a > $__timeFrom() AND a <= $__timeTo() AND $__timeFilter(x.b) AND "
    query += "$__unixEpochFrom() < $__unixEpochTo() AND ${device}"
    assert expand(query, 5, 9, {"device": 2}) == (
        "a > FROM_UNIXTIME(5) AND a <= FROM_UNIXTIME(9) AND x.b BETWEEN FROM_UNIXTIME(5) AND FROM_UNIXTIME(9) "
        "AND 5 < 9 AND 2"
    )


def summary(name: str, now: Use, before: Use) -> Summary:
    line = Line(name, now, before)
    standby = Standby(name, Decimal("4.6"), None, (Decimal(6), Decimal(11), Decimal(17)))
    silence = Silence(name, name, 1, 75, 75, datetime(2024, 6, 10, 22, tzinfo=UTC))
    return Summary(name, "EUR", ROME, WEEK, [line], line, [standby], [silence])


class Reader(HTMLParser):
    """Collects the tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.said += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


USE = Use(Decimal(1000), None, Decimal(100))


@given(st.text(min_size=1, max_size=50), st.sampled_from(LANGUAGES))
def test_a_name_is_text_and_never_markup(name: str, language: str) -> None:
    words = Words(language)
    plain, page = read(letter.html(summary("x", USE, USE), words)), read(letter.html(summary(name, USE, USE), words))
    assert page.tags == plain.tags
    assert page.attributes == plain.attributes <= {"lang", "charset", "name", "content", "style"}
    assert set(page.tags) <= {"html", "head", "meta", "title", "body", "h1", "h2", "p", "strong", "small", "br"}


def test_markup_in_a_name_is_shown_as_it_was_typed() -> None:
    name = '<img src="http://x.org/a.png"> & <b>'
    page = letter.html(summary(name, USE, USE), Words("it"))
    assert "<img" not in page
    assert name in read(page).said


@given(st.text(max_size=50))
def test_a_name_makes_no_header_of_its_own(name: str) -> None:
    message = letter.compose(
        summary(name, USE, USE), Words("en"), Address("ECMS", addr_spec="a@b.org"), "c@d.org", datetime.now(UTC)
    )
    assert message.keys().count("To") == 1
    assert isinstance(message, EmailMessage)
    assert "Bcc" not in message
    assert bytes(message)


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (USE, USE, "  1.000 Wh (0 %), costo ignoto\n  prima 1.000 Wh, costo ignoto\n"),
        (Use(Decimal(1500), Decimal("0.375"), Decimal("94.99")), USE, "  misurato solo il 94 % del periodo: la somma"),
        (
            USE,
            Use(Decimal(500), Decimal(1), Decimal(50)),
            "  1.000 Wh (+100 %), costo ignoto\n  prima 500 Wh, 1,00 €\n",
        ),
        (USE, Use(Decimal(500), Decimal(1), Decimal(50)), "il periodo prima è misurato solo per il 50 %"),
        (USE, Use(Decimal(0), Decimal(0), Decimal(100)), "  1.000 Wh, costo ignoto\n  prima 0 Wh, 0,00 €\n"),
        (Use(None, None, Decimal(0)), USE, "  nessuna misura\n  prima 1.000 Wh, costo ignoto\n  misurato solo il 0 %"),
    ],
)
def test_what_a_line_says(now: Use, before: Use, said: str) -> None:
    assert said in letter.text(summary("forno", now, before), Words("it"))
