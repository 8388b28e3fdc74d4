"""Starting, using and removing machines."""

import contextlib
import dataclasses
import fcntl
import ipaddress
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from machines import apt, image, paths
from machines.errors import MachineError
from machines.host import as_root, check, execute, podman, podman_result, podman_words, run_options

_BOOT_TIMEOUT_S = 120
_CAPABILITIES = "SYS_ADMIN,NET_ADMIN,NET_RAW,AUDIT_WRITE,SYS_NICE,SYS_PTRACE,IPC_LOCK"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_LABEL = f"ecms.checkout={paths.CHECKOUT}"


@dataclass(frozen=True)
class Machine:
    """A machine that was started: how to reach it, and what can be done to it."""

    name: str
    suite: str
    hostname: str
    network: str
    address: str
    ssh_port: int
    user: str
    key: str
    known_hosts: str

    @property
    def container(self) -> str:
        """Podman's name of the machine."""
        return paths.podman_name(self.name)

    def ssh_options(self) -> list[str]:
        """Return ssh's options that accept this machine's own host key and no other."""
        return [
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
            *("-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"),
        ]

    def ssh_args(self) -> list[str]:
        """Return the whole ssh command line up to the host; append the remote command."""
        target = f"{self.user}@{self.address}"
        return ["ssh", "-i", self.key, "-p", str(self.ssh_port), *self.ssh_options(), target]

    def inventory_variables(self) -> dict[str, str | int | bool]:
        """Return the variables with which Ansible reaches this machine as an ordinary Raspberry Pi."""
        return {
            "ansible_host": self.address,
            "ansible_port": self.ssh_port,
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": self.key,
            "ansible_ssh_common_args": shlex.join(self.ssh_options()),
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_become": True,
        }

    def exec_words(self, command: str | Sequence[str], *, user: str = "root") -> list[str]:
        """Return the command line that runs ``command`` inside; a string goes through the machine's shell."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        return podman_words("exec", "--interactive", f"--user={user}", self.container, *words)

    def run(
        self,
        command: str | Sequence[str],
        *,
        user: str = "root",
        stdin: str | None = None,
        check: bool = True,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` inside without the network and wait at most ``timeout`` s for it.

        A string goes through the machine's shell. Raises MachineError when it does not end in time, or, with
        ``check``, when its exit status is not 0.
        """
        result = execute(self.exec_words(command, user=user), stdin=stdin, timeout=timeout)
        if check and result.returncode:
            shown = command if isinstance(command, str) else shlex.join(command)
            output = (result.stderr.strip() or result.stdout.strip())[-2000:]
            raise MachineError(f"{self.name}: `{shown}` ended with status {result.returncode}: {output}")
        return result

    def run_beside(self, command: Sequence[str], *, stdin: str | None = None, timeout: float = 60) -> str:
        """Run a program of this computer in the machine's network and return its output; ``timeout`` in s.

        For what the machine lacks, such as nft. Raises MachineError when it fails or does not end in time.
        """
        process = podman("inspect", "--format={{.State.Pid}}", self.container).strip()
        words = as_root("nsenter", f"--net=/proc/{process}/ns/net", "--", *command)
        return check(execute(words, stdin=stdin, timeout=timeout), f"{command[0]} beside {self.name}")

    def write(self, path: str, text: str, *, mode: str = "644", owner: str = "root") -> None:
        """Write a file inside, with its mode and owner."""
        self.run(["install", "-m", mode, "-o", owner, "-g", owner, "/dev/stdin", path], stdin=text)

    def cut_power(self) -> None:
        """Kill every process at once, without any shutdown; the disk stays, memory is lost."""
        podman("kill", "--signal=KILL", self.container)
        podman("wait", self.container)

    def start(self, *, reachable: bool = True) -> None:
        """Boot again after cut_power or shutdown, and wait until sshd answers unless it cannot be ``reachable``."""
        podman("start", self.container)
        if reachable:
            self.wait_until_reachable()

    def shutdown(self) -> None:
        """Shut down in good order."""
        podman("stop", "--time=30", self.container)

    def pause(self) -> None:
        """Freeze every process."""
        podman("pause", self.container)

    def unpause(self) -> None:
        """Let the frozen processes go on."""
        podman("unpause", self.container)

    def disconnect(self) -> None:
        """Pull the network cable."""
        self.run(["ip", "link", "set", "eth0", "down"])

    def connect(self) -> None:
        """Plug the network cable in again; the address stays."""
        self.run(["ip", "link", "set", "eth0", "up"])
        gateway = _gateway(self.network)
        self.run(["ip", "route", "replace", "default", "via", gateway, "dev", "eth0"])

    def wait_until_reachable(self, timeout: float = _BOOT_TIMEOUT_S) -> None:
        """Wait until the machine has booted and sshd lets its user in; ``timeout`` in s."""
        end = time.monotonic() + timeout
        state = self.run("systemctl is-system-running --wait || true", check=False, timeout=timeout)
        if state.stdout.strip() == "degraded":
            failed = self.run("systemctl list-units --failed --plain --no-legend | cut -d' ' -f1").stdout.split()
            print(f"{self.name}: some units failed at boot: {', '.join(failed)}", file=sys.stderr)
        while (result := execute([*self.ssh_args(), "true"], timeout=30)).returncode:
            if time.monotonic() > end:
                reason = result.stderr.strip() or state.stderr.strip()
                raise MachineError(f"{self.name} did not answer on ssh within {timeout:g} s: {reason}")
            time.sleep(0.2)


