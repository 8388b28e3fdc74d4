"""The package of Grafana for a test: one that was given, or a stand-in with the vendor's unit, user and paths."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

VERSION = "12.0.0+stand-in"
GIVEN = "ECMS_TEST_GRAFANA_DEB"
"""Names the file of a package that tests shall take, such as the vendor's."""

_CONTROL = f"""\
Package: grafana
Version: {VERSION}
Architecture: all
Maintainer: ECMS tests <nobody@example.org>
Depends: adduser, python3, python3-yaml, python3-pymysql
Description: stand-in for Grafana in tests of ECMS
"""
_POSTINST = """\
#!/bin/sh
set -e
getent group grafana >/dev/null || addgroup --quiet --system grafana
getent passwd grafana >/dev/null || adduser --quiet --system --home /usr/share/grafana --no-create-home \\
  --ingroup grafana --shell /bin/false grafana
mkdir -p /var/lib/grafana /var/log/grafana
chown grafana:grafana /var/lib/grafana /var/log/grafana
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
"""
_DEFAULT = """\
CONF_FILE=/etc/grafana/grafana.ini
DATA_DIR=/var/lib/grafana
LOG_DIR=/var/log/grafana
"""
_UNIT = """\
[Unit]
Description=Grafana stand-in
After=network-online.target

[Service]
EnvironmentFile=/etc/default/grafana-server
User=grafana
Group=grafana
Type=simple
WorkingDirectory=/usr/share/grafana
ExecStart=/usr/share/grafana/bin/grafana server --config=${CONF_FILE} --packaging=deb
NoNewPrivileges=true
PrivateTmp=true
UMask=0027

[Install]
WantedBy=multi-user.target
"""


def given() -> tuple[Path, str] | None:
    """Return the package of ``ECMS_TEST_GRAFANA_DEB`` with its SHA-256; None where nothing is given."""
    name = os.environ.get(GIVEN)
    return _with_checksum(Path(name).resolve()) if name else None


def build(directory: Path) -> tuple[Path, str]:
    """Build the stand-in's package in ``directory``; return its file and its SHA-256."""
    tree = directory / "grafana"
    files = {
        "DEBIAN/control": _CONTROL,
        "DEBIAN/postinst": _POSTINST,
        "etc/default/grafana-server": _DEFAULT,
        "usr/lib/systemd/system/grafana-server.service": _UNIT,
    }
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tree / "DEBIAN/postinst").chmod(0o755)
    program = tree / "usr/share/grafana/bin/grafana"
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("server.py"), program)
    program.write_text("#!/usr/bin/python3\n" + program.read_text(encoding="utf-8"), encoding="utf-8")
    program.chmod(0o755)
    package = directory / f"grafana_{VERSION}_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, package], check=True, capture_output=True)
    return _with_checksum(package)


def _with_checksum(package: Path) -> tuple[Path, str]:
    return package, hashlib.sha256(package.read_bytes()).hexdigest()
