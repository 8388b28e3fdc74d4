"""acl.conf as the role writes it, and what it decides by our reading of it."""

from __future__ import annotations

from typing import Any

import role_plugins
from broker_matrix import WRITER
from ecms_bridge import access
from emqx import rules

ACL: Any = role_plugins.load("roles/emqx/filter_plugins/emqx_acl.py")
WRITER_CLIENT = {"username": WRITER, "description": "writer of readings", "rules": access.writer_rules()}


def acl(*clients: dict[str, Any]) -> str:
    """Return the file for all households, the writer and these clients."""
    text: str = ACL.emqx_acl(access.household_rules("slug"), "slug", [WRITER_CLIENT, *clients])
    return text


MODEL = rules.read(acl())
