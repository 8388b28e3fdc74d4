"""Logging that cannot flood: the first of a kind at once, then one line a minute with the number left out."""

from __future__ import annotations

import logging
import time


class ThrottledLog:
    """Log messages by kind, each kind at most once per interval (s)."""

    def __init__(self, logger: logging.Logger, interval_s: float = 60.0) -> None:
        self._logger = logger
        self._interval = interval_s
        self._kinds: dict[str, tuple[float, int]] = {}

    def warning(self, kind: str, message: str, *args: object) -> None:
        """Log ``message % args`` unless one of the same kind was logged within the interval."""
        now = time.monotonic()
        last, left_out = self._kinds.get(kind, (float("-inf"), 0))
        if now - last < self._interval:
            self._kinds[kind] = (last, left_out + 1)
            return
        self._kinds[kind] = (now, 0)
        if left_out:
            message += " (%d more of this kind since the last line)"
            args = (*args, left_out)
        self._logger.warning(message, *args)
