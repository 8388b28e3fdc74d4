"""A paho client that reads ahead and can hold back what it writes.

paho asks the kernel for the first byte of a packet, then for its length, then for the rest, and sends every packet
by itself: for messages of a hundred bytes these calls cost more than what they carry.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode

_READ_AHEAD_BYTES = 65536
"""So much is read in one turn at most: a flood must not make it endless."""


class BufferedClient(paho.Client):
    """paho's client with a buffer in each direction, for use without paho's own loop and for one connection."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._ahead = b""
        self._taken = 0
        self._to_read = 0
        self._held = bytearray()
        self._holding = False

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Hold packets back while in this context, then send them in one piece."""
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            self._flush()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Handle what has been received, within bounds."""
        self._to_read = _READ_AHEAD_BYTES
        result = super().loop_read(max_packets)
        while result == MQTTErrorCode.MQTT_ERR_SUCCESS and (self._to_read > 0 or self._unread):
            result = super().loop_read(max_packets)
        return result

    def want_write(self) -> bool:
        """Return whether something waits to be written."""
        return bool(self._held) or super().want_write()

    def loop_write(self) -> MQTTErrorCode:
        """Write what waits, as far as the socket takes it."""
        self._flush()
        return super().loop_write()

    @property
    def _unread(self) -> bool:
        return self._taken < len(self._ahead)

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._unread:
            self._read_ahead()
        piece = self._ahead[self._taken : self._taken + bufsize]
        self._taken += len(piece)
        return piece

    def _read_ahead(self) -> None:
        allowed, self._to_read = self._to_read, 0
        if allowed <= 0:
            raise BlockingIOError
        self._ahead = super()._sock_recv(_READ_AHEAD_BYTES)
        self._taken = 0
        # Only now, since an empty socket ends the turn. TLS gives one record at a time, however small.
        self._to_read = allowed - len(self._ahead)

    def _sock_send(self, buf: bytes | bytearray) -> int:
        if not (self._holding or self._held):
            return super()._sock_send(buf)
        # What is held goes first, so the rest queues up behind it.
        self._held += buf
        return len(buf)

    def _flush(self) -> None:
        if not self._held or self._holding:
            return
        try:
            sent = super()._sock_send(self._held)
        except BlockingIOError:
            return
        except OSError:
            # The connection is broken, which reading from it tells; what was held is the caller's to send again.
            sent = len(self._held)
        del self._held[:sent]
