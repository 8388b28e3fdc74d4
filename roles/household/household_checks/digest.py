"""The digests by e-mail, and who gets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from household_checks.alerts import EMAIL
from household_checks.values import Variables, entries, mappings, show

KINDS = ("weekly", "monthly")


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    value = given.get("ecms_digest")
    kinds = entries(value)
    if kinds is None:
        yield f"ecms_digest is {show(value)}: set a list of {' and '.join(KINDS)}, which may be empty"
        kinds = []
    seen: list[object] = []
    for kind in kinds:
        if not isinstance(kind, str) or kind not in KINDS:
            yield f"ecms_digest has {show(kind)}: there are {' and '.join(KINDS)}"
        elif kind in seen:
            yield f"ecms_digest has {show(kind)} twice: name it once"
        seen.append(kind)
    addresses = given.get("ecms_digest_to")
    listed = entries(addresses)
    if listed is None:
        yield f"ecms_digest_to is {show(addresses)}: set a list such as [anna@example.org], which may be empty"
        return
    for position, address in enumerate(listed, start=1):
        if not isinstance(address, str) or not EMAIL.fullmatch(address):
            yield f"ecms_digest_to, entry {position} is {show(address)}: set one address, such as anna@example.org"
        elif address in listed[: position - 1]:
            yield f"ecms_digest_to has {show(address)} twice: name it once"
    if kinds and not _recipients(given):
        yield (
            "ecms_digest has nobody to write to: set ecms_digest_to, such as [anna@example.org], or an email in "
            "ecms_notify"
        )


def server_mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence if a digest is to come from this very host, which has no mail server."""
    if entries(given.get("ecms_digest")) and given.get("ecms_smtp") in ({}, None):
        yield "ecms_digest needs a mail server: set ecms_smtp"


def place_mistakes(digests: Mapping[str, object], groups: Mapping[str, object]) -> Iterator[str]:
    """Yield a sentence for each hub that wants a digest where no host could send it."""
    for hub, digest in sorted(digests.items()):
        if entries(digest) and not groups.get("dashboard"):
            yield (
                f"{hub}: ecms_digest is sent by the host of the group dashboard, and there is none: "
                "name one under dashboard in hosts.yml, or leave ecms_digest out"
            )


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``: kinds and addresses, those of ``ecms_notify`` without own."""
    kinds = [str(kind) for kind in entries(given["ecms_digest"]) or ()]
    return {"digest": {"kinds": kinds, "to": _recipients(given) if kinds else []}}


def _recipients(given: Variables) -> list[str]:
    own = [str(address) for address in entries(given.get("ecms_digest_to")) or ()]
    notified = [str(way["email"]) for way in mappings(given.get("ecms_notify")) if "email" in way]
    return list(dict.fromkeys(own or notified))
