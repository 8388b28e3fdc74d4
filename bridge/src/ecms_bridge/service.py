"""What a daemon owes systemd: readiness, status, a watchdog fed by its own loop, and a clean stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from types import FrameType


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
                logging.getLogger(__name__).warning("cannot notify systemd: %s", error)


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
