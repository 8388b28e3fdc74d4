"""Run the stages of the tests one after the other, whatever fails, and end with a summary that hides nothing.

``tests/run.py`` runs every stage, ``tests/run.py lint unit`` those named. Output goes to the terminal as it comes and
to build/logs/; a stage that runs beside the others is shown only if it fails. A check that is not pytest says what it
could not run with lines that begin with ``NOT RUN: ``, indented as Ansible shows what a task says or not, and counts
as one test unless its last line is a sum like the last line here.
"""

import argparse
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from notrun import PREFIX

REPOSITORY = Path(__file__).resolve().parents[1]
LOGS = REPOSITORY / "build" / "logs"
_BIN = Path(sys.executable).parent
_PYTHON_TREES = ("bridge/src", "bridge/tests", "tests", "roles/household/household_checks", "grafana/ecms_dashboards")
_NOT_OURS = {".git", ".venv", "build", "node_modules", ".pio"}
_SHELLS = {b"sh", b"bash", b"dash"}
# The stage firmware runs these, together with what they are built from.
_NOT_OF_FIRMWARE = "--ignore-glob=*/test_firmware_*.py"
# Three machines of its own, which nothing else needs.
_CLUSTER = "tests/e2e/test_galera.py"
_SUM = re.compile(r"(\d+) passed, (\d+) failed\b")
_POLL_S = 0.5
_INTERRUPTED = 130
_LANES_BESIDE = 2
"""With the stage in front, three at once keep two cores busy: machines, servers and clocks are often waited for."""
_interruption = threading.Event()


@dataclass(frozen=True)
class Check:
    """One command. ``junit``: it is pytest, which counts its tests in a report."""

    name: str
    command: tuple[str, ...]
    timeout_s: float = 600
    junit: bool = False


@dataclass(frozen=True)
class Stage:
    """Checks under one name; ``obstacle`` returns why they cannot run here, or an empty string.

    ``aside``: it runs beside the others, and the terminal sees its output only if it fails.
    """

    name: str
    checks: tuple[Check, ...]
    obstacle: Callable[[], str] = str
    aside: bool = False


@dataclass
class Result:
    """What came of a stage: numbers of tests, s, and the sentences to repeat in the summary."""

    stage: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """The stage in one word."""
        if self.failed:
            return "FAILED"
        return "passed" if self.passed else "NOT RUN"


def _tool(name: str, *arguments: str) -> tuple[str, ...]:
    return (str(_BIN / name), *arguments)


def _pytest(name: str, *arguments: str, timeout_s: float) -> Check:
    report = f"--junitxml={LOGS / f'{name}.xml'}"
    return Check(name, _tool("pytest", "-q", "--durations=5", report, *arguments), timeout_s, junit=True)


def _scenario(name: str) -> Check:
    scratch = f"MOLECULE_EPHEMERAL_DIRECTORY={REPOSITORY / 'build' / 'molecule' / name}"
    command = ("env", scratch, *_tool("molecule", "test", "--scenario-name", name))
    # The addresses without which a scenario cannot work, such as those of a vendor's packages.
    needs = REPOSITORY / "molecule" / name / "needs.txt"
    if needs.exists():
        command = (sys.executable, str(REPOSITORY / "tests/reached.py"), name, str(needs), *command)
    return Check(name, command, 3600)


def shell_files(root: Path) -> list[str]:
    """Return the shell scripts below ``root``, known by their first line or their suffix; a template is none yet."""
    found = []
    for directory, names, files in os.walk(root):
        names[:] = sorted(set(names) - _NOT_OURS)
        paths = (Path(directory) / name for name in sorted(files))
        found += [
            str(path.relative_to(root))
            for path in paths
            if path.suffix == ".sh" or (path.suffix != ".j2" and _interpreter(path) in _SHELLS)
        ]
    return found


def _interpreter(path: Path) -> bytes:
    with path.open("rb") as handle:
        first = handle.readline(80)
    if not first.startswith(b"#!"):
        return b""
    names = [word.rpartition(b"/")[2] for word in first[2:].split()]
    return b"".join(names[1:2] if names[:1] == [b"env"] else names[:1])


def _without_machines() -> str:
    """Return why no machine can be started here, or an empty string."""
    if not (shutil.which("podman") and shutil.which("debootstrap", path=f"{os.environ['PATH']}:/usr/sbin")):
        return "machines need podman and debootstrap, which `make setup` installs"
    if os.geteuid() and subprocess.run(["sudo", "-v"], check=False).returncode:
        return "machines need root: run as root, or as a user who may use sudo"
    return ""


