"""Run a command only where it can work: ``reached.py NAME FILE COMMAND ...`` tries the addresses in FILE, one a line.

Where one cannot be reached it says NOT RUN and why, and counts as nothing; else it runs the command.
"""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from notrun import PREFIX

_TIMEOUT_S = 10


def out_of_reach(address: str) -> str:
    """Return why an address cannot be read, or an empty string."""
    host = urlsplit(address).hostname
    try:
        with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=_TIMEOUT_S):
            return ""
    except urllib.error.HTTPError as error:
        return f"{host} answers {error.code} to {address}"
    except OSError as error:
        return f"{host} cannot be reached ({getattr(error, 'reason', error)})"


def main(words: list[str]) -> int:
    """Run the command that ``words`` end with, or say why not; return its exit status."""
    name, needs, *command = words
    for address in Path(needs).read_text(encoding="utf-8").split():
        reason = out_of_reach(address)
        if reason:
            print(f"{PREFIX}{name}: {reason}\n0 passed, 0 failed", flush=True)
            return 0
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
