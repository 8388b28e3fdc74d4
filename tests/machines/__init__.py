"""Machines like a Raspberry Pi with Raspberry Pi OS Lite: Debian with systemd and sshd in podman containers."""

from machines.errors import MachineError
from machines.image import SUITES
from machines.machine import Machine, down, down_all, inventory, load, running, up

__all__ = ["SUITES", "Machine", "MachineError", "down", "down_all", "inventory", "load", "running", "up"]
