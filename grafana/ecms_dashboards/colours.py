"""Colours of appliances: the same in every panel of every dashboard, whatever else a panel shows.

The file cannot know a household's names, and Grafana's colour by name gives two of a handful of names the same one too
often. So the usual appliances have colours of their own here, by what their names contain in either language; Grafana
colours all others by their name.
"""

from __future__ import annotations

from typing import Any

USUAL = (
    ("fridge|refrigerator|frigo", "#56A64B"),
    ("freezer|congelatore", "#8AB8FF"),
    ("washing|washer|lavatrice", "#3274D9"),
    ("dishwasher|lavastoviglie", "#8F3BB8"),
    ("dryer|asciugatrice", "#FF9830"),
    ("air con|heat pump|condizionatore|climatizzatore|pompa di calore", "#2BB5A8"),
    ("oven|forno", "#C4162A"),
    ("microwave|microonde", "#E0B400"),
    ("hob|induction|piano cottura|induzione", "#7A3E1D"),
    ("kettle|bollitore", "#FF7EB6"),
    ("boiler|water heater|scaldabagno|scaldaacqua", "#B877D9"),
    ("heater|stufa|termosifone", "#FF5A36"),
    ("tv|television|televisore", "#1F3A5F"),
    ("computer|pc|server", "#7D8590"),
    ("vacuum|aspirapolvere", "#96D98D"),
    ("iron|ferro da stiro", "#C9A0DC"),
)
"""Alternatives of a regular expression and a colour, the last that fits counts: a microwave oven is a microwave."""


def overrides() -> list[dict[str, Any]]:
    """Return the overrides that give the usual appliances their colours."""
    return [
        {
            "matcher": {"id": "byRegexp", "options": rf"/\b({names})/i"},
            "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
        }
        for names, colour in USUAL
    ]
