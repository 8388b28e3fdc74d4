"""Ask the one Grafana of many homes, by its address in the network, what each home has of it and what not.

``check`` ends well only if each home has its organisation, its users and nothing of another's; it prints the numbers of
the organisations. ``state`` prints what Grafana holds of each home, to compare two moments. ``take`` imports the files
that playbooks/export_dashboards.yml wrote, as an Editor of the home does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from role_plugins import ROOT, load

_module: Any = load("roles/grafana/library/grafana_organisations.py")
_filters: Any = load("roles/grafana/filter_plugins/ecms_grafana.py")
_handed: Any = load("roles/grafana/filter_plugins/ecms_grafana_dashboards.py")

_ADMIN, _MAIN = "admin", 1
_OK, _NOT_FOUND, _REFUSED = 200, 404, {401, 403}
_SOURCE = _filters.DATA_SOURCE


@dataclass(frozen=True)
class Home:
    """A home by its slug and the directory of its inventory."""

    slug: str
    directory: Path

    @classmethod
    def of(cls, words: str) -> Home:
        slug, _, directory = words.partition("=")
        return cls(slug, Path(directory))

    @property
    def variables(self) -> dict[str, Any]:
        path = self.directory / "group_vars" / self.slug / "household.yml"
        found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return found

    @property
    def roles(self) -> dict[str, str]:
        """Role of each user by login; without a list it is one Editor."""
        listed = self.variables.get("ecms_grafana_users") or [{"login": self.slug, "role": "Editor"}]
        return {user["login"]: user["role"] for user in listed}

    @property
    def dashboards(self) -> dict[str, str]:
        """Title of each of our dashboards by uid, in the home's language."""
        folder = ROOT / "grafana/dashboards" / self.variables.get("ecms_language", "it")
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
        return {one["uid"]: one["title"] for one in documents}

    def credentials(self, login: str) -> tuple[str, str]:
        return login, (self.directory / ".secrets" / f"grafana_user_{login}").read_text(encoding="utf-8").strip()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def state(admin: Any, home: Home) -> list[str]:
    """Return a line for each thing that Grafana holds of a home, sorted; none where there is nothing."""
    known = [one for one in home.roles if admin.ask("GET", f"/api/users/lookup?loginOrEmail={one}")[0] != _NOT_FOUND]
    lines = [f"login {login}" for login in known]
    status, found = admin.ask("GET", f"/api/orgs/name/{home.slug}")
    if status == _NOT_FOUND:
        return lines
    number = found["id"]

    def ask(path: str) -> Any:
        return admin.must("GET", path, organisation=number)

    lines.append(f"organisation {number}")
    lines += [f"member {one['login']} {one['role']}" for one in ask(f"/api/orgs/{number}/users")]
    lines.append(f"preferences {_digest(ask('/api/org/preferences'))}")
    for one in ask("/api/search?type=dash-db&limit=5000"):
        document = ask(f"/api/dashboards/uid/{one['uid']}")["dashboard"]
        lines.append(f"dashboard {one['uid']} {_digest(document)}")
    for kind in ("alert-rules", "contact-points"):
        for one in ask(f"/api/v1/provisioning/{kind}"):
            # When it was read last says nothing of what it is.
            lines.append(f"{kind} {one.get('uid')} {_digest({**one, 'updated': None})}")
    return sorted(lines)


