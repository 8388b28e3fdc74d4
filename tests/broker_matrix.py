"""Who may do what at the broker, cell by cell: one table for every broker that is to keep it.

Two households whose names differ where a careless pattern would not see it, the writer, and the admin.
"""

from __future__ import annotations

from collections.abc import Iterator

ADMIN = "ecms-admin"
WRITER = "ecms-writer"
HOUSEHOLDS = ("a_b", "acb")

_ELSEWHERE = ("sensori", "homeassistant/status", "$SYS/broker/x", "$CONTROL/dynamic-security/v1")
"""Topics that are no household's."""


def password_of(username: str) -> str:
    """Return the password that a user has in these tests."""
    return f"{username}-for-this-test"


def _publications() -> Iterator[tuple[str, str, bool]]:
    for user, other in (HOUSEHOLDS, HOUSEHOLDS[::-1]):
        for kind in ("sensori", "stato", "homeassistant/sensor/x/config", "of/its/own"):
            yield user, f"{user}/{kind}", True
            yield user, f"{other}/{kind}", False
        for home in (user, other):
            yield user, f"{home}/conferme", False
        # A longer name, a shorter one, and one that only begins alike.
        for near in (f"{user}_c/sensori", f"{user[:-1]}/sensori", f"{user}c/sensori"):
            yield user, near, False
        for topic in _ELSEWHERE:
            yield user, topic, False
    for home in HOUSEHOLDS:
        yield WRITER, f"{home}/conferme", True
        for kind in ("sensori", "stato", "x/conferme"):
            yield WRITER, f"{home}/{kind}", False
        for kind in ("sensori", "conferme"):
            yield ADMIN, f"{home}/{kind}", False
    for topic in _ELSEWHERE:
        yield WRITER, topic, False


def _subscriptions_of_households() -> Iterator[tuple[str, str, str, bool]]:
    for user, other in (HOUSEHOLDS, HOUSEHOLDS[::-1]):
        for home in (user, other):
            for kind, delivered in (
                ("#", "conferme"),
                ("conferme", "conferme"),
                ("sensori", "sensori"),
                ("+", "stato"),
                ("+/x", "homeassistant/x"),
                ("homeassistant/device/+/config", "homeassistant/device/x/config"),
            ):
                yield user, f"{home}/{kind}", f"{home}/{delivered}", home == user
        for every in ("#", "+/#", "+/+", "+/sensori", "+/conferme"):
            for home in (user, other):
                yield user, every, f"{home}/{'conferme' if 'conferme' in every else 'sensori'}", False
        for shared in ("$share/ecms/+/sensori", f"$share/ecms/{other}/sensori", f"$share/{user}/#", "$share/x/#"):
            yield user, shared, f"{other}/sensori", False
        # Nobody needs it, so only a broker that does not look at the group allows it.
        yield user, f"$share/x/{user}/#", f"{user}/sensori", False
        yield user, "$SYS/#", "$SYS/broker/uptime", False
        yield user, "$CONTROL/#", "$CONTROL/dynamic-security/v1/response", False


def _subscriptions_of_services() -> Iterator[tuple[str, str, str, bool]]:
    for home in HOUSEHOLDS:
        for every in ("+/sensori", "$share/ecms/+/sensori"):
            yield WRITER, every, f"{home}/sensori", True
        yield WRITER, "+/stato", f"{home}/stato", True
        yield WRITER, "+/conferme", f"{home}/conferme", False
        for every in ("#", "+/#", "$share/other/+/sensori"):
            yield WRITER, every, f"{home}/sensori", False
        yield WRITER, f"{home}/sensori", f"{home}/sensori", False
        for asked in (f"{home}/#", "#"):
            yield ADMIN, asked, f"{home}/sensori", False
    yield WRITER, "$SYS/#", "$SYS/broker/uptime", False


def _wills() -> Iterator[tuple[str, str, bool]]:
    for user, other in (HOUSEHOLDS, HOUSEHOLDS[::-1]):
        yield user, f"{user}/stato", True
        yield user, f"{user}/conferme", False
        for kind in ("stato", "sensori", "conferme"):
            yield user, f"{other}/{kind}", False
        yield WRITER, f"{user}/sensori", False


PUBLISH = list(_publications())
"""User, topic, allowed."""

SUBSCRIBE = [*_subscriptions_of_households(), *_subscriptions_of_services()]
"""User, filter, a topic that it would deliver, allowed."""

WILLS = list(_wills())
"""User, topic of its last will, allowed."""

STRANGERS = [(None, None), ("", ""), ("a_b", ""), ("a_b", "wrong"), ("a_b", password_of("acb")), ("nobody", "x")]
"""User name and password that no broker may let in."""
