"""``ecms-datagram``: shows what a datagram says, or makes one."""

from __future__ import annotations

import argparse
import hmac
import json
import re
import struct
import sys
import time
from pathlib import Path

from ecms_bridge import __version__
from ecms_bridge.datagram import (
    KEY_LENGTH,
    MAX_LENGTH,
    NO_FLAGS,
    TAG_LENGTH,
    Datagram,
    DatagramError,
    Flag,
    Refusal,
    encode,
    parse,
)
from ecms_bridge.messages import encode_reading, reading_of

_KEY = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_LENGTH}}}")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_FIRMWARE = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})")
_FLAGS = {str(flag.name).lower(): flag for flag in Flag}
_NO_KEY = bytes(KEY_LENGTH)


class ToolError(Exception):
    """What the user gave is of no use, or the datagram is refused; the message is one sentence."""


def decode(data: bytes, key: bytes | None) -> dict[str, object]:
    """Return the members of the message a datagram becomes, its version, and whether its tag is right.

    Without a key the tag is not checked and ``authentic`` is None. Raises DatagramError.
    """
    if key is None and len(data) == MAX_LENGTH:
        body = data[:-TAG_LENGTH]
        data = body + hmac.digest(_NO_KEY, body, "sha256")[:TAG_LENGTH]
    datagram = parse(data, key or _NO_KEY)
    if not datagram.sound:
        raise DatagramError(Refusal.RESERVED)
    authentic = None if key is None or datagram.version == 1 else True
    message: dict[str, object] = json.loads(encode_reading(reading_of(datagram)))
    return {"version": datagram.version, "authentic": authentic} | message


def _hexadecimal(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        msg = f"{text!r} is not hexadecimal"
        raise argparse.ArgumentTypeError(msg) from None


def _key(text: str) -> bytes:
    if _KEY.fullmatch(text) is None:
        msg = f"a key has {2 * KEY_LENGTH} hexadecimal digits"
        raise argparse.ArgumentTypeError(msg)
    return bytes.fromhex(text)


def _key_file(path: str) -> bytes:
    try:
        return _key(Path(path).read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the key file: {error}"
        raise argparse.ArgumentTypeError(msg) from error


def _mac(text: str) -> bytes:
    if _MAC.fullmatch(text) is None:
        msg = f"{text!r} is no MAC address such as 5C:CF:7F:01:02:03"
        raise argparse.ArgumentTypeError(msg)
    return bytes.fromhex(text.replace(":", ""))


def _firmware(text: str) -> tuple[int, int, int]:
    match = _FIRMWARE.fullmatch(text)
    if match is None:
        msg = f"{text!r} is no version such as 1.2.3"
        raise argparse.ArgumentTypeError(msg)
    return int(match[1]), int(match[2]), int(match[3])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ecms-datagram", description=__doc__)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    keyed = argparse.ArgumentParser(add_help=False)
    keys = keyed.add_mutually_exclusive_group()
    keys.add_argument("--key-file", dest="key", type=_key_file, metavar="FILE", help="the household's key in hex")
    keys.add_argument(
        "--key", type=_key, metavar="HEX", help="a key that is no secret: other users of this machine see it"
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    shown = kinds.add_parser("decode", parents=[keyed], help="print a datagram as the JSON it becomes")
    shown.add_argument("datagram", type=_hexadecimal, metavar="HEX")
    made = kinds.add_parser("encode", parents=[keyed], help="print a datagram in hexadecimal")
    made.add_argument("--v1", action="store_true", help="version 1: whole ampere, no key")
    made.add_argument("--mac", type=_mac, required=True)
    made.add_argument("--device", type=int, required=True)
    made.add_argument("--amps", type=float, required=True, metavar="A")
    made.add_argument("--timestamp", type=int, default=None, metavar="UNIX", help="default: now")
    made.add_argument("--rssi", type=int, default=0, metavar="DBM")
    made.add_argument("--seq", type=int, default=0)
    made.add_argument("--flag", choices=sorted(_FLAGS), action="append", default=[])
    made.add_argument("--firmware", type=_firmware, default=(0, 0, 0), metavar="X.Y.Z")
    return parser


def _decode(arguments: argparse.Namespace) -> str:
    try:
        return json.dumps(decode(arguments.datagram, arguments.key))
    except DatagramError as error:
        msg = f"refused: {error.reason.value}"
        raise ToolError(msg) from error


def _encode(arguments: argparse.Namespace) -> str:
    if arguments.key is None and not arguments.v1:
        msg = "a version 2 datagram is signed: give --key-file"
        raise ToolError(msg)
    flags = NO_FLAGS
    for word in arguments.flag:
        flags |= _FLAGS[word]
    datagram = Datagram(
        version=1 if arguments.v1 else 2,
        mac=arguments.mac,
        timestamp=int(time.time()) if arguments.timestamp is None else arguments.timestamp,
        device=arguments.device,
        current_ma=round(arguments.amps * 1000),
        flags=flags,
        rssi=arguments.rssi,
        sequence=arguments.seq,
        firmware=arguments.firmware,
    )
    try:
        return encode(datagram, arguments.key or _NO_KEY).hex()
    except (struct.error, ValueError) as error:
        msg = f"a value is out of its range: {error}"
        raise ToolError(msg) from error


def main(argv: list[str] | None = None) -> int:
    """Decode or encode; return 1, with one sentence, for a refused datagram or a value out of range."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        print(_decode(arguments) if arguments.kind == "decode" else _encode(arguments))
    except ToolError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
