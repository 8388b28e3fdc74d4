"""The mail server through which the dashboard's host writes, for every household that it serves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from household_checks.values import Variables, is_host, one_of, show, unknown_keys, whole, whole_in_range

SECRET = "smtp_password"  # noqa: S105 - the name of a secret, not its value
TLS = "tls"
ENCRYPTION = ("starttls", TLS, "none")
TLS_PORT, USUAL_PORT = 465, 587
"""Grafana decides by the port: on 465 it speaks TLS from the first byte, on any other it does not."""

_ADDRESS = re.compile(r"[^@\s;,<>\"$]+@[^@\s;,<>\"$]+")
_KEYS = ("host", "port", "encryption", "user", "from", "from_name")


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    smtp = given.get("ecms_smtp")
    if not isinstance(smtp, Mapping):
        yield f"ecms_smtp is {show(smtp)}: set host, port, from and user, or {{}} for no mail"
        return
    if not smtp:
        return
    yield from unknown_keys("ecms_smtp", smtp, _KEYS)
    host = smtp.get("host")
    if not is_host(host):
        yield f"ecms_smtp: host is {show(host)}: set the name of a mail server, such as smtp.example.org"
    yield from whole_in_range("ecms_smtp: port", _port(smtp), 1, 65535, "")
    yield from one_of("ecms_smtp: encryption", _encryption(smtp), ENCRYPTION)
    yield from _disagreement(whole(_port(smtp)), _encryption(smtp))
    sender = smtp.get("from")
    if not isinstance(sender, str) or not _ADDRESS.fullmatch(sender):
        yield f"ecms_smtp: from is {show(sender)}: set the address that mails come from, such as casa@example.org"
    for key in ("user", "from_name"):
        text = smtp.get(key, "")
        if not isinstance(text, str) or not text.isprintable():
            yield f"ecms_smtp: {key} is {show(text)}: set a text, or leave it out"


def _disagreement(port: int | None, encryption: object) -> Iterator[str]:
    if encryption == TLS and port is not None and port != TLS_PORT:
        yield (
            f"ecms_smtp: encryption is {show(TLS)} and port is {port}, but Grafana speaks TLS from the first byte on "
            f"port {TLS_PORT} only: set port: {TLS_PORT}, or encryption: starttls with the provider's port for it"
        )
    elif encryption != TLS and encryption in ENCRYPTION and port == TLS_PORT:
        yield (
            f"ecms_smtp: port is {TLS_PORT} and encryption is {show(encryption)}, but mail servers and Grafana speak "
            f"TLS from the first byte there: set encryption: {TLS}, or port: {USUAL_PORT}"
        )


def _encryption(smtp: Variables) -> object:
    return smtp.get("encryption", "starttls")


def _port(smtp: Variables) -> object:
    return smtp.get("port", TLS_PORT if _encryption(smtp) == TLS else USUAL_PORT)


def needed_secrets(given: Variables) -> dict[str, str]:
    """Return the secrets that the dashboard's host must be given, and what each is."""
    smtp = given.get("ecms_smtp")
    if isinstance(smtp, Mapping) and smtp.get("user"):
        return {SECRET: "the password of the user of ecms_smtp at the mail server"}
    return {}


def smtp(given: Variables) -> dict[str, object]:
    """Return the mail server with everything filled in; nothing without one."""
    settings = given["ecms_smtp"]
    if not isinstance(settings, Mapping) or not settings:
        return {}
    return {
        "host": str(settings["host"]),
        "port": whole(_port(settings)),
        "encryption": str(_encryption(settings)),
        "user": str(settings.get("user", "")),
        "from": str(settings["from"]),
        "from_name": str(settings.get("from_name", "ECMS")),
    }
