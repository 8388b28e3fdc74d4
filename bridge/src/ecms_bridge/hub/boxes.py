"""The UDP socket towards the boxes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from ecms_bridge.hub.ledger import Address

_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""What arrives during a slow write to the SD card must wait in the kernel, not be lost."""
_LONGER_THAN_ANY_DATAGRAM = 64


class BoxSocketError(Exception):
    """The socket cannot be opened; the message is one sentence for the user."""


class BoxSocket:
    """Receives datagrams and sends acknowledgements; it knows nothing of their content."""

    def __init__(self, address: str, port: int) -> None:
        """Bind the socket; raise BoxSocketError, one sentence, if that is impossible."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            self.socket.bind((address, port))
        except OSError as error:
            self.socket.close()
            msg = (
                f"cannot receive on UDP port {port} of {address}: {error.strerror}; "
                "stop the program that uses it or set ecms_udp_port"
            )
            raise BoxSocketError(msg) from error
        self.port: int = self.socket.getsockname()[1]
        self.failures = 0

    def receive(self, limit: int) -> Iterator[tuple[bytes, Address]]:
        """Yield what waits, at most ``limit`` datagrams; longer ones than any of ours are cut short."""
        receive = self.socket.recvfrom
        for _ in range(limit):
            try:
                yield receive(_LONGER_THAN_ANY_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                self.failures += 1
                return

    def send(self, data: bytes, address: Address) -> bool:
        """Send without waiting; false if it could not be sent: the box asks again."""
        try:
            self.socket.sendto(data, address)
        except OSError:
            self.failures += 1
            return False
        return True

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()
