"""What the role digest writes, rendered by Ansible: its program and systemd understand it, and it holds no secret."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecms_bridge.digest import questions
from ecms_bridge.digest.questions import NAMES
from ecms_bridge.digest.settings import Settings
from grafana import macros
from notrun import not_run
from role_plugins import ROOT

TEMPLATES = ("digest.toml", "ecms-digest", "ecms-digest@.service", "ecms-digest@.timer")
SECRETS = {"smtp_password": "M" * 32}
READER = {"database_grafana_mario_rossi": "D" * 32}
SMTP = {
    "host": "smtp.example.org",
    "port": 587,
    "encryption": "starttls",
    "user": "casa@example.org",
    "from": "casa@example.org",
    "from_name": 'Casa "Rossi" è 😀',
}
DUMP = """
import json, pathlib
class FilterModule:
    def filters(self):
        return {"dump": lambda value, path: pathlib.Path(path).write_text(json.dumps(value))}
"""
ELSEWHERE = {"host": "mysql.example.org", "port": 21699, "ca": "/home/mario/ca.pem", "admin": "avnadmin"}
CASES: dict[str, dict[str, Any]] = {
    "here": {},
    "elsewhere": {"remote_database": ELSEWHERE},
    "db2": {},
    "dashboard": {},
}
NODES = {name: {"ansible_host": f"10.0.1.{number}"} for number, name in enumerate(("db1", "db2", "db3"), start=1)}
"""The shared database is a cluster, one node of which is a case; the case ``here`` is a hub with its own."""


def household() -> dict[str, Any]:
    return {
        "slug": "mario_rossi",
        "timezone": "Europe/Rome",
        "language": "it",
        "users": {"grafana": "grafana_mario_rossi"},
        "secrets": READER,
        "digest": {"kinds": ["weekly", "monthly"], "to": ["anna@example.org", "bruno@example.org"]},
    }


def play(directory: Path, cases: dict[str, dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Check the variables of each case, which change the fact ``ecms_services``, and render all to ``<case>.json``."""
    services = {"smtp": SMTP, "secrets": SECRETS, "hubs": {"dashboard": []}}
    hosts = {
        name: {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ecms_services": services | changes,
            "digest_households": [household()],
            "dump_to": str(directory / f"{name}.json"),
        }
        for name, changes in cases.items()
    }
    (directory / "filter_plugins").mkdir()
    (directory / "filter_plugins/dump.py").write_text(DUMP)
    groups = {"hub": {"hosts": {"here": {}}}, "database": {"hosts": {"here": {}, **NODES}}}
    (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "children": groups}}))
    templates = ROOT / "roles/digest/templates"
    rendered = ", ".join(f"'{name}': lookup('ansible.builtin.template', '{templates}/{name}.j2')" for name in TEMPLATES)
    # Imported, a role's variables count for the whole play.
    role = {"name": "digest", "tasks_from": "preflight", "rolespec_validate": False}
    render = {
        "ansible.builtin.set_fact": {"_dumped": "{{ {" + rendered + "} | dump(dump_to) }}"},
        "vars": {"household": "{{ digest_households | first }}"},
    }
    book = {
        "hosts": ":".join(cases),
        "gather_facts": False,
        "roles": [{"role": "household", "when": False}],
        "tasks": [{"ansible.builtin.import_role": role}, render],
    }
    (directory / "play.yml").write_text(yaml.safe_dump([book]))
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *("-i", str(directory / "hosts.yml"), str(directory / "play.yml")),
        ],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
            "ANSIBLE_HOME": str(directory / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Return each case's files by their names."""
    directory = tmp_path_factory.mktemp("digest")
    done = play(directory, CASES)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: json.loads((directory / f"{name}.json").read_text(encoding="utf-8")) for name in CASES}


def test_what_a_host_without_a_mail_server_or_its_password_is_told(tmp_path: Path) -> None:
    done = play(tmp_path, {"without": {"smtp": {}}, "locked": {"secrets": {}}})
    said = " ".join(done.stdout.replace("\\n", " ").split())
    assert done.returncode != 0
    assert "should get a digest (ecms_digest), but without has no mail server: set ecms_smtp in its variables" in said
    assert "ecms_smtp has the user casa@example.org and no password: set the secret smtp_password" in said
    assert not list(tmp_path.glob("*.json"))


def settings(files: dict[str, dict[str, str]], case: str, directory: Path) -> Settings:
    path = directory / "digest.toml"
    path.write_text(files[case]["digest.toml"], encoding="utf-8")
    return Settings.read(path)


