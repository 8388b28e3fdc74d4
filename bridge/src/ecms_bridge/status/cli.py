"""``ecms-status``: says how this machine's part of ECMS is; its exit status is for monitoring."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from pathlib import Path

from ecms_bridge import __version__
from ecms_bridge.config import ConfigError
from ecms_bridge.digest import cli as digest_cli
from ecms_bridge.digest import sent
from ecms_bridge.status.installed import DEFAULT_DIRECTORY, Installed, NotInstalledError
from ecms_bridge.status.report import gather
from ecms_bridge.status.rules import Level, Thresholds, judge, overall
from ecms_bridge.status.table import render

_CLEAR = "\x1b[H\x1b[2J"


def main(argv: list[str] | None = None) -> int:
    """Print the report; return 0 all well, 1 warning, 2 critical, 3 unknown: nothing could be looked at."""
    options = _parser().parse_args(argv)
    # What goes wrong stands in the report.
    logging.disable(logging.CRITICAL)
    thresholds = Thresholds(
        disk_warning_bytes=options.disk_warning * 10**6,
        disk_critical_bytes=options.disk_critical * 10**6,
        lag_warning_s=options.lag_warning,
        lag_critical_s=options.lag_critical,
        box_silent_s=options.box_silent,
        stored_critical_s=options.stored_critical,
        digest_due_s=options.digest_due,
    )
    stopped = threading.Event()
    if options.watch:
        # A flag: an exception may come where a library swallows it, and a job in the background is born deaf to it.
        signal.signal(signal.SIGINT, lambda _number, _frame: stopped.set())
    while True:
        level, text = _once(options, thresholds)
        if text:
            print(f"{_CLEAR if options.watch and sys.stdout.isatty() else ''}{text}", flush=True)
        if not options.watch or level is Level.UNKNOWN or stopped.wait(options.watch):
            return level


def _once(options: argparse.Namespace, thresholds: Thresholds) -> tuple[Level, str]:
    try:
        installed = Installed.read(options.config_directory)
        report = gather(installed, options.digest_directory, options.digest_state_directory)
    except (NotInstalledError, ConfigError) as error:
        print(f"ecms-status: {error}", file=sys.stderr)
        return Level.UNKNOWN, ""
    findings = judge(report, thresholds)
    level = overall(findings)
    if not options.json:
        return level, render(report, findings, level)
    told = {"status": level.name.lower(), "findings": [finding.as_dict() for finding in findings], **report}
    return level, json.dumps(told, indent=2, ensure_ascii=False)


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        msg = f"{text!r} is no whole number above 0"
        raise argparse.ArgumentTypeError(msg)
    return number


def _parser() -> argparse.ArgumentParser:
    usual = Thresholds()
    parser = argparse.ArgumentParser(
        prog="ecms-status",
        description="Say how this machine's part of ECMS is.",
        epilog="Exit status: 0 all is well, 1 warning, 2 critical, 3 unknown.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--json", action="store_true", help="print the report as JSON (schemas/report.json)")
    parser.add_argument("--watch", type=_positive, metavar="S", help="again every S seconds, until Ctrl-C")
    for name, directory in (
        ("config", DEFAULT_DIRECTORY),
        ("digest", digest_cli.DEFAULT_DIRECTORY),
        ("digest-state", sent.DIRECTORY),
    ):
        parser.add_argument(
            f"--{name}-directory", type=Path, default=directory, metavar="DIR", help="default: %(default)s"
        )
    for name, default, unit, what in (
        ("disk-warning", usual.disk_warning_bytes // 10**6, "MB", "warn when a disk has less left"),
        ("disk-critical", usual.disk_critical_bytes // 10**6, "MB", "critical when a disk has less left"),
        ("lag-warning", usual.lag_warning_s, "S", "warn when a reading waits so long to be confirmed"),
        ("lag-critical", usual.lag_critical_s, "S", "critical when a reading waits so long"),
        ("box-silent", usual.box_silent_s, "S", "warn when a box is silent for longer"),
        ("stored-critical", usual.stored_critical_s, "S", "critical when the newest stored reading is older"),
        ("digest-due", usual.digest_due_s, "S", "warn when a digest has been due for so long and is not sent"),
    ):
        parser.add_argument(f"--{name}", type=_positive, default=default, metavar=unit, help=f"{what} ({default})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
