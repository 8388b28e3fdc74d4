"""A private certificate authority, and the certificates, good and bad, that it issues."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Keeps its certificate in ``certificate`` and writes those it issues beside it."""

    def __init__(self, directory: Path, name: str = "authority", *, critical: bool = True) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        made = (
            _builder(self._name, self._name, self._key, days=100)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=critical)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = directory / f"{name}.crt"
        _write(self.certificate, made.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str, days: int = 30) -> tuple[Path, Path]:
        """Return the paths of a certificate for these names and addresses, and of its key.

        With ``days`` below 0 it has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _builder(_named(names[0]), self._name, key, days=days)
            .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate = self._directory / f"{names[0]}{days}.crt"
        _write(certificate, made.public_bytes(serialization.Encoding.PEM))
        private = certificate.with_suffix(".key")
        form, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        _write(private, key.private_bytes(serialization.Encoding.PEM, form, encryption))
        return certificate, private


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        issuer,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        now - dt.timedelta(days=200),
        now + dt.timedelta(days=days),
    )


def _write(path: Path, content: bytes) -> None:
    # Servers that give up root's rights must still read it; the directory is the test's own.
    path.write_bytes(content)
    path.chmod(0o644)
