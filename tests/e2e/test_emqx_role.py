"""The role emqx on a real machine, with a stand-in for the vendor's package: it proves the role, not EMQX.

What a real EMQX makes of it is asked by molecule/emqx, where its package can be had.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from emqx.package import build
from hub import REPOSITORY, SiteRun, run_site
from hub.provision import ProvisionError
from machines import Machine, down, inventory, up

_MACHINE = f"{os.environ.get('ECMS_E2E_MACHINE', 'e2e')}-emqx"
_SLUG = "casa_di_emqx"
_HOST = "hub-casa-di-emqx"
_DIRECTORY = "/etc/emqx/ecms"
_NEIGHBOUR, _NEIGHBOUR_SLUG, _NEIGHBOUR_HUB = "Casa di EMQXX", "casa_di_emqxx", "hub-casa-di-emqxx"
_VERSION = "5.8.9"
_GROUPS = ("hub", "broker", "writer", "database")
# Not what it takes, but what it may take on a machine that has much else to do.
pytestmark = pytest.mark.timeout(900)


@dataclass
class Site:
    """A home whose broker is EMQX, and its inventory."""

    machine: Machine
    home: Path
    variables: dict[str, Any] = field(default_factory=dict)
    runs: int = 0

    def run(self, *options: str, tags: str = "certificates,emqx", neighbour: Path | None = None) -> SiteRun:
        """Run what site.yml has for the broker, with the variables as they are now; a neighbour's hub is not there."""
        self.runs += 1
        (self.home / "host_vars").mkdir(exist_ok=True)
        (self.home / f"host_vars/{_HOST}.yml").write_text(yaml.safe_dump(self.variables))
        inventories = [self.home, *([neighbour] if neighbour else []), self.home.parent / "connection.yml"]
        lost = [_NEIGHBOUR_HUB, "localhost"] if neighbour else []
        return run_site(inventories, self.log, options=("--tags", tags, *options), lost=lost)

    def remove(self, neighbour: Path, *options: str) -> str:
        """Run playbooks/remove_household.yml for the neighbour; return what it says."""
        inventories = (self.home, neighbour, self.home.parent / "connection.yml")
        done = subprocess.run(
            [
                Path(sys.executable).parent / "ansible-playbook",
                "playbooks/remove_household.yml",
                *(word for one in inventories for word in ("-i", str(one))),
                *("-e", f"name={_NEIGHBOUR}", "-e", f"directory={neighbour}/exports", *options),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def retained(self) -> list[str]:
        """Return the topics of which the broker keeps a message, asked as whoever administers it."""
        asks = "http://127.0.0.1:18083/api/v5/mqtt/retainer/messages?page=1&limit=100"
        admin = f"ecms-admin:{self.secret('mqtt_admin')}"
        found = json.loads(self.machine.run(["curl", "--silent", "--fail", "--user", admin, asks]).stdout)
        return [one["topic"] for one in found["data"]]

    @property
    def log(self) -> Path:
        return self.home.parent / f"site-{self.runs}.log"

    def changed_tasks(self) -> list[str]:
        """Return the tasks that changed something on the machine in the last run."""
        tasks, last = [], ""
        for line in self.log.read_text().splitlines():
            if line.startswith(("TASK [", "RUNNING HANDLER [")):
                last = line.partition("[")[2].rpartition("]")[0].removeprefix("emqx : ")
            elif line.startswith("changed: "):
                tasks.append(last)
        return [task for task in dict.fromkeys(tasks) if not task.startswith("household : ")]

    def secret(self, name: str) -> str:
        return (self.home / ".secrets" / name).read_text().strip()

    def started(self) -> str:
        return self.machine.run(["systemctl", "show", "-PActiveEnterTimestampMonotonic", "emqx"]).stdout.strip()

    def installed(self) -> str:
        return self.machine.run(["dpkg-query", "--show", "--showformat=${Version}", "emqx"]).stdout

    def readable(self) -> str:
        """Return the files with secrets that everybody may read."""
        return self.machine.run(
            ["find", _DIRECTORY, "-type", "f", "-perm", "/o=rwx", "-not", "-name", "rules-loaded"]
        ).stdout

    def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.machine.run(["cat", "/var/lib/emqx/standin.json"]).stdout)
        return found

    def lets_in(self, username: str, password: str) -> bool:
        """Tell whether what the broker stores is the salted hash of this password."""
        user = self.stored()["users"].get(username)
        if user is None:
            return False
        return bool(hashlib.sha256(f"{user['salt']}{password}".encode()).hexdigest() == user["password_hash"])

    @contextlib.contextmanager
    def connected(self, *names: tuple[str, str]) -> Iterator[Callable[[], list[bool]]]:
        """Keep a session of each user open, each with a state retained; what is yielded tells which of them live."""
        words = self.machine.exec_words(["python3", "-c", _SESSIONS])
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            stdin, stdout = process.stdin, process.stdout

            def ask(line: str) -> list[bool]:
                stdin.write(f"{line}\n")
                stdin.flush()
                answer: list[bool] = json.loads(stdout.readline())
                return answer

            assert all(ask(json.dumps(names)))
            yield lambda: ask("alive?")
            stdin.close()


_SESSIONS = """
import json, socket, sys
def text(words):
    return len(words.encode()).to_bytes(2, "big") + words.encode()
sockets = []
names = json.loads(sys.stdin.readline())
for name, password in names:
    body = text("MQTT") + bytes([5, 0xC2, 0, 60, 0]) + text("session") + text(name) + text(password)
    sockets.append(socket.create_connection(("127.0.0.1", 1883), 10))
    sockets[-1].sendall(bytes([0x10, len(body)]) + body)
entered = [s.recv(5)[3] == 0 for s in sockets]
for s, (name, _) in zip(sockets, names):
    body = text(name + "/stato") + b"\\x00{}"
    s.sendall(bytes([0x31, len(body)]) + body)
print(json.dumps(entered), flush=True)
def alive(s):
    try:
        s.sendall(bytes([0xC0, 0]))
        return s.recv(2) == bytes([0xD0, 0])
    except OSError:
        return False
for _ in sys.stdin:
    print(json.dumps([alive(s) for s in sockets]), flush=True)
"""


def _architecture() -> str:
    command = ["dpkg", "--print-architecture"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    directory = tmp_path_factory.mktemp("packages")
    return {version: build(directory, version, _architecture()) for version in (_VERSION, "5.8.10")}


@pytest.fixture(scope="module")
def site(packages: dict[str, tuple[Path, str]]) -> Iterator[Site]:
    """A machine on which the role has run once."""
    machine = up(_MACHINE, os.environ.get("ECMS_E2E_SUITE", "bookworm"), "raspberrypi", _MACHINE)
    directory = REPOSITORY / "build" / _MACHINE
    home = directory / "inventory"
    (home / "group_vars" / _SLUG).mkdir(parents=True, exist_ok=True)
    for old in (home / ".secrets").glob("*"):
        old.unlink()
    groups: dict[str, object] = {group: {"children": {_SLUG: {}}} for group in _GROUPS}
    groups[_SLUG] = {"hosts": {_HOST: {}}}
    (home / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
    household = {
        "ecms_household_name": "Casa di EMQX",
        "ecms_devices": [{"id": 1, "name": "forno"}],
        "ecms_clock_trusted": True,
        "ecms_mqtt_broker": "emqx",
    }
    (home / "group_vars" / _SLUG / "household.yml").write_text(yaml.safe_dump(household))
    (directory / "connection.yml").write_text(yaml.safe_dump(inventory({_MACHINE: _HOST})))
    path, checksum = packages[_VERSION]
    site = Site(machine, home, {"emqx_package_path": str(path), "emqx_package_sha256": checksum})
    site.run()
    yield site
    if os.environ.get("ECMS_KEEP") != "1":
        down(_MACHINE)


def test_the_broker_runs_with_its_users_and_nobody_reads_its_secrets(site: Site) -> None:
    assert site.machine.run(["systemctl", "is-enabled", "emqx"]).stdout.strip() == "enabled"
    assert site.lets_in(_SLUG, site.secret(f"mqtt_{_SLUG}"))
    assert site.lets_in("ecms-writer", site.secret("mqtt_ecms-writer"))
    assert not any(user["is_superuser"] for user in site.stored()["users"].values())
    assert site.stored()["admins"]["admin"] != "public"
    assert site.readable() == ""
    seen = site.machine.run(["find", "/etc/emqx", "-maxdepth", "1", "-type", "f", "-exec", "cat", "{}", "+"]).stdout
    held = [path.read_text().strip() for path in (site.home / ".secrets").glob("mqtt_*")]
    assert len(held) == 3
    assert not [secret for secret in held if secret in seen + site.log.read_text()]
    listening = site.machine.run("ss --no-header --listening --tcp --numeric | awk '{print $4}'").stdout.split()
    assert {"127.0.0.1:1883", "127.0.0.1:18083"} <= set(listening)


def test_a_second_run_changes_nothing(site: Site) -> None:
    started = site.started()
    with site.connected((_SLUG, site.secret(f"mqtt_{_SLUG}"))) as alive:
        assert site.run().changed == 0, site.changed_tasks()
        assert alive() == [True]
    assert site.started() == started


def test_a_rotated_password_disconnects_its_user_and_restarts_nothing(site: Site) -> None:
    started, old = site.started(), site.secret(f"mqtt_{_SLUG}")
    writer = site.secret("mqtt_ecms-writer")
    (site.home / f".secrets/mqtt_{_SLUG}").unlink()
    with site.connected((_SLUG, old), ("ecms-writer", writer)) as alive:
        site.run()
        assert site.changed_tasks() == ["Users and their passwords at the broker"]
        assert alive() == [False, True]
    assert site.lets_in(_SLUG, site.secret(f"mqtt_{_SLUG}"))
    assert not site.lets_in(_SLUG, old)
    assert site.started() == started


def test_changed_rules_are_loaded_without_a_restart_and_all_connect_again(site: Site) -> None:
    started = site.started()
    rule = {"action": "subscribe", "effect": "allow", "topic": f"{_SLUG}/sensori", "match": "literal"}
    site.variables["emqx_clients"] = [{"username": "monitor", "password": "monitor-for-this-test", "rules": [rule]}]
    with site.connected(("ecms-writer", site.secret("mqtt_ecms-writer"))) as alive:
        site.run("--check", "--diff")
        # Nothing but what a run would do, and nothing of it done.
        assert site.changed_tasks() == ["Rules", "Users and their passwords at the broker"]
        assert "monitor" not in site.stored()["users"]
        assert alive() == [True]
        site.run()
        assert site.changed_tasks() == [
            "Rules",
            "Are the rules newer than what the broker knows?",
            "Load the new rules",
            "Users and their passwords at the broker",
        ]
        assert alive() == [False]
    assert site.lets_in("monitor", "monitor-for-this-test")
    assert site.started() == started


def test_a_removed_user_is_gone_with_its_rules(site: Site) -> None:
    site.variables |= {"emqx_clients": [], "emqx_absent": ["monitor"]}
    with site.connected(("monitor", "monitor-for-this-test")) as alive:
        site.run()
        assert alive() == [False]
    assert "monitor" not in site.stored()["users"]
    assert "monitor" not in site.machine.run(["cat", f"{_DIRECTORY}/acl.conf"]).stdout


def test_what_emqx_refuses_is_not_kept(site: Site) -> None:
    before = site.machine.run(["cat", "/etc/emqx/emqx.conf"]).stdout
    started = site.started()
    with pytest.raises(ProvisionError, match=r"EMQX refuses its new configuration .*bad_hocon_file"):
        site.run("-e", "emqx_session_expiry='7d{'")
    assert site.machine.run(["cat", "/etc/emqx/emqx.conf"]).stdout == before
    assert site.machine.run("ls /etc/emqx").stdout.split() == ["acl.conf", "ecms", "emqx.conf", "vm.args"]
    assert site.run().changed == 0, site.changed_tasks()
    assert site.started() == started


def test_another_package_than_the_one_that_is_wanted_is_not_installed(
    site: Site, packages: dict[str, tuple[Path, str]]
) -> None:
    with pytest.raises(ProvisionError, match=r"has the SHA-256 [0-9a-f]{64}, not emqx_package_sha256"):
        site.run("-e", "emqx_version=5.8.10", "-e", f"emqx_package_path={packages['5.8.10'][0]}")
    assert site.installed() == _VERSION


def test_an_interrupted_run_and_a_known_password_are_put_right(site: Site) -> None:
    """The API key is on disk but not in the running broker; and an old EMQX still knows admin and public."""
    (site.home / ".secrets/mqtt_admin").write_text("K" * 32)
    site.machine.run(
        f"printf 'ecms-admin:%s\\n' {'K' * 32} > {_DIRECTORY}/api-keys; touch -d yesterday {_DIRECTORY}/api-keys"
    )
    change = "import json,sys;d=json.load(sys.stdin);d['admins']={'admin':'public'};print(json.dumps(d))"
    site.machine.run(f'f=/var/lib/emqx/standin.json; python3 -c "{change}" < $f > /tmp/x && cat /tmp/x > $f')
    site.run()
    assert site.changed_tasks() == [
        "Restart the broker, which may still know an old API key",
        "Does the dashboard let in the user that every EMQX starts with?",
        "It does not any more",
    ]
    assert site.stored()["admins"] == {}


def test_an_upgrade_from_a_site_keeps_everything(site: Site, packages: dict[str, tuple[Path, str]]) -> None:
    """The site is a directory of the machine, with the package and its checksum as the vendor has them."""
    path, checksum = packages["5.8.10"]
    release = {"bookworm": "12", "trixie": "13"}[site.machine.suite]
    name = f"/srv/v5.8.10/emqx-5.8.10-debian{release}-{_architecture()}.deb"
    site.machine.run(f"mkdir -p /srv/v5.8.10; base64 -d > {name}", stdin=base64.b64encode(path.read_bytes()).decode())
    site.variables |= {"emqx_version": "5.8.10", "emqx_package_site": "file:///srv"}
    site.variables |= {"emqx_package_path": "", "emqx_package_sha256": ""}
    users = site.stored()["users"]
    site.machine.write(f"{name}.sha256", "0" * 64)
    with pytest.raises(ProvisionError, match=r"5\.8\.10 could not be installed .*checksum .* did not match"):
        site.run()
    assert site.installed() == _VERSION
    site.machine.write(f"{name}.sha256", checksum)
    site.run()
    assert "Install it" in site.changed_tasks()
    assert site.installed() == "5.8.10"
    assert site.stored()["users"] == users
    assert site.readable() == ""
    assert site.run().changed == 0, site.changed_tasks()


def test_a_household_is_removed_and_its_neighbour_keeps_everything(site: Site) -> None:
    """The neighbour comes, with a database that the machine had not needed so far, and goes."""
    neighbour = site.home.parent / "neighbour"
    hub = {"ansible_host": "127.0.0.1", "ansible_port": 9, "ecms_household_name": _NEIGHBOUR}
    hub |= {"ecms_devices": [{"id": 1, "name": "forno"}]}
    hosts = {_NEIGHBOUR_SLUG: {"hosts": {_NEIGHBOUR_HUB: hub}}, "hub": {"children": {_NEIGHBOUR_SLUG: {}}}}
    neighbour.mkdir(exist_ok=True)
    (neighbour / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}))
    before = site.stored()["users"]
    rules = site.machine.run(["cat", f"{_DIRECTORY}/acl.conf"]).stdout
    site.run(tags="bridge_install,certificates,database,emqx", neighbour=neighbour)
    password = (neighbour / f".secrets/mqtt_{_NEIGHBOUR_SLUG}").read_text().strip()
    assert site.lets_in(_NEIGHBOUR_SLUG, password)
    started = site.started()

    own = (_SLUG, site.secret(f"mqtt_{_SLUG}"))
    writer = ("ecms-writer", site.secret("mqtt_ecms-writer"))
    with site.connected(own, (_NEIGHBOUR_SLUG, password), writer) as alive:
        assert alive() == [True, True, True]
        kept = site.retained()
        assert {f"{_SLUG}/stato", f"{_NEIGHBOUR_SLUG}/stato"} <= set(kept)
        gone = [
            f"user {_NEIGHBOUR_SLUG} deleted",
            f"sessions ended ({_NEIGHBOUR_SLUG}): 1",
            f"retained messages of {_NEIGHBOUR_SLUG} deleted: 1",
        ]
        said = site.remove(neighbour, "--check")
        assert [one for one in gone if one not in said] == []
        assert alive() == [True, True, True]
        assert _NEIGHBOUR_SLUG in site.stored()["users"]
        said = site.remove(neighbour, "-e", f"confirm={_NEIGHBOUR_SLUG}")
        assert [one for one in gone if one not in said] == []
        assert alive() == [True, False, True]
        assert site.retained() == [one for one in kept if one != f"{_NEIGHBOUR_SLUG}/stato"]
    assert site.stored()["users"] == before
    # Who a household is, one rule for all of them says: nothing is left to remove there, and nothing was loaded anew.
    assert site.machine.run(["cat", f"{_DIRECTORY}/acl.conf"]).stdout == rules
    assert site.started() == started
    assert f"There is nothing of {_NEIGHBOUR_SLUG} on {_HOST}." in site.remove(neighbour, "--check")


def test_another_broker_retires_it(site: Site) -> None:
    household = site.home / "group_vars" / _SLUG / "household.yml"
    household.write_text(household.read_text().replace("emqx\n", "mosquitto\n"))
    site.run()
    assert site.changed_tasks() == ["EMQX is stopped and stays so"]
    state = site.machine.run(["systemctl", "is-enabled", "emqx"], check=False).stdout.strip()
    assert state == "disabled"
    assert site.machine.run(["systemctl", "is-active", "emqx"], check=False).stdout.strip() == "inactive"
