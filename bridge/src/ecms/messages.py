"""The JSON messages on a household's topics; their published form is in ``schemas/``."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from ecms.datagram import Flag, format_mac

MAX_CURRENT_A = 100.0
"""Above this no box can have measured: an ACS712 of 30 A ends at 37.9 A RMS."""

_mac_match = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}").fullmatch
_id_match = re.compile(r"[0-9a-z-]{1,40}").fullmatch
_firmware_match = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}").fullmatch
_FLAG_WORDS = frozenset(flag.name.lower() for flag in Flag if flag.name)
_MAX_U32 = 2**32 - 1
_MAX_DEVICE = 255


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


def encode_reading(reading: Reading) -> bytes:
    """Return the JSON object of a reading, ampere with 3 decimals."""
    message: dict[str, object] = {} if reading.id is None else {"id": reading.id}
    message |= {
        "mac": format_mac(reading.mac),
        "timestamp": reading.timestamp,
        "device": reading.device,
        "amps": round(reading.amps, 3),
    }
    if reading.sequence is not None:
        message |= {
            "rssi": reading.rssi,
            "seq": reading.sequence,
            "flags": list(reading.flags),
            "firmware": reading.firmware,
        }
    return json.dumps(message, separators=(",", ":")).encode()


def decode_reading(payload: bytes) -> Reading:
    """Return the reading of a message; unknown members are ignored.

    Raises MessageError: ``json``, or the name of the first member that is missing or wrong.
    """
    message = _object(payload)
    message_id = message.get("id")
    if message_id is not None and not (isinstance(message_id, str) and _id_match(message_id)):
        raise MessageError("id")

    def fail_unless(good: bool, member: str) -> None:
        if not good:
            raise MessageError(member, message_id)

    mac, timestamp, device, amps = (message.get(k) for k in ("mac", "timestamp", "device", "amps"))
    fail_unless(isinstance(mac, str) and _mac_match(mac) is not None, "mac")
    fail_unless(type(timestamp) is int and 0 <= timestamp <= _MAX_U32, "timestamp")
    fail_unless(type(device) is int and 0 <= device <= _MAX_DEVICE, "device")
    fail_unless(type(amps) in (int, float) and math.isfinite(amps) and 0 <= amps <= MAX_CURRENT_A, "amps")  # type: ignore[arg-type, operator]
    rssi, sequence, firmware = (message.get(k) for k in ("rssi", "seq", "firmware"))
    flags = message.get("flags", [])
    fail_unless(rssi is None or (type(rssi) is int and -128 <= rssi <= 127), "rssi")  # noqa: PLR2004
    fail_unless(sequence is None or (type(sequence) is int and 0 <= sequence <= _MAX_U32), "seq")
    fail_unless(isinstance(flags, list) and all(isinstance(f, str) and f in _FLAG_WORDS for f in flags), "flags")
    fail_unless(firmware is None or (isinstance(firmware, str) and _firmware_match(firmware) is not None), "firmware")
    return Reading(
        mac=bytes.fromhex(str(mac).replace(":", "")),
        timestamp=timestamp,  # type: ignore[arg-type]
        device=device,  # type: ignore[arg-type]
        amps=float(amps),  # type: ignore[arg-type]
        id=message_id,
        rssi=rssi,  # type: ignore[arg-type]
        sequence=sequence,  # type: ignore[arg-type]
        flags=tuple(flags),  # type: ignore[arg-type]
        firmware=firmware,  # type: ignore[arg-type]
    )


def encode_confirmation(ids: list[str]) -> bytes:
    """Return the JSON list of committed ids."""
    return json.dumps(ids, separators=(",", ":")).encode()


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


def _load(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MessageError("json") from error


def _object(payload: bytes) -> dict[str, object]:
    message = _load(payload)
    if not isinstance(message, dict):
        raise MessageError("json")
    return message
