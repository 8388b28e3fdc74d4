"""Fill a PlatformIO core directory from PyPI's packages alone, for ``pio test -e native`` without its package host.

``pio_offline.py CORE_DIR`` puts there the build tool (PyPI's scons under PlatformIO's name for it) and a native
platform. Real boards still need PlatformIO's own packages.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import SCons  # type: ignore[import-untyped]

HERE = Path(__file__).resolve().parent
NATIVE_VERSION = json.loads((HERE / "pio_native/platform.json").read_text())["version"]
SCONS_STARTER = """\
import sys

sys.path.insert(0, {path!r})
import SCons.Script

SCons.Script.main()
"""


def scons_package_version(version: str) -> str:
    """Return the version PlatformIO gives its package of a SCons release: 4.11.1 becomes 4.41101.0."""
    major, minor, patch = (int(part) for part in version.split("."))
    return f"4.{major}{minor:02d}{patch:02d}.0"


def _marker(kind: str, name: str, version: str) -> str:
    spec = {"owner": "platformio", "id": None, "name": name, "requirements": None, "uri": None}
    return json.dumps({"type": kind, "name": name, "version": version, "spec": spec})


def seed(core: Path) -> None:
    """Create or replace both packages under ``core``."""
    scons = core / "packages/tool-scons"
    shutil.rmtree(scons, ignore_errors=True)
    scons.mkdir(parents=True)
    version = scons_package_version(SCons.__version__)
    (scons / ".piopm").write_text(_marker("tool", "tool-scons", version))
    manifest = {"name": "tool-scons", "version": version, "description": "SCons from PyPI"}
    (scons / "package.json").write_text(json.dumps(manifest))
    library = str(Path(SCons.__file__).resolve().parents[1])
    (scons / "scons.py").write_text(SCONS_STARTER.format(path=library))

    native = core / "platforms/native"
    shutil.rmtree(native, ignore_errors=True)
    shutil.copytree(HERE / "pio_native", native)
    (native / ".piopm").write_text(_marker("platform", "native", NATIVE_VERSION))


if __name__ == "__main__":
    (core_dir,) = sys.argv[1:]
    seed(Path(core_dir))
