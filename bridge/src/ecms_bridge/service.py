"""What a daemon owes systemd: readiness, status, a watchdog fed by its own loop, and a clean stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

_PATIENCE_S = 60.0
"""Shorter than the 90 s that systemd gives a start."""
_AGAIN_S = 1.0

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Service:
    """A systemd ``Type=notify`` service; without NOTIFY_SOCKET every notification is a no-op.

    The protocol is sd_notify(3). ``alive`` is called by the daemon's loop after real progress, so a stuck
    loop starves the watchdog.
    """

    def __init__(self) -> None:
        address = os.environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = int(os.environ.get("WATCHDOG_USEC", "0"))
        self._every = usec / 4e6 if usec else float("inf")
        self._fed = 0.0
        self._ready = False
        self.stopping = False

    def install_signal_handlers(self) -> None:
        """Make SIGTERM and SIGINT end the loop: ``stopping`` becomes true."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def begin(self, build: Callable[[], _T], *obstacles: type[Exception]) -> _T:
        """Return what ``build`` returns, trying again each second for a minute while an obstacle is in its way.

        So a port that comes free or a disk that has room again is enough, and the journal has one line where a
        daemon started anew each second would fill it. Raises the obstacle when the minute is over or the service
        is to stop, and at once where no systemd waits.
        """
        deadline = time.monotonic() + (_PATIENCE_S if self._address else 0.0)
        told = ""
        while True:
            try:
                return build()
            except obstacles as error:
                if self.stopping or time.monotonic() >= deadline:
                    raise
                if str(error) != told:
                    told = str(error)
                    _log.warning("%s", told)
                    self.status(told)
            time.sleep(_AGAIN_S)

    def ready(self, status: str) -> None:
        """Tell systemd, once, that the service does its work."""
        if not self._ready:
            self._ready = True
            self._send(f"READY=1\nSTATUS={status}")

    def status(self, status: str) -> None:
        self._send(f"STATUS={status}")

    def alive(self) -> None:
        """Feed the watchdog, at most four times per watchdog interval."""
        now = time.monotonic()
        if now - self._fed >= self._every:
            self._fed = now
            self._send("WATCHDOG=1")

    def stop(self) -> None:
        self._send("STOPPING=1")

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(message.encode(), self._address)
            except OSError as error:
                _log.warning("cannot notify systemd: %s", error)


def configure_logging() -> None:
    """Log to standard error for the journal, with its priority prefixes and without a second time stamp."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JournalFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class _JournalFormatter(logging.Formatter):
    _PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

    def format(self, record: logging.LogRecord) -> str:
        priority = next((p for level, p in self._PRIORITIES if record.levelno >= level), 7)
        return f"<{priority}>{super().format(record)}"
