"""TLS towards a broker or a database: who is trusted, and a sentence for each way in which that fails."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from ecms_bridge.config import ConfigError

_NOT_YET_VALID = 9
_EXPIRED = 10
_FOREIGN_NAMES = frozenset({62, 64})
_FOREIGN_AUTHORITIES = frozenset({2, 7, 18, 19, 20, 21, 30})
"""OpenSSL's X509_V_ERR_… values."""

_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})


def client_context(ca_file: str, service: str) -> ssl.SSLContext:
    """Return how to speak TLS 1.2 or newer with a ``service`` whose certificate is one of this authority's.

    Raises ConfigError if the file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        msg = f"cannot read the {service}'s CA certificate {ca_file}: {error}"
        raise ConfigError(msg) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # New with Python 3.13, and refuses authorities in use whose certificates lack a formality of RFC 5280.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def fault(error: BaseException, ca_file: str, host: str) -> str | None:
    """Return what is wrong with the TLS of ``host``, worded to follow "the service at …:"; None if it is not TLS."""
    if not ca_file:
        return None
    for cause in _causes(error):
        if isinstance(cause, (ssl.SSLEOFError, ConnectionResetError)):
            return "it closed the connection: see that it runs, and that it speaks TLS at that port"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate_fault(cause, ca_file, host)
        if isinstance(cause, ssl.SSLError):
            if cause.reason in _NOT_TLS:
                return "it does not speak TLS there: set the port at which it does"
            return f"TLS fails ({cause.reason or cause}): see the log of the service"
    return None


def _certificate_fault(error: ssl.SSLCertVerificationError, ca_file: str, host: str) -> str:
    code = error.verify_code
    if code in _FOREIGN_NAMES:
        return f"its certificate is not for {host!r}: set the name that the certificate holds"
    if code in _FOREIGN_AUTHORITIES:
        return f"its certificate is not of the authority in {ca_file}: set the CA certificate of the service"
    if code == _EXPIRED:
        return "its certificate has expired: renew it there, or set this machine's clock"
    if code == _NOT_YET_VALID:
        return "its certificate is not valid yet: set this machine's clock"
    return f"its certificate is not good: {error.verify_message}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # PyMySQL keeps what it caught in an attribute of its own.
        original = getattr(error, "original_exception", None)
        error = original if isinstance(original, BaseException) else error.__cause__