def test_the_program_reads_its_configuration(files: dict[str, dict[str, str]], tmp_path: Path) -> None:
    found = settings(files, "here", tmp_path)
    assert (found.slug, found.zone.key, found.language) == ("mario_rossi", "Europe/Rome", "it")
    assert found.questions == Path("/etc/ecms/digest/sql")
    assert (found.database.socket, found.database.tls_ca) == ("/run/mysqld/mysqld.sock", "")
    assert found.database.user == "grafana_mario_rossi"
    assert (found.mail.host, found.mail.port, found.mail.sender_name) == (SMTP["host"], 587, SMTP["from_name"])
    assert found.mail.tls_ca == "/etc/ssl/certs/ca-certificates.crt"
    assert found.letters == (
        ("weekly", "anna@example.org"),
        ("weekly", "bruno@example.org"),
        ("monthly", "anna@example.org"),
        ("monthly", "bruno@example.org"),
    )


def test_a_database_elsewhere_is_asked_by_tls(files: dict[str, dict[str, str]], tmp_path: Path) -> None:
    found = settings(files, "elsewhere", tmp_path).database
    assert (found.host, found.port, found.socket) == ("mysql.example.org", 21699, "")
    assert found.tls_ca == "/etc/ecms/digest/database-ca.crt"


def test_every_node_of_a_cluster_is_known_a_machine_of_it_begins_with_its_own(
    files: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    at_node = settings(files, "db2", tmp_path).database
    assert [(str(node), node.tls_ca) for node in at_node.nodes] == [
        ("/run/mysqld/mysqld.sock", ""),
        ("10.0.1.1 port 3306", "/etc/ecms/digest/database-ca-1.crt"),
        ("10.0.1.3 port 3306", "/etc/ecms/digest/database-ca-2.crt"),
    ]
    assert {node.user for node in at_node.nodes} == {"grafana_mario_rossi"}
    beside = settings(files, "dashboard", tmp_path).database
    assert [(str(node), node.tls_ca) for node in beside.nodes] == [
        ("10.0.1.1 port 3306", "/etc/ecms/digest/database-ca.crt"),
        ("10.0.1.2 port 3306", "/etc/ecms/digest/database-ca-1.crt"),
        ("10.0.1.3 port 3306", "/etc/ecms/digest/database-ca-2.crt"),
    ]
    for case in ("here", "elsewhere"):
        assert settings(files, case, tmp_path).database.alternatives == ()


def test_no_file_holds_a_secret(files: dict[str, dict[str, str]]) -> None:
    texts = [text for case in files.values() for text in case.values()]
    assert texts
    assert not [one for one in (*SECRETS.values(), *READER.values()) if any(one in text for text in texts)]


def test_the_service_gets_its_secrets_as_credentials(files: dict[str, dict[str, str]]) -> None:
    unit = files["here"]["ecms-digest@.service"]
    passed = dict(re.findall(r"^LoadCredential=(\S+?):(\S+)$", unit, re.MULTILINE))
    assert passed == {
        "digest.toml": "/etc/ecms/digest/%i.toml",
        "database": "/etc/ecms/digest/credentials/database_%i",
        "smtp_password": "/etc/ecms/digest/credentials/smtp_password",
    }


def test_the_role_copies_what_the_program_asks() -> None:
    variables = yaml.safe_load((ROOT / "roles/digest/vars/main.yml").read_text(encoding="utf-8"))
    assert variables["_digest_names"] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_question_is_copied_and_asked_as_the_dashboards_ask_it(name: str) -> None:
    query = (ROOT / f"grafana/sql/{name}.sql").read_text(encoding="utf-8")
    asked = questions.expand(query, 1_718_000_000, 1_718_604_799, {"device": 2})
    assert asked == macros.expand(query, 1_718_000_000, 1_718_604_799, {"device": 2})


def test_systemd_understands_the_units(files: dict[str, dict[str, str]], tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        not_run("systemd is not installed on this machine")
    for name in ("ecms-digest@.service", "ecms-digest@.timer"):
        text = files["here"][name].replace("/opt/ecms/current/bin/ecms-digest", "/bin/true")
        (tmp_path / name.replace("@", "@mario_rossi")).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.glob("ecms-digest@*")))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert not re.search(r"(Unknown|Failed to parse|Invalid|ignoring)", done.stderr), done.stderr
