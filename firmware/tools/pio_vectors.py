"""PlatformIO extra script: the header with the golden vectors, beside the native build."""

import subprocess
import sys
from pathlib import Path

Import("env")  # type: ignore[name-defined]  # noqa: F821  (PlatformIO's way of handing over the environment)

project = Path(env["PROJECT_DIR"])  # type: ignore[name-defined]  # noqa: F821
target = Path(env.subst("$BUILD_DIR")) / "vectors"  # type: ignore[name-defined]  # noqa: F821
vectors = project.parent / "tests/vectors/datagrams.json"
subprocess.run([sys.executable, project / "tools/vectors.py", vectors, target / "vectors.h"], check=True)
env.Append(CPPPATH=[str(target)])  # type: ignore[name-defined]  # noqa: F821
