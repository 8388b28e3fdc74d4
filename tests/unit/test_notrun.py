"""A test that does not run must say so: the plugin, seen from a pytest of its own."""

import subprocess
import sys
from pathlib import Path

import pytest


def output(tmp_path: Path, test_file: str) -> str:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["notrun"]\n')
    (tmp_path / "test_it.py").write_text(f"import pytest, unittest\nimport notrun\n{test_file}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", str(tmp_path)]
    path = str(Path(__file__).resolve().parents[1])
    result = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    return result.stdout


@pytest.mark.parametrize(
    "test_file",
    [
        "def test_it(): pytest.skip('silent')",
        "@pytest.mark.skip(reason='silent')\ndef test_it(): pass",
        "@pytest.mark.skipif(True, reason='silent')\ndef test_it(): pass",
        "@pytest.fixture\ndef given(): pytest.skip('silent')\ndef test_it(given): pass",
        "class TestIt(unittest.TestCase):\n    def test_it(self): self.skipTest('silent')",
        "@unittest.skip('silent')\nclass TestIt(unittest.TestCase):\n    def test_it(self): pass",
        "pytest.skip('silent', allow_module_level=True)",
        "pytest.importorskip('silent')",
    ],
)
def test_a_silent_skip_fails(tmp_path: Path, test_file: str) -> None:
    text = output(tmp_path, test_file)
    assert "must say NOT RUN and why. It said: " in text
    assert "silent" in text
    assert text.splitlines()[-1].startswith(("1 failed", "1 error"))


@pytest.mark.parametrize("assertion", ["False", "True"])
def test_an_expected_failure_fails(tmp_path: Path, assertion: str) -> None:
    text = output(tmp_path, f"@pytest.mark.xfail\ndef test_it(): assert {assertion}")
    assert "is expected to fail" in text
    assert text.splitlines()[-1].startswith("1 failed")


@pytest.mark.parametrize(
    "test_file",
    [
        "def test_it(): notrun.not_run('no moon')",
        "@pytest.mark.not_run_unless(False, 'no moon')\ndef test_it(): assert False",
        "@pytest.fixture(scope='session')\ndef moon(): notrun.not_run('no moon')\ndef test_it(moon): pass",
        "notrun.not_run('no moon')",
    ],
)
def test_a_test_that_says_why_is_not_run(tmp_path: Path, test_file: str) -> None:
    text = output(tmp_path, test_file)
    assert [line for line in text.splitlines() if line.startswith("NOT RUN: no moon (")]
    assert text.splitlines()[-1].startswith("1 skipped")


def test_a_condition_that_holds_lets_the_test_run(tmp_path: Path) -> None:
    text = output(tmp_path, "@pytest.mark.not_run_unless(True, 'no moon')\ndef test_it(): pass")
    assert text.splitlines()[-1].startswith("1 passed")


def test_one_reason_is_said_once(tmp_path: Path) -> None:
    text = output(tmp_path, "@pytest.mark.parametrize('n', range(4))\ndef test_it(n): notrun.not_run('no moon')")
    said = [line for line in text.splitlines() if line.startswith("NOT RUN: ")]
    assert len(said) == 1
    assert said[0].endswith("test_it.py::test_it[0] and 3 more)")
