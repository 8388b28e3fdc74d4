"""The box's C++ library against Python's own: struct, hmac, urllib, statistics, json, zlib."""

from __future__ import annotations

import ctypes
import hashlib
import hmac
import html
import json
import math
import statistics
import struct
import subprocess
import urllib.parse
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecms_bridge.datagram import Datagram, Flag, acknowledgement, encode, parse
from notrun import not_run

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"

_TOOLS = {"cmake": "/usr/bin/cmake", "g++": "/usr/bin/g++", "doctest-dev": "/usr/include/doctest/doctest.h"}
for _package, _file in _TOOLS.items():
    if not Path(_file).exists():
        not_run(f"the box's C++ is built with {_package} (apt install {' '.join(_TOOLS)})")

# The first test builds the library.
pytestmark = pytest.mark.timeout(900)

byte = st.integers(0, 0xFF)
word = st.integers(0, 0xFFFFFFFF)
macs = st.binary(min_size=6, max_size=6)
keys = st.binary(min_size=32, max_size=32)
MANY = settings(max_examples=400, deadline=None)


@pytest.fixture(scope="module")
def box() -> ctypes.CDLL:
    subprocess.run(["make", "-C", FIRMWARE, "-s", "native"], check=True)
    library = ctypes.CDLL(str(ROOT / "build/firmware/cmake/libecms_c.so"))
    for name in ("c_decode", "c_escape", "c_answer_dns"):
        getattr(library, name).restype = ctypes.c_size_t
    library.c_crc32.restype = ctypes.c_uint32
    return library


def _size(value: int) -> ctypes.c_size_t:
    return ctypes.c_size_t(value)


def _decode(box: ctypes.CDLL, encoded: bytes, capacity: int = 4096) -> bytes:
    out = ctypes.create_string_buffer(capacity)
    length = box.c_decode(encoded, _size(len(encoded)), out, _size(capacity))
    return out.raw[:length]


def _escape(box: ctypes.CDLL, kind: int, text: bytes) -> bytes:
    out = ctypes.create_string_buffer(8 * len(text) + 16)
    length = box.c_escape(kind, text, _size(len(text)), out, _size(len(out)))
    return out.raw[:length]


def _encode(box: ctypes.CDLL, key: bytes, datagram: Datagram) -> bytes:
    out = ctypes.create_string_buffer(36)
    box.c_encode(
        datagram.version,
        ctypes.c_uint8(datagram.device),
        ctypes.c_uint8(datagram.flags),
        ctypes.c_int8(datagram.rssi or 0),
        ctypes.c_uint32(datagram.timestamp),
        ctypes.c_uint32(datagram.sequence or 0),
        ctypes.c_uint32(datagram.current_ma),
        datagram.mac,
        key,
        out,
    )
    return out.raw[: 12 if datagram.version == 1 else 36]


def datagrams() -> st.SearchStrategy[Datagram]:
    return st.builds(
        Datagram,
        version=st.just(2),
        mac=macs,
        timestamp=word,
        device=byte,
        current_ma=word,
        flags=st.integers(0, 31).map(Flag),
        rssi=st.integers(-128, 127),
        sequence=word,
        firmware=st.just((0, 1, 0)),
    )


@MANY
@given(data=st.binary(max_size=300))
def test_sha256_is_hashlibs(box: ctypes.CDLL, data: bytes) -> None:
    digest = ctypes.create_string_buffer(32)
    box.c_sha256(data, _size(len(data)), digest)
    assert digest.raw == hashlib.sha256(data).digest()


@MANY
@given(key=st.binary(max_size=64), data=st.binary(max_size=200), split=st.integers(0, 200))
def test_hmac_is_pythons_wherever_the_parts_meet(box: ctypes.CDLL, key: bytes, data: bytes, split: int) -> None:
    digest = ctypes.create_string_buffer(32)
    box.c_hmac(key, _size(len(key)), data, _size(min(split, len(data))), _size(len(data)), digest)
    assert digest.raw == hmac.digest(key, data, "sha256")


@MANY
@given(key=keys, datagram=datagrams())
def test_the_hub_reads_what_the_box_writes(box: ctypes.CDLL, key: bytes, datagram: Datagram) -> None:
    data = _encode(box, key, datagram)
    assert data == encode(datagram, key)
    assert parse(data, key) == datagram


