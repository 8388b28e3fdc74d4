"""Who may do what at the broker, cell by cell: one table for every broker that is to keep it.

Two households whose names differ where a careless pattern would not see it, the writer, and the admin.
"""

from __future__ import annotations

ADMIN = "ecms-admin"
WRITER = "ecms-writer"
HOUSEHOLDS = ("a_b", "acb")


def password_of(username: str) -> str:
    """Return the password that a user has in these tests."""
    return f"{username}-for-this-test"


PUBLISH = [
    ("a_b", "a_b/sensori", True),
    ("a_b", "a_b/stato", True),
    ("a_b", "a_b/homeassistant/sensor/x/config", True),
    ("a_b", "homeassistant/status", False),
    ("a_b", "a_b/conferme", False),
    ("a_b", "acb/sensori", False),
    ("a_b", "acb/conferme", False),
    ("a_b", "a_b_c/sensori", False),
    ("a_b", "sensori", False),
    ("a_b", "$SYS/broker/x", False),
    ("a_b", "$CONTROL/dynamic-security/v1", False),
    ("acb", "acb/sensori", True),
    ("acb", "acb/conferme", False),
    ("acb", "a_b/sensori", False),
    ("acb", "a_b/conferme", False),
    (WRITER, "a_b/conferme", True),
    (WRITER, "acb/conferme", True),
    (WRITER, "a_b/sensori", False),
    (WRITER, "a_b/stato", False),
    (WRITER, "a_b/x/conferme", False),
    (WRITER, "$CONTROL/dynamic-security/v1", False),
    (ADMIN, "a_b/sensori", False),
    (ADMIN, "a_b/conferme", False),
]
"""User, topic, allowed."""

SUBSCRIBE = [
    ("a_b", "a_b/#", "a_b/conferme", True),
    ("a_b", "a_b/conferme", "a_b/conferme", True),
    ("a_b", "a_b/+", "a_b/stato", True),
    ("a_b", "a_b/+/x", "a_b/homeassistant/x", True),
    ("a_b", "a_b/homeassistant/device/+/config", "a_b/homeassistant/device/x/config", True),
    ("a_b", "acb/#", "acb/sensori", False),
    ("a_b", "acb/conferme", "acb/conferme", False),
    ("a_b", "+/sensori", "a_b/sensori", False),
    ("a_b", "+/sensori", "acb/sensori", False),
    ("a_b", "+/#", "acb/sensori", False),
    ("a_b", "+/+", "acb/stato", False),
    ("a_b", "#", "acb/sensori", False),
    ("a_b", "$share/ecms/+/sensori", "acb/sensori", False),
    ("a_b", "$share/ecms/acb/sensori", "acb/sensori", False),
    ("a_b", "$share/a_b/#", "acb/sensori", False),
    ("a_b", "$SYS/#", "$SYS/broker/uptime", False),
    ("a_b", "$CONTROL/#", "$CONTROL/dynamic-security/v1/response", False),
    ("acb", "acb/#", "acb/sensori", True),
    ("acb", "a_b/#", "a_b/sensori", False),
    ("acb", "a_b/sensori", "a_b/sensori", False),
    (WRITER, "+/sensori", "a_b/sensori", True),
    (WRITER, "+/sensori", "acb/sensori", True),
    (WRITER, "$share/ecms/+/sensori", "acb/sensori", True),
    (WRITER, "+/stato", "a_b/stato", True),
    (WRITER, "+/conferme", "a_b/conferme", False),
    (WRITER, "a_b/sensori", "a_b/sensori", False),
    (WRITER, "+/#", "a_b/x", False),
    (WRITER, "#", "a_b/sensori", False),
    (WRITER, "$share/other/+/sensori", "a_b/sensori", False),
    (WRITER, "$SYS/#", "$SYS/broker/uptime", False),
    (ADMIN, "a_b/#", "a_b/sensori", False),
    (ADMIN, "#", "a_b/sensori", False),
]
"""User, filter, a topic that it would deliver, allowed."""

WILLS = [
    ("a_b", "a_b/stato", True),
    ("a_b", "a_b/conferme", False),
    ("a_b", "acb/stato", False),
    ("acb", "a_b/stato", False),
    (WRITER, "a_b/sensori", False),
]
"""User, topic of its last will, allowed."""

STRANGERS = [(None, None), ("", ""), ("a_b", ""), ("a_b", "wrong"), ("a_b", password_of("acb")), ("nobody", "x")]
"""User name and password that no broker may let in."""