def complaints(admin: Any, home: Home, numbers: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for whatever a home lacks, and whatever of another's organisation it is given."""
    number = numbers[home.slug]
    members = {one["login"]: one["role"] for one in admin.must("GET", f"/api/orgs/{number}/users")}
    if members != home.roles | {_ADMIN: "Admin"}:
        yield f"its members are {members}"
    status, health = admin.ask("GET", f"/api/datasources/uid/{_SOURCE}/health", organisation=number)
    if (status, health.get("status")) != (_OK, "OK"):
        yield f"its data source answers {status}: {health}"
    rules = admin.must("GET", "/api/v1/provisioning/alert-rules", organisation=number)
    asked = {query["datasourceUid"] for rule in rules for query in rule["data"]}
    if asked != {_SOURCE, "__expr__"}:
        yield f"its {len(rules)} alert rules ask {asked}"
    for login, role in home.roles.items():
        yield from _complaints_of(_User(admin, home, login), role, numbers)


@dataclass(frozen=True)
class _User:
    admin: Any
    home: Home
    login: str

    def ask(self, method: str, path: str, number: int, body: Any = None) -> tuple[int, Any]:
        credentials = self.home.credentials(self.login)
        answer: tuple[int, Any] = self.admin.ask(method, path, body, organisation=number, credentials=credentials)
        return answer


def _complaints_of(user: _User, role: str, numbers: Mapping[str, int]) -> Iterator[str]:
    home, login = user.home, user.login
    number = numbers[home.slug]
    status, found = user.ask("GET", "/api/org", number)
    if (status, found.get("name")) != (_OK, home.slug):
        yield f"{login} logs in and gets {status}: {found}"
        return
    save = {"dashboard": {"uid": f"own-{login}", "title": f"{home.slug} {login}", "panels": []}, "overwrite": True}
    status, _ = user.ask("POST", "/api/dashboards/db", number, save)
    if (status == _OK, status in _REFUSED) != (role != "Viewer", role == "Viewer"):
        yield f"{login}, {role}, saves a dashboard and gets {status}"
    _, shown = user.ask("GET", "/api/search?type=dash-db", number)
    titles = {one["uid"]: one["title"] for one in shown}
    if not home.dashboards.items() <= titles.items():
        yield f"{login} sees of the dashboards {titles}"
    if strange := [one for one in titles.values() if one.startswith(tuple(numbers.keys() - {home.slug}))]:
        yield f"{login} sees {strange}"
    asks = [
        ("GET", "/api/org", None),
        ("GET", "/api/search?type=dash-db", None),
        ("GET", "/api/dashboards/uid/ecms-casa", None),
        ("GET", f"/api/datasources/uid/{_SOURCE}/health", None),
        ("GET", "/api/v1/provisioning/alert-rules", None),
        ("POST", "/api/dashboards/db", save),
    ]
    for place, other in ({"the main one": _MAIN} | dict(numbers)).items():
        if place == home.slug:
            continue
        for method, path, body in asks:
            status, answer = user.ask(method, path, other, body)
            if status not in _REFUSED:
                yield f"{login} asks the organisation of {place} {method} {path} and gets {status}: {answer}"
        status, _ = user.ask("GET", f"/api/orgs/{other}/users", number)
        if status not in _REFUSED:
            yield f"{login} asks who is in the organisation of {place} and gets {status}"


def take(admin: Any, home: Home, number: int, files: Path) -> int:
    """Import a home's exported files as its Editor and return how many; raise ValueError where one asks another source.

    They may not take the place of what is there.
    """
    editor = next(login for login, role in home.roles.items() if role == "Editor")
    user = _User(admin, home, editor)
    found = sorted((files / home.slug).glob("**/*.json"))
    for path in found:
        document = json.loads(path.read_text(encoding="utf-8"))
        source = {"name": _handed.INPUT, "type": "datasource", "pluginId": "mysql", "value": _SOURCE}
        status, answer = user.ask(
            "POST", "/api/dashboards/import", number, {"dashboard": document, "inputs": [source], "overwrite": False}
        )
        if status != _OK or "${" + _handed.INPUT in json.dumps(
            user.ask("GET", f"/api/dashboards/uid/{answer['uid']}", number)[1]
        ):
            raise ValueError(f"{path.name} is imported with {status}: {answer}")
    return len(found)


def main(words: list[str]) -> int:
    """Do what the command line says; return 1 after a complaint."""
    parser = argparse.ArgumentParser(prog="dashboards_of_homes", description=__doc__)
    parser.add_argument("what", choices=("check", "state", "take"))
    parser.add_argument("--address", required=True)
    parser.add_argument("--central", type=Path, required=True, help="the inventory of the central machine")
    parser.add_argument("--files", type=Path, help="what was exported, for `take`")
    parser.add_argument("homes", nargs="+", type=Home.of, metavar="SLUG=INVENTORY")
    given = parser.parse_args(words)
    secrets = given.central / ".secrets"
    password = (secrets / "grafana_admin").read_text(encoding="utf-8").strip()
    (authority,) = secrets.glob("ca_*.crt")
    admin = _module.Api(given.address, _ADMIN, password, str(authority))
    if given.what == "state":
        print(json.dumps({home.slug: state(admin, home) for home in given.homes}))
        return 0
    numbers = {home.slug: int(admin.must("GET", f"/api/orgs/name/{home.slug}")["id"]) for home in given.homes}
    if given.what == "take":
        print(json.dumps({one.slug: take(admin, one, numbers[one.slug], given.files) for one in given.homes}))
        return 0
    wrong = [f"{home.slug}: {one}" for home in given.homes for one in complaints(admin, home, numbers)]
    print("\n".join(wrong) or json.dumps(numbers))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
