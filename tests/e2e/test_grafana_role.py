"""The role grafana on a real machine and database, with a stand-in for the vendor's package: it proves the role.

``ECMS_TEST_GRAFANA_DEB=file`` runs the same with a package of your own, such as the vendor's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana_stand_in.package import build
from hub import REPOSITORY, SiteRun, run_site
from hub.provision import ProvisionError
from machines import Machine, down, inventory, up
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
    given = os.environ.get("ECMS_TEST_GRAFANA_DEB")
    if given:
        package, checksum = Path(given), hashlib.sha256(Path(given).read_bytes()).hexdigest()
    else:
        package, checksum = build(tmp_path_factory.mktemp("package"))
    machine = up(_MACHINE, os.environ.get("ECMS_E2E_SUITE", "bookworm"), "raspberrypi", _MACHINE)
    home = REPOSITORY / f"build/e2e/{_MACHINE}/inventory"
    (home / f"group_vars/{_SLUG}").mkdir(parents=True, exist_ok=True)
    children: dict[str, Any] = {group: {"children": {_SLUG: {}}} for group in _GROUPS}
    children[_SLUG] = {"hosts": {_HOST: {}}}
    (home / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": children}}))
    (home.parent / "connection.yml").write_text(yaml.safe_dump(inventory({_MACHINE: _HOST})))
    made = Site(machine, home)
    made.variables = {
        "ecms_household_name": "Casa di Grafana",
        "ecms_mqtt_broker": "mosquitto",
        "ecms_clock_trusted": True,
        "ecms_devices": [{"id": 1, "name": "lavatrice"}],
        "grafana_deb": str(package),
        "grafana_deb_sha256": checksum,
    }
    try:
        made.run(tags="bridge_install,database")
        yield made
    finally:
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
    assert site.run().changed > 0
    again = site.run()
    assert again.changed == 0, site.log.read_text()
    checked = site.run("--check", "--diff")
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
    secrets = [site.secret(name) for name in ("grafana_admin", "grafana_secret_key", f"grafana_user_{_SLUG}")]
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


def test_an_alert_is_one_entry_and_one_run_without_a_restart(site: Site) -> None:
    started = site.started()
    site.variables["ecms_alerts"] = [{"name": "bucato pronto", "kind": "finished", "device": 1}]
    assert site.run().changed > 0
    assert "bucato pronto" in site.rules()
    site.variables["ecms_alerts"] = []
    site.run()
    assert "bucato pronto" not in site.rules()
    assert site.started() == started
    assert site.run().changed == 0, site.log.read_text()


def test_passwords_change_by_a_run(site: Site) -> None:
    old = {name: site.secret(name) for name in ("grafana_admin", f"grafana_user_{_SLUG}")}
    for name in old:
        (site.home / ".secrets" / name).unlink()
    site.run()
    for login, name in (("admin", "grafana_admin"), (_SLUG, f"grafana_user_{_SLUG}")):
        assert site.secret(name) != old[name]
        assert site.api().ask("GET", "/api/user", credentials=(login, site.secret(name)))[0] == 200
        assert site.api().ask("GET", "/api/user", credentials=(login, old[name]))[0] == 401
    assert site.run().changed == 0, site.log.read_text()


def test_a_database_that_is_gone_is_made_anew(site: Site) -> None:
    site.machine.run(["systemctl", "stop", "grafana-server"])
    site.machine.run(["sh", "-c", "rm -f /var/lib/grafana/grafana.db*"])
    site.run()
    assert "Sovraccarico" in site.rules()


def test_a_server_that_does_not_start_is_told_with_its_journal(site: Site) -> None:
    site.variables |= {"grafana_http_addr": "192.0.2.1", "grafana_api_host": "127.0.0.1", "grafana_start_timeout_s": 12}
    with pytest.raises(ProvisionError, match=r"grafana-server does not answer at http://127\.0\.0\.1:3000"):
        site.run()
    assert "cannot assign requested address" in site.log.read_text().lower()
    for name in ("grafana_http_addr", "grafana_api_host", "grafana_start_timeout_s"):
        del site.variables[name]
    site.run()
    assert "Sovraccarico" in site.rules()


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
