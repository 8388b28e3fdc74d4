"""Ask every cell of the access matrix and write the table into docs/security.md: ``make security``."""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import subprocess
import sys

from isolation import page
from isolation.ledger import Ledger


def main() -> int:
    """Run the tests of the matrix; return their exit status, with which nothing is written."""
    argparse.ArgumentParser(prog="python -m isolation", description=__doc__).parse_args()
    page.RESULTS.unlink(missing_ok=True)
    # The page is what this run makes, so the test that compares the two is left out.
    words = ["-q", "tests/contract/isolation", "--deselect", "tests/contract/isolation/test_the_page.py"]
    done = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=page.ROOT, check=False)
    if done.returncode:
        return done.returncode
    ledger = Ledger.load(page.RESULTS)
    when = dt.datetime.now(dt.UTC).date().isoformat()
    matrix = page.table(ledger, f"Asked on {when}, {_machine()}.")
    page.TABLE.write_text(matrix, encoding="utf-8")
    page.PAGE.write_text(page.written(page.PAGE.read_text(encoding="utf-8"), matrix), encoding="utf-8")
    print(f"{len(ledger)} cells: {page.PAGE.relative_to(page.ROOT)} is up to date")
    return 0


def _machine() -> str:
    """Return what the servers ran on."""
    debian = platform.freedesktop_os_release().get("PRETTY_NAME", "an unknown system")
    versions = [
        subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout.splitlines()[0],
        subprocess.run(["mariadbd", "--version"], capture_output=True, text=True, check=True).stdout.split()[2],
    ]
    return f"{debian}, {versions[0]}, MariaDB {versions[1].partition('-')[0]}"


if __name__ == "__main__":
    sys.exit(main())
