"""What dashboards are made of: queries and text, each of which is one file."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

GRAFANA = Path(__file__).resolve().parents[1]
QUERIES = GRAFANA / "sql"
TRANSLATIONS = Path(__file__).parent / "translations"


_INCLUDE = re.compile(r"^( *)-- include (\S+)$", re.MULTILINE)


def query(name: str) -> str:
    """Return the query of that name: what the file has, with the files that it includes in their places.

    Raises:
        FileNotFoundError: there is no such file in grafana/sql, or one that it includes.

    """
    return _INCLUDE.sub(_part, (QUERIES / f"{name}.sql").read_text("utf-8").rstrip("\n"))


def _part(found: re.Match[str]) -> str:
    lines = (QUERIES / f"{found[2]}.sql").read_text("utf-8").rstrip("\n").splitlines()
    return textwrap.indent("\n".join(line for line in lines if not line.startswith("--")), found[1])


def languages() -> list[str]:
    """Return the languages that have a translation."""
    return sorted(path.stem for path in TRANSLATIONS.glob("*.json"))


class Text:
    """The text of one language by its key; it knows which keys were asked for."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts: dict[str, str] = json.loads((TRANSLATIONS / f"{language}.json").read_text("utf-8"))
        self._used: set[str] = set()

    def __call__(self, key: str) -> str:
        """Return the text of that key.

        Raises:
            KeyError: the language has no text of that key.

        """
        self._used.add(key)
        return self._texts[key]

    @property
    def unused(self) -> set[str]:
        """Keys that no dashboard asked for."""
        return set(self._texts) - self._used
