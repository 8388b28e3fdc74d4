"""How this computer reaches Debian's archive: its mirrors, proxies, authorities. Machines get the same."""

import re
from dataclasses import dataclass
from pathlib import Path

from machines.host import execute

_ARCHIVE = "http://deb.debian.org/debian"
_SECURITY = "http://deb.debian.org/debian-security"
_AUTHORITIES = Path("/usr/local/share/ca-certificates")
# What decides whether a download from the archive succeeds, as opposed to taste.
_PASSED_ON = re.compile(
    r"^Acquire::(?:Check-Date|Check-Valid-Until|Max-FutureTime|Retries|https?::(?:Proxy|Verify-Peer|Verify-Host)\S*)"
    r' "[^"]+";$'
)
_LOOPBACK = re.compile(r"//(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?=[:/\"])")


@dataclass(frozen=True)
class AptAccess:
    """Addresses of the archive, the lines of apt's configuration that matter, names and texts of authorities."""

    archive: str
    security: str
    settings: tuple[str, ...]
    authorities: tuple[tuple[str, str], ...]

    def settings_behind(self, gateway: str) -> str:
        """Return apt's configuration for a machine that reaches this computer's loopback at ``gateway``."""
        return "".join(_LOOPBACK.sub(f"//{gateway}", line) + "\n" for line in self.settings)


def parse_targets(listing: str) -> tuple[str, str]:
    """Return (archive, security archive) from lines ``address|label``; Debian's own where a line is missing."""
    archive, security = "", ""
    for line in listing.splitlines():
        address, _, label = line.strip().rpartition("|")
        address = address.rstrip("/")
        if not address.startswith(("http://", "https://")):
            continue
        if label == "Debian-Security" or address.endswith("/debian-security"):
            security = security or address
        elif label == "Debian" or address.endswith("/debian"):
            archive = archive or address
    return archive or _ARCHIVE, security or _SECURITY


def parse_settings(dump: str) -> tuple[str, ...]:
    """Return the lines of ``apt-config dump`` that a machine needs to reach the archive as this computer does."""
    return tuple(line for line in dump.splitlines() if _PASSED_ON.match(line))


def detect() -> AptAccess:
    """Look at this computer's own apt; on one that is not Debian the public archive is used."""
    targets = execute(["apt-get", "indextargets", "--format", "$(SITE)|$(LABEL)", "Created-By: Packages"])
    settings = execute(["apt-config", "dump"])
    archive, security = parse_targets(targets.stdout)
    authorities = tuple(
        (path.name, path.read_text(encoding="utf-8")) for path in sorted(_AUTHORITIES.glob("*.crt")) if path.is_file()
    )
    return AptAccess(archive, security, parse_settings(settings.stdout), authorities)
