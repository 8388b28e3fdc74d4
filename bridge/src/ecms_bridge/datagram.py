"""The datagrams between box and hub: version 1 (12 bytes), version 2 (36 bytes) and its acknowledgement (24).

All integers are big-endian. The tag is the first 8 bytes of HMAC-SHA256 (RFC 2104, FIPS 180-4).
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from enum import IntFlag, StrEnum

MAGIC = b"EC"
ACK_MAGIC = b"EA"
VERSION = 2
KEY_LENGTH = 32
TAG_LENGTH = 8
MAX_LENGTH = 36

_V1 = struct.Struct(">6sIBB")
_V2 = struct.Struct(">2sBB6sBbIII3sB")
_ACK = struct.Struct(">2sBB6sxxI")
_V2_LENGTH = _V2.size + TAG_LENGTH
_ACK_LENGTH = _ACK.size + TAG_LENGTH
_BOUND = slice(12, 24)
_ACK_REFUSED = 1
_MULTICAST_BIT = 1


class Flag(IntFlag):
    """Flags of a version 2 datagram."""

    BACKDATED = 1
    RESENT = 2
    CALIBRATED = 4
    CLIPPED = 8
    BOOT = 16

    def words(self) -> list[str]:
        """Return the names used in messages, in bit order: ``["backdated", "resent"]``."""
        return list(_WORDS[self])


NO_FLAGS = Flag(0)
_ALL_FLAGS = sum(Flag)
# Tables, since making a Flag and asking it for its members takes longer than all the rest of parsing.
_FLAGS = tuple(Flag(bits) for bits in range(_ALL_FLAGS + 1))
_WORDS = tuple([str(flag.name).lower() for flag in Flag if flag in flags] for flags in _FLAGS)


class Refusal(StrEnum):
    """Why a datagram is refused."""

    LENGTH = "length"
    MAGIC = "magic"
    VERSION = "version"
    TAG = "tag"
    ADDRESS = "address"
    RESERVED = "reserved"
    UNSIGNED = "unsigned"
    TIME_OLD = "time_old"
    TIME_AHEAD = "time_ahead"


class DatagramError(ValueError):
    """Bytes that are no datagram of ours; ``reason`` says why."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Datagram:
    """One measured value as a box sent it: time in Unix s, ``current_ma`` in mA RMS, ``rssi`` in dBm.

    ``rssi``, ``sequence`` and ``firmware`` are None and ``flags`` is 0 in version 1. ``sound`` is false where
    an authentic datagram sets bits that this version reserves.
    """

    version: int
    mac: bytes
    timestamp: int
    device: int
    current_ma: int
    flags: Flag = NO_FLAGS
    rssi: int | None = None
    sequence: int | None = None
    firmware: tuple[int, int, int] | None = None
    sound: bool = True


def _tag(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"".join(parts), "sha256")[:TAG_LENGTH]


def parse(data: bytes, key: bytes) -> Datagram:
    """Return the datagram that ``data`` holds; a version 2 tag is checked with the household's ``key``.

    Raises DatagramError with the reason for anything else.
    """
    if len(data) == _V1.size:
        return _parse_v1(data)
    if len(data) != _V2_LENGTH:
        raise DatagramError(Refusal.LENGTH)
    magic, version, flags, mac, device, rssi, timestamp, sequence, current_ma, firmware, spare = _V2.unpack_from(data)
    if magic != MAGIC:
        raise DatagramError(Refusal.MAGIC)
    if version != VERSION:
        raise DatagramError(Refusal.VERSION)
    if not hmac.compare_digest(_tag(key, data[: _V2.size]), data[_V2.size :]):
        raise DatagramError(Refusal.TAG)
    return Datagram(
        version=VERSION,
        mac=mac,
        timestamp=timestamp,
        device=device,
        current_ma=current_ma,
        flags=_FLAGS[flags & _ALL_FLAGS],
        rssi=rssi,
        sequence=sequence,
        firmware=(firmware[0], firmware[1], firmware[2]),
        sound=not spare and not flags & ~_ALL_FLAGS,
    )


def _parse_v1(data: bytes) -> Datagram:
    mac, timestamp, device, ampere = _V1.unpack(data)
    if mac[0] & _MULTICAST_BIT or not any(mac):
        # No interface sends from a group address (IEEE 802), so this is noise of the right length.
        raise DatagramError(Refusal.ADDRESS)
    return Datagram(version=1, mac=mac, timestamp=timestamp, device=device, current_ma=ampere * 1000)


def encode(datagram: Datagram, key: bytes) -> bytes:
    """Return the bytes a box sends for ``datagram``; version 1 carries whole ampere, rounded.

    Raises struct.error if a field is out of its range.
    """
    if datagram.version == 1:
        return _V1.pack(datagram.mac, datagram.timestamp, datagram.device, round(datagram.current_ma / 1000))
    body = _V2.pack(
        MAGIC,
        VERSION,
        datagram.flags,
        datagram.mac,
        datagram.device,
        datagram.rssi or 0,
        datagram.timestamp,
        datagram.sequence or 0,
        datagram.current_ma,
        bytes(datagram.firmware or (0, 0, 0)),
        0,
    )
    return body + _tag(key, body)


def acknowledgement(data: bytes, key: bytes, *, refused: bool = False) -> bytes:
    """Return the acknowledgement of the version 2 datagram ``data``, bound to that very reading."""
    mac, sequence = data[4:10], int.from_bytes(data[16:20])
    head = _ACK.pack(ACK_MAGIC, VERSION, _ACK_REFUSED if refused else 0, mac, sequence)
    return head + _tag(key, head, data[_BOUND])


def read_acknowledgement(ack: bytes, data: bytes, key: bytes) -> bool | None:
    """Return whether ``ack`` refuses (True) or accepts (False) ``data``; None if it does not belong to it."""
    if len(ack) != _ACK_LENGTH:
        return None
    for refused in (False, True):
        if hmac.compare_digest(ack, acknowledgement(data, key, refused=refused)):
            return refused
    return None


def format_mac(mac: bytes) -> str:
    """Return ``AA:BB:CC:DD:EE:FF``."""
    return mac.hex(":").upper()
