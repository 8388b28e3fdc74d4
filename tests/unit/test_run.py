"""The runner of the tests must not be able to call a failure a success."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import run
from role_plugins import ROOT
from run import Check, Result, Stage


@pytest.fixture(autouse=True)
def _own_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").symlink_to(run.REPOSITORY / "tests")
    monkeypatch.setattr(run, "REPOSITORY", tmp_path)
    monkeypatch.setattr(run, "LOGS", tmp_path / "build" / "logs")


def shell(script: str, timeout_s: float = 30) -> Check:
    return Check("script", ("sh", "-c", script), timeout_s)


def pytest_check(tmp_path: Path, test_file: str) -> Check:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["notrun"]\n')
    (tmp_path / "test_it.py").write_text(test_file)
    options = ("-q", "-p", "no:cacheprovider", f"--junitxml={tmp_path / 'build/logs/it.xml'}")
    return Check("it", (sys.executable, "-m", "pytest", *options, "test_it.py"), junit=True)


def outcome(check: Check) -> Result:
    return run.run_stage(Stage("stage", (check,)))


def test_a_command_that_ends_well_counts_as_one_test() -> None:
    result = outcome(shell("echo fine"))
    assert (result.passed, result.failed, result.skipped, result.word) == (1, 0, 0, "passed")
    assert (run.LOGS / "stage-script.log").read_text() == "fine\n"


def test_a_command_that_fails_is_named_with_its_log() -> None:
    result = outcome(shell("exit 3"))
    assert (result.passed, result.failed, result.word) == (0, 1, "FAILED")
    assert result.failures == ["stage: script: exit status 3, log build/logs/stage-script.log"]


def test_a_command_that_takes_too_long_fails_and_ends_with_its_children(tmp_path: Path) -> None:
    begun = time.monotonic()
    result = outcome(shell("(sleep 3; touch late) & sleep 60", timeout_s=0.5))
    assert time.monotonic() - begun < 3
    assert (result.passed, result.failed) == (0, 1)
    assert "took longer than 0.5 s" in result.failures[0]
    time.sleep(3)
    assert not (tmp_path / "late").exists()


def test_a_process_left_behind_does_not_hold_the_runner() -> None:
    begun = time.monotonic()
    result = outcome(shell("sleep 20 & echo $!"))
    assert time.monotonic() - begun < 10
    assert result.passed == 1
    subprocess.run(["kill", (run.LOGS / "stage-script.log").read_text().strip()], check=True)


def test_a_missing_program_fails() -> None:
    result = outcome(Check("ghost", ("no-such-program",)))
    assert (result.passed, result.failed) == (0, 1)
    assert "make setup" in (run.LOGS / "stage-ghost.log").read_text()


def test_the_next_check_runs_after_a_failure() -> None:
    result = run.run_stage(Stage("stage", (shell("false"), shell("true"))))
    assert (result.passed, result.failed) == (1, 1)


def test_lines_that_say_not_run_are_collected() -> None:
    result = outcome(shell("echo 'NOT RUN: no compiler'; echo 'it says NOT RUN: not at the beginning'"))
    assert (result.passed, result.skipped, result.reasons) == (1, 1, ["no compiler"])


def test_a_scenario_that_passes_without_something_says_so(tmp_path: Path) -> None:
    task = {"name": "say", "ansible.builtin.debug": {"msg": "What this is:\nNOT RUN: thing: the whole: no moon"}}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    scenario = yaml.safe_load((ROOT / "molecule/central/molecule.yml").read_text())
    shown_as = scenario["ansible"]["cfg"]["defaults"]["callback_result_format"]
    (tmp_path / "ansible.cfg").write_text(f"[defaults]\ncallback_result_format = {shown_as}\n")
    result = outcome(shell(f"ANSIBLE_CONFIG=ansible.cfg exec {Path(sys.executable).parent}/ansible-playbook play.yml"))
    assert (result.passed, result.failed, result.skipped) == (1, 0, 1)
    text, status = run.summary([result])
    assert "NOT RUN: thing: the whole: no moon" in text.splitlines()
    assert (text.splitlines()[-1], status) == ("1 passed, 0 failed, 1 skipped", 0)


@pytest.mark.parametrize(
    ("script", "counts"),
    [
        ("echo 'NOT RUN: no compiler'; echo '12 passed, 0 failed, 1 skipped'", (12, 0, 1)),
        ("echo '12 passed, 3 failed'; exit 1", (12, 3, 0)),
        ("echo '12 passed, 0 failed'; exit 1", (12, 1, 0)),
        ("echo 'NOT RUN: no compiler'; echo '0 passed, 0 failed'", (0, 0, 1)),
        ("echo '0 passed, 0 failed'", (0, 1, 0)),
    ],
)
def test_a_sum_in_the_last_line_is_taken_over_but_not_against_the_status(
    script: str, counts: tuple[int, int, int]
) -> None:
    result = outcome(shell(script))
    assert (result.passed, result.failed, result.skipped) == counts


def test_a_stage_with_an_obstacle_never_passes() -> None:
    result = run.run_stage(Stage("stage", (shell("true"), shell("true")), lambda: "no podman"))
    assert (result.passed, result.failed, result.skipped, result.word) == (0, 0, 2, "NOT RUN")
    assert result.reasons == ["stage: no podman"]


MIXED = """
import pytest
from notrun import not_run

