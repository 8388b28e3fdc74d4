"""The JSON messages on a household's topics; their published form is in ``schemas/``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ecms_bridge.datagram import Datagram, Flag, format_mac

OLDEST_S = 7 * 24 * 3600
AHEAD_S = 5 * 60
"""The window of time, before and after now, outside of which a reading is refused."""

MAX_STEP_S = 30
OWN_STEP_S = 10
"""For how long a reading stands: since the one of its box before it, or where that is longer ago, this long."""

MAX_CURRENT_A = 100.0
"""Above this no box can have measured: an ACS712 of 30 A ends at 37.9 A RMS."""

_mac_match = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}").fullmatch
_id_match = re.compile(r"[0-9a-z-]{1,40}").fullmatch
_firmware_match = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}").fullmatch
FAULTS = frozenset({"json", "id", "mac", "timestamp", "device", "amps", "rssi", "seq", "flags", "firmware"})
"""Why a message is no reading: no JSON object, or the first member that is missing or wrong."""

_FLAG_WORDS = frozenset(flag.name.lower() for flag in Flag if flag.name)
_MAX_U32 = 2**32 - 1
_MAX_DEVICE = 255
_encode = json.JSONEncoder(separators=(",", ":")).encode


class MessageError(ValueError):
    """A message that is not one of ours: ``reason`` is a word to count by, ``message_id`` its id if any."""

    def __init__(self, reason: str, message_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message_id = message_id


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading on ``<slug>/sensori``: ``timestamp`` in Unix s, ``amps`` in A RMS, ``rssi`` in dBm."""

    mac: bytes
    timestamp: int
    device: int
    amps: float
    id: str | None = None
    rssi: int | None = None
    sequence: int | None = None
    flags: tuple[str, ...] = ()
    firmware: str | None = None


def reading_of(datagram: Datagram, *, timestamp: int | None = None, reading_id: str | None = None) -> Reading:
    """Return a datagram's reading as it is published; ``timestamp`` (Unix s) replaces its own."""
    firmware = datagram.firmware
    return Reading(
        mac=datagram.mac,
        timestamp=datagram.timestamp if timestamp is None else timestamp,
        device=datagram.device,
        amps=datagram.current_ma / 1000,
        id=reading_id,
        rssi=datagram.rssi,
        sequence=datagram.sequence,
        flags=tuple(datagram.flags.words()) if datagram.flags else (),
        firmware=None if firmware is None else f"{firmware[0]}.{firmware[1]}.{firmware[2]}",
    )


def encode_reading(reading: Reading) -> bytes:
    """Return the JSON object of a reading, ampere with 3 decimals."""
    # Put together by hand: no member needs escaping, and a general encoder takes four times as long.
    head = "{" if reading.id is None else f'{{"id":"{reading.id}",'
    body = (
        f'"mac":"{format_mac(reading.mac)}","timestamp":{reading.timestamp},"device":{reading.device},'
        f'"amps":{round(reading.amps, 3)}'
    )
    if reading.sequence is None:
        return f"{head}{body}}}".encode()
    flags = ",".join([f'"{word}"' for word in reading.flags])
    rssi = "null" if reading.rssi is None else reading.rssi
    firmware = "null" if reading.firmware is None else f'"{reading.firmware}"'
    rest = f'"rssi":{rssi},"seq":{reading.sequence},"flags":[{flags}],"firmware":{firmware}}}'
    return f"{head}{body},{rest}".encode()


def decode_reading(payload: bytes) -> Reading:
    """Return the reading of a message; unknown members are ignored.

    Raises MessageError with one of ``FAULTS``.
    """
    message = _object(payload)
    message_id = message.get("id")
    if message_id is not None and not (isinstance(message_id, str) and _id_match(message_id)):
        raise MessageError("id")
    mac, amps, flags, firmware = (message.get(k) for k in ("mac", "amps", "flags", "firmware"))
    if not (isinstance(mac, str) and _mac_match(mac)):
        raise MessageError("mac", message_id)
    timestamp = _integer(message, "timestamp", 0, _MAX_U32)
    device = _integer(message, "device", 0, _MAX_DEVICE)
    # The comparison comes before float(): an integer of 400 digits is JSON, too, and no float holds it.
    if not (type(amps) in (int, float) and 0 <= amps <= MAX_CURRENT_A):  # type: ignore[operator]
        raise MessageError("amps", message_id)
    if "flags" in message and not (
        isinstance(flags, list) and all(isinstance(f, str) and f in _FLAG_WORDS for f in flags)
    ):
        raise MessageError("flags", message_id)
    if firmware is not None and not (isinstance(firmware, str) and _firmware_match(firmware)):
        raise MessageError("firmware", message_id)
    return Reading(
        mac=bytes.fromhex(mac.replace(":", "")),
        timestamp=timestamp,
        device=device,
        amps=float(amps),  # type: ignore[arg-type]
        id=message_id,
        rssi=None if message.get("rssi") is None else _integer(message, "rssi", -128, 127),
        sequence=None if message.get("seq") is None else _integer(message, "seq", 0, _MAX_U32),
        flags=tuple(flags) if isinstance(flags, list) else (),
        firmware=firmware,
    )


def encode_confirmation(ids: list[str]) -> bytes:
    """Return the JSON list of committed ids."""
    return _encode(ids).encode()


def decode_confirmation(payload: bytes) -> list[str]:
    """Return the ids of a confirmation; raise MessageError ``json`` or ``confirmation``."""
    ids = _load(payload)
    if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
        raise MessageError("confirmation")
    return ids


def encode_status(status: dict[str, object]) -> bytes:
    return json.dumps(status, separators=(",", ":"), sort_keys=True).encode()


def decode_status(payload: bytes) -> dict[str, object]:
    """Return the members of a hub's status; raise MessageError ``json`` or ``status``."""
    status = _object(payload)
    if status.get("state") not in ("online", "offline"):
        raise MessageError("status")
    return status


def _integer(message: dict[str, object], member: str, low: int, high: int) -> int:
    value = message.get(member)
    if type(value) is float and value.is_integer():
        value = int(value)  # JSON knows one kind of number: 5.0 is the integer 5
    if type(value) is int and low <= value <= high:
        return value
    raise MessageError(member, message.get("id"))  # type: ignore[arg-type]


def _no_json(constant: str) -> object:
    raise ValueError(constant)


_decode = json.JSONDecoder(parse_constant=_no_json).decode


def _load(payload: bytes) -> object:
    try:
        return _decode(payload.decode())
    except (ValueError, RecursionError) as error:
        raise MessageError("json") from error


def _object(payload: bytes) -> dict[str, object]:
    message = _load(payload)
    if not isinstance(message, dict):
        raise MessageError("json")
    return message
