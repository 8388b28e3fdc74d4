"""The hub as its boxes see it."""

from __future__ import annotations

from collections.abc import Iterator

from household_checks.values import HOSTNAME, Variables, show, switch, truth, whole, whole_in_range

TAKEN_PORTS = {53: "DNS", 123: "the time service", 5353: "mDNS"}
MIN_RETENTION_DAYS = 8
"""Readings may arrive 7 days late, and totals are recomputed from single readings."""


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    yield from hostname_mistakes(given.get("ecms_hub_hostname"))
    port = given.get("ecms_udp_port")
    yield from whole_in_range("ecms_udp_port", port, 1, 65535, "")
    if (taken := TAKEN_PORTS.get(whole(port) or 0)) is not None:
        yield f"ecms_udp_port is {whole(port)}, the port of {taken}: set another, such as 4210"
    yield from switch("ecms_require_signed_readings", given.get("ecms_require_signed_readings"))
    yield from switch("ecms_home_assistant", given.get("ecms_home_assistant"))
    days = given.get("ecms_retention_days")
    yield from whole_in_range("ecms_retention_days", days, MIN_RETENTION_DAYS, 36_500, " days")


def hostname_mistakes(hostname: object) -> Iterator[str]:
    """Yield a sentence if this is no name for a hub."""
    if not isinstance(hostname, str) or not HOSTNAME.fullmatch(hostname) or hostname.isdigit():
        plain = hostname.lower().removesuffix(".local") if isinstance(hostname, str) else ""
        hint = f' (did you mean "{plain}"?)' if plain != hostname and HOSTNAME.fullmatch(plain) else ""
        yield (
            f"ecms_hub_hostname is {show(hostname)}{hint}: set one name of lower-case letters, digits and "
            "inner hyphens, at most 63 characters, without .local"
        )
    elif hostname == "localhost":
        yield 'ecms_hub_hostname is "localhost", which means every machine itself: set another, such as pi'


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``."""
    return {
        "udp_port": whole(given["ecms_udp_port"]),
        "hub_hostname": str(given["ecms_hub_hostname"]),
        "require_signed_readings": truth(given["ecms_require_signed_readings"]),
        "home_assistant": truth(given["ecms_home_assistant"]),
        "retention_days": whole(given["ecms_retention_days"]),
    }
