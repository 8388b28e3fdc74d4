"""The digest as an e-mail: plain text, and the same as HTML of one column without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from ecms_bridge.digest.summary import Line, Silence, Standby, Summary
from ecms_bridge.digest.words import Words

_SHOWN_SILENCES = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """A name with its figures, and lines that say more."""

    name: str
    figures: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A heading, entries, and a line that ends them."""

    heading: str
    entries: tuple[Entry, ...]
    closing: str = ""


def subject(summary: Summary, words: Words) -> str:
    key = f"subject_{summary.period.kind}"
    return " ".join(words.say(key, household=summary.household, period=words.period(summary.period)).split())


def parts(summary: Summary, words: Words) -> list[Part]:
    """Return what the e-mail says, for both of its forms."""
    note = words.say("estimated", before=words.period(summary.period.before))
    if summary.appliances:
        lines = [_entry(line, line.name, "partial", summary, words) for line in summary.appliances]
        total = _entry(summary.total, words.say("total"), "partial_total", summary, words)
        energy = Part(words.period(summary.period), (total, *lines), note)
    else:
        energy = Part(words.period(summary.period), (), words.say("no_appliances"))
    return [
        energy,
        Part(
            words.say("standby"),
            tuple(_standby(one, summary.currency, words) for one in summary.standby),
            _floor(summary.standby[0], words) if summary.standby else words.say("no_standby"),
        ),
        Part(
            words.say("silences"),
            tuple(_silence(one, summary, words) for one in summary.silences[:_SHOWN_SILENCES]),
            "" if summary.silences else words.say("no_silences"),
        ),
    ]


def text(summary: Summary, words: Words) -> str:
    """Return the plain text."""
    return "\n".join(_text_lines(summary, words)) + "\n"


def html(summary: Summary, words: Words) -> str:
    """Return the HTML: one column, the reader's own fonts and sizes, light or dark as the reader has it."""
    return "\n".join(_html_lines(summary, words)) + "\n"


def compose(summary: Summary, words: Words, sender: Address, recipient: str, moment: datetime) -> EmailMessage:
    """Return the message to one recipient, both forms in it."""
    message = EmailMessage()
    message["Subject"] = subject(summary, words)
    message["From"] = sender
    message["To"] = Address(addr_spec=recipient)
    message["Date"] = format_datetime(moment)
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = words.language
    message.set_content(text(summary, words))
    message.add_alternative(html(summary, words), subtype="html")
    return message


def _entry(line: Line, name: str, partial: str, summary: Summary, words: Words) -> Entry:
    now, before = line.now, line.before
    if now.wh is None:
        figures = words.say("nothing")
    else:
        change = "" if line.change_percent is None else f" ({words.percent(line.change_percent, signed=True)})"
        figures = f"{words.wh(now.wh)}{change}, {words.money(now.cost, summary.currency)}"
    if before.wh is None:
        notes = [words.say("before_nothing")]
    else:
        notes = [words.say("before", wh=words.wh(before.wh), cost=words.money(before.cost, summary.currency))]
    if now.coverage_percent is not None and not now.whole:
        notes.append(words.say(partial, percent=words.percent(now.coverage_percent)))
    if now.wh is not None and before.wh is not None and before.coverage_percent is not None and not before.whole:
        notes.append(words.say(f"{partial}_before", percent=words.percent(before.coverage_percent)))
    return Entry(name, figures, tuple(notes))


def _standby(one: Standby, currency: str, words: Words) -> Entry:
    cost = words.money(one.cost_year, currency)
    return Entry(
        one.name, f"{words.watt(one.watt)}, {cost if one.cost_year is None else words.say('a_year', cost=cost)}"
    )


def _floor(one: Standby, words: Words) -> str:
    small, middle, large = (words.watt(floor) for floor in one.floors_w)
    return words.say("floor", small=small, middle=middle, large=large)


def _silence(one: Silence, summary: Summary, words: Words) -> Entry:
    return Entry(
        f"{one.appliance} ({one.box})" if one.appliance else one.box,
        words.say(
            "silence",
            total=words.duration(one.minutes),
            longest=words.duration(one.longest_minutes),
            begins=words.moment(one.longest_begins.astimezone(summary.zone)),
        ),
    )


def _text_lines(summary: Summary, words: Words) -> Iterator[str]:
    yield summary.household
    for part in parts(summary, words):
        yield ""
        yield part.heading.upper()
        for entry in part.entries:
            yield ""
            yield entry.name
            yield f"  {entry.figures}"
            yield from (f"  {note}" for note in entry.notes)
        if part.closing:
            yield ""
            yield part.closing


def _html_lines(summary: Summary, words: Words) -> Iterator[str]:
    yield f'<!DOCTYPE html>\n<html lang="{words.language}">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{escape(subject(summary, words))}</title>\n</head>"
    yield '<body style="max-width: 32em; margin: 0 auto; padding: 1em; font-family: sans-serif; line-height: 1.4">'
    yield f"<h1>{escape(summary.household)}</h1>"
    for part in parts(summary, words):
        yield f"<h2>{escape(part.heading)}</h2>"
        for entry in part.entries:
            notes = "".join(f"<br><small>{escape(note)}</small>" for note in entry.notes)
            yield f"<p><strong>{escape(entry.name)}</strong><br>{escape(entry.figures)}{notes}</p>"
        if part.closing:
            yield f"<p><small>{escape(part.closing)}</small></p>"
    yield "</body>\n</html>"
