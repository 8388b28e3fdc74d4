"""Turn the golden vectors (tests/vectors/datagrams.json) into a C++ header: ``vectors.py VECTORS.json OUT.h``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def _bytes(text: str) -> str:
    return "{" + ", ".join(f"0x{byte:02x}" for byte in bytes.fromhex(text)) + "}"


def _vector(vector: dict[str, Any]) -> str:
    fields = vector["fields"]
    mac = fields["mac"].replace(":", "")
    firmware = bytes(int(part) for part in (fields.get("firmware") or "0.0.0").split("."))
    numbers = (
        fields["version"],
        fields["device"],
        fields.get("flag_bits") or 0,
        fields.get("rssi") or 0,
        fields["timestamp"],
        fields.get("seq") or 0,
        fields["current_ma"],
    )
    listed = ", ".join(f"{number}u" if number > 0 else str(number) for number in numbers)
    return (
        f"    {{{json.dumps(vector['name'])}, {listed}, {_bytes(mac)}, {_bytes(firmware.hex())}, "
        f"{_bytes(vector['hex'])}, {_bytes(vector.get('ack_hex') or '')}, "
        f"{_bytes(vector.get('refused_ack_hex') or '')}}},\n"
    )


def header(document: dict[str, Any]) -> str:
    """Return the header with the key and every vector that a box could send."""
    valid = [vector for vector in document["vectors"] if vector["valid"]]
    return (
        "#pragma once\n\n#include <stdint.h>\n\n"
        "struct GoldenVector {\n    const char* name;\n    unsigned version, device, flags;\n    int rssi;\n"
        "    unsigned time, sequence, current_ma;\n    uint8_t mac[6], firmware[3];\n"
        "    uint8_t datagram[36], ack[24], refused[24];\n"
        "};\n\n"
        f"const uint8_t kGoldenKey[32] = {_bytes(document['key_hex'])};\n\n"
        "const GoldenVector kGoldenVectors[] = {\n" + "".join(map(_vector, valid)) + "};\n"
    )


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(header(json.loads(source.read_text())))


if __name__ == "__main__":
    main()
