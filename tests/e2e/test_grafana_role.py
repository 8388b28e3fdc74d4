"""The roles grafana and digest on a real machine and database, the first with a stand-in for the vendor's package.

``ECMS_TEST_GRAFANA_DEB=file`` runs the same with a package of your own, such as the vendor's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e import mail
from e2e.journal import Journal
from grafana_stand_in.package import build, given
from hub import REPOSITORY, SiteRun, run_site
from hub.provision import ProvisionError
from machines import Machine, down, inventory, up
from mail_server import MAIL_PASSWORD, MAIL_USER, MailServer, plain_text
from role_plugins import load

module: Any = load("roles/grafana/library/grafana_organisations.py")

pytestmark = pytest.mark.timeout(1800)

_MACHINE = f"{os.environ.get('ECMS_E2E_MACHINE', 'e2e')}-grafana"
_HOST = "hub-casa-di-grafana"
_SLUG = "casa_di_grafana"
_GROUPS = ("hub", "broker", "writer", "database", "dashboard")
_DIRECTORY = "/etc/grafana/ecms"


@dataclass
class Site:
    """A home with a dashboard, and its inventory."""

    machine: Machine
    home: Path
    mail: MailServer
    authority: str
    variables: dict[str, Any] = field(default_factory=dict)
    runs: int = 0

    def run(self, *options: str, tags: str = "grafana") -> SiteRun:
        """Run what site.yml has for the dashboard, with the variables as they are now."""
        self.runs += 1
        (self.home / f"group_vars/{_SLUG}/household.yml").write_text(yaml.safe_dump(self.variables))
        return run_site([self.home, self.home.parent / "connection.yml"], self.log, options=("--tags", tags, *options))

    @property
    def log(self) -> Path:
        return self.home.parent / f"site-{self.runs}.log"

    def secret(self, name: str) -> str:
        return (self.home / ".secrets" / name).read_text().strip()

    def api(self, scheme: str = "http", ca: Path | None = None) -> Any:
        url = f"{scheme}://{self.machine.address}:3000"
        return module.Api(url, "admin", self.secret("grafana_admin"), ca and str(ca))

    def number(self) -> int:
        return int(self.api().must("GET", f"/api/orgs/name/{_SLUG}")["id"])

    def rules(self) -> set[str]:
        found = self.api().must("GET", "/api/v1/provisioning/alert-rules", organisation=self.number())
        return {rule["title"] for rule in found}

    def started(self) -> str:
        return self.machine.run(
            ["systemctl", "show", "-PActiveEnterTimestampMonotonic", "grafana-server"]
        ).stdout.strip()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A home whose database is there; Grafana comes with the first test."""
    package, checksum = given() or build(tmp_path_factory.mktemp("package"))
    machine = up(_MACHINE, os.environ.get("ECMS_E2E_SUITE", "bookworm"), "raspberrypi", _MACHINE)
    home = REPOSITORY / f"build/e2e/{_MACHINE}/inventory"
    (home / f"group_vars/{_SLUG}").mkdir(parents=True, exist_ok=True)
    children: dict[str, Any] = {group: {"children": {_SLUG: {}}} for group in _GROUPS}
    children[_SLUG] = {"hosts": {_HOST: {}}}
    (home / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": children}}))
    (home.parent / "connection.yml").write_text(yaml.safe_dump(inventory({_MACHINE: _HOST})))
    server, authority = mail.mail_server(machine, tmp_path_factory.mktemp("authority"))
    server.start()
    made = Site(machine, home, server, authority)
    made.variables = {
        "ecms_household_name": "Casa di Grafana",
        "ecms_mqtt_broker": "mosquitto",
        "ecms_clock_trusted": True,
        "ecms_devices": [{"id": 1, "name": "lavatrice"}],
        "grafana_deb": str(package),
        "grafana_deb_sha256": checksum,
        **mail.variables(server),
    }
    try:
        made.run(tags="bridge_install,database")
        yield made
    finally:
        server.stop()
        if os.environ.get("ECMS_KEEP") != "1":
            down(_MACHINE)


def test_a_host_that_is_out_of_reach_is_said_with_what_to_do(site: Site) -> None:
    before = dict(site.variables)
    site.variables |= {"grafana_deb": "", "grafana_deb_sha256": "", "grafana_apt_key_url": "http://127.0.0.1:9/gpg.key"}
    with pytest.raises(ProvisionError, match=r"cannot get the key http://127\.0\.0\.1:9/gpg\.key"):
        site.run()
    assert "set grafana_deb and grafana_deb_sha256 to a package that you downloaded" in " ".join(
        site.log.read_text().split()
    )
    site.variables = before


def test_the_first_run_makes_it_and_the_second_changes_nothing(site: Site) -> None:
    assert site.run(tags="grafana,digest").changed > 0
    again = site.run(tags="grafana,digest")
    assert again.changed == 0, site.log.read_text()
    checked = site.run("--check", "--diff", tags="grafana,digest")
    assert checked.changed == 0, site.log.read_text()
    assert site.rules() == {
        "Sovraccarico",
        "Il contatore sta per scattare",
        "Dispositivo muto",
        "Le misure non vengono salvate",
    }
    status, found = site.api().ask("GET", "/api/datasources/uid/ecms/health", organisation=site.number())
    assert (status, found["status"]) == (200, "OK")


def test_no_secret_is_readable_by_others_nor_in_a_process_list_or_log(site: Site) -> None:
    readable = site.machine.run(["find", _DIRECTORY, "-perm", "/o=r", "-type", "f"]).stdout
    owners = site.machine.run(["find", f"{_DIRECTORY}/secrets", "-type", "f", "-printf", "%u:%g %m\\n"]).stdout
    assert readable == ""
    assert set(owners.splitlines()) == {"root:grafana 640"}
    generated = ("grafana_admin", "grafana_secret_key", f"grafana_user_{_SLUG}", f"database_grafana_{_SLUG}")
    secrets = [MAIL_PASSWORD, *(site.secret(name) for name in generated)]
    words = site.machine.run(["sh", "-c", "cat /proc/[0-9]*/cmdline; journalctl --output=cat --no-pager"]).stdout
    logs = "".join(path.read_text() for path in site.home.parent.glob("site-*.log"))
    assert [secret for secret in secrets if secret in words or secret in logs] == []


def test_the_household_logs_in_and_nobody_else(site: Site) -> None:
    own = (_SLUG, site.secret(f"grafana_user_{_SLUG}"))
    status, found = site.api().ask("GET", "/api/org", organisation=site.number(), credentials=own)
    assert (status, found["name"]) == (200, _SLUG)
    assert site.api().ask("GET", "/api/org", organisation=1, credentials=own)[0] in {401, 403}
    assert site.api().ask("GET", "/api/org", credentials=("admin", "admin"))[0] == 401
    assert site.api().ask("GET", "/api/admin/settings", credentials=own)[0] in {403, 404}


def test_the_digest_is_sent_once_by_a_service_without_rights(site: Site) -> None:
    unit, machine, period = f"ecms-digest@{_SLUG}", site.machine, mail.due_period()
    said = Journal(machine, unit)
    timer = ["systemctl", "show", "--value", "-PActiveState", "-PUnitFileState", f"{unit}.timer"]
    assert machine.run(timer).stdout.split() == ["active", "enabled"]
    machine.run(["systemd-analyze", "security", "--no-pager", "--threshold=15", f"{unit}.service"])
    wh = mail.measure(machine, _SLUG, hours=12)

    waits = {"kind": "weekly", "first_day": period.first.isoformat(), "sent": 0, "waiting": 1}
    assert machine.run(["systemctl", "start", unit], check=False).returncode != 0
    said.wait_for("cannot be trusted: its certificate is not of the authority in /etc/ssl/certs/ca-certificates.crt")
    [told] = mail.told_by_status(machine)
    assert (told["slug"], told["letters"][0] | waits) == (_SLUG, told["letters"][0])
    assert site.mail.taken == []

    machine.write(mail.AUTHORITY, site.authority)
    machine.run(["update-ca-certificates"])
    for _ in range(2):
        machine.run(["systemctl", "start", unit])
    [message] = site.mail.taken
    assert (message["To"], message["From"]) == (mail.RECIPIENT, f"ECMS <{MAIL_USER}>")
    text = plain_text(message)
    assert f"lavatrice\n  {wh:,} Wh, costo ignoto\n".replace(",", ".", 1) in text, text
    sent = waits | {"sent": 1, "waiting": 0, "due_since": None}
    assert mail.told_by_status(machine) == [{"slug": _SLUG, "trouble": None, "letters": [sent]}]
    # The service's user was made for its run, and only root reads what it remembers.
    owner, mode = machine.run(f"stat -c '%u %a' /var/lib/private/ecms-digest/{_SLUG}").stdout.split()
    assert (61184 <= int(owner) <= 65519, mode) == (True, "700")
    shown = machine.run(["ecms-digest", "--print", "weekly"]).stdout
    assert shown.endswith(text)
    lines = "\n".join(said.lines())
    assert f"sent the weekly digest of {period.first} to {mail.RECIPIENT}" in lines
    assert MAIL_PASSWORD not in lines


def test_a_digest_that_is_switched_off_is_gone(site: Site) -> None:
    machine, files = site.machine, "/etc/ecms/digest /usr/local/bin/ecms-digest /etc/systemd/system/*/ecms-digest@*"
    wanted, site.variables["ecms_digest"] = site.variables["ecms_digest"], []
    assert site.run("--check", tags="digest").changed > 0
    assert machine.run(f"ls -d {files}").returncode == 0
    site.run(tags="digest")
    assert machine.run(f"ls -d {files}", check=False).stdout == ""
    assert machine.run(["systemctl", "list-units", "--all", "--no-legend", "ecms-digest@*"]).stdout == ""
    assert site.run(tags="digest").changed == 0, site.log.read_text()
    site.variables["ecms_digest"] = wanted


def test_alerts_and_passwords_change_by_a_run_without_a_restart(site: Site) -> None:
    started = site.started()
    site.variables["ecms_alerts"] = [{"name": "bucato pronto", "kind": "finished", "device": 1}]
    assert site.run().changed > 0
    assert "bucato pronto" in site.rules()

    old = {name: site.secret(name) for name in ("grafana_admin", f"grafana_user_{_SLUG}")}
    for name in old:
        (site.home / ".secrets" / name).unlink()
    site.variables["ecms_alerts"] = []
    site.run()
    assert "bucato pronto" not in site.rules()
    for login, name in (("admin", "grafana_admin"), (_SLUG, f"grafana_user_{_SLUG}")):
        assert site.secret(name) != old[name]
        assert site.api().ask("GET", "/api/user", credentials=(login, site.secret(name)))[0] == 200
        assert site.api().ask("GET", "/api/user", credentials=(login, old[name]))[0] == 401
    assert site.started() == started
    assert site.run().changed == 0, site.log.read_text()


def test_a_server_that_does_not_start_is_told_and_one_without_its_database_made_anew(site: Site) -> None:
    site.variables |= {"grafana_http_addr": "192.0.2.1", "grafana_api_host": "127.0.0.1", "grafana_start_timeout_s": 12}
    with pytest.raises(ProvisionError, match=r"grafana-server does not answer at http://127\.0\.0\.1:3000"):
        site.run()
    assert "cannot assign requested address" in site.log.read_text().lower()
    for name in ("grafana_http_addr", "grafana_api_host", "grafana_start_timeout_s"):
        del site.variables[name]
    site.machine.run(["systemctl", "stop", "grafana-server"])
    site.machine.run(["sh", "-c", "rm -f /var/lib/grafana/grafana.db*"])
    # It makes an empty one, and does not start with files that name organisations of the one that is gone.
    site.machine.run(["systemctl", "start", "grafana-server"], check=False)
    again = 'test "$(systemctl show --property=NRestarts --value grafana-server)" -gt 0'
    site.machine.run(["timeout", "60", "sh", "-c", f"until {again}; do sleep 1; done"])
    site.run()
    assert "Sovraccarico" in site.rules()
    assert site.run().changed == 0, site.log.read_text()


def test_https_with_the_local_authority(site: Site) -> None:
    site.variables |= {"grafana_protocol": "https"}
    with pytest.raises(
        ProvisionError, match=r"server\.crt.*is not on .*: run site\.yml \(or --tags certificates,grafana\)"
    ):
        site.run()
    assert "Sovraccarico" in site.rules(), "the server that ran was touched"
    site.run(tags="certificates,grafana")
    authority = site.home / f".secrets/ca_{_HOST}.crt"
    site.machine.run(
        ["curl", "--fail", "--silent", "--cacert", "/etc/ecms/tls/ca.crt", "https://localhost:3000/api/health"]
    )
    assert authority.exists()
    assert site.run().changed == 0, site.log.read_text()
