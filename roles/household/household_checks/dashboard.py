"""Who may log in to the dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ecms_bridge import names
from household_checks.values import Variables, entries, mappings, one_of, show, unknown_keys

ROLES = ("Admin", "Editor", "Viewer")
ADMIN = "admin"
SERVER_SECRETS = ("grafana_admin", "grafana_secret_key")
"""Password of the administrator, and the key with which Grafana encrypts what it keeps of others."""

_LOGIN = re.compile(r"[a-z][a-z0-9._-]{0,38}[a-z0-9]")


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    value = given.get("ecms_grafana_users")
    users = entries(value)
    if users is None:
        yield f"ecms_grafana_users is {show(value)}: set a list such as [{{login: anna, role: Viewer}}]"
        return
    seen: set[str] = set()
    for position, user in enumerate(users, start=1):
        label = f"ecms_grafana_users, entry {position}"
        if not isinstance(user, Mapping):
            yield f"{label} is {show(user)}: set a login and a role"
            continue
        yield from unknown_keys(label, user, ("login", "role", "name"))
        login = user.get("login")
        if not isinstance(login, str) or not _LOGIN.fullmatch(login):
            yield (
                f"{label}: login is {show(login)}: set 2 to 40 lower-case letters, digits, dots, hyphens and "
                "underscores, the first a letter"
            )
        elif login == ADMIN:
            yield f'{label}: login "{ADMIN}" is the server\'s own administrator: set another'
        elif login in seen:
            yield f"{label}: login {show(login)} is taken by another user: set one of its own"
        else:
            seen.add(login)
        yield from one_of(f"{label}: role", user.get("role"), ROLES)
        name = user.get("name", "")
        if not isinstance(name, str) or not name.isprintable():
            yield f"{label}: name is {show(name)}: set a text, or leave it out"


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``: without users of its own the household is one, an Editor."""
    return {"grafana_users": _users(given)}


def user_secrets(given: Variables) -> list[str]:
    """Return the names of the secrets of the household's users at the dashboard; none without a sound name."""
    try:
        return [secret_of(user["login"]) for user in _users(given)]
    except ValueError:
        return []


def secret_of(login: str) -> str:
    """Return the name of a user's password."""
    return f"grafana_user_{login}"


def _users(given: Variables) -> list[dict[str, str]]:
    name = str(given.get("ecms_household_name"))
    own = [{"login": names.slug_of(name), "role": "Editor", "name": name}]
    listed = [
        {"login": str(user["login"]), "role": str(user["role"]), "name": str(user.get("name", ""))}
        for user in mappings(given.get("ecms_grafana_users"))
        if "login" in user and "role" in user
    ]
    return listed or own