def _state(name: str) -> Path:
    return paths.STATE / name


@contextlib.contextmanager
def _lock(name: str) -> Iterator[None]:
    paths.STATE.mkdir(parents=True, exist_ok=True)
    with (paths.STATE / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _ensure_network(network: str) -> None:
    name = paths.podman_name(network)
    if podman_result("network", "exists", name).returncode:
        # Without podman's own name service the machines ask this computer's servers, and each other by mDNS.
        podman("network", "create", "--disable-dns", f"--label={_LABEL}", name)


def _subnet(network: str) -> dict[str, str]:
    described = json.loads(podman("network", "inspect", paths.podman_name(network)))
    subnet: dict[str, str] = described[0]["subnets"][0]
    return subnet


def _gateway(network: str) -> str:
    return _subnet(network)["gateway"]


def choose_address(name: str, subnet: str, taken: set[str]) -> str:
    """Return an address of ``subnet`` that is not taken: for one name the same again whenever it is free."""
    network = ipaddress.ip_network(subnet)
    offsets = range(10, network.num_addresses - 1)
    first = zlib.crc32(name.encode()) % len(offsets)
    for offset in (*offsets[first:], *offsets[:first]):
        if (address := str(network[offset])) not in taken:
            return address
    raise MachineError(f"The network {subnet} has no free address: remove machines with `down`.")


def _mac(address: str) -> str:
    return "02:ec:" + ipaddress.ip_address(address).packed.hex(":")


def _share_packages(name: str, suite: str) -> Path:
    """Return the machine's own package directory, filled with links to what any machine has downloaded so far.

    Each machine has its own because apt locks the directory it downloads to.
    """
    own = _state(name) / "archives"
    collect_packages()
    own.mkdir(exist_ok=True)
    _link_packages(paths.APT_CACHE / suite, own)
    return own


def _link_packages(source: Path, destination: Path) -> None:
    script = 'mkdir -p "$2"; find "$1" -maxdepth 1 -name "*.deb" -exec ln -t "$2" {} + 2>/dev/null || true'
    check(execute(as_root("sh", "-c", script, "sh", source, destination)), "Linking Debian packages")


def collect_packages() -> None:
    """Put every package that a machine downloaded where the next machine finds it."""
    for machine in _recorded():
        if (archives := _state(machine.name) / "archives").is_dir():
            _link_packages(archives, paths.APT_CACHE / machine.suite)


def up(name: str, suite: str, hostname: str, network: str = "ecms") -> Machine:
    """Start a machine and wait until its user ``pi`` can log in.

    A machine of that name that runs already is returned when it is the same, and refused when it differs. Raises
    MachineError when something prevents it; nothing is left behind then.
    """
    for what, word in (("name", name), ("hostname", hostname), ("network", network)):
        if not _NAME.fullmatch(word):
            raise MachineError(f"The {what} {word!r} must be lower-case letters, digits and hyphens, at most 31.")
    with _lock(name):
        if name in running():
            machine = load(name)
            if (machine.suite, machine.hostname, machine.network) != (suite, hostname, network):
                raise MachineError(f"A different machine {name} is running: remove it with `down --name {name}` first.")
            return machine
        _remove(name)
        try:
            return _start(name, suite, hostname, network)
        except BaseException:
            _remove(name)
            raise


def _start(name: str, suite: str, hostname: str, network: str) -> Machine:
    image_name = image.ensure(suite)
    state = _state(name)
    state.mkdir(parents=True)
    key, known_hosts = state / "id_ed25519", state / "known_hosts"
    check(execute(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ecms-machine", "-f", str(key)]), "ssh-keygen")
    with _lock("network"):
        _ensure_network(network)
        taken = {machine.address for machine in _recorded() if machine.network == network}
        address = choose_address(name, _subnet(network)["subnet"], taken)
        # Recorded before the machine starts: the address is taken, the packages will be collected.
        machine = Machine(name, suite, hostname, network, address, 22, "pi", str(key), str(known_hosts))
        _save(machine)
    archives = _share_packages(name, suite)
    podman(
        *("run", "--detach", f"--name={machine.container}", f"--hostname={hostname}"),
        # Left to itself podman would give the machine other addresses at every boot.
        *(f"--network={paths.podman_name(network)}", f"--ip={address}", f"--mac-address={_mac(address)}"),
        *("--systemd=always", f"--cap-add={_CAPABILITIES}", "--pids-limit=-1", "--no-hosts"),
        *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
        *(f"--label={_LABEL}", f"--label=ecms.name={name}"),
        *(f"--volume={archives}:/var/cache/apt/archives", *run_options(), image_name),
    )
    settings = apt.detect().settings_behind(_gateway(network))
    if settings:
        machine.write("/etc/apt/apt.conf.d/90machine", settings)
    public = key.with_suffix(".pub").read_text(encoding="utf-8")
    machine.write("/home/pi/.ssh/authorized_keys", public, mode="600", owner="pi")
    wait = "until [ -s /etc/ssh/ssh_host_ed25519_key.pub ]; do sleep 0.1; done; cat /etc/ssh/ssh_host_ed25519_key.pub"
    host_key = machine.run(wait, timeout=_BOOT_TIMEOUT_S).stdout.split()
    known_hosts.write_text(f"{address} {host_key[0]} {host_key[1]}\n", encoding="utf-8")
    machine.wait_until_reachable()
    return machine


def _save(machine: Machine) -> None:
    path = _state(machine.name) / "machine.json"
    incomplete = path.with_suffix(".new")
    incomplete.write_text(json.dumps(dataclasses.asdict(machine), indent=2) + "\n", encoding="utf-8")
    incomplete.replace(path)


def load(name: str) -> Machine:
    """Return the machine ``name`` that an earlier ``up`` started. Raises MachineError when there is none."""
    try:
        return Machine(**json.loads((_state(name) / "machine.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise MachineError(f"There is no machine {name}: start it with `up --name {name}`.") from None


def _recorded() -> list[Machine]:
    machines = []
    for record in sorted(paths.STATE.glob("*/machine.json")):
        # Another process may be removing it.
        with contextlib.suppress(MachineError):
            machines.append(load(record.parent.name))
    return machines


def running() -> list[str]:
    """Return the names of this checkout's machines that run."""
    return _names("--filter=status=running", "--filter=status=paused")


def _names(*filters: str) -> list[str]:
    listing = podman("ps", "--all", f"--filter=label={_LABEL}", *filters, '--format={{index .Labels "ecms.name"}}')
    return sorted(listing.split())


def down(name: str) -> None:
    """Remove a machine and all its files; one that does not exist is no error."""
    with _lock(name):
        _remove(name)


def down_all() -> list[str]:
    """Remove every machine and network of this checkout and return the machines' names."""
    names = sorted({*_names(), *(machine.name for machine in _recorded())})
    for name in names:
        down(name)
    for network in podman("network", "ls", f"--filter=label={_LABEL}", "--format={{.Name}}").split():
        podman("network", "rm", network)
    return names


def _remove(name: str) -> None:
    container = paths.podman_name(name)
    if podman_result("container", "exists", container).returncode == 0:
        # Closes the connections that ssh shares, which otherwise would wait for an address that is given out again.
        podman_result("exec", container, "pkill", "sshd", timeout=20)
        podman("rm", "--force", "--time=0", "--volumes", container)
    state = _state(name)
    if state.exists():
        collect_packages()
        if (state / "archives").exists():
            check(execute(as_root("rm", "-rf", state / "archives")), "Removing the machine's packages")
        shutil.rmtree(state)


def inventory(names: Mapping[str, str]) -> dict[str, object]:
    """Return an inventory of machines: ``names`` maps each machine's name to its name in the inventory."""
    return {"all": {"hosts": {host: load(name).inventory_variables() for name, host in names.items()}}}
