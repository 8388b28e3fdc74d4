"""A test either runs or says NOT RUN and why: to this pytest plugin a silent skip or expected failure is a failure.

A test that cannot run here calls ``not_run(reason)``, or bears ``@pytest.mark.not_run_unless(condition, "reason")``.
"""

from collections.abc import Generator
from typing import NoReturn

import pytest
from _pytest.outcomes import Skipped

PREFIX = "NOT RUN: "
_REFUSAL = "Skipped without notrun.not_run(reason): a test that cannot run must say NOT RUN and why. It said: "


class NotRun(Skipped):
    """Raised by a test that cannot run here; pytest counts it as skipped."""


def not_run(reason: str) -> NoReturn:
    """End this test (or, outside of a function, this whole file) as NOT RUN for ``reason``."""
    raise NotRun(reason, allow_module_level=True)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "not_run_unless(condition, reason): says NOT RUN where condition is false")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("not_run_unless"):
        condition, reason = mark.args
        if not condition:
            not_run(reason)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if hasattr(report, "wasxfail"):
        del report.wasxfail
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} is expected to fail: repair what it tests, or remove it."
    elif report.skipped and not _was_not_run(call):
        report.outcome = "failed"
        report.longrepr = _REFUSAL + _said(call)
    elif report.skipped:
        report.longrepr = (str(item.path), item.location[1] or 0, _said(call))
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    call: pytest.CallInfo[None] | None = getattr(report, "call", None)
    if report.skipped and call is not None:
        if _was_not_run(call):
            report.longrepr = (str(collector.path), 0, _said(call))
        else:
            report.outcome = "failed"
            report.longrepr = _REFUSAL + _said(call)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say each reason once, with the tests it kept from running, as lines that the runner of all stages collects."""
    tests: dict[str, list[str]] = {}
    for report in terminalreporter.getreports("skipped"):
        tests.setdefault(report.longrepr[2], []).append(report.nodeid)
    for reason, names in tests.items():
        others = f" and {len(names) - 1} more" if names[1:] else ""
        terminalreporter.write_line(f"{PREFIX}{reason} ({names[0]}{others})")


def _was_not_run(call: pytest.CallInfo[None]) -> bool:
    return call.excinfo is not None and isinstance(call.excinfo.value, NotRun)


def _said(call: pytest.CallInfo[None]) -> str:
    return str(call.excinfo.value) if call.excinfo else "nothing"
