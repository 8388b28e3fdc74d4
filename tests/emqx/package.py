"""A package with the name, files and installer's habits of EMQX', around the stand-in: no line of it is EMQX."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

_STANDIN = Path(__file__).with_name("standin.py")
_UNIT = """
[Unit]
Description=stand-in for EMQX
[Service]
User=emqx
Group=emqx
Type=simple
Environment=HOME=/var/lib/emqx
Environment=EMQX_DEFAULT_LOG_HANDLER=file
ExecStart=/bin/bash /usr/bin/emqx foreground
Restart=on-failure
RestartSec=120s
[Install]
WantedBy=multi-user.target
"""
# EMQX' installer makes every file directly in /etc/emqx readable by all, and everything there EMQX' own.
_POSTINST = """#!/bin/sh
set -e
getent passwd emqx > /dev/null || adduser --system --group --home /var/lib/emqx --no-create-home --shell /bin/bash emqx
mkdir -p /var/lib/emqx /var/log/emqx
chown -R emqx:emqx /var/lib/emqx /var/log/emqx /etc/emqx
chmod 0755 /etc/emqx
chmod 0644 /etc/emqx/*
chmod -R +X /etc/emqx
systemctl enable emqx
"""
_COMMAND = '#!/bin/bash\nexec python3 /usr/lib/emqx/standin.py "$@"\n'
_FILES = {
    "lib/systemd/system/emqx.service": _UNIT,
    "usr/bin/emqx": _COMMAND,
    "etc/emqx/emqx.conf": "## as the package brings it\n",
    "etc/emqx/acl.conf": "{allow, all}.\n",
    "etc/emqx/vm.args": "## as the package brings it\n+spp true\n",
    "DEBIAN/conffiles": "/etc/emqx/emqx.conf\n/etc/emqx/acl.conf\n/etc/emqx/vm.args\n",
    "DEBIAN/postinst": _POSTINST,
}
_PROGRAMS = ("usr/bin/emqx", "DEBIAN/postinst")


def build(directory: Path, version: str, architecture: str) -> tuple[Path, str]:
    """Build the package in ``directory``; return its path and its SHA-256."""
    tree = directory / f"emqx-{version}"
    control = (
        f"Package: emqx\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: tests\n"
        "Depends: python3, adduser\nDescription: stand-in for EMQX\n"
    )
    for name, text in {**_FILES, "DEBIAN/control": control}.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if name in _PROGRAMS else 0o644)
    (tree / "usr/lib/emqx").mkdir(parents=True)
    shutil.copyfile(_STANDIN, tree / "usr/lib/emqx/standin.py")
    package = directory / f"emqx-{version}.deb"
    command = ["dpkg-deb", "--build", "--root-owner-group", "-Znone", str(tree), str(package)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=60)
    return package, hashlib.sha256(package.read_bytes()).hexdigest()
