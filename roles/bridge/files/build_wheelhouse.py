"""Build, once per state of the sources and the lock, a directory of wheels from which a hub installs offline.

Runs on the controller with the Python that runs Ansible. Prints one JSON line: path, hash, version, built.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

SKIPPED = ("__pycache__", ".egg-info", ".mypy_cache", ".ruff_cache", ".pytest_cache")
HASH_LENGTH = 16
OLDEST_PYTHON = "3.11"


class BuildError(Exception):
    """The wheels cannot be built; the message is one sentence for the user."""


def sources_of(source: Path) -> list[Path]:
    """Return the files of which the package is made, relative to its directory and sorted."""
    files = [path.relative_to(source) for path in (source / "src").rglob("*") if path.is_file()]
    return sorted([Path("pyproject.toml"), *(f for f in files if not any(s in str(f) for s in SKIPPED))])


def state_of(source: Path, lock: Path) -> str:
    """Return a hash of everything that goes into the wheels."""
    digest = hashlib.sha256()
    for name, path in [*((str(f), source / f) for f in sources_of(source)), ("lock", lock)]:
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:HASH_LENGTH]


def pip(*words: str) -> None:
    """Run pip; raise BuildError with the last line of what it says if it fails."""
    result = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},
    )
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines() or ["nothing"]
        raise BuildError(f"pip {words[0]} failed on the controller: {' / '.join(said[-3:])}")


def build(source: Path, lock: Path, target: Path) -> None:
    """Put the locked wheels, all pure Python, and our own into the directory."""
    if importlib.util.find_spec("pip") is None:
        raise BuildError(f"{sys.executable} has no pip: install it on the controller (apt install python3-pip)")
    pip(
        "download",
        "--require-hashes",
        "--only-binary=:all:",
        "--platform=any",
        "--implementation=py",
        "--abi=none",
        f"--python-version={OLDEST_PYTHON}",
        f"--dest={target}",
        f"--requirement={lock}",
    )
    with tempfile.TemporaryDirectory() as scratch:
        # A copy: setuptools writes beside the sources.
        for name in sources_of(source):
            copy = Path(scratch) / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, copy)
        words = ["wheel", "--no-deps", f"--wheel-dir={target}", scratch]
        if importlib.util.find_spec("setuptools") and importlib.util.find_spec("wheel"):
            words.insert(1, "--no-build-isolation")
        pip(*words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="directory of the package")
    parser.add_argument("--lock", type=Path, required=True, help="requirements with hashes")
    parser.add_argument("--cache", type=Path, required=True, help="where the directories of wheels are kept")
    parser.add_argument("--check", action="store_true", help="build nothing")
    options = parser.parse_args()
    try:
        state = state_of(options.source, options.lock)
        version = tomllib.loads((options.source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
        target = options.cache / state
        built = False
        if not options.check:
            options.cache.mkdir(parents=True, exist_ok=True)
            with (options.cache / ".lock").open("w") as turn:
                fcntl.flock(turn, fcntl.LOCK_EX)
                if not target.is_dir():
                    with tempfile.TemporaryDirectory(dir=options.cache) as scratch:
                        work = Path(scratch) / state
                        work.mkdir(mode=0o755)
                        build(options.source, options.lock, work)
                        work.rename(target)
                    built = True
    except (BuildError, OSError, KeyError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"cannot build the bridge's wheels: {error}")
    print(json.dumps({"path": str(target.resolve()), "hash": state, "version": version, "built": built}))


if __name__ == "__main__":
    main()
