"""The wheelhouse: built once per state of the sources, never half, and in one sentence when it cannot be built."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from role_plugins import load


@pytest.fixture
def script() -> Any:
    return load("roles/bridge/files/build_wheelhouse.py")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "bridge/src/ecms_bridge").mkdir(parents=True)
    (tmp_path / "bridge/pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.3"\n')
    (tmp_path / "bridge/src/ecms_bridge/a.py").write_text("a = 1\n")
    (tmp_path / "lock.txt").write_text("x==1 --hash=sha256:0\n")
    return tmp_path


def run(
    script: Any, package: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *more: str
) -> Any:
    words = [
        "--source",
        str(package / "bridge"),
        "--lock",
        str(package / "lock.txt"),
        "--cache",
        str(package / "cache"),
    ]
    monkeypatch.setattr(sys, "argv", ["build_wheelhouse", *words, *more])
    script.main()
    return json.loads(capsys.readouterr().out)


def pretend_to_build(_source: Path, _lock: Path, target: Path) -> None:
    (target / "x.whl").write_text("wheel")


def test_state_follows_the_sources_and_nothing_else(script: Any, package: Path) -> None:
    source, lock = package / "bridge", package / "lock.txt"
    states = [script.state_of(source, lock)]
    (source / "src/ecms_bridge/__pycache__").mkdir()
    (source / "src/ecms_bridge/__pycache__/a.pyc").write_bytes(b"x")
    (source / "src/x.egg-info").mkdir()
    (source / "src/x.egg-info/PKG-INFO").write_text("x")
    (source / "tests").mkdir()
    (source / "tests/test_a.py").write_text("x")
    assert script.state_of(source, lock) == states[0]
    (source / "src/ecms_bridge/a.py").write_text("a = 2\n")
    states.append(script.state_of(source, lock))
    (source / "src/ecms_bridge/a.py").rename(source / "src/ecms_bridge/b.py")
    states.append(script.state_of(source, lock))
    (source / "src/ecms_bridge/c.sql").write_text("")
    states.append(script.state_of(source, lock))
    lock.write_text("x==2 --hash=sha256:1\n")
    states.append(script.state_of(source, lock))
    assert len(set(states)) == len(states)


def test_built_once_per_state(
    script: Any, package: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "build", pretend_to_build)
    first = run(script, package, capsys, monkeypatch)
    assert first["built"]
    assert first["version"] == "1.2.3"
    assert [path.name for path in Path(first["path"]).iterdir()] == ["x.whl"]
    assert run(script, package, capsys, monkeypatch) == {**first, "built": False}


def test_check_builds_nothing(
    script: Any, package: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not run(script, package, capsys, monkeypatch, "--check")["built"]
    assert not (package / "cache").exists()


def test_interrupted_build_leaves_no_half_wheelhouse(
    script: Any, package: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_late(source: Path, lock: Path, target: Path) -> None:
        pretend_to_build(source, lock, target)
        raise script.BuildError("pip wheel failed on the controller: no space")

    monkeypatch.setattr(script, "build", fail_late)
    with pytest.raises(SystemExit, match="cannot build the bridge's wheels: pip wheel failed"):
        run(script, package, capsys, monkeypatch)
    assert [path.name for path in (package / "cache").iterdir()] == [".lock"]
    monkeypatch.setattr(script, "build", pretend_to_build)
    assert run(script, package, capsys, monkeypatch)["built"]


def test_pip_fails_in_one_sentence(script: Any) -> None:
    with pytest.raises(script.BuildError, match=r"^pip no-such-command failed on the controller: ") as caught:
        script.pip("no-such-command")
    assert "\n" not in str(caught.value)


def test_missing_sources_are_one_sentence(
    script: Any, package: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "lock.txt").unlink()
    with pytest.raises(SystemExit, match=r"cannot build the bridge's wheels: .*lock\.txt"):
        run(script, package, capsys, monkeypatch)
