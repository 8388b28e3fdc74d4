"""The daemons' configuration where broker, writer and database have several hosts, as the daemons read it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ecms_bridge.hub.settings import HubSettings
from ecms_bridge.writer.settings import Settings
from role_plugins import ROOT

HUBS = [f"hub-{number}" for number in range(6)]
BROKERS = ["broker-1", "broker-2", "broker-3"]
NODES = ["db-1", "writer-2", "db-3"]
HOUSEHOLD = {
    "slug": "casa",
    "udp_port": 4210,
    "users": {"mqtt": "casa"},
    "require_signed_readings": True,
    "home_assistant": False,
}
# A module would be started for it, which takes longer than the whole play.
DUMP = """
import pathlib
class FilterModule:
    def filters(self):
        return {"dump": lambda value, path: pathlib.Path(path).write_text(value)}
"""
FACTS = """
- ansible.builtin.set_fact:
    ecms_services: "{{ {'cluster': {'writer': groups['writer'] if inventory_hostname in groups['writer'] else []}, \
      'shared_group': 'ecms', 'remote_broker': {}, 'remote_database': {}, 'secrets': {}} }}"
- ansible.builtin.set_fact:
    _done: "{{ lookup('ansible.builtin.template', item ~ '.j2') | dump(out ~ '/' ~ inventory_hostname ~ '.' ~ item) }}"
  loop: "{{ files }}"
"""


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of what the templates of the role become on each host."""
    directory = tmp_path_factory.mktemp("bridge")
    (directory / "out").mkdir()
    (directory / "filter_plugins").mkdir()
    (directory / "filter_plugins/dump.py").write_text(DUMP)
    hub = ["udp_to_mqtt.toml", "ecms-udp-to-mqtt.service"]
    writer = ["mqtt_to_mysql.toml", "ecms-mqtt-to-mysql.service"]
    groups = {
        "hub": {"hosts": dict.fromkeys(HUBS), "vars": {"files": hub}},
        "broker": {"hosts": {name: {"ansible_host": f"10.0.0.{n}"} for n, name in enumerate(BROKERS, start=1)}},
        "writer": {"hosts": dict.fromkeys(["broker-2", "writer-2"]), "vars": {"files": writer}},
        "database": {"hosts": {name: {"ansible_host": f"10.0.1.{n}"} for n, name in enumerate(NODES, start=1)}},
    }
    everywhere = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ecms_household": HOUSEHOLD,
        "out": str(directory / "out"),
    }
    (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": everywhere, "children": groups}}))
    book = {
        "hosts": "hub:writer",
        "gather_facts": False,
        # Not as roles, whose tasks would all be skipped one after the other.
        "vars_files": [str(ROOT / "roles/bridge/defaults/main.yml"), str(ROOT / "roles/bridge/vars/main.yml")],
        "tasks": yaml.safe_load(FACTS),
        "vars": {
            "_bridge_systemd": {"stdout": "systemd 252"},
            "bridge_service": "x",
            "bridge_daemon": "{{ item.split('.')[0] | replace('ecms-', '') | replace('-', '_') }}",
        },
    }
    (directory / "play.yml").write_text(yaml.safe_dump([book]))
    # Where a template's own includes are looked for.
    (directory / "templates").symlink_to(ROOT / "roles/bridge/templates")
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_FILTER_PLUGINS": f"{ROOT / 'roles/household/filter_plugins'}:{directory / 'filter_plugins'}",
        "ANSIBLE_HOME": str(directory / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    program = Path(sys.executable).parent / "ansible-playbook"
    run = subprocess.run(
        [program, "-i", directory / "hosts.yml", directory / "play.yml"],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return directory / "out"


def addresses(settings: HubSettings | Settings) -> list[tuple[str, int]]:
    return [(address.host, address.port) for address in settings.mqtt.addresses]


def test_hubs_share_the_brokers_and_know_them_all(configured: Path) -> None:
    all_of_them = [HubSettings.from_file(configured / f"{hub}.udp_to_mqtt.toml") for hub in HUBS]
    for settings in all_of_them:
        assert sorted(addresses(settings)) == [(f"10.0.0.{number}", 8883) for number in (1, 2, 3)]
        authorities = [address.tls_ca for address in settings.mqtt.addresses]
        assert authorities == [f"/etc/ecms/tls/broker-ca{which}.crt" for which in ("", "-1", "-2")]
    assert {addresses(settings)[0] for settings in all_of_them} == {(f"10.0.0.{n}", 8883) for n in (1, 2, 3)}
    assert "IPAddressAllow=any" in (configured / f"{HUBS[0]}.ecms-udp-to-mqtt.service").read_text()


def test_writers_share_the_readings_and_begin_with_their_own_broker(configured: Path) -> None:
    settings = Settings.from_file(configured / "broker-2.mqtt_to_mysql.toml")
    assert addresses(settings) == [("127.0.0.1", 1883), ("10.0.0.1", 8883), ("10.0.0.3", 8883)]
    assert settings.mqtt.tls_ca == ""
    assert settings.subscriptions()[0] == "$share/ecms/+/sensori"
    other = Settings.from_file(configured / "writer-2.mqtt_to_mysql.toml")
    assert other.subscriptions() == settings.subscriptions()
    assert "IPAddressDeny" not in (configured / "broker-2.ecms-mqtt-to-mysql.service").read_text()


def test_writers_know_every_node_of_the_database_and_begin_with_their_own(configured: Path) -> None:
    at_node = Settings.from_file(configured / "writer-2.mqtt_to_mysql.toml").database
    assert [(str(node), node.tls_ca) for node in at_node.nodes] == [
        ("/run/mysqld/mysqld.sock", ""),
        ("10.0.1.1 port 3306", "/etc/ecms/tls/database-ca-1.crt"),
        ("10.0.1.3 port 3306", "/etc/ecms/tls/database-ca-2.crt"),
    ]
    assert {node.user for node in at_node.nodes} == {"ecms-writer"}
    elsewhere = Settings.from_file(configured / "broker-2.mqtt_to_mysql.toml").database
    assert sorted(map(str, elsewhere.nodes)) == [f"10.0.1.{number} port 3306" for number in (1, 2, 3)]
    assert elsewhere.tls_ca == "/etc/ecms/tls/database-ca.crt"
