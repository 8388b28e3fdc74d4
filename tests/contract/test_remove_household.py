"""playbooks/remove_household.yml against a real MariaDB and a real Mosquitto of the test, without a machine.

The central host of the run is this one. Both homes have everything on it; their names differ only where a careless
pattern would not see it.
"""

from __future__ import annotations

import gzip
import json
import os
import pty
import select
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from broker_matrix import ADMIN, WRITER, password_of
from database.fixtures import Home, new_home
from database.server import PrivateServer
from ecms_bridge import access, names
from ecms_bridge.schema.users import Users, read_users
from private_mosquitto import ADMIN_PASSWORD, INSTALLED, PrivateBroker, dynsec
from role_plugins import ROOT

pytestmark = [
    pytest.mark.not_run_unless(INSTALLED, "mosquitto is not installed: make setup-test installs it"),
    pytest.mark.timeout(900),
]

GOES, STAYS = "a_b", "acb"
PASSWORD = "for-this-test-only"
TYPED = ("-e", "name=A B")


class Central:
    """A database and a broker with two homes, and the inventories that name them."""

    def __init__(self, directory: Path, database: PrivateServer, broker: PrivateBroker) -> None:
        self.directory = directory
        self.database = database
        self.broker = broker
        self.exports = directory / "exports"

    def write(self) -> None:
        programs, config = self.directory / "bin", self.directory / "etc"
        for place in (programs, config / "households", config / "credentials"):
            place.mkdir(parents=True)
        for name, module in (("ecms-schema", "schema.cli"), ("ecms-export", "export.cli")):
            script = programs / name
            run = f"import sys; from ecms_bridge.{module} import main; sys.exit(main())"
            script.write_text(
                f"#!/bin/sh\nexport PYTHONPATH={ROOT}/bridge/src\nexec {sys.executable} -c '{run}' \"$@\"\n"
            )
            script.chmod(0o755)
        (config / "schema.toml").write_text(
            f'[database]\nhost = "localhost"\nport = 3306\nsocket = "{self.database.settings.socket}"\n'
            f'user = "{names.ADMIN_USER}"\ntls_ca = ""\n'
        )
        (config / f"credentials/database_{names.ADMIN_USER}").write_text(PASSWORD)
        central: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "ecms_mqtt_broker": "mosquitto",
            "mosquitto_python": sys.executable,
            "mosquitto_plain_port": self.broker.port,
            "mosquitto_admin_username": ADMIN,
            "mosquitto_admin_password": ADMIN_PASSWORD,
            "database_programs": str(programs),
            "database_config_directory": str(config),
            "database_socket": self.database.settings.socket,
        }
        groups: dict[str, Any] = {name: {"children": {"central": {}}} for name in ("broker", "writer", "database")}
        self._inventory("central", {"central": {"hosts": {"server-central": central}}, **groups})
        for slug in (GOES, STAYS):
            # An address of documentation: whoever connected to it would wait and fail.
            hub = {
                "ansible_host": "192.0.2.1",
                "ecms_household_name": slug.replace("_", " ").upper(),
                "ecms_devices": [{"id": 1, "name": "lavatrice"}],
            }
            hosts = {slug: {"hosts": {f"hub-{slug.replace('_', '-')}": hub}}, "hub": {"children": {slug: {}}}}
            self._inventory(slug, hosts)

    def _inventory(self, name: str, children: dict[str, Any]) -> None:
        place = self.directory / "homes" / name
        place.mkdir(parents=True)
        (place / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": children}}))

    def furnish(self, home: Home) -> None:
        """Give a home what site.yml gives it: schema, reader, rights, the maintenance's file, a user of the broker."""
        slug = home.slug
        home.apply()
        home.rows("INSERT INTO {data} VALUES (UTC_TIMESTAMP() - INTERVAL 1 HOUR, 1, x'020000000001', 1.234)")
        home.rows(
            "INSERT INTO {roll} VALUES (15, UTC_TIMESTAMP() - INTERVAL 1 HOUR, 1, x'020000000001', 1, 30, 37, 1, 2)"
        )
        self.grant(slug)
        (self.directory / "etc/households" / f"{slug}.json").write_text(json.dumps(home.facts))
        self.broker.manage(
            lambda broker: broker.ensure_client(slug, password_of(slug), access.household_rules(slug), slug)
        )
        for topic in (f"{slug}/stato", f"{slug}/homeassistant/sensor/x/config"):
            self.retain(slug, topic)

    def grant(self, slug: str) -> None:
        admin = {"name": names.ADMIN_USER, "host": "localhost", "tls": False, "kind": "admin", "households": []}
        wanted = [
            admin | {"password": PASSWORD},
            *(
                {
                    "name": name,
                    "host": host,
                    "tls": host == "%",
                    "kind": kind,
                    "households": [slug],
                    "password": PASSWORD,
                }
                for name, kind in ((WRITER, "writer"), (names.grafana_user(slug), "grafana"))
                for host in ("localhost", "%")
            ),
        ]
        with closing(self.database.session()) as session:
            accounts = Users(session, self.database.settings)
            for user in read_users(json.dumps(wanted)):
                accounts.apply(user)

    def retain(self, slug: str, topic: str) -> None:
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        client.username_pw_set(slug, password_of(slug))
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        client.publish(topic, b"{}", qos=1, retain=True).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def admits(self, slug: str) -> bool:
        try:
            with dynsec.Connection("127.0.0.1", self.broker.port, slug, password_of(slug), 10):
                return True
        except dynsec.LoginRefusedError:
            return False

    def state(self, slug: str) -> dict[str, Any]:
        """Return everything that database, broker and host know of a home; empty where there is nothing."""
        schema = names.schema_name(slug)
        with closing(self.database.session()) as session, session.cursor() as cursor:

            def ask(statement: str, *values: str) -> list[Any]:
                cursor.execute(statement, values)
                return sorted(cursor.fetchall())

            tables = ask("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", schema)
            data = f"SELECT * FROM {schema}.{names.data_table(slug)}"
            found = {
                "tables": tables,
                "rows": ask(data) if tables else [],
                "readers": ask("SELECT Host, plugin FROM mysql.user WHERE User = %s", names.grafana_user(slug)),
                "rights": ask("SELECT Host, Table_name, Table_priv FROM mysql.tables_priv WHERE Db = %s", schema),
                "patterns": ask("SELECT User, Host FROM mysql.db WHERE Db = %s", schema.replace("_", "\\_")),
            }
        tree = json.loads(self.broker.file.read_text())
        found["broker"] = [
            (kind, key)
            for kind, key, name in (("clients", "username", slug), ("roles", "rolename", dynsec.role_name(slug)))
            for one in tree[kind]
            if one[key] == name
        ]
        found["retained"] = self.retained(slug)
        found["file"] = [path.read_text() for path in (self.directory / "etc/households").glob(f"{slug}.json")]
        return {key: value for key, value in found.items() if value}

    def retained(self, slug: str) -> list[str]:
        """Return what is retained below a name, asked by a client who may read everything."""
        everything = [
            {"action": kind, "effect": "allow", "topic": "#", "match": "pattern"} for kind in ("publish", "subscribe")
        ]
        self.broker.manage(lambda broker: broker.ensure_client("observer", PASSWORD, everything, "test"))
        with dynsec.Connection("127.0.0.1", self.broker.port, "observer", PASSWORD, 10) as observer:
            return sorted(observer.retained(slug))

    def run(self, *arguments: str, homes: tuple[str, ...] = (GOES, STAYS)) -> subprocess.CompletedProcess[str]:
        """Run the playbook where nobody can be asked."""
        return subprocess.run(
            self.command(*arguments, homes=homes),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def run_by_hand(self, typed: str, homes: tuple[str, ...]) -> tuple[int, str]:
        """Run the playbook at a terminal and type when it asks; return its status and all that was to be seen."""
        pid, terminal = pty.fork()
        if not pid:
            os.execvpe(sys.executable, self.command(*TYPED, homes=homes), self.environment())
        said = b""
        try:
            while True:
                if select.select([terminal], [], [], 3)[0]:
                    said += os.read(terminal, 65536)
                elif f"Type {GOES} to remove it".encode() in said.split(b"TASK [")[-1]:
                    # Ansible shows its question a moment before it listens, and discards what was typed until then.
                    # Somebody whose keys did nothing types again, and so does this.
                    os.write(terminal, f"{typed}\r".encode())
        except OSError:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()
        finally:
            os.close(terminal)

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
        }

    def command(self, *arguments: str, homes: tuple[str, ...]) -> list[str]:
        inventories = [word for name in ("central", *homes) for word in ("-i", str(self.directory / "homes" / name))]
        return [
            sys.executable,
            str(Path(sys.executable).parent / "ansible-playbook"),
            str(ROOT / "playbooks/remove_household.yml"),
            *inventories, "-e", f"directory={self.exports}", *arguments,
        ]  # fmt: skip


@pytest.fixture
def central(tmp_path: Path) -> Iterator[Central]:
    database = PrivateServer()
    broker = PrivateBroker(tmp_path)
    try:
        database.start()
        broker.start()
        made = Central(tmp_path, database, broker)
        made.write()
        yield made
    finally:
        broker.stop()
        database.remove()


def check_export(central: Central) -> None:
    """Look at what is kept of the household that went: all of it, for nobody else, and nothing on the host."""
    (export,) = central.exports.iterdir()
    assert stat.S_IMODE(export.stat().st_mode) == 0o700
    lines = {path.name: gzip.decompress(path.read_bytes()).decode() for path in export.glob("*/*.gz")}
    assert set(lines) == {"reading.csv.gz", "hour.csv.gz", "day.csv.gz", "schema.sql.gz"}
    assert ",lavatrice,02:00:00:00:00:01,1.234," in lines["reading.csv.gz"]
    assert ",lavatrice," in lines["hour.csv.gz"]
    assert "INSERT INTO `data_a_b`" in lines["schema.sql.gz"]
    assert not list(Path("/var/tmp").glob("ecms-export-*"))


def test_a_household_goes_with_all_it_had_and_its_neighbour_keeps_everything(central: Central) -> None:
    with new_home(central.database, GOES) as goes, new_home(central.database, STAYS) as stays:
        for home in (goes, stays):
            central.furnish(home)
        before = {slug: central.state(slug) for slug in (GOES, STAYS)}
        assert before[GOES].keys() == before[STAYS].keys()
        assert len(before[GOES]) == 8

        nameless = central.run()
        assert (nameless.returncode, "Say whose home is to go" in nameless.stdout + nameless.stderr) == (2, True)
        wrong = central.run(*TYPED, "-e", "confirm=acb")
        assert wrong.returncode == 2
        assert "is not" in wrong.stdout + wrong.stderr
        assert not central.exports.exists()
        dry = central.run(*TYPED, "--check")
        assert dry.returncode == 0, dry.stdout + dry.stderr
        assert "remove the schema ecms_a_b" in dry.stdout
        assert not central.exports.exists()
        # The last service cannot do it, and so the first ones were not touched.
        old = central.run(*TYPED, "-e", "confirm=a_b", "-e", f"database_programs={central.directory}")
        assert old.returncode == 2
        assert "has no programs of this version: run site.yml first, then this again" in old.stdout + old.stderr
        # Nobody can be asked here.
        unasked = central.run(*TYPED)
        assert unasked.returncode == 2
        said = unasked.stdout + unasked.stderr
        assert "so nothing was removed: type exactly that, or set -e confirm=a_b." in said, said
        assert {slug: central.state(slug) for slug in (GOES, STAYS)} == before
        shutil.rmtree(central.exports)

        done = central.run(*TYPED, "-e", "confirm=a_b")
        assert done.returncode == 0, done.stdout + done.stderr
        assert central.state(GOES) == {}
        assert not central.admits(GOES)
        assert central.state(STAYS) == before[STAYS]
        assert central.admits(STAYS)
        assert "write its SD card anew" in done.stdout

        check_export(central)

        again = central.run(*TYPED, "-e", "confirm=a_b")
        assert again.returncode == 0, again.stdout + again.stderr
        assert "There is nothing of a_b on server-central." in again.stdout
        assert len(list(central.exports.iterdir())) == 1

        # Interrupted with the broker done and the database half: what is left is found and goes, without its inventory.
        goes.apply()
        central.grant(GOES)
        (central.directory / "etc/households" / f"{GOES}.json").write_text(json.dumps(goes.facts))
        status, said = central.run_by_hand("a_b", homes=(STAYS,))
        assert status == 0, said
        assert "Everything above will be gone for ever. Type a_b to remove it" in said
        assert central.state(GOES) == {}
        assert central.state(STAYS) == before[STAYS]
