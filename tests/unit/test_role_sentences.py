"""What the roles refuse before they change anything: one sentence each, which says what to set.

More of EMQX's and the digest's are in tests of their own, those of an inventory in several.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from database.authority import Authority
from role_plugins import ROOT

SECRETS = {
    **{f"mqtt_{name}": "M" * 32 for name in ("admin", "ecms-writer")},
    **{f"database_ecms-{name}": "D" * 32 for name in ("writer", "admin")},
    **{f"grafana_{name}": "G" * 32 for name in ("admin", "secret_key")},
}
PATHS = {"ca": "/etc/ecms/tls/ca.crt", "certificate": "/etc/ecms/tls/server.crt", "key": "/etc/ecms/tls/server.key"}
SHA256 = "0" * 64


def household(slug: str, **changed: Any) -> dict[str, Any]:
    """Return as much of the fact ``ecms_household`` as the roles read."""
    return {
        "slug": slug,
        "name": slug,
        "hub_hostname": "pi",
        "users": {"mqtt": slug, "grafana": f"grafana_{slug}"},
        "secrets": {f"mqtt_{slug}": "m" * 32, f"database_grafana_{slug}": "d" * 32, f"grafana_user_{slug}": "g" * 32},
        "grafana_users": [{"login": slug, "role": "Editor", "name": slug}],
        "notify": [],
        **changed,
    }


def without(*names: str) -> dict[str, Any]:
    return {"ecms_services": {"secrets": {name: value for name, value in SECRETS.items() if name not in names}}}


def grafana(*households: dict[str, Any], **variables: Any) -> dict[str, Any]:
    return {"grafana_households": list(households), **variables}


HTTPS = {"grafana_protocol": "https"}
DEB = {"grafana_deb": "/etc/hostname", "grafana_deb_sha256": SHA256}
WRITER = {"bridge_daemons": ["mqtt_to_mysql"]}
HUB = {"bridge_daemons": ["udp_to_mqtt"]}
OWN = ("certificates_own_ca", "certificates_own_certificate", "certificates_own_key")
KEYS = {"secrets": {"household_key": "0" * 64, "mqtt_a_b": "m" * 32}}

USUAL: dict[str, dict[str, Any]] = {
    "grafana": grafana(household("a_b")),
    "certificates": {},
    "mosquitto": {"mosquitto_households": [household("a_b")]},
    "database": {"database_households": [household("a_b")]},
    "bridge": {"bridge_daemons": [], "bridge_mqtt_host": "127.0.0.1", "bridge_mqtt_tls": False}
    | {"bridge_database_tls": False, "ecms_household": household("a_b", **KEYS)},
    "common": {"ecms_household": household("a_b")},
    "mdns": {"ecms_household": household("a_b", name="A B")},
    "firmware": {"ecms_household": household("a_b", boxes=[{"name": "cucina", "serial_port": "/dev/ttyUSB0"}])},
}
"""For each role, variables that its preflight takes."""

CASES: dict[str, list[tuple[dict[str, Any], str]]] = {
    "grafana": [
        (without("grafana_admin"), "Grafana has no admin password: run site.yml, whose role household makes one"),
        (
            grafana(household("a_b", secrets={"database_grafana_a_b": "a$b", "grafana_user_a_b": "g" * 32})),
            "Grafana would expand the $ in",
        ),
        ({"grafana_protocol": "ftp"}, "grafana_protocol is ftp: set http or https"),
        ({"grafana_http_port": 70000}, "grafana_http_port is 70000: set a port from 1 to 65535"),
        ({"grafana_http_port": 80}, "grafana_http_port is 80, which needs root's rights: set 1024 or more"),
        ({"grafana_root_url": "pi.local"}, "grafana_root_url is pi.local: set the address in the browser"),
        (
            {"grafana_serve_from_sub_path": True, "grafana_root_url": "https://pi.local/"},
            "grafana_serve_from_sub_path is true but grafana_root_url (https://pi.local/) has no path",
        ),
        ({"grafana_deb": "/etc/hostname"}, "Set grafana_deb and grafana_deb_sha256 both, or neither"),
        (DEB | {"grafana_deb_sha256": "abc"}, "grafana_deb_sha256 is no checksum: set what `sha256sum` prints"),
        ({"grafana_apt_key_checksum": "abc"}, "grafana_apt_key_checksum is no checksum: set sha256: and 64 hex digits"),
        ({"grafana_version": "latest"}, "grafana_version is latest: set a version such as 12.4.0"),
        ({"grafana_version": "11.2.0"}, "grafana_version is 11.2.0: set 12 or newer"),
        ({"grafana_ini": {"smtp": True}}, "grafana_ini is no dictionary of sections: set it as"),
        ({"grafana_memory_max": "much"}, "grafana_memory_max is much: set a size such as 512M"),
        (
            HTTPS | {"certificates_paths": {}},
            "Grafana has no certificate: run site.yml (or --tags certificates,grafana)",
        ),
        (
            grafana(household("a_b"), household("c", grafana_users=[{"login": "a_b", "role": "Viewer"}])),
            "Several households have a user a_b on this Grafana: give each a login of its own in ecms_grafana_users",
        ),
        ({"grafana_absent_users": ["a_b"]}, "grafana_absent_users names a_b, still wanted: remove it there"),
        (
            grafana(household("a_b", notify=[{"kind": "email", "to": "anna@example.org"}])),
            "anna@example.org should be told by e-mail (ecms_notify), but",
        ),
        (DEB | {"grafana_deb": "/none.deb"}, "grafana_deb is /none.deb, which is not on this computer: download"),
        (DEB, ", not grafana_deb_sha256: download it again, or correct the checksum if the vendor names this one"),
    ],
    "certificates": [
        ({"certificates_own_ca": "/a"}, "set all of certificates_own_ca, certificates_own_certificate and"),
        ({"certificates_renew_days": 900}, "certificates_renew_days must be less than certificates_validity_days"),
        ({"certificates_ca_name": ""}, "certificates_ca_name must have 1 to 64 characters"),
        (
            {"certificates_names": ["https://pi.local"]},
            "certificates_names has https://pi.local: set host names, IPv4 or",
        ),
    ],
    "mosquitto": [
        (without("mqtt_admin"), "or set mosquitto_admin_password and mosquitto_writer_password from your vault"),
        ({"certificates_paths": {}}, "The broker has no certificate: run site.yml (or --tags certificates,mosquitto)"),
        (
            {"mosquitto_plain_port": 8883},
            "mosquitto_plain_port and mosquitto_tls_port are both 8883: set two different",
        ),
        (
            {"mosquitto_absent": ["a_b"]},
            "mosquitto_absent names a_b, still wanted: remove it there or in the inventory",
        ),
    ],
    "database": [
        (without("database_ecms-admin"), "or set database_admin_password and database_writer_password from your vault"),
        (
            {"database_by_network": True, "certificates_paths": {}},
            "The database has clients on other hosts and no certificate: run site.yml (or --tags certificates",
        ),
        (
            {"database_config_directory": "{{ strangers }}/etc"},
            (
                "This database lets clients on other hosts in, and this run would shut them out, though acb may need "
                "it: name their inventories too (-i), or set database_by_network: true for database."
            ),
        ),
        ({"database_statistics_minimum_homes": 2}, "database_statistics_minimum_homes is 2: set 3 or more, since"),
        ({"database_statistics": True}, "The statistics over all homes have no password: run site.yml"),
        ({"database_maintenance_time": "3:30"}, 'database_maintenance_time is 3:30: set a time such as "03:30", in'),
        ({"database_buffer_pool_mb": 8}, "database_buffer_pool_mb is 8 on a machine of"),
    ],
    "bridge": [
        ({"bridge_daemons": ["hub"]}, "bridge_daemons has hub: set udp_to_mqtt, mqtt_to_mysql, both or none"),
        (WRITER | without("mqtt_ecms-writer"), "The daemon mqtt_to_mysql has no passwords: run site.yml"),
        (
            HUB | {"bridge_mqtt_host": ""},
            "No host is in the group broker: add one to the inventory, or set bridge_mqtt_host",
        ),
        (
            WRITER | {"bridge_mqtt_host": "mqtt.example.org"},
            "The broker mqtt.example.org is another host: set bridge_mqtt_tls",
        ),
        (
            WRITER | {"bridge_database_socket": ""},
            "set the socket of a database on the same host, or bridge_database_tls to true",
        ),
        (
            HUB | {"bridge_mqtt_tls": True, "bridge_mqtt_ca": "/none.crt"},
            "/none.crt is not on this computer: run site.yml for the host of the service too, whose role certificates",
        ),
        (
            {"bridge_spool_directory": "/srv/spool"},
            "bridge_spool_directory is /srv/spool: set a directory below /var/lib",
        ),
        ({"bridge_watchdog_s": 5}, "bridge_watchdog_s is 5: set 10 seconds or more"),
    ],
    "common": [
        ({"system": "Ubuntu"}, "runs Ubuntu 12: install Raspberry Pi OS or Debian, version 12 (bookworm) or 13"),
        ({"release": "11"}, "install Raspberry Pi OS or Debian, version 12 (bookworm) or 13 (trixie), on it"),
    ],
    # Tasks that follow the preflight are begun only with what ends them before a change.
    "certificates/configure": [
        (dict.fromkeys(OWN, "/none.crt"), "/none.crt is not on"),
        (
            dict.fromkeys(OWN, "{{ strangers }}/authority.crt") | {"certificates_own_key": "{{ strangers }}/other.key"},
            "certificates_own_key does not belong to certificates_own_certificate: set the two of one pair",
        ),
    ],
    "certificates/authority": [
        (
            {"certificates_directory": "{{ strangers }}/keyless"},
            "ca.key is not: restore the key from a backup, or remove both for a new authority that every client",
        ),
    ],
    "emqx/configure": [
        (
            dict.fromkeys(("emqx_ca", "emqx_certificate", "emqx_key"), "/none.crt"),
            "run site.yml (or --tags certificates,emqx), or set emqx_ca, emqx_certificate and emqx_key to files that",
        ),
    ],
    "digest/wanted": [
        ({"digest_programs": "/none"}, "/none/ecms-digest is not on"),
    ],
    "firmware": [
        ({"box": "bagno"}, "No box is called bagno: the inventory has cucina."),
        (
            {"firmware_boxes": []},
            "The inventory lists no box: add it to ecms_boxes with name, mac, device, variant and",
        ),
        ({"firmware_access_point": ""}, "Set firmware_access_point to a name of 1 to 32 bytes."),
        (
            {"firmware_access_point_password": "short"},
            "Set firmware_access_point_password to 8 to 63 characters of your",
        ),
        ({"firmware_access_point_channel": 14}, "Set firmware_access_point_channel to 1 to 13."),
        ({"firmware_hub_address": "pi.local"}, "Set firmware_hub_address to an IPv4 address such as 192.168.1.50, or"),
        ({"firmware_time_servers": []}, "Set firmware_time_servers to one or two names."),
        (
            {"firmware_boxes": [{"name": name, "serial_port": "/dev/ttyUSB0"} for name in ("cucina", "bagno")]},
            "cucina and bagno have the same serial_port: flash them one at a time with -e box=name.",
        ),
    ],
    "mdns": [
        ({"mdns_service_name": "è" * 40}, "mdns_service_name has 80 bytes: set one of 1 to 63."),
    ],
}
NAMED = {
    f"{part.replace('/', '_')}.{number}": (part, *case)
    for part, cases in CASES.items()
    for number, case in enumerate(cases)
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what the user sees of each case, and of each role's usual variables, by the case's name."""
    directory = tmp_path_factory.mktemp("roles")
    strangers = Authority(directory, "authority")
    strangers.issue("other")[1].rename(directory / "other.key")
    (directory / "keyless").mkdir()
    strangers.certificate.with_name("keyless").joinpath("ca.crt").write_bytes(strangers.certificate.read_bytes())
    # A database that clients on other hosts use, of a home that no run here names.
    let_in = directory / "90-ecms.cnf"
    let_in.write_text("[mariadbd]\nssl_cert = /run/credentials/mariadb.service/server.crt\n")
    (directory / "etc/households").mkdir(parents=True)
    (directory / "etc/households/acb.json").touch()
    everywhere = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
        "certificates_paths": PATHS,
        "ecms_services": {"secrets": SECRETS, "hubs": {}},
        "strangers": str(directory),
        "system": "Debian",
        "release": "12",
    }
    hosts = {f"{role}.usual": everywhere | usual for role, usual in USUAL.items()} | {"idle": everywhere}
    hosts |= {name: everywhere | USUAL.get(part, {}) | variables for name, (part, variables, _) in NAMED.items()}
    known = {
        "distribution": "{{ system }}",
        "distribution_version": "{{ release }}",
        "distribution_major_version": "{{ release }}",
        "virtualization_tech_guest": [],
        "interfaces": [],
        "cacheable": True,
    }
    plays = [
        {
            # A play in which every host fails would be the last.
            "hosts": f"{part.replace('/', '_')}.*:idle",
            "gather_facts": False,
            "tasks": [
                {"ansible.builtin.set_fact": known},
                {
                    "ansible.builtin.import_role": _tasks(part),
                    "when": "inventory_hostname != 'idle'",
                    "vars": {"_database_server_config": str(let_in)},
                },
            ],
            "roles": [{"role": "household", "when": False}],
        }
        for part in CASES
    ]
    (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    (directory / "play.yml").write_text(yaml.safe_dump(plays))
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", str(directory / "hosts.yml"), str(directory / "play.yml")),
        ],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_HOME": str(directory / "ansible"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_NOCOLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    found = dict.fromkeys(hosts, "")
    for host, result in re.findall(r"^(?:fatal|failed): \[(\S+)\].*? => (\{.*\})$", done.stdout, re.MULTILINE):
        found[host] += " ".join(str(json.loads(result).get("msg", "")).split()) + "\n"
    assert any(found.values()), done.stdout + done.stderr
    return found


@pytest.mark.parametrize("name", NAMED)
def test_each_mistake_has_its_sentence(said: dict[str, str], name: str) -> None:
    assert NAMED[name][2] in said[name]


@pytest.mark.parametrize("role", USUAL)
def test_the_usual_variables_are_taken(said: dict[str, str], role: str) -> None:
    assert said[f"{role}.usual"] == ""


def _tasks(part: str) -> dict[str, Any]:
    role, _, tasks = part.partition("/")
    return {"name": role, "tasks_from": tasks or "preflight", "rolespec_validate": False}