@MANY
@given(key=keys, mac=macs, time=word, device=byte, ampere=st.integers(0, 255))
def test_version_1_is_the_documents_layout(
    box: ctypes.CDLL, key: bytes, mac: bytes, time: int, device: int, ampere: int
) -> None:
    datagram = Datagram(version=1, mac=mac, timestamp=time, device=device, current_ma=ampere * 1000)
    assert _encode(box, key, datagram) == struct.pack(">6sIBB", mac, time, device, ampere)


@MANY
@given(key=keys, datagram=datagrams(), refused=st.booleans(), other=datagrams())
def test_the_box_believes_exactly_the_hubs_acknowledgements(
    box: ctypes.CDLL, key: bytes, datagram: Datagram, refused: bool, other: Datagram
) -> None:
    def judge(ack: bytes, of: Datagram, with_key: bytes) -> int:
        return int(
            box.c_judge(
                ack,
                ctypes.c_uint32(of.timestamp),
                ctypes.c_uint32(of.sequence or 0),
                ctypes.c_uint32(of.current_ma),
                with_key,
            )
        )

    ack = acknowledgement(encode(datagram, key), key, refused=refused)
    assert judge(ack, datagram, key) == (2 if refused else 1)
    bound = (datagram.timestamp, datagram.sequence, datagram.current_ma)
    if bound != (other.timestamp, other.sequence, other.current_ma):
        assert judge(ack, other, key) == 0
    assert judge(ack, datagram, bytes(b ^ 1 for b in key)) == 0


@MANY
@given(text=st.binary(max_size=200))
def test_every_byte_survives_the_form(box: ctypes.CDLL, text: bytes) -> None:
    assert _decode(box, urllib.parse.quote_plus(text).encode()) == text
    assert _decode(box, "".join(f"%{byte:02x}" for byte in text).encode()) == text


@MANY
@given(encoded=st.text(alphabet="%+0123456789abcdefABCDEFgG=&?/ é", max_size=60))
def test_broken_escapes_are_what_the_reference_makes_of_them(box: ctypes.CDLL, encoded: str) -> None:
    raw = encoded.encode()
    assert _decode(box, raw) == urllib.parse.unquote_to_bytes(raw.replace(b"+", b" "))


@MANY
@given(encoded=st.binary(max_size=80), capacity=st.integers(0, 40))
def test_a_value_never_leaves_its_room(box: ctypes.CDLL, encoded: bytes, capacity: int) -> None:
    out = ctypes.create_string_buffer(b"\xa5" * (capacity + 16), capacity + 16)
    length = box.c_decode(encoded, _size(len(encoded)), out, _size(capacity))
    whole = urllib.parse.unquote_to_bytes(encoded.replace(b"+", b" "))
    assert length == len(whole)
    assert out.raw[: min(length, capacity)] == whole[:capacity]
    assert out.raw[capacity:] == b"\xa5" * 16


names_of_fields = st.sampled_from(["ssid", "password", "device", "lang", "x"])


@MANY
@given(pairs=st.lists(st.tuples(names_of_fields, st.text(max_size=20)), max_size=6), wanted=names_of_fields)
def test_parameters_are_what_urllib_finds(box: ctypes.CDLL, pairs: list[tuple[str, str]], wanted: str) -> None:
    query = urllib.parse.urlencode(pairs, errors="surrogatepass").encode()
    expected = next((v.encode(errors="surrogatepass") for n, v in pairs if n == wanted), None)
    out = ctypes.create_string_buffer(256)
    found = box.c_parameter(query, _size(len(query)), wanted.encode(), _size(len(wanted)), out, _size(256))
    assert (None if found < 0 else out.raw[:found]) == expected


@MANY
@given(text=st.text(max_size=60))
def test_html_and_url_read_back_as_they_were(box: ctypes.CDLL, text: str) -> None:
    raw = text.encode(errors="replace")
    escaped = _escape(box, 0, raw)
    assert html.unescape(escaped.decode()) == raw.decode()
    assert not set(b"<>\"'") & set(escaped)
    assert urllib.parse.unquote_to_bytes(_escape(box, 1, raw)) == raw


@MANY
@given(raw=st.one_of(st.binary(max_size=60), st.text(max_size=40).map(lambda t: t.encode(errors="replace"))))
def test_any_network_name_makes_valid_json(box: ctypes.CDLL, raw: bytes) -> None:
    decoded = json.loads(b'"' + _escape(box, 2, raw) + b'"')
    try:
        assert decoded == raw.decode()
    except UnicodeDecodeError:
        assert "\ufffd" in decoded


@MANY
@given(data=st.binary(max_size=300))
def test_the_records_checksum_is_zlibs(box: ctypes.CDLL, data: bytes) -> None:
    assert box.c_crc32(data, _size(len(data))) == zlib.crc32(data)


