"""Secrets. No sentence ever holds a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ecms_bridge import names
from household_checks import mail
from household_checks.values import Variables, meant, show

HOUSEHOLD_KEY = "household_key"
SERVICE_SECRETS = (
    f"mqtt_{names.WRITER_USER}",
    "mqtt_admin",
    f"database_{names.WRITER_USER}",
    f"database_{names.ADMIN_USER}",
    f"database_{names.STATISTICS_USER}",
)
CLUSTER_SECRETS = ("mqtt_cluster",)
"""What a broker has that is not a hub's own, and may be one of several."""
MIN_SECRET_LENGTH = 16

_PASSWORD = re.compile(r"[!-~]+")
_SENTINELS = ("changeme", "secret", "password")


def secret_names(name: object) -> tuple[str, ...]:
    """Return the names of the secrets of the household with this name; none where the name is no good."""
    try:
        slug = names.slug_of(str(name))
    except ValueError:
        return ()
    return (HOUSEHOLD_KEY, f"mqtt_{names.mqtt_user(slug)}", f"database_{names.grafana_user(slug)}")


def secret_fault(name: str, value: object) -> str | None:
    """Return what is wrong with a secret, worded to follow its name, or None."""
    if not isinstance(value, str):
        return "is no text: put its value in quotes"
    if name == HOUSEHOLD_KEY:
        sound = re.fullmatch(r"[0-9a-fA-F]{64}", value) is not None and len(set(value)) > 1
        return None if sound else "is no key: set 64 hex digits, such as `openssl rand -hex 32` prints"
    if name == mail.SECRET:
        # Another's choice, not ours: it may be short.
        return None if value.strip() and value.isprintable() else "is empty: set what the mail server knows"
    plain = re.sub(r"[^a-z0-9]", "", value.lower())
    fault = None
    if not value:
        fault = "is empty: set a value"
    elif any(sentinel in plain for sentinel in _SENTINELS):
        fault = "is a placeholder: set a value of your own"
    elif len(value) < MIN_SECRET_LENGTH:
        fault = f"is too short: set at least {MIN_SECRET_LENGTH} characters"
    elif _PASSWORD.fullmatch(value) is None or set(value) & set("\"'`\\"):
        return "holds a blank, a quote, a backslash or a letter beyond ASCII: leave those out"
    return fault and f"{fault} or leave it out to have one generated"


def kept_secret_mistakes(kept: Variables) -> list[str]:
    """Return the faults of the secrets that the action ``ecms_secrets`` returned, one sentence each."""
    values = kept["values"]
    return [
        f'The secret "{name}" of {kept["directory"]} {fault}.'
        for name, value in (values.items() if isinstance(values, Mapping) else ())
        if (fault := secret_fault(str(name), value)) is not None
    ]


def given_mistakes(value: object, directory: object, wanted: Sequence[str], needed: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each mistake.

    ``wanted`` names the secrets that this host has, ``needed`` those that cannot be generated and what each is.
    """
    if not isinstance(directory, str) or not directory.startswith(("/", "~/")):
        yield f"ecms_secrets_dir is {show(directory)}: set the absolute path of a directory on this computer"
    if not isinstance(value, Mapping):
        yield "ecms_secrets is no dictionary: set names and values, or leave it out"
        return
    for name in value:
        if name not in wanted:
            hint = meant(name, wanted) or f": this host's secrets are {', '.join(wanted) or 'none'}"
            yield f"ecms_secrets has an unknown name {show(name)}{hint}"
        elif (fault := secret_fault(str(name), value[name])) is not None:
            yield f'ecms_secrets: "{name}" {fault}'
    for name, meaning in needed.items():
        if name not in value:
            yield (
                f'ecms_secrets lacks "{name}", {meaning}, which cannot be generated: '
                "set it, encrypted with ansible-vault"
            )
