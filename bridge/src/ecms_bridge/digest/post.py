"""Hands e-mails to the household's mail server, and says in one sentence why it does not take one."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Self

from ecms_bridge import tls
from ecms_bridge.config import ConfigError, Section

STARTTLS, TLS, NONE = "starttls", "tls", "none"
_TIMEOUT_S = 60


class PostError(Exception):
    """The mail server did not take an e-mail; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server, whom e-mails come from, and the authorities by which its certificate is known."""

    host: str
    port: int
    encryption: str
    user: str
    sender: str
    sender_name: str
    tls_ca: str

    @classmethod
    def parse(cls, section: Section) -> Self:
        settings = cls(
            section.take("host", str),
            section.take("port", int),
            section.take("encryption", str),
            section.take("user", str),
            section.take("from", str),
            section.take("from_name", str),
            section.take("tls_ca", str),
        )
        section.done()
        if settings.encryption not in {STARTTLS, TLS, NONE}:
            msg = f"encryption is {settings.encryption!r}: set {STARTTLS}, {TLS} or {NONE}"
            raise ConfigError(msg)
        return settings


def send(settings: MailSettings, password: str, message: EmailMessage) -> None:
    """Send one e-mail to its one recipient.

    Raises PostError if the server has not taken it, ConfigError if the authorities' file cannot be read.
    """
    context = None if settings.encryption == NONE else tls.client_context(settings.tls_ca, "mail server")
    try:
        with _connect(settings, context) as server:
            if settings.encryption == STARTTLS:
                server.starttls(context=context)
            if settings.user:
                server.login(settings.user, password)
            server.send_message(message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise PostError(explain(error, settings, str(message["To"]))) from error


def _connect(settings: MailSettings, context: ssl.SSLContext | None) -> smtplib.SMTP:
    if settings.encryption == TLS:
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=_TIMEOUT_S, context=context)
    return smtplib.SMTP(settings.host, settings.port, timeout=_TIMEOUT_S)


def explain(error: Exception, settings: MailSettings, recipient: str) -> str:
    """Return one sentence about what the mail server answered, or why it did not."""
    place = f"the mail server {settings.host} port {settings.port}"
    if isinstance(error, smtplib.SMTPException):
        return f"{place} {_refusal(error, settings, recipient)}"
    # What is no TLS says nothing of certificates, and a broken connection without TLS has another cause.
    if isinstance(error, ssl.SSLError) and (trouble := tls.fault(error, settings.tls_ca, settings.host)):
        return f"{place} cannot be trusted: {trouble}"
    return f"{place} does not answer ({error}): see that it runs, and ecms_smtp's host and port"


def _refusal(error: smtplib.SMTPException, settings: MailSettings, recipient: str) -> str:
    as_told = "set ecms_smtp's port and encryption as its provider says"
    match error:
        case smtplib.SMTPAuthenticationError():
            said = f"refuses the password of {settings.user!r}: set ecms_smtp's user and the secret smtp_password"
        case smtplib.SMTPRecipientsRefused():
            answer = next(iter(error.recipients.values()), (0, b""))[1]
            said = f"refuses to write to {recipient} ({_words(answer)}): correct the address, or take it out"
        case smtplib.SMTPSenderRefused():
            said = f"refuses e-mails from {settings.sender} ({_words(error.smtp_error)}): set ecms_smtp's from"
        case smtplib.SMTPNotSupportedError():
            said = f"offers no {'STARTTLS' if 'STARTTLS' in str(error) else 'login'}: {as_told}"
        case smtplib.SMTPResponseException():
            said = f"refuses the e-mail ({error.smtp_code} {_words(error.smtp_error)}): see what its provider says"
        case _:
            said = f"cannot be used ({error}): {as_told}"
    return said


def _words(answer: bytes | str) -> str:
    """Return a server's answer on one line."""
    return " ".join((answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer).split())