@MANY
@given(data=st.binary(max_size=520))
def test_no_dns_question_brings_the_box_down(box: ctypes.CDLL, data: bytes) -> None:
    out = ctypes.create_string_buffer(528)
    size = box.c_answer_dns(data, _size(len(data)), out)
    assert size == 0 or (12 <= size <= 528 and out.raw[:2] == data[:2])


labels = st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=5)


@MANY
@given(identifier=st.binary(min_size=2, max_size=2), name=labels, kind=st.sampled_from([1, 28, 65]))
def test_every_name_leads_to_the_box(box: ctypes.CDLL, identifier: bytes, name: list[bytes], kind: int) -> None:
    question = b"".join(bytes([len(part)]) + part for part in name) + b"\0" + struct.pack(">HH", kind, 1)
    query = identifier + b"\x01\0\0\1\0\0\0\0\0\0" + question
    out = ctypes.create_string_buffer(528)
    size = box.c_answer_dns(query, _size(len(query)), out)
    answer = out.raw[:size]
    assert answer[:2] == identifier
    assert answer[12 : 12 + len(question)] == question
    expected = b"\xc0\x0c\0\1\0\1\0\0\0\x0a\0\4" + bytes([192, 168, 1, 2]) if kind == 1 else b""
    assert answer[12 + len(question) :] == expected
    assert answer[6:8] == (b"\0\1" if kind == 1 else b"\0\0")


@MANY
@given(data=st.binary(max_size=900))
def test_no_request_brings_the_box_down(box: ctypes.CDLL, data: bytes) -> None:
    path = ctypes.create_string_buffer(600)
    assert box.c_request(data, _size(len(data)), path, _size(600)) in range(5)


PARTS = ((0, 185), (1, 100), (2, 66))


@MANY
@given(
    part=st.sampled_from(PARTS),
    zero=st.integers(420, 620),
    peak=st.floats(0, 380),
    noise=st.lists(st.integers(-3, 3), min_size=400, max_size=400),
)
def test_rms_is_the_standard_deviation_in_ampere(
    box: ctypes.CDLL, part: tuple[int, int], zero: int, peak: float, noise: list[int]
) -> None:
    index, sensitivity_mv = part
    wave = (zero + peak * math.sin(math.tau * i / 40) + n for i, n in enumerate(noise))
    counts = [min(1023, max(0, round(value))) for value in wave]
    mean, deviation, current = ctypes.c_double(), ctypes.c_double(), ctypes.c_uint32()
    floor, cut = 1.5, 2.5
    state = box.c_measure(
        index,
        (ctypes.c_int * 400)(*counts),
        _size(400),
        ctypes.c_uint32(round(floor * 1000)),
        ctypes.c_uint32(round(cut * 1000)),
        ctypes.c_uint32(1_000_000),
        ctypes.byref(mean),
        ctypes.byref(deviation),
        ctypes.byref(current),
    )
    rms = statistics.pstdev(counts)
    assert state & 1
    assert mean.value == pytest.approx(statistics.fmean(counts))
    assert deviation.value == pytest.approx(rms)
    net = math.sqrt(max(0, rms**2 - floor**2)) if rms >= cut else 0
    assert current.value == pytest.approx(net / statistics.fmean(counts) * 2500 / sensitivity_mv * 1000, abs=0.51)


def test_the_library_uses_no_heap_and_throws_nothing(box: ctypes.CDLL) -> None:
    archive = ROOT / "build/firmware/cmake/libecms.a"
    listed = subprocess.run(
        ["nm", "-C", "--undefined-only", archive], check=True, capture_output=True, text=True
    ).stdout
    wanted = {line.split(maxsplit=1)[1] for line in listed.splitlines() if line.strip().startswith("U ")}
    assert "memcpy" in wanted
    forbidden = ("operator new", "malloc", "calloc", "realloc", "__cxa_throw", "std::")
    assert not [name for name in wanted if name.startswith(forbidden)]


def test_the_library_knows_no_arduino_and_the_glue_stays_thin() -> None:
    sources = [*(FIRMWARE / "lib").rglob("*.h"), *(FIRMWARE / "lib").rglob("*.cpp")]
    included = {line for source in sources for line in source.read_text().splitlines() if line.startswith("#include")}
    angled = {line.split("<")[1].split(">")[0] for line in included if "<" in line}
    assert angled <= {"stddef.h", "stdint.h", "string.h", "math.h"}
    assert len((FIRMWARE / "src/main.cpp").read_text().splitlines()) < 150
