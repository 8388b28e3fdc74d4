"""A test that does not run must say so: the plugin, seen from one pytest run over a file for each case."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

SILENT = [
    "def test_it(): pytest.skip('silent')",
    "@pytest.mark.skip(reason='silent')\ndef test_it(): pass",
    "@pytest.mark.skipif(True, reason='silent')\ndef test_it(): pass",
    "@pytest.fixture\ndef given(): pytest.skip('silent')\ndef test_it(given): pass",
    "class TestIt(unittest.TestCase):\n    def test_it(self): self.skipTest('silent')",
    "@unittest.skip('silent')\nclass TestIt(unittest.TestCase):\n    def test_it(self): pass",
    "pytest.skip('silent', allow_module_level=True)",
    "pytest.importorskip('silent')",
]
EXPECTED_TO_FAIL = [f"@pytest.mark.xfail\ndef test_it(): assert {outcome}" for outcome in ("False", "True")]
SAID = [
    "def test_it(): notrun.not_run('no moon')",
    "@pytest.mark.not_run_unless(False, 'no moon')\ndef test_it(): assert False",
    "@pytest.fixture(scope='session')\ndef moon(): notrun.not_run('no moon')\ndef test_it(moon): pass",
    "notrun.not_run('no moon')",
]
RIGHT = ["@pytest.mark.not_run_unless(True, 'no sun')\ndef test_it(): pass"]
CASES = [*SILENT, *EXPECTED_TO_FAIL, *SAID, *RIGHT]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, ET.Element], str]:
    """Run every case and return its element of the JUnit report by the case's text, and the output."""
    directory = tmp_path_factory.mktemp("cases")
    (directory / "conftest.py").write_text('pytest_plugins = ["notrun"]\n')
    for number, case in enumerate(CASES):
        (directory / f"test_{number}.py").write_text(f"import pytest, unittest\nimport notrun\n{case}\n")
    options = (
        "-q",
        "-p",
        "no:cacheprovider",
        "--strict-markers",
        "--continue-on-collection-errors",
        "--junitxml=it.xml",
    )
    path = str(Path(__file__).resolve().parents[1])
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=directory,
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {}
    for test in ET.parse(directory / "it.xml").iter("testcase"):
        words = f"{test.get('classname')}.{test.get('name')}".split(".")
        number = next(int(word.removeprefix("test_")) for word in words if word.removeprefix("test_").isdigit())
        found[CASES[number]] = test
    return found, result.stdout


def outcome(test: ET.Element) -> tuple[str, str]:
    """Return what came of a test in a word, and what was said of it."""
    return (test[0].tag, f"{test[0].get('message')} {test[0].text}") if len(test) else ("passed", "")


@pytest.mark.parametrize("case", SILENT)
def test_a_silent_skip_fails(report: tuple[dict[str, ET.Element], str], case: str) -> None:
    word, said = outcome(report[0][case])
    assert word in ("failure", "error")
    assert "must say NOT RUN and why. It said: " in said
    assert "silent" in said


@pytest.mark.parametrize("case", EXPECTED_TO_FAIL)
def test_an_expected_failure_fails(report: tuple[dict[str, ET.Element], str], case: str) -> None:
    word, said = outcome(report[0][case])
    assert word == "failure"
    assert "is expected to fail" in said


@pytest.mark.parametrize("case", SAID)
def test_a_test_that_says_why_is_not_run(report: tuple[dict[str, ET.Element], str], case: str) -> None:
    word, said = outcome(report[0][case])
    assert word == "skipped"
    assert "no moon" in said


def test_a_condition_that_holds_lets_the_test_run(report: tuple[dict[str, ET.Element], str]) -> None:
    assert outcome(report[0][RIGHT[0]]) == ("passed", "")


def test_one_reason_is_said_once(report: tuple[dict[str, ET.Element], str]) -> None:
    said = [line for line in report[1].splitlines() if line.startswith("NOT RUN: ")]
    assert len(said) == 1
    assert said[0].startswith("NOT RUN: no moon (test_")
    assert said[0].endswith(" and 3 more)")