@pytest.mark.parametrize("number", range(3))
def test_right(number): pass
def test_wrong(): assert False
def test_not_run(): not_run("no moon")
def test_silent(): pytest.skip("never mind")
"""


def test_pytest_counts_its_own_tests(tmp_path: Path) -> None:
    result = outcome(pytest_check(tmp_path, MIXED))
    assert (result.passed, result.failed, result.skipped) == (3, 2, 1)
    assert result.reasons == ["no moon (test_it.py::test_not_run)"]


@pytest.mark.parametrize("test_file", ["", "import no_such_module", "raise SystemExit(0)"])
def test_pytest_without_a_test_fails(tmp_path: Path, test_file: str) -> None:
    result = outcome(pytest_check(tmp_path, test_file))
    assert result.passed == 0
    assert result.failed >= 1


def test_a_report_of_an_earlier_run_is_not_believed(tmp_path: Path) -> None:
    check = pytest_check(tmp_path, "def test_right(): pass")
    assert outcome(check).passed == 1
    result = outcome(Check("it", ("true",), junit=True))
    assert (result.passed, result.failed) == (0, 1)


def test_an_error_in_a_fixture_is_a_failure(tmp_path: Path) -> None:
    broken = "import pytest\n@pytest.fixture\ndef broken(): raise OSError\ndef test_it(broken): pass\n"
    result = outcome(pytest_check(tmp_path, broken))
    assert (result.passed, result.failed) == (0, 1)


def test_summary_ends_with_the_sum() -> None:
    results = [
        Result("lint", passed=5, seconds=30),
        Result("unit", passed=7, failed=2, failures=["unit: unit: exit status 1"], seconds=66),
        Result("e2e", skipped=1, reasons=["e2e: no podman"]),
    ]
    text, status = run.summary(results)
    lines = text.splitlines()
    assert lines[1].split() == ["lint", "passed", "5", "0", "0", "0.5"]
    assert lines[2].split() == ["unit", "FAILED", "7", "2", "0", "1.1"]
    assert lines[3].split() == ["e2e", "NOT", "RUN", "0", "0", "1", "0.0"]
    assert lines[4:] == [
        "failed: unit: unit: exit status 1",
        "NOT RUN: e2e: no podman",
        "12 passed, 2 failed, 1 skipped",
    ]
    assert status == 1


@pytest.mark.parametrize(
    ("results", "line", "status"),
    [
        ([Result("unit", passed=3)], "3 passed, 0 failed", 0),
        ([Result("unit", passed=3, skipped=2)], "3 passed, 0 failed, 2 skipped", 0),
        ([Result("unit", skipped=2)], "0 passed, 0 failed, 2 skipped", 1),
        ([], "0 passed, 0 failed", 1),
    ],
)
def test_exit_status(results: list[Result], line: str, status: int) -> None:
    text, got = run.summary(results)
    assert (text.splitlines()[-1], got) == (line, status)


def test_the_whole_run_goes_on_after_a_failed_stage(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stages = {name: Stage(name, (shell(script),)) for name, script in {"one": "exit 1", "two": "echo two"}.items()}
    monkeypatch.setattr(run, "stages", lambda: stages)
    assert run.main([]) == 1
    assert capfd.readouterr().out.splitlines()[-1] == "1 passed, 1 failed"
    assert run.main(["two"]) == 0


def test_an_interruption_still_ends_with_a_summary(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    stages = {"one": Stage("one", (shell("true"),)), "two": Stage("two", (shell("true"),), interrupt)}
    monkeypatch.setattr(run, "stages", lambda: stages)
    assert run.main([]) == 130
    assert capfd.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_a_stage_aside_runs_beside_the_others_and_is_shown_only_when_it_fails(
    capfd: pytest.CaptureFixture[str],
) -> None:
    meet = "touch {0}; until test -e {1}; do sleep 0.05; done; echo saw {1}"
    stages = [
        Stage("right", (shell(meet.format("a", "b")),), aside=True),
        Stage("wrong", (shell("echo it broke; exit 1"),), aside=True),
        Stage("here", (shell(meet.format("b", "a")),)),
    ]
    results = run.run_stages(stages)
    assert [(result.stage, result.word) for result in results] == [
        ("here", "passed"),
        ("right", "passed"),
        ("wrong", "FAILED"),
    ]
    shown = capfd.readouterr().out
    assert "saw a" in shown
    assert "saw b" not in shown
    assert "it broke" in shown


def test_a_stage_aside_that_is_the_only_one_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    run.run_stages([Stage("right", (shell("echo all is well"),), aside=True)])
    assert "all is well" in capfd.readouterr().out


def test_an_interruption_ends_the_stage_aside_too() -> None:
    def interrupt() -> str:
        raise KeyboardInterrupt

    begun = time.monotonic()
    run.run_stages([Stage("long", (shell("sleep 60"),), aside=True), Stage("here", (shell("true"),), interrupt)])
    assert time.monotonic() - begun < 30


def test_an_unknown_stage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["unite"])
    assert "there is no stage unite: choose from lint" in capsys.readouterr().err


def test_shell_files_are_known_by_their_first_line(tmp_path: Path) -> None:
    for name, text in {
        "plain": "#!/bin/sh\n",
        "bash": "#!/usr/bin/env bash\n",
        "library.sh": "true\n",
        "python": "#!/usr/bin/env python3\n",
        "fish": "#!/usr/bin/fish sh\n",
        "template.j2": "#!/bin/sh\n",
        "text": "sh\n",
        ".ci/run": "#!/bin/bash -eu\n",
        ".venv/bin/other": "#!/bin/sh\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "binary").write_bytes(b"\xff\x00#!")
    assert run.shell_files(tmp_path) == ["bash", "library.sh", "plain", ".ci/run"]
