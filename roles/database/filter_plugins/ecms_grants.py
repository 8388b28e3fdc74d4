"""Filters that hand the database's rights to mysql_user, from the package itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

_SOURCE = str(Path(__file__).resolve().parents[3] / "bridge" / "src")
if _SOURCE not in sys.path:
    sys.path.append(_SOURCE)

from ecms_bridge import names  # noqa: E402
from ecms_bridge.schema import grants  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable


def ecms_admin_grants(user: str) -> str:
    """Return the rights of the administrator; raise ValueError for any other user."""
    if user != names.ADMIN_USER:
        raise ValueError(f"{user!r} is not the administrator {names.ADMIN_USER!r}")
    return grants.mysql_user_priv(grants.admin_grants())


def ecms_writer_grants(slug: str) -> str:
    """Return the rights of the writer in one household's tables."""
    return grants.mysql_user_priv(grants.writer_grants(str(slug)))


def ecms_grafana_grants(slug: str) -> str:
    """Return the rights of a household's reader."""
    return grants.mysql_user_priv(grants.grafana_grants(str(slug)))


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {
            "ecms_admin_grants": ecms_admin_grants,
            "ecms_writer_grants": ecms_writer_grants,
            "ecms_grafana_grants": ecms_grafana_grants,
        }
