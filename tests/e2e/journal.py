"""What a unit of a hub says from some moment on."""

from __future__ import annotations

import time

from machines import Machine

_PATIENCE_S = 120.0


class Journal:
    """The journal of one unit, what systemd says of it included, from now on."""

    def __init__(self, machine: Machine, unit: str) -> None:
        self._machine = machine
        self._unit = unit
        # Not a cursor: with a filter, journalctl of Debian 12 leaves out the first line after it.
        self._since = machine.run(["date", "+@%s.%6N"]).stdout.strip()

    def lines(self) -> list[str]:
        """Return what has been said, without the times."""
        command = ["journalctl", "--no-pager", "--output=cat", f"--unit={self._unit}", f"--since={self._since}"]
        return self._machine.run(command).stdout.splitlines()

    def wait_for(self, words: str) -> str:
        """Return the first line with these words, once it is there; raise AssertionError if it does not come."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            lines = self.lines()
            for line in lines:
                if words in line:
                    return line
            if time.monotonic() > deadline:
                raise AssertionError(f"{self._unit} never says {words!r}; it says:\n" + "\n".join(lines[-40:]))
            time.sleep(0.5)
