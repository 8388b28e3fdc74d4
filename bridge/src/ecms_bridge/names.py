"""Every name derived from a household: slug, topics, schema, tables and users. Nothing else spells them."""

from __future__ import annotations

import re
import unicodedata

MAX_SLUG_LENGTH = 23
"""MySQL user names end at 32 characters and the longest prefix, ``grafana_``, takes 8."""

SLUG_PATTERN = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*"
WRITER_USER = "ecms-writer"
"""The writer at the broker and in the database; no slug can hold a hyphen, so no household can be it."""
ADMIN_USER = "ecms-admin"
STATISTICS_USER = "ecms-statistics"
STATISTICS = "statistics"
"""In the slug's place for the schema over all homes; no household may have it."""
SHARED_GROUP = "ecms"
READINGS = "sensori"
CONFIRMATIONS = "conferme"
STATUS = "stato"
HOME_ASSISTANT = "homeassistant"

_RESERVED = frozenset({STATISTICS})
_slug_match = re.compile(SLUG_PATTERN).fullmatch


class HouseholdNameError(ValueError):
    """A household name from which no safe slug can be made; the message says what to set."""


def slug_of(name: str) -> str:
    """Return the slug of a household's name: ``"Mario Rossi"`` gives ``"mario_rossi"``.

    Accents are dropped and everything that is neither letter nor digit separates words.

    Raises HouseholdNameError when no valid slug results.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    foreign = next((c for c in plain if c.isalnum() and not c.isascii()), None)
    if foreign is not None:
        msg = f"the household name {name!r} holds {foreign!r}: write it with the letters a to z"
        raise HouseholdNameError(msg)
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not slug or not slug[0].isalpha():
        msg = f"the household name {name!r} must start with a letter, such as 'Mario Rossi'"
        raise HouseholdNameError(msg)
    return check_slug(slug)


def check_slug(slug: str) -> str:
    """Return the slug unchanged; raise HouseholdNameError unless it is valid."""
    if _slug_match(slug) is None:
        msg = f"{slug!r} is no household slug: use lower-case letters, digits and single underscores"
        raise HouseholdNameError(msg)
    if len(slug) > MAX_SLUG_LENGTH:
        msg = f"the household name gives {slug!r}: make it {MAX_SLUG_LENGTH} characters or shorter"
        raise HouseholdNameError(msg)
    if slug in _RESERVED:
        msg = f"the household name gives {slug!r}, which ECMS itself uses: choose another name"
        raise HouseholdNameError(msg)
    return slug


def readings_topic(slug: str) -> str:
    return f"{slug}/{READINGS}"


def confirmations_topic(slug: str) -> str:
    return f"{slug}/{CONFIRMATIONS}"


def status_topic(slug: str) -> str:
    return f"{slug}/{STATUS}"


def home_assistant_prefix(slug: str) -> str:
    """Return what Home Assistant calls the discovery prefix; it lies where the household may publish."""
    return f"{slug}/{HOME_ASSISTANT}"


def schema_name(slug: str) -> str:
    return f"ecms_{slug}"


def data_table(slug: str) -> str:
    return f"data_{slug}"


def rollup_table(slug: str) -> str:
    return f"roll_{slug}"


def mqtt_user(slug: str) -> str:
    return slug


def grafana_user(slug: str) -> str:
    return f"grafana_{slug}"


def household_names(slug: str) -> dict[str, object]:
    """Return all names of one household; raise HouseholdNameError unless the slug is valid."""
    check_slug(slug)
    return {
        "slug": slug,
        "schema": schema_name(slug),
        "data_table": data_table(slug),
        "rollup_table": rollup_table(slug),
        "topics": {
            "readings": readings_topic(slug),
            "confirmations": confirmations_topic(slug),
            "status": status_topic(slug),
        },
        "users": {"mqtt": mqtt_user(slug), "grafana": grafana_user(slug)},
    }
