"""Erlang terms as acl.conf has them: tuples, lists, strings and atoms, each ended by a full stop."""

from __future__ import annotations

import re
from typing import TypeAlias

Term: TypeAlias = "str | Atom | tuple[Term, ...] | list[Term]"

_TOKEN = re.compile(r'\s+|%[^\n]*|(?P<mark>[{}\[\],.])|(?P<atom>[a-z][a-zA-Z0-9_@]*)|"(?P<text>(?:[^"\\]|\\.)*)"')


class Atom(str):
    """A name without quotes."""

    __slots__ = ()


def parse(text: str) -> list[Term]:
    """Return the terms of a file; raise ValueError where it is none."""
    tokens: list[Term] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"no Erlang term at {text[place : place + 20]!r}")
        place = match.end()
        if match["mark"] is not None:
            tokens.append((match["mark"],))
        elif match["atom"] is not None:
            tokens.append(Atom(match["atom"]))
        elif match["text"] is not None:
            tokens.append(re.sub(r"\\(.)", r"\1", match["text"]))
    terms = []
    while tokens:
        terms.append(_term(tokens))
        if not tokens or tokens.pop(0) != (".",):
            raise ValueError("a term does not end with a full stop")
    return terms


def _term(tokens: list[Term]) -> Term:
    first = tokens.pop(0)
    if first == ("{",):
        return tuple(_until(tokens, "}"))
    if first == ("[",):
        return _until(tokens, "]")
    if isinstance(first, tuple):
        raise ValueError(f"{first[0]!r} begins no term")  # noqa: TRY004 - the file is wrong, not a type
    return first


def _until(tokens: list[Term], end: str) -> list[Term]:
    found: list[Term] = []
    while tokens and tokens[0] != (end,):
        if found and tokens.pop(0) != (",",):
            raise ValueError(f"a comma or {end} is missing")
        found.append(_term(tokens))
    if not tokens:
        raise ValueError(f"{end} is missing")
    tokens.pop(0)
    return found
