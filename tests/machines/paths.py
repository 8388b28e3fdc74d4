"""Where the machines of this checkout keep their files."""

import hashlib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"
STATE = BUILD / "machines"
APT_CACHE = BUILD / "apt-cache"

# Two checkouts on one computer must not meet in podman's single list of names.
CHECKOUT = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:6]


def podman_name(name: str) -> str:
    """Return podman's name of this checkout's machine or network ``name``."""
    return f"ecms-{CHECKOUT}-{name}"
