"""The configuration of one household's digests (TOML), which the role ``digest`` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ecms_bridge.config import ConfigError, DatabaseSettings, Section
from ecms_bridge.digest.periods import KINDS
from ecms_bridge.digest.post import MailSettings
from ecms_bridge.digest.words import LANGUAGES


@dataclass(frozen=True, slots=True)
class Settings:
    """A household, where its readings and the questions are, the mail server, and (kind, recipient) of each e-mail."""

    slug: str
    zone: ZoneInfo
    language: str
    questions: Path
    database: DatabaseSettings
    mail: MailSettings
    letters: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raise ConfigError if the file is not as the playbook writes it."""
        root = Section.from_file(path)
        timezone = root.take("timezone", str)
        try:
            zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            msg = f"there is no zone {timezone!r}: set ecms_timezone"
            raise ConfigError(msg) from error
        slug = root.take("slug", str)
        language = _one_of(root.take("language", str), LANGUAGES)
        questions = Path(root.take("questions", str))
        database = DatabaseSettings.parse(root.section("database"))
        mail = MailSettings.parse(root.section("smtp"))
        letters = []
        for letter in root.sections("letter"):
            letters.append((_one_of(letter.take("kind", str), KINDS), letter.take("to", str)))
            letter.done()
        root.done()
        return cls(slug, zone, language, questions, database, mail, tuple(letters))


def _one_of(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        msg = f"the digest knows {' and '.join(known)}, not {value!r}: run the playbook again"
        raise ConfigError(msg)
    return value
