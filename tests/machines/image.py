"""Images of the machines: a debootstrapped Debian that holds what a fresh Raspberry Pi OS Lite holds."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from machines import apt, paths
from machines.errors import MachineError
from machines.host import as_root, check, execute, podman, podman_result, podman_words

SUITES = ("bookworm", "trixie")

# Of a Raspberry Pi OS Lite what a role may rely on or stumble over; nothing that the roles themselves install.
_PACKAGES = [
    "apt-utils",
    "ca-certificates",
    "cron",
    "curl",
    "dbus",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "libpam-systemd",
    "logrotate",
    "nano",
    "netbase",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd-sysv",
    "systemd-timesyncd",
    "tzdata",
    "udev",
]

_FILES = {
    "etc/hostname": "raspberrypi\n",
    "etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\traspberrypi\n",
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/sudoers.d/010_pi-nopasswd": "pi ALL=(ALL) NOPASSWD: ALL\n",
    "etc/machine-id": "",
    # A container has its host's clock and may not set it.
    "etc/systemd/system/chrony.service.d/machine.conf": (
        "[Unit]\nConditionCapability=\n[Service]\nExecStart=\nExecStart=!/usr/sbin/chronyd -x $DAEMON_OPTS\n"
    ),
}
_REPOSITORY = "localhost/ecms-machine"


def _recipe(suite: str) -> dict[str, object]:
    access = apt.detect()
    return {
        "suite": suite,
        "packages": _PACKAGES,
        "files": _FILES,
        "init": (Path(__file__).parent / "machine-init").read_text(encoding="utf-8"),
        "build": Path(__file__).read_text(encoding="utf-8"),
        "apt": [access.archive, access.security, access.settings, access.authorities],
    }


def reference(suite: str) -> str:
    """Return the name of the image of ``suite``, which changes with everything that goes into it."""
    digest = hashlib.sha256(json.dumps(_recipe(suite), sort_keys=True).encode()).hexdigest()[:12]
    return f"{_REPOSITORY}:{suite}-{digest}"


def ensure(suite: str) -> str:
    """Return the name of the image of ``suite``, building it first when podman does not have it.

    Raises MachineError for an unknown suite or a build that fails.
    """
    if suite not in SUITES:
        raise MachineError(f"There is no machine with Debian {suite}: choose {' or '.join(SUITES)}.")
    name = reference(suite)
    paths.STATE.mkdir(parents=True, exist_ok=True)
    with (paths.STATE / f".{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if podman_result("image", "exists", name).returncode:
            print(f"Building the image of a {suite} machine (once, about a minute) ...", file=sys.stderr, flush=True)
            _build_as_root(suite, name)
    return name


def _build_as_root(suite: str, name: str) -> None:
    if os.geteuid() == 0:
        build(suite, name)
        return
    environment = (f"PYTHONPATH={Path(__file__).parents[1]}", "PYTHONDONTWRITEBYTECODE=1")
    command = as_root("env", *environment, sys.executable, "-m", "machines", "build-image", suite, name)
    if subprocess.run(command, check=False).returncode:
        raise MachineError(f"The image of a {suite} machine could not be built: see the message above.")


def build(suite: str, name: str) -> None:
    """Make the image ``name`` of ``suite``; root only. Raises MachineError with the end of the log on failure."""
    tree = paths.BUILD / "trees" / suite
    cache = paths.APT_CACHE / suite
    shutil.rmtree(tree, ignore_errors=True)
    for directory in (tree, cache):
        directory.mkdir(parents=True, exist_ok=True)
    access = apt.detect()
    options = ["--variant=minbase", f"--cache-dir={cache}", f"--include={','.join(_PACKAGES)}"]
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if keyring.exists():
        options.append(f"--keyring={keyring}")
    result = execute(["debootstrap", *options, suite, str(tree), access.archive], timeout=1800)
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-8:])
        raise MachineError(f"debootstrap {suite} failed; its last words:\n{tail}")
    _customise(tree, suite, access)
    _import(tree, name)
    shutil.rmtree(tree)


def _customise(tree: Path, suite: str, access: apt.AptAccess) -> None:
    sources = (
        f"deb {access.archive} {suite} main\n"
        f"deb {access.archive} {suite}-updates main\n"
        f"deb {access.security} {suite}-security main\n"
    )
    files = {
        **_FILES,
        "etc/apt/sources.list": sources,
        "usr/local/sbin/machine-init": (Path(__file__).parent / "machine-init").read_text(encoding="utf-8"),
        **{f"usr/local/share/ca-certificates/{name}": text for name, text in access.authorities},
    }
    for relative, text in files.items():
        path = tree / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tree / "etc/sudoers.d/010_pi-nopasswd").chmod(0o440)
    (tree / "usr/local/sbin/machine-init").chmod(0o755)
    for key in (tree / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    # Their lists are left out of the image: no role may take them for fresh.
    os.utime(tree / "var/lib/apt/lists", (0, 0))
    for command in (
        "useradd --create-home --shell /bin/bash --groups sudo pi",
        "install --directory --mode=700 --owner=pi --group=pi /home/pi/.ssh",
        "update-ca-certificates",
    ):
        check(execute(["chroot", str(tree), *command.split()], timeout=120), command)


def _import(tree: Path, name: str) -> None:
    excluded = ("./dev/*", "./proc/*", "./sys/*", "./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*")
    pack = ["tar", "-C", str(tree), *(f"--exclude={pattern}" for pattern in excluded), "-c", "."]
    changes = ('CMD ["/usr/local/sbin/machine-init"]', "STOPSIGNAL SIGRTMIN+3", "LABEL ecms.machine=image")
    words = podman_words("import", "--quiet", *(f"--change={change}" for change in changes), "-", name)
    with (
        subprocess.Popen(pack, stdout=subprocess.PIPE) as tar,
        subprocess.Popen(
            words, stdin=tar.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as podman_import,
    ):
        if tar.stdout:
            tar.stdout.close()
        output, errors = podman_import.communicate(timeout=600)
    check(
        subprocess.CompletedProcess(words, podman_import.returncode or tar.returncode, output, errors), "podman import"
    )


def remove_all() -> list[str]:
    """Remove every image of a machine that no container uses, and return the names of those removed."""
    listing = podman("images", "--filter=label=ecms.machine=image", "--format={{.Repository}}:{{.Tag}}")
    return [name for name in listing.split() if podman_result("rmi", name).returncode == 0]