def stages() -> dict[str, Stage]:
    """Return every stage by its name, in the order in which they run."""
    python = (
        Check("ruff check", _tool("ruff", "check", ".")),
        Check("ruff format", _tool("ruff", "format", "--check", ".")),
        Check("mypy", _tool("mypy", *_PYTHON_TREES)),
    )
    playbooks = ["site.yml", *sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("playbooks/*.yml"))]
    many_homes = [word for name in ("central", "casa_rossi", "casa_bianchi") for word in ("-i", f"inventories/{name}")]
    others = (
        Check("yamllint", _tool("yamllint", "--strict", ".")),
        Check("shellcheck", ("shellcheck", *shell_files(REPOSITORY))),
        Check("playbook syntax", _tool("ansible-playbook", "--syntax-check", "-i", "inventories/demo", *playbooks)),
        Check("many homes syntax", _tool("ansible-playbook", "--syntax-check", *many_homes, "site.yml")),
        Check("ansible-lint", _tool("ansible-lint", "--strict")),
    )
    scenarios = sorted(REPOSITORY.glob("molecule/*/molecule.yml"))
    every = [
        Stage("lint", python + others),
        Stage("lint-python", python),
        Stage("unit", (_pytest("unit", "bridge/tests", "tests/unit", timeout_s=1200),)),
        # The end-to-end tests take as long as all that follows, and mostly wait for their machines.
        Stage("contract", (_pytest("contract", "tests/contract", _NOT_OF_FIRMWARE, timeout_s=3000),), aside=True),
        Stage("molecule", tuple(_scenario(path.parent.name) for path in scenarios), _without_machines, aside=True),
        Stage("bench", (Check("bench", (sys.executable, "-m", "bench", "--scale", "small"), 600),), aside=True),
        Stage("cluster", (_pytest("cluster", _CLUSTER, timeout_s=3000),), _without_machines, aside=True),
        Stage("e2e", (_pytest("e2e", "tests/e2e", f"--ignore={_CLUSTER}", timeout_s=4200),), _without_machines),
    ]
    for part in ("cad", "firmware"):
        if (REPOSITORY / part / "Makefile").exists():
            check = Check(part, ("make", "--no-print-directory", "-C", part, "test"), 1800)
            every.insert(5, Stage(part, (check,), aside=True))
    return {stage.name: stage for stage in every}


def run_stage(stage: Stage, *, show: bool = True) -> Result:
    """Run every check of a stage, also after one has failed; with ``show`` the terminal sees their output."""
    result = Result(stage.name)
    begun = time.monotonic()
    obstacle = stage.obstacle()
    if obstacle:
        print(f"{PREFIX}{stage.name}: {obstacle}", flush=True)
        result.skipped = len(stage.checks)
        result.reasons.append(f"{stage.name}: {obstacle}")
    else:
        for check in stage.checks:
            run_check(check, result, show=show)
    result.seconds = time.monotonic() - begun
    if not show:
        print(f"\n==> {stage.name}: {result.word} beside the others, {result.passed} passed", flush=True)
    return result


def run_check(check: Check, result: Result, *, show: bool) -> None:
    """Run one check with its output logged, and add what came of it to ``result``."""
    if show:
        print(f"\n==> {result.stage}: {check.name}", flush=True)
    log = LOGS / f"{result.stage}-{check.name.replace(' ', '-')}.log"
    report = LOGS / f"{check.name}.xml"
    log.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    status = stream(check.command, log, check.timeout_s, show=show)
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    reasons = [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)]
    result.reasons += reasons
    if check.junit:
        passed, failed, skipped = count(report)
    else:
        own = _SUM.match(lines[-1]) if lines else None
        passed, failed = (int(own[1]), int(own[2])) if own else (int(status == 0), 0)
        skipped = len(reasons)
    if not failed and (status != 0 or not passed + skipped):
        failed = 1
    if failed:
        why = f"took longer than {check.timeout_s:g} s" if status is None else f"exit status {status}"
        result.failures.append(f"{result.stage}: {check.name}: {why}, log {log.relative_to(REPOSITORY)}")
    result.passed += passed
    result.failed += failed
    result.skipped += skipped


def count(report: Path) -> tuple[int, int, int]:
    """Return the numbers of tests (passed, failed, skipped) of a JUnit report; none where there is no report."""
    if not report.exists():
        return 0, 0, 0
    suites = ET.parse(report).getroot().iter("testsuite")
    passed = failed = skipped = 0
    for suite in suites:
        tests, wrong, left = (int(suite.get(key, "0")) for key in ("tests", "failures", "skipped"))
        wrong += int(suite.get("errors", "0"))
        failed += wrong
        skipped += left
        passed += tests - wrong - left
    return passed, failed, skipped


