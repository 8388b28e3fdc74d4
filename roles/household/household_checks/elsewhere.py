"""What a broker and a database on foreign machines have in common: an address, a port and an authority."""

from __future__ import annotations

import datetime as dt
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

from household_checks.values import Variables, is_host, show, whole, whole_in_range

_USERNAME = re.compile(r"[!-~]{1,64}")


def address_mistakes(prefix: str, given: Variables, example: str) -> Iterator[str]:
    """Yield the mistakes of the variables ``<prefix>_host``, ``_port`` and ``_ca`` of a service elsewhere."""
    host = given.get(f"{prefix}_host")
    if host is None or host == "":
        yield f"{prefix}_host is missing: set the name of the machine, such as {example}"
    elif not is_host(host):
        yield f"{prefix}_host is {show(host)}: set a name or an address, without a port or mqtts://"
    elif host in {"localhost", "127.0.0.1", "::1"}:
        yield f"{prefix}_host is {show(host)}, which means every machine itself: set the name of the machine"
    yield from whole_in_range(f"{prefix}_port", given.get(f"{prefix}_port"), 1, 65535, "")
    yield from _authority(f"{prefix}_ca", given.get(f"{prefix}_ca"))


def _authority(label: str, value: object) -> Iterator[str]:
    if value == "":
        return
    if not isinstance(value, str) or not value.startswith(("/", "~/")):
        yield (
            f"{label} is {show(value)}: set the absolute path of a certificate file on this computer, "
            "or leave it out to trust the authorities of the system"
        )
        return
    path = Path(value).expanduser()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        # ssl.SSLError is an OSError too, but its text is of no help to anyone.
        if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
            yield f"{label}: {show(value)} is no certificate: save the service's CA certificate there, in PEM form"
        else:
            yield f"{label}: {show(value)} cannot be read ({error.strerror}): save the service's CA certificate there"
        return
    authorities = context.get_ca_certs()
    if not authorities:
        yield f"{label}: {show(value)} is no authority's certificate: save the service's CA certificate there"
        return
    ends = [ssl.cert_time_to_seconds(str(one["notAfter"])) for one in authorities]
    if max(ends) < dt.datetime.now(dt.UTC).timestamp():
        yield f"{label}: the certificate in {show(value)} has expired: get the service's new CA certificate"


def unused(prefix: str, given: Variables, choice: str, defaults: Variables) -> Iterator[str]:
    """Yield a sentence for each variable that only means something when ``choice`` is remote."""
    for name, default in defaults.items():
        value = given.get(f"{prefix}_{name}")
        if value != default and whole(value) != default:
            yield (
                f"{prefix}_{name} is {show(value)}, but {choice} is {show(given.get(choice))}: "
                f"set {choice} to remote, or leave {prefix}_{name} out"
            )


def username_mistakes(label: str, value: object) -> Iterator[str]:
    if value == "":
        return
    if not isinstance(value, str) or _USERNAME.fullmatch(value) is None or set(value) & set("\"'\\"):
        yield f"{label} is {show(value)}: set a name of 1 to 64 characters without blanks, quotes and backslashes"


def authority_file(value: object) -> str:
    """Return the path of a checked ``_ca`` on this computer, or nothing for the system's authorities."""
    return str(Path(str(value)).expanduser()) if value else ""
