"""Writes the golden vectors: `python tests/vectors/generate.py > tests/vectors/datagrams.json`.

It lays the bytes out field by field from the contract and shares no code with the bridge or the firmware,
which are both tested against its output.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
MAC = "5C:CF:7F:01:02:03"
FLAG_BITS = {"backdated": 1, "resent": 2, "calibrated": 4, "clipped": 8, "boot": 16}
NOON = 1767265200


def big(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big", signed=value < 0)


def mac_bytes(mac: str) -> bytes:
    return bytes(int(octet, 16) for octet in mac.split(":"))


def tag(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()[:8]


def body_of(fields: dict[str, object], *, magic: bytes = b"EC", version: int = 2, spare: int = 0) -> bytes:
    """Bytes 0 to 27 of a version 2 datagram."""
    return b"".join(
        [
            magic,
            big(version, 1),
            big(int(str(fields["flag_bits"])), 1),
            mac_bytes(str(fields["mac"])),
            big(int(str(fields["device"])), 1),
            big(int(str(fields["rssi"])), 1),
            big(int(str(fields["timestamp"])), 4),
            big(int(str(fields["seq"])), 4),
            big(int(str(fields["current_ma"])), 4),
            bytes(int(part) for part in str(fields["firmware"]).split(".")),
            big(spare, 1),
        ]
    )


def ack_of(datagram: bytes, flags: int, key: bytes = KEY) -> bytes:
    head = b"EA" + big(2, 1) + big(flags, 1) + datagram[4:10] + b"\0\0" + datagram[16:20]
    return head + tag(key, head + datagram[12:24])


def fields_v2(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "version": 2,
        "mac": MAC,
        "timestamp": NOON,
        "device": 1,
        "current_ma": 4321,
        "flags": [],
        "flag_bits": 0,
        "rssi": -61,
        "seq": 42,
        "firmware": "1.2.3",
    }
    fields.update(changes)
    words = fields["flags"]
    assert isinstance(words, list)
    fields["flag_bits"] = sum(FLAG_BITS[word] for word in words)
    return fields


def accepted_v2(name: str, **changes: object) -> dict[str, object]:
    fields = fields_v2(**changes)
    body = body_of(fields)
    datagram = body + tag(KEY, body)
    return {
        "name": name,
        "hex": datagram.hex(),
        "valid": True,
        "reason": None,
        "fields": fields,
        "ack_hex": ack_of(datagram, 0).hex(),
        "refused_ack_hex": ack_of(datagram, 1).hex(),
    }


def accepted_v1(name: str, mac: str, timestamp: int, device: int, ampere: int) -> dict[str, object]:
    datagram = mac_bytes(mac) + big(timestamp, 4) + big(device, 1) + big(ampere, 1)
    fields = {
        "version": 1,
        "mac": mac,
        "timestamp": timestamp,
        "device": device,
        "current_ma": ampere * 1000,
        "flags": [],
        "flag_bits": 0,
        "rssi": None,
        "seq": None,
        "firmware": None,
    }
    return {
        "name": name,
        "hex": datagram.hex(),
        "valid": True,
        "reason": None,
        "fields": fields,
        "ack_hex": None,
        "refused_ack_hex": None,
    }


def refused(name: str, reason: str, datagram: bytes) -> dict[str, object]:
    return {
        "name": name,
        "hex": datagram.hex(),
        "valid": False,
        "reason": reason,
        "fields": None,
        "ack_hex": None,
        # Authentic bytes get an answer even when they cannot be used; whatever is not the box's gets none.
        "refused_ack_hex": ack_of(datagram, 1).hex() if reason == "reserved" else None,
    }


def signed(body: bytes) -> bytes:
    return body + tag(KEY, body)


def accepted() -> list[dict[str, object]]:
    words = list(FLAG_BITS)
    return [
        accepted_v2("plain"),
        *(accepted_v2(f"flag {word}", flags=[word]) for word in words),
        accepted_v2("all flags", flags=words),
        accepted_v2("backdated and resent", flags=["backdated", "resent"]),
        accepted_v2("no current", current_ma=0),
        accepted_v2("one milliampere", current_ma=1),
        accepted_v2("end of the 30 A part", current_ma=37900),
        accepted_v2("current at its limit", current_ma=2**32 - 1),
        accepted_v2("timestamp zero", timestamp=0),
        accepted_v2("timestamp beyond 31 bits", timestamp=2**31),
        accepted_v2("timestamp at its limit", timestamp=2**32 - 1),
        accepted_v2("device zero", device=0),
        accepted_v2("device at its limit", device=255),
        accepted_v2("first of a boot", seq=0, flags=["boot"]),
        accepted_v2("sequence at its limit", seq=2**32 - 1),
        accepted_v2("rssi lowest", rssi=-128),
        accepted_v2("rssi zero", rssi=0),
        accepted_v2("rssi highest", rssi=127),
        accepted_v2("firmware 0.0.0", firmware="0.0.0"),
        accepted_v2("firmware at its limits", firmware="255.255.255"),
        accepted_v2("mac of zeros", mac="00:00:00:00:00:00"),
        accepted_v2("mac of ones", mac="FF:FF:FF:FF:FF:FF"),
        accepted_v2(
            "every byte different",
            mac="10:32:54:76:98:BA",
            timestamp=0x01234567,
            seq=0x89ABCDEF,
            current_ma=0x13579BDF,
            device=0xE2,
            rssi=-93,
            firmware="17.34.51",
        ),
        accepted_v1("version 1", MAC, NOON, 1, 4),
        accepted_v1("version 1, no current", MAC, NOON, 7, 0),
        accepted_v1("version 1, current at its limit", MAC, NOON, 1, 255),
        accepted_v1("version 1, timestamp zero", MAC, 0, 1, 4),
        accepted_v1("version 1, timestamp at its limit", MAC, 2**32 - 1, 1, 4),
        accepted_v1("version 1, device zero", MAC, NOON, 0, 4),
        accepted_v1("version 1, device at its limit", MAC, NOON, 255, 4),
    ]


def rejected() -> list[dict[str, object]]:
    good_body = body_of(fields_v2())
    good = signed(good_body)
    return [
        refused("empty", "length", b""),
        refused("one byte short of version 1", "length", bytes(11)),
        refused("one byte more than version 1", "length", mac_bytes(MAC) + bytes(7)),
        refused("one byte short of version 2", "length", good[:-1]),
        refused("one byte more than version 2", "length", good + b"\0"),
        refused("without its tag", "length", good_body),
        refused("as long as an acknowledgement", "length", ack_of(good, 0)),
        refused("wrong magic", "magic", signed(body_of(fields_v2(), magic=b"EB"))),
        refused("magic of an acknowledgement", "magic", signed(body_of(fields_v2(), magic=b"EA"))),
        refused("magic in lower case", "magic", signed(body_of(fields_v2(), magic=b"ec"))),
        refused("version 1 in the long form", "version", signed(body_of(fields_v2(), version=1))),
        refused("version 3", "version", signed(body_of(fields_v2(), version=3))),
        refused("tag of zeros", "tag", good_body + bytes(8)),
        refused("tag of another household", "tag", good_body + tag(OTHER_KEY, good_body)),
        refused("tag with its last bit flipped", "tag", good[:-1] + bytes([good[-1] ^ 1])),
        refused("current changed after signing", "tag", good[:23] + bytes([good[23] ^ 1]) + good[24:]),
        refused("flag changed after signing", "tag", good[:3] + b"\x02" + good[4:]),
        refused("reserved flag 5", "reserved", signed(good[:3] + b"\x20" + good_body[4:])),
        refused("reserved flag 6", "reserved", signed(good[:3] + b"\x40" + good_body[4:])),
        refused("reserved flag 7", "reserved", signed(good[:3] + b"\x80" + good_body[4:])),
        refused("reserved byte not zero", "reserved", signed(body_of(fields_v2(), spare=1))),
        refused("version 1 from a group address", "address", mac_bytes("01:00:5E:00:00:FB") + bytes(6)),
        refused("version 1 length with the magic", "address", good[:12]),
        refused("version 1 from no address", "address", bytes(6) + big(NOON, 4) + b"\1\4"),
    ]


def foreign_acks() -> list[dict[str, object]]:
    """Acknowledgements that free nothing: none of them belongs to the datagram beside it."""
    good = signed(body_of(fields_v2()))
    ack = ack_of(good, 0)

    def other(**changes: object) -> bytes:
        return ack_of(signed(body_of(fields_v2(**changes))), 0)

    pairs = [
        ("empty", b""),
        ("one byte short", ack[:-1]),
        ("one byte more", ack + b"\0"),
        ("of another household", ack_of(good, 0, OTHER_KEY)),
        ("tag with its last bit flipped", ack[:-1] + bytes([ack[-1] ^ 1])),
        ("turned from accepted to refused", ack[:3] + b"\1" + ack[4:]),
        ("of the reading at another time", other(timestamp=NOON + 10)),
        ("of the next sequence", other(seq=43)),
        ("of the same sequence after a boot", other(timestamp=NOON + 86400)),
        ("of another current", other(current_ma=4322)),
        ("of another box", other(mac="5C:CF:7F:01:02:04")),
        ("reserved flag, rightly signed", ack_of(good, 2)),
        ("the datagram's own bytes", good[:24]),
    ]
    return [{"name": name, "hex": good.hex(), "ack_hex": bad.hex()} for name, bad in pairs]


def document() -> str:
    content = {"key_hex": KEY.hex(), "vectors": accepted() + rejected(), "foreign_acks": foreign_acks()}
    return json.dumps(content, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
