"""Who may log in to the dashboard, and the mail server through which it writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ecms_bridge import names
from household_checks.values import (
    Variables,
    entries,
    is_host,
    mappings,
    one_of,
    show,
    unknown_keys,
    whole,
    whole_in_range,
)

ROLES = ("Admin", "Editor", "Viewer")
ADMIN = "admin"
ADMIN_SECRET = "grafana_admin"  # noqa: S105 - the name of a secret, not its value
SMTP_SECRET = "smtp_password"  # noqa: S105
ENCRYPTION = ("starttls", "tls", "none")

_LOGIN = re.compile(r"[a-z][a-z0-9._-]{0,38}[a-z0-9]")
_EMAIL = re.compile(r"[^@\s;,<>\"$]+@[^@\s;,<>\"$]+")
_SMTP_KEYS = ("host", "port", "encryption", "user", "from", "from_name")


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake of what a household decides."""
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


def server_mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake of the mail server, which belongs to the dashboard's host."""
    smtp = given.get("ecms_smtp")
    if not isinstance(smtp, Mapping):
        yield f"ecms_smtp is {show(smtp)}: set host, port, from and user, or {{}} for no mail"
        return
    if not smtp:
        return
    yield from unknown_keys("ecms_smtp", smtp, _SMTP_KEYS)
    host = smtp.get("host")
    if not is_host(host):
        yield f"ecms_smtp: host is {show(host)}: set the name of a mail server, such as smtp.example.org"
    yield from whole_in_range("ecms_smtp: port", smtp.get("port", 587), 1, 65535, "")
    yield from one_of("ecms_smtp: encryption", smtp.get("encryption", "starttls"), ENCRYPTION)
    sender = smtp.get("from")
    if not isinstance(sender, str) or not _EMAIL.fullmatch(sender):
        yield f"ecms_smtp: from is {show(sender)}: set the address that mails come from, such as casa@example.org"
    for key in ("user", "from_name"):
        text = smtp.get(key, "")
        if not isinstance(text, str) or not text.isprintable():
            yield f"ecms_smtp: {key} is {show(text)}: set a text, or leave it out"


def server_secrets(given: Variables) -> dict[str, str]:
    """Return the secrets that the dashboard's host must be given, and what each is."""
    smtp = given.get("ecms_smtp")
    if isinstance(smtp, Mapping) and smtp.get("user"):
        return {SMTP_SECRET: "the password of the user of ecms_smtp at the mail server"}
    return {}


def smtp(given: Variables) -> dict[str, object]:
    """Return the mail server with everything filled in; nothing without one."""
    settings = given["ecms_smtp"]
    if not isinstance(settings, Mapping) or not settings:
        return {}
    return {
        "host": str(settings["host"]),
        "port": whole(settings.get("port", 587)),
        "encryption": str(settings.get("encryption", "starttls")),
        "user": str(settings.get("user", "")),
        "from": str(settings["from"]),
        "from_name": str(settings.get("from_name", "ECMS")),
    }


def _users(given: Variables) -> list[dict[str, str]]:
    name = str(given.get("ecms_household_name"))
    own = [{"login": names.slug_of(name), "role": "Editor", "name": name}]
    listed = [
        {"login": str(user["login"]), "role": str(user["role"]), "name": str(user.get("name", ""))}
        for user in mappings(given.get("ecms_grafana_users"))
        if "login" in user and "role" in user
    ]
    return listed or own
