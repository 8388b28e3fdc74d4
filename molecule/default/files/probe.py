"""What a stranger on the network sees of a hub: run on another machine, prints one JSON object of observations.

usage: probe.py HUB_NAME PORT KEY_FILE
"""

from __future__ import annotations

import json
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path

from ecms_bridge.datagram import Datagram, Flag, encode, read_acknowledgement

NOBODY = bytes(32)
ACK_WAIT_S = 5.0
DAY_S = 86400


def main() -> None:
    host, port, key_file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    key = bytes.fromhex(key_file.read_text(encoding="ascii").strip())
    address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
    now = int(time.time())
    signed = Datagram(
        version=2,
        mac=bytes.fromhex("0200000000A2"),
        timestamp=now,
        device=2,
        current_ma=1234,
        flags=Flag.BOOT,
        rssi=-61,
        sequence=0,
        firmware=(1, 0, 0),
    )
    unsigned = Datagram(version=1, mac=bytes.fromhex("0200000000A1"), timestamp=now, device=1, current_ma=3000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(ACK_WAIT_S)
        sock.connect(address)
        sock.send(encode(unsigned, key))
        print(
            json.dumps(
                {
                    "address": address[0],
                    "now": now,
                    "signed": answer(sock, signed, key),
                    "repeated": answer(sock, signed, key),
                    "unknown_device": answer(sock, replace(signed, device=99, sequence=1, timestamp=now - 10), key),
                    "too_old": answer(sock, replace(signed, sequence=2, timestamp=now - 8 * DAY_S), key),
                    "ahead": answer(sock, replace(signed, sequence=3, timestamp=now + 600), key),
                    "wrong_key": answer(sock, replace(signed, sequence=4, timestamp=now - 20), NOBODY),
                }
            )
        )


def answer(sock: socket.socket, datagram: Datagram, key: bytes) -> str:
    """Send a datagram and say how the hub answers: accepted, refused or silent."""
    data = encode(datagram, key)
    sock.send(data)
    deadline = time.monotonic() + ACK_WAIT_S
    while time.monotonic() < deadline:
        try:
            refused = read_acknowledgement(sock.recv(64), data, key)
        except TimeoutError:
            break
        if refused is not None:
            return "refused" if refused else "accepted"
    return "silent"


if __name__ == "__main__":
    main()
