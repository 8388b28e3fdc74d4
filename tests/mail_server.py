"""A real mail server for tests, in this very process."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

MAIL_USER, MAIL_PASSWORD = "casa@example.org", "pw-of-the-mail-server"


def plain_text(message: EmailMessage) -> str:
    """Return what an e-mail says to those who see no HTML."""
    part = message.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class MailServer:
    """A mail server at an address of this machine that keeps what it takes; it wants TLS and a login."""

    certificate: Path
    key: Path
    implicit_tls: bool = False
    address: str = "127.0.0.1"
    refused: tuple[str, ...] = ()
    taken: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    def start(self) -> None:
        """Listen at the port of the last time, at first at one that is free."""
        if not self.port:
            # The controller connects to the port it was given, so 0 will not do.
            with socket.create_server((self.address, 0)) as free:
                self.port = free.getsockname()[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        wanted = {"ssl_context": context} if self.implicit_tls else {"tls_context": context, "require_starttls": True}
        self._controller = Controller(
            self,
            hostname=self.address,
            port=self.port,
            authenticator=self._login,
            auth_required=True,
            auth_require_tls=not self.implicit_tls,
            **wanted,
        )
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def _login(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        good = isinstance(given, LoginPassword) and (given.login, given.password) == (
            MAIL_USER.encode(),
            MAIL_PASSWORD.encode(),
        )
        return AuthResult(success=good, handled=False)

    async def handle_RCPT(  # noqa: N802 - the server calls it so
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        assert envelope.rcpt_tos == [str(message["To"])]
        self.taken.append(message)
        return "250 OK"
