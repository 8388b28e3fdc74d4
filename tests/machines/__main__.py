"""Command line: ``python -m machines --help``."""

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from machines import SUITES, MachineError, down, down_all, image, inventory, load, running, up


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m machines", description=sys.modules["machines"].__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("image", help="build the image of a suite unless it exists")
    command.set_defaults(handler=_image)
    command.add_argument("suite", choices=SUITES)

    command = commands.add_parser("build-image", help="build an image under a given name; root only")
    command.set_defaults(handler=_build_image)
    command.add_argument("suite", choices=SUITES)
    command.add_argument("image_name")

    command = commands.add_parser("up", help="start a machine and wait until it can be reached")
    command.set_defaults(handler=_up)
    command.add_argument("--name", required=True)
    command.add_argument("--suite", required=True, choices=SUITES)
    command.add_argument("--hostname", required=True)
    command.add_argument("--network", default="ecms")
    command.add_argument("--json", action="store_true", help="print every property as JSON")

    command = commands.add_parser("down", help="remove machines and their files")
    command.set_defaults(handler=_down)
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--name", action="append")
    which.add_argument("--all", action="store_true", help="every machine and network of this checkout")

    command = commands.add_parser("list", help="print the names of the machines that run")
    command.set_defaults(handler=_list)
    command = commands.add_parser("clean", help="remove every machine, network and image")
    command.set_defaults(handler=_clean)

    command = commands.add_parser("inventory", help="print an Ansible inventory of machines")
    command.set_defaults(handler=_inventory)
    command.add_argument("names", nargs="*", metavar="NAME[=HOST]", help="HOST: name in the inventory; default all")
    command.add_argument("--output", type=Path, help="write there instead")

    command = commands.add_parser("exec", help="run a command as root inside, without the network")
    command.set_defaults(handler=_exec)
    command.add_argument("name")
    command.add_argument("words", nargs=argparse.REMAINDER)

    command = commands.add_parser("beside", help="run a program of this computer in a machine's network")
    command.set_defaults(handler=_beside)
    command.add_argument("name")
    command.add_argument("words", nargs=argparse.REMAINDER)

    command = commands.add_parser("ssh", help="log in as pi, or run a command as pi")
    command.set_defaults(handler=_ssh)
    command.add_argument("name")
    command.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def _up(arguments: argparse.Namespace) -> int:
    machine = up(arguments.name, arguments.suite, arguments.hostname, arguments.network)
    if arguments.json:
        print(json.dumps(dataclasses.asdict(machine)))
    else:
        print(f"{machine.name}: address {machine.address}, ssh port {machine.ssh_port}, key {machine.key}")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    if arguments.all:
        down_all()
    else:
        for name in arguments.name:
            down(name)
    return 0


def _inventory(arguments: argparse.Namespace) -> int:
    pairs = (word.partition("=") for word in arguments.names or running())
    text = yaml.safe_dump(inventory({name: host or name for name, _, host in pairs}), sort_keys=False, width=1000)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


def _clean(_: argparse.Namespace) -> int:
    down_all()
    image.remove_all()
    return 0


def _image(arguments: argparse.Namespace) -> int:
    print(image.ensure(arguments.suite))
    return 0


def _build_image(arguments: argparse.Namespace) -> int:
    image.build(arguments.suite, arguments.image_name)
    return 0


def _list(_: argparse.Namespace) -> int:
    print("\n".join(running()))
    return 0


def _words(arguments: argparse.Namespace) -> list[str]:
    words: list[str] = arguments.words
    return words[1:] if words[:1] == ["--"] else words


def _exec(arguments: argparse.Namespace) -> int:
    return subprocess.run(load(arguments.name).exec_words(_words(arguments)), check=False).returncode


def _beside(arguments: argparse.Namespace) -> int:
    print(load(arguments.name).run_beside(_words(arguments)), end="")
    return 0


def _ssh(arguments: argparse.Namespace) -> int:
    return subprocess.run([*load(arguments.name).ssh_args(), *_words(arguments)], check=False).returncode


def main() -> int:
    """Do what the command line says and return the exit status."""
    try:
        arguments = _parser().parse_args()
        handler: Callable[[argparse.Namespace], int] = arguments.handler
        return handler(arguments)
    except MachineError as error:
        print(f"machines: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
