"""What this computer needs before podman can run a machine with systemd on it, found out at run time.

An ordinary Debian with systemd needs nothing special. Where process 1 is something else (a CI machine), podman must
not ask systemd for cgroups, and where /sys/fs/cgroup is not a pure cgroup2 mount, podman runs in a mount namespace
in which it is. That namespace is kept alive by a file in /run, so that every later command finds the same one: a
container can only be controlled from the namespace in which it was started.
"""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from machines.errors import MachineError

_HOLDER = Path("/run/ecms-machines")
_NAMESPACE = _HOLDER / "mntns"
_CAP_SYS_RESOURCE = 24
_MAKE_NAMESPACE = f"""
set -e
exec 9>{_HOLDER}.lock
flock 9
if nsenter --mount={_NAMESPACE} -- true 2>/dev/null; then
    exit 0
fi
mkdir -p {_HOLDER}
if ! mountpoint -q {_HOLDER}; then
    mount --bind {_HOLDER} {_HOLDER}
fi
mount --make-private {_HOLDER}
touch {_NAMESPACE}
unshare --mount={_NAMESPACE} --propagation slave sh -ec \
    'umount -R -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup'
"""


def as_root(*command: str | Path) -> list[str]:
    """Return ``command`` so that it runs as root, through sudo when this process is not."""
    words = [str(word) for word in command]
    return words if os.geteuid() == 0 else ["sudo", "--", *words]


def execute(
    command: list[str], *, stdin: str | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` without the terminal's input, both outputs captured; ``timeout`` in s.

    Raises MachineError when the program does not exist or does not end in time.
    """
    try:
        return subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise MachineError(f"The program {command[0]} is missing: run make setup.") from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{' '.join(command)} did not end within {timeout:g} s.") from error


def check(result: subprocess.CompletedProcess[str], what: str) -> str:
    """Return the output of a finished command, or raise MachineError that names ``what`` failed and why."""
    if result.returncode:
        reasons = [line for line in result.stderr.strip().splitlines() if "level=warning" not in line]
        raise MachineError(f"{what} failed: {reasons[-1] if reasons else f'exit status {result.returncode}'}")
    return result.stdout


def file_system(mount_point: Path) -> str:
    """Return the type of the file system mounted last on ``mount_point``, or an empty string."""
    found = ""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        if left.split()[4] == str(mount_point):
            found = right.split()[0]
    return found


@cache
def _namespace() -> tuple[str, ...]:
    """Return the words before every podman command that put it where /sys/fs/cgroup is cgroup2."""
    if file_system(Path("/sys/fs/cgroup")) == "cgroup2":
        return ()
    if file_system(_NAMESPACE) != "nsfs":
        check(execute(as_root("sh", "-c", _MAKE_NAMESPACE)), "Mounting cgroup2 in a namespace of its own")
    return ("nsenter", f"--mount={_NAMESPACE}", "--")


def _pid_1_is_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


@cache
def _podman_command() -> tuple[str, ...]:
    if not (shutil.which("podman") or Path("/usr/bin/podman").exists()):
        raise MachineError("podman is missing: run make setup.")
    # crun wants to lift limits that a process without CAP_SYS_RESOURCE cannot.
    options = (
        "--runtime=runc",
        *(() if _pid_1_is_systemd() else ("--cgroup-manager=cgroupfs", "--events-backend=file")),
    )
    return tuple(as_root(*_namespace(), "podman", *options))


def run_options() -> list[str]:
    """Return the options of ``podman run`` that only this computer needs."""
    options = [] if _pid_1_is_systemd() else ["--log-driver=k8s-file"]
    bounding = re.search(r"^CapBnd:\s*(\w+)", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    if bounding and not int(bounding[1], 16) >> _CAP_SYS_RESOURCE & 1:
        # podman's own limits are higher than what a process without this capability may set.
        options += ["--ulimit=nofile=16384:16384", "--ulimit=nproc=32768:32768"]
    return options


def podman(*arguments: str | Path, stdin: str | None = None, timeout: float | None = 300) -> str:
    """Run a podman command and return its output; ``timeout`` in s. Raises MachineError when it fails."""
    return check(podman_result(*arguments, stdin=stdin, timeout=timeout), f"podman {arguments[0]}")


def podman_result(
    *arguments: str | Path, stdin: str | None = None, timeout: float | None = 300
) -> subprocess.CompletedProcess[str]:
    """Run a podman command and return the result whatever it is; ``timeout`` in s."""
    return execute([*_podman_command(), *(str(word) for word in arguments)], stdin=stdin, timeout=timeout)


def podman_words(*arguments: str | Path) -> list[str]:
    """Return the whole command line of a podman command, for callers that start it themselves."""
    return [*_podman_command(), *(str(word) for word in arguments)]
