"""Command line: ``python -m demo up [--duration S]`` and ``python -m demo down``."""

from __future__ import annotations

import argparse
import sys

import pymysql

from demo.show import DemoError, remove, show
from hub import ProvisionError
from machines import MachineError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description=sys.modules["demo"].__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("up", help="provision the hub if need be, start the boxes, show the table")
    command.add_argument("--duration", type=_seconds, default=None, metavar="S", help="end by itself after S seconds")
    command.add_argument("--suite", default="bookworm", choices=("bookworm", "trixie"), help="the hub's Debian")
    commands.add_parser("down", help="remove the hub and everything it stored")
    arguments = parser.parse_args()
    try:
        if arguments.command == "down":
            remove()
            print("The demo's hub is gone.")
            return 0
        return show(arguments.suite, arguments.duration)
    except (DemoError, MachineError, ProvisionError, pymysql.Error) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def _seconds(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("give a number of seconds above 0, such as DURATION=60")
    return value


if __name__ == "__main__":
    sys.exit(main())