def environment() -> dict[str, str]:
    """Return the environment of every check: our packages and tools first, output as it comes."""
    path = f"{_BIN}:{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    packages = ":".join(str(REPOSITORY / part) for part in ("bridge/src", "tests", "grafana"))
    plain = {"NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "PY_COLORS": "0", "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **plain, "PATH": path, "PYTHONPATH": packages}


def stream(command: Sequence[str], log: Path, timeout_s: float, *, show: bool) -> int | None:
    """Run ``command``, copying its output to ``log``; return its status, None after ``timeout_s``.

    With ``show`` the terminal gets it too. Its whole process group ends with it. What a process that it leaves behind
    might still write is not waited for.
    """
    # Unbuffered, so that it can be followed.
    with log.open("wb", buffering=0) as copy:
        try:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            message = f"The program {command[0]} is missing: run make setup.\n"
            print(message, end="", flush=True)
            copy.write(message.encode())
            return 127
        try:
            return _copy_until_the_end(process, copy.write, time.monotonic() + timeout_s, show=show)
        except BaseException:
            _end_group(process)
            raise


def _copy_until_the_end(
    process: subprocess.Popen[bytes], write: Callable[[bytes], object], deadline: float, *, show: bool
) -> int | None:
    if process.stdout is None:
        raise ValueError("the output of the process must be a pipe")
    with process.stdout as output, selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            if selector.select(_POLL_S):
                chunk = os.read(output.fileno(), 65536)
                if not chunk:
                    break
                write(chunk)
                if show:
                    sys.stdout.buffer.write(chunk)
                    sys.stdout.buffer.flush()
            elif process.poll() is not None:
                break
            if time.monotonic() > deadline or _interruption.is_set():
                _end_group(process)
                return None
    return process.wait(max(1.0, deadline - time.monotonic()))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def summary(results: Iterable[Result]) -> tuple[str, int]:
    """Return the text that ends a run and the exit status: 1 when anything failed or nothing ran."""
    done = list(results)
    lines = [f"{'stage':<12} {'result':<8} {'passed':>7} {'failed':>7} {'not run':>8} {'minutes':>8}"]
    lines += [
        f"{r.stage:<12} {r.word:<8} {r.passed:>7} {r.failed:>7} {r.skipped:>8} {r.seconds / 60:>8.1f}" for r in done
    ]
    lines += [f"failed: {failure}" for r in done for failure in r.failures]
    lines += [f"{PREFIX}{reason}" for r in done for reason in r.reasons]
    passed, failed, skipped = (sum(getattr(r, key) for r in done) for key in ("passed", "failed", "skipped"))
    lines.append(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return "\n".join(lines), int(failed > 0 or passed == 0)


def run_stages(chosen: Sequence[Stage]) -> list[Result]:
    """Run the stages in their order, those that go aside beside the others; an interruption ends all of them."""
    beside = [stage for stage in chosen if stage.aside and len(chosen) > 1]
    results: list[Result] = []
    _interruption.clear()
    with ThreadPoolExecutor(_LANES_BESIDE) as background:
        running: list[Future[Result]] = [background.submit(run_stage, stage, show=False) for stage in beside]
        try:
            for stage in chosen:
                if stage not in beside:
                    results.append(run_stage(stage))  # noqa: PERF401 - what ran before an interruption is summed up
            for future in running:
                results.append(future.result())
                show_failure(results[-1])
        except KeyboardInterrupt:
            _interruption.set()
            background.shutdown(cancel_futures=True)
    return results


def show_failure(result: Result) -> None:
    """Print the logs of a stage of which the terminal has seen nothing, if it failed."""
    for log in sorted(LOGS.glob(f"{result.stage}-*.log")) if result.failed else ():
        print(f"\n==> {log.stem}\n{log.read_text(encoding='utf-8', errors='replace')}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages that the command line names, by default all, and return the exit status."""
    every = stages()
    parser = argparse.ArgumentParser(prog="tests/run.py", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"any of: {', '.join(every)}")
    names = parser.parse_args(arguments).stages or [name for name in every if name != "lint-python"]
    for name in names:
        if name not in every:
            parser.error(f"there is no stage {name}: choose from {', '.join(every)}")
    results = run_stages([every[name] for name in names])
    text, status = summary(results)
    print(f"\n{text}", flush=True)
    return _INTERRUPTED if _interruption.is_set() else status


if __name__ == "__main__":
    sys.exit(main())
