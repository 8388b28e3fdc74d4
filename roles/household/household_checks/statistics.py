"""The statistics over all homes: whether a household takes part, and what it shows of itself."""

from __future__ import annotations

from collections.abc import Iterator

from household_checks.values import Variables, day, show, switch, truth


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    takes_part, named = given.get("ecms_statistics"), given.get("ecms_statistics_name")
    yield from switch("ecms_statistics", takes_part)
    yield from switch("ecms_statistics_name", named)
    since = given.get("ecms_statistics_from")
    if since != "" and day(since) is None:
        yield (
            f"ecms_statistics_from is {show(since)}: set a date such as 2026-01-31, or leave it out for the day "
            "on which the household joins"
        )
    if truth(takes_part) is False:
        for name, told in (("ecms_statistics_name", truth(named)), ("ecms_statistics_from", day(since))):
            if told:
                yield (
                    f"{name} is {show(given[name])}, but ecms_statistics is false: set ecms_statistics to true, "
                    f"or leave {name} out"
                )


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``."""
    since = day(given["ecms_statistics_from"])
    return {
        "statistics": {
            "takes_part": truth(given["ecms_statistics"]),
            "named": truth(given["ecms_statistics_name"]),
            "since": since.isoformat() if since else "",
        }
    }
