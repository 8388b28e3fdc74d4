"""The command that shows and makes datagrams, against the golden vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecms_bridge.datagram_tool import main

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "tests/vectors/datagrams.json").read_text(encoding="ascii")
)
KEY: str = DOCUMENT["key_hex"]
VECTORS = [pytest.param(vector, id=vector["name"]) for vector in DOCUMENT["vectors"]]
GOOD = [pytest.param(vector, id=vector["name"]) for vector in DOCUMENT["vectors"] if vector["valid"]]


def run(words: list[str]) -> object:
    """The exit code, also where argparse leaves by itself."""
    try:
        return main(words)
    except SystemExit as ended:
        return ended.code


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "key"
    path.write_text(KEY + "\n", encoding="ascii")
    return str(path)


@pytest.mark.parametrize("vector", VECTORS)
def test_decode(vector: dict[str, Any], key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["decode", "--key-file", key_file, vector["hex"]])
    captured = capsys.readouterr()
    if not vector["valid"]:
        assert (code, captured.out, captured.err) == (1, "", f"ecms-datagram: refused: {vector['reason']}\n")
        return
    fields = vector["fields"]
    expected: dict[str, Any] = {
        "version": fields["version"],
        "authentic": True if fields["version"] == 2 else None,
        "mac": fields["mac"],
        "timestamp": fields["timestamp"],
        "device": fields["device"],
        "amps": fields["current_ma"] / 1000,
    }
    if fields["version"] == 2:
        expected |= {name: fields[name] for name in ("rssi", "seq", "flags", "firmware")}
    assert (code, json.loads(captured.out), captured.err) == (0, expected, "")


@pytest.mark.parametrize("vector", GOOD)
def test_encode(vector: dict[str, Any], key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    fields = vector["fields"]
    words = ["encode", "--mac", fields["mac"], "--device", fields["device"], "--timestamp", fields["timestamp"]]
    words += ["--amps", fields["current_ma"] / 1000]
    if fields["version"] == 1:
        words += ["--v1"]
    else:
        words += ["--key-file", key_file, f"--rssi={fields['rssi']}", "--seq", fields["seq"]]
        words += ["--firmware", fields["firmware"], *(w for flag in fields["flags"] for w in ("--flag", flag))]
    assert main([str(word) for word in words]) == 0
    assert capsys.readouterr().out == vector["hex"] + "\n"


def test_without_a_key_the_tag_is_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    by_name = {vector["name"]: vector["hex"] for vector in DOCUMENT["vectors"]}
    assert main(["decode", by_name["tag of zeros"]]) == 0
    assert json.loads(capsys.readouterr().out)["authentic"] is None
    assert main(["decode", by_name["version 3"]]) == 1
    assert main(["decode", "--key", KEY, by_name["plain"]]) == 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["decode", "xyz"], 2, "not hexadecimal"),
        (["decode", "--key", "00", "00"], 2, "64 hexadecimal digits"),
        (["decode", "--key-file", "/nonexistent/key", "00"], 2, "cannot read the key file"),
        (["encode", "--mac", "5C", "--device", "1", "--amps", "1"], 2, "no MAC address"),
        (["encode", "--mac", "5C:CF:7F:01:02:03", "--device", "1", "--amps", "1"], 1, "give --key-file"),
        (["encode", "--v1", "--mac", "5C:CF:7F:01:02:03", "--device", "256", "--amps", "1"], 1, "out of its range"),
        (
            ["encode", "--key", KEY, "--mac", "5C:CF:7F:01:02:03", "--device", "1", "--amps", "1", "--firmware", "1"],
            2,
            "no version",
        ),
        (
            [
                *["encode", "--key", KEY, "--mac", "5C:CF:7F:01:02:03", "--device", "1", "--amps", "1"],
                *["--firmware", "1.2.256"],
            ],
            1,
            "out of its range",
        ),
    ],
)
def test_mistakes(words: list[str], code: int, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == code
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.out == ""
