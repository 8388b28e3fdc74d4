"""What a hub announces on its network, asked as a box asks: one question by multicast DNS (RFC 6762)."""

from __future__ import annotations

import socket
import struct
import time

SERVICE = "_ecms._udp.local"
_GROUP = ("224.0.0.251", 5353)
_PTR, _SRV, _A = 12, 33, 1
_INTERNET = 1
_WITHOUT_FLUSH = 0x7FFF
_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_POINTER = 0xC0
_AGAIN_S = 1.0
_PATIENCE_S = 10.0
_DATAGRAM_BYTES = 9000


def announced_port(address: str) -> int:
    """Return the UDP port that the hub at ``address`` announces; raise TimeoutError if it announces none."""
    deadline = time.monotonic() + _PATIENCE_S
    # A machine that has just come to the network may first answer with the service's name alone.
    while time.monotonic() < deadline:
        for kind, data in _ask(SERVICE, _PTR, address):
            if kind == _SRV:
                return int.from_bytes(data[4:6])
        time.sleep(_AGAIN_S)
    raise TimeoutError(f"{address} announces no {SERVICE}")


def announces_name(address: str, name: str) -> bool:
    """Return whether the machine at ``address`` answers for the name ``<name>.local``."""
    try:
        return (_A, socket.inet_aton(address)) in _ask(f"{name}.local", _A, address)
    except TimeoutError:
        return False


def _ask(name: str, kind: int, address: str) -> list[tuple[int, bytes]]:
    """Return type and data of the records with which ``address`` answers; raise TimeoutError if it does not."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = _HEADER.pack(0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, _INTERNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        # Out of the interface that leads to the machine: a computer with several asks on one only.
        sock.connect((address, 9))
        own = sock.getsockname()[0]
    deadline = time.monotonic() + _PATIENCE_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
        sock.settimeout(_AGAIN_S)
        while time.monotonic() < deadline:
            sock.sendto(question, _GROUP)
            try:
                while True:
                    answer, sender = sock.recvfrom(_DATAGRAM_BYTES)
                    if sender[0] == address and (records := _records(answer)):
                        return records
            except TimeoutError:
                continue
    raise TimeoutError(f"{address} does not answer for {name}")


def _records(answer: bytes) -> list[tuple[int, bytes]]:
    _, _, questions, *others = _HEADER.unpack_from(answer)
    at = _HEADER.size
    for _ in range(questions):
        at = _after_name(answer, at) + 4
    found = []
    for _ in range(sum(others)):
        at = _after_name(answer, at)
        kind, group, _, length = _RECORD.unpack_from(answer, at)
        at += _RECORD.size
        if group & _WITHOUT_FLUSH == _INTERNET:
            found.append((kind, answer[at : at + length]))
        at += length
    return found


def _after_name(answer: bytes, at: int) -> int:
    while length := answer[at]:
        if length >= _POINTER:
            return at + 2
        at += 1 + length
    return at + 1
