"""Stands in for the program ``grafana``: the API and the provisioning files that the role uses, nothing else.

Runs on machines of tests as it is, so it needs nothing but Debian's python3, python3-yaml and python3-pymysql.
"""

from __future__ import annotations

import base64
import configparser
import json
import os
import re
import sqlite3
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

ROLES = {"Admin", "Editor", "Viewer"}
_LOCK = threading.RLock()


class RefusedError(Exception):
    """An answer with an error's status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def expand(text: str) -> str:
    """Expand ``$__file{}`` and ``$$`` as provisioning files have them; any other ``$`` would be a variable."""

    def part(piece: str) -> str:
        piece = re.sub(r"\$__file\{([^}]+)\}", lambda m: Path(m[1]).read_text(encoding="utf-8").strip(), piece)
        return re.sub(r"\$(\w+|\{\w+\})", "", piece)

    return "$".join(part(piece) for piece in text.split("$$"))


def expand_all(value: Any) -> Any:
    if isinstance(value, str):
        return expand(value)
    if isinstance(value, list):
        return [expand_all(one) for one in value]
    if isinstance(value, dict):
        return {key: expand_all(one) for key, one in value.items()}
    return value


class Settings:
    """grafana.ini."""

    def __init__(self, path: Path) -> None:
        self._ini = configparser.RawConfigParser(strict=True, delimiters=("=",))
        self._ini.optionxform = str  # type: ignore[assignment,method-assign]
        self._ini.read_string(path.read_text(encoding="utf-8"))

    def get(self, section: str, key: str, default: str = "") -> str:
        value = self._ini.get(section, key, fallback=default)
        if value.startswith('"""'):
            value = value[3:-3]
        return re.sub(r"\$__file\{([^}]+)\}", lambda m: Path(m[1]).read_text(encoding="utf-8").strip(), value)


_TABLES = (
    "CREATE TABLE IF NOT EXISTS org (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE IF NOT EXISTS stand_in (id INTEGER PRIMARY KEY, state TEXT)",
)


def state_of(file: Path) -> Any:
    """Return what a stand-in with this database knows."""
    with closing(sqlite3.connect(file)) as session:
        return json.loads(session.execute("SELECT state FROM stand_in").fetchone()[0])


class Grafana:
    """What Grafana knows, kept in a database of which only the table ``org`` is Grafana's own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.file = Path(settings.get("paths", "data", "/var/lib/grafana")) / "grafana.db"
        self.state: dict[str, Any] = {}
        self._read_at = 0
        if self.file.exists():
            self.refresh()
            return
        self.state = {
            "orgs": {"1": "Main Org."},
            "users": {},
            "members": [],
            "sources": {},
            "rules": {},
            "points": {},
            "policies": {},
            "templates": {},
            "dashboards": {},
            "preferences": {},
            "without_alertmanager": {},
            "reloads": [],
        }
        self.add_user(settings.get("security", "admin_user", "admin"), settings.get("security", "admin_password"), 1)
        self.state["users"]["1"]["isGrafanaAdmin"] = True
        self.save()

    def save(self) -> None:
        with closing(sqlite3.connect(self.file)) as session, session:
            for statement in _TABLES:
                session.execute(statement)
            session.execute("DELETE FROM org")
            session.executemany("INSERT INTO org VALUES (?, ?)", self.state["orgs"].items())
            session.execute("REPLACE INTO stand_in VALUES (1, ?)", [json.dumps(self.state)])
        self._read_at = self.file.stat().st_mtime_ns

    def refresh(self) -> None:
        """Read what another process, the reset of a password, may have written."""
        changed = self.file.stat().st_mtime_ns
        if changed != self._read_at:
            self.state = state_of(self.file)
            self._read_at = changed

    def add_user(self, login: str, password: str, org: int, name: str = "") -> int:
        number = max([int(one) for one in self.state["users"]] or [0]) + 1
        self.state["users"][str(number)] = {
            "id": number, "login": login, "email": login, "name": name, "password": password,
            "isGrafanaAdmin": False, "isDisabled": False,
        }  # fmt: skip
        self.state["members"].append({"userId": number, "orgId": org, "role": "Viewer"})
        return number

    def user(self, login: str) -> dict[str, Any] | None:
        return next((one for one in self.state["users"].values() if one["login"] == login), None)

    def provision(self, kind: str) -> None:
        """Read the provisioning files of a kind; raise RefusedError where Grafana would refuse them."""
        directory = Path(self.settings.get("paths", "provisioning")) / kind
        documents = [
            yaml.safe_load(file.read_text(encoding="utf-8")) or {} for file in sorted(directory.glob("*.yaml"))
        ]
        for document in documents:
            if document.get("apiVersion") != 1:
                raise RefusedError(500, f"a file of {kind} has no apiVersion")
            getattr(self, f"_{kind}")(document)
        if kind == "dashboards":
            self._remove_orphans([one for document in documents for one in document.get("providers", [])])
        self.save()

    def _remove_orphans(self, providers: list[dict[str, Any]]) -> None:
        """Seen of Grafana 12.3: dashboards of a provider that no file names any more are deleted."""
        names = {"", *(provider["name"] for provider in providers)}
        for org, kept in self.state["dashboards"].items():
            self.state["dashboards"][org] = {uid: one for uid, one in kept.items() if one["provider"] in names}

    def _org(self, entry: dict[str, Any]) -> str:
        number = str(entry.get("orgId", 1))
        if number not in self.state["orgs"]:
            raise RefusedError(500, f"organization {number} does not exist")
        return number

    def _datasources(self, document: dict[str, Any]) -> None:
        for source in document.get("datasources", []):
            org = self._org(source)
            for key in ("name", "type", "uid", "url", "user"):
                if not source.get(key):
                    raise RefusedError(500, f"a data source has no {key}")
            self.state["sources"].setdefault(org, {})[source["uid"]] = expand_all(source)

    def _dashboards(self, document: dict[str, Any]) -> None:
        for provider in document.get("providers", []):
            org = self._org(provider)
            path = Path(provider["options"]["path"])
            if not path.is_dir():
                raise RefusedError(500, f"{path} is no directory")
            found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(path.glob("**/*.json"))]
            kept = self.state["dashboards"].get(org, {})
            kept = {uid: one for uid, one in kept.items() if one["provider"] != provider["name"]}
            self.state["dashboards"][org] = kept
            for one in found:
                kept[one["uid"]] = {"document": one, "provider": provider["name"]}

    def _alerting(self, document: dict[str, Any]) -> None:
        self._contact_points(document)
        for policy in document.get("policies", []):
            org = self._org(policy)
            names = {one["name"] for one in self.state["points"].get(org, {}).values()}
            for route in [policy, *policy.get("routes", [])]:
                if route["receiver"] not in names:
                    raise RefusedError(500, f"receiver {route['receiver']} does not exist")
            self.state["policies"][org] = expand_all(policy)
        for org_id in document.get("resetPolicies", []):
            self.state["policies"].pop(str(org_id), None)
        for template in document.get("templates", []):
            self.state["templates"].setdefault(self._org(template), {})[template["name"]] = template["template"]
        self._rules(document)
        for gone in document.get("deleteContactPoints", []):
            self.state["points"].get(self._org(gone), {}).pop(gone["uid"], None)

    def _contact_points(self, document: dict[str, Any]) -> None:
        for point in document.get("contactPoints", []):
            org = self._org(point)
            if self.state["without_alertmanager"].get(org):
                raise RefusedError(500, "No alertmanager configuration present in this organization")
            for receiver in point["receivers"]:
                settings = expand_all(receiver["settings"])
                needed = "addresses" if receiver["type"] == "email" else "url"
                if not receiver.get("uid") or not settings.get(needed):
                    raise RefusedError(500, f"a contact point has no uid or {needed}")
                self.state["points"].setdefault(org, {})[receiver["uid"]] = {
                    **receiver, "name": point["name"], "settings": settings,
                }  # fmt: skip

    def _rules(self, document: dict[str, Any]) -> None:
        for group in document.get("groups", []):
            org = self._org(group)
            if int(re.fullmatch(r"(\d+)s", group["interval"])[1]) % 10:  # type: ignore[index]
                raise RefusedError(500, "the interval is no multiple of 10 s")
            for rule in group["rules"]:
                if not rule.get("uid") or not rule.get("title") or not rule.get("data"):
                    raise RefusedError(500, "a rule has no uid, title or data")
                if rule["condition"] not in {query["refId"] for query in rule["data"]}:
                    raise RefusedError(500, "a rule's condition is none of its queries")
                for query in rule["data"]:
                    uid = query["datasourceUid"]
                    if uid != "__expr__" and uid not in self.state["sources"].get(org, {}):
                        raise RefusedError(500, f"a rule asks the data source {uid}, which does not exist")
                kept = {**rule, "title": expand(rule["title"]), "ruleGroup": group["name"]}
                self.state["rules"].setdefault(org, {})[rule["uid"]] = kept
        for gone in document.get("deleteRules", []):
            self.state["rules"].get(self._org(gone), {}).pop(gone["uid"], None)


def source_health(source: dict[str, Any]) -> dict[str, str]:
    """Log in to the database as the data source says, in earnest."""
    import pymysql  # noqa: PLC0415 - only machines with a database have it

    where: dict[str, Any] = (
        {"unix_socket": source["url"]}
        if source["url"].startswith("/")
        else dict(zip(("host", "port"), (source["url"].split(":")[0], int(source["url"].split(":")[1])), strict=True))
    )
    try:
        pymysql.connect(
            user=source["user"],
            password=source["secureJsonData"]["password"],
            database=source["jsonData"]["database"],
            **where,
        ).close()
    except pymysql.MySQLError as error:
        return {"status": "ERROR", "message": str(error)}
    return {"status": "OK", "message": "Database Connection OK"}


Route = Callable[["Request"], Any]
ROUTES: list[tuple[str, str, Route]] = []


def route(method: str, pattern: str) -> Callable[[Route], Route]:
    def keep(function: Route) -> Route:
        ROUTES.append((method, f"^{pattern}$", function))
        return function

    return keep


class Request:
    """One request: who asks, what for, and the parts of its path."""

    def __init__(self, grafana: Grafana, user: dict[str, Any], org: str, body: Any, query: dict[str, str]) -> None:
        self.grafana, self.user, self.org, self.body, self.query = grafana, user, org, body, query
        self.parts: tuple[str, ...] = ()

    @property
    def state(self) -> dict[str, Any]:
        return self.grafana.state

    def admin(self) -> None:
        if not self.user["isGrafanaAdmin"]:
            raise RefusedError(403, "Permission denied")

    def known(self, number: str) -> dict[str, Any]:
        if number not in self.state["users"]:
            raise RefusedError(404, "user not found")
        found: dict[str, Any] = self.state["users"][number]
        return found


@route("GET", "/api/org")
def _org(request: Request) -> Any:
    return {"id": int(request.org), "name": request.state["orgs"][request.org]}


@route("GET", "/api/user")
def _me(request: Request) -> Any:
    return {key: value for key, value in request.user.items() if key != "password"}


@route("GET", "/api/orgs/name/([^/]+)")
def _org_by_name(request: Request) -> Any:
    request.admin()
    name = unquote(request.parts[0])
    for number, known in request.state["orgs"].items():
        if known == name:
            return {"id": int(number), "name": known}
    raise RefusedError(404, "Organization not found")


@route("POST", "/api/orgs")
def _make_org(request: Request) -> Any:
    request.admin()
    if request.body["name"] in request.state["orgs"].values():
        raise RefusedError(409, "Organization name taken")
    number = max(int(one) for one in request.state["orgs"]) + 1
    request.state["orgs"][str(number)] = request.body["name"]
    request.state["members"].append({"userId": request.user["id"], "orgId": number, "role": "Admin"})
    # Seen of Grafana 12.3: a new organisation's alertmanager comes some time after it.
    request.state["without_alertmanager"][str(number)] = 2
    return {"orgId": number, "message": "Organization created"}


@route("GET", r"/api/orgs/(\d+)/users")
def _members(request: Request) -> Any:
    request.admin()
    members = [one for one in request.state["members"] if str(one["orgId"]) == request.parts[0]]
    return [{**one, "login": request.known(str(one["userId"]))["login"]} for one in members]


@route("DELETE", r"/api/orgs/(\d+)")
def _remove_org(request: Request) -> Any:
    request.admin()
    number = request.parts[0]
    if number == request.org:
        raise RefusedError(400, "Can not delete org for current user")
    if request.state["orgs"].pop(number, None) is None:
        raise RefusedError(404, "Failed to delete organization. ID not found")
    request.state["members"] = [one for one in request.state["members"] if str(one["orgId"]) != number]
    for kind in ("sources", "rules", "points", "policies", "templates", "dashboards", "preferences"):
        request.state[kind].pop(number, None)
    return {"message": "Organization deleted"}


@route("GET", r"/api/users/(\d+)")
def _user(request: Request) -> Any:
    request.admin()
    return {key: value for key, value in request.known(request.parts[0]).items() if key != "password"}


@route("GET", "/api/users/lookup")
def _lookup(request: Request) -> Any:
    request.admin()
    found = request.grafana.user(request.query["loginOrEmail"])
    if found is None:
        raise RefusedError(404, "user not found")
    return {key: value for key, value in found.items() if key != "password"}


@route("POST", "/api/admin/users")
def _make_user(request: Request) -> Any:
    request.admin()
    body = request.body
    if request.grafana.user(body["login"]):
        raise RefusedError(412, "user already exists")
    if len(body.get("password", "")) < 4:
        raise RefusedError(400, "password too short")
    number = request.grafana.add_user(body["login"], body["password"], body.get("OrgId", 1), body.get("name", ""))
    return {"id": number, "message": "User created"}


@route("PUT", r"/api/users/(\d+)")
def _change_user(request: Request) -> Any:
    request.admin()
    request.known(request.parts[0]).update(request.body)
    return {"message": "User updated"}


@route("PUT", r"/api/admin/users/(\d+)/password")
def _password(request: Request) -> Any:
    request.admin()
    request.known(request.parts[0])["password"] = request.body["password"]
    return {"message": "User password updated"}


@route("DELETE", r"/api/admin/users/(\d+)")
def _remove_user(request: Request) -> Any:
    request.admin()
    number = request.known(request.parts[0])["id"]
    del request.state["users"][str(number)]
    request.state["members"] = [one for one in request.state["members"] if one["userId"] != number]
    return {"message": "User deleted"}


@route("GET", r"/api/users/(\d+)/orgs")
def _orgs_of(request: Request) -> Any:
    request.admin()
    number = request.known(request.parts[0])["id"]
    return [
        {"orgId": one["orgId"], "name": request.state["orgs"][str(one["orgId"])], "role": one["role"]}
        for one in request.state["members"]
        if one["userId"] == number
    ]


@route("POST", r"/api/orgs/(\d+)/users")
def _add_member(request: Request) -> Any:
    request.admin()
    found = request.grafana.user(request.body["loginOrEmail"])
    if found is None or request.body["role"] not in ROLES:
        raise RefusedError(400, "Could not add user to organization")
    member = {"userId": found["id"], "orgId": int(request.parts[0]), "role": request.body["role"]}
    request.state["members"].append(member)
    return {"message": "User added to organization"}


@route("PATCH", r"/api/orgs/(\d+)/users/(\d+)")
def _change_member(request: Request) -> Any:
    request.admin()
    for one in request.state["members"]:
        if [str(one["orgId"]), str(one["userId"])] == list(request.parts):
            one["role"] = request.body["role"]
            return {"message": "Organization user updated"}
    raise RefusedError(404, "not a member")


@route("GET", "/api/org/preferences")
def _preferences(request: Request) -> Any:
    return request.state["preferences"].get(request.org, {})


@route("PATCH", "/api/org/preferences")
def _change_preferences(request: Request) -> Any:
    home = request.body.get("homeDashboardUID")
    if home and home not in request.state["dashboards"].get(request.org, []):
        raise RefusedError(404, "Dashboard not found")
    request.state["preferences"].setdefault(request.org, {}).update(request.body)
    return {"message": "Preferences updated"}


@route("GET", "/api/search")
def _search(request: Request) -> Any:
    found = request.state["dashboards"].get(request.org, {})
    return [{"uid": uid, "title": one["document"]["title"], "type": "dash-db"} for uid, one in found.items()]


@route("GET", "/api/dashboards/uid/([^/]+)")
def _dashboard(request: Request) -> Any:
    found = request.state["dashboards"].get(request.org, {}).get(request.parts[0])
    if found is None:
        raise RefusedError(404, "Dashboard not found")
    return {"dashboard": found["document"], "meta": {"provisioned": bool(found["provider"])}}


@route("POST", "/api/dashboards/db")
def _save_dashboard(request: Request) -> Any:
    return _save(request, request.body["dashboard"], overwrite=request.body.get("overwrite", False))


@route("POST", "/api/dashboards/import")
def _import_dashboard(request: Request) -> Any:
    values = {one["name"]: one["value"] for one in request.body["inputs"]}
    for asked in request.body["dashboard"].get("__inputs", []):
        if asked["name"] not in values:
            raise RefusedError(400, f"dashboard import failed: missing dashboard input variable {asked['name']}")

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"\$\{(\w+)\}", lambda m: values.get(m[1], m[0]), value)
        if isinstance(value, list):
            return [filled(one) for one in value]
        return {key: filled(one) for key, one in value.items()} if isinstance(value, dict) else value

    own = {"__inputs", "__elements", "__requires"}
    document = {key: value for key, value in request.body["dashboard"].items() if key not in own}
    return _save(request, filled(document), overwrite=request.body.get("overwrite", False))


def _save(request: Request, document: dict[str, Any], *, overwrite: bool) -> Any:
    role = next(one["role"] for one in request.state["members"] if _is_member(one, request))
    if role == "Viewer":
        raise RefusedError(403, "Permissions needed: dashboards:write")
    kept = request.state["dashboards"].setdefault(request.org, {})
    uid = document.get("uid") or f"made-{len(kept) + 1}"
    if uid in kept and kept[uid]["provider"]:
        raise RefusedError(400, "Cannot save provisioned dashboard")
    if uid in kept and not overwrite:
        raise RefusedError(412, "A dashboard with the same uid already exists")
    kept[uid] = {"document": {**document, "uid": uid}, "provider": ""}
    return {"uid": uid, "status": "success", "imported": True}


def _is_member(one: dict[str, Any], request: Request) -> bool:
    return bool(one["userId"] == request.user["id"] and str(one["orgId"]) == request.org)


@route("POST", "/api/admin/provisioning/(datasources|dashboards|alerting)/reload")
def _reload(request: Request) -> Any:
    request.admin()
    request.grafana.provision(request.parts[0])
    request.state["reloads"].append(request.parts[0])
    return {"message": f"{request.parts[0]} config reloaded"}


@route("GET", "/api/v1/provisioning/alert-rules")
def _rules(request: Request) -> Any:
    return list(request.state["rules"].get(request.org, {}).values())


@route("GET", "/api/v1/provisioning/contact-points")
def _points(request: Request) -> Any:
    waiting = request.state["without_alertmanager"]
    if waiting.get(request.org):
        waiting[request.org] -= 1
        request.grafana.save()
        raise RefusedError(500, "No alertmanager configuration present in this organization")
    return list(request.state["points"].get(request.org, {}).values())


@route("GET", "/api/datasources/uid/([^/]+)/health")
def _health_of_source(request: Request) -> Any:
    source = request.state["sources"].get(request.org, {}).get(request.parts[0])
    if source is None:
        raise RefusedError(404, "data source not found")
    found = source_health(source)
    if found["status"] != "OK":
        raise RefusedError(400, found["message"])
    return found


class Handler(BaseHTTPRequestHandler):
    """HTTP with basic authentication."""

    protocol_version = "HTTP/1.1"
    grafana: Grafana
    prefix = ""

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _user(self) -> dict[str, Any] | None:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return None
        login, _, password = base64.b64decode(value).decode().partition(":")
        found = self.grafana.user(login)
        return found if found is not None and found["password"] == password else None

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        parts = urlsplit(self.path)
        path = parts.path.removeprefix(self.prefix)
        if path == "/api/health":
            self._answer(200, {"database": "ok", "version": "12.0.0-stand-in"})
            return
        with _LOCK:
            try:
                self._answer(200, self._dispatch(path, parts.query, body))
            except RefusedError as error:
                print(f"refused {self.command} {path}: {error}", file=sys.stderr, flush=True)
                self._answer(error.status, {"message": str(error)})

    def _dispatch(self, path: str, query: str, body: Any) -> Any:
        self.grafana.refresh()
        user = self._user()
        if user is None:
            raise RefusedError(401, "Invalid username or password")
        own = [str(one["orgId"]) for one in self.grafana.state["members"] if one["userId"] == user["id"]]
        org = self.headers.get("X-Grafana-Org-Id") or (own[0] if own else "1")
        if org not in self.grafana.state["orgs"]:
            raise RefusedError(404, "organization not found")
        if org not in own:
            raise RefusedError(401, "not a member of this organization")
        request = Request(self.grafana, user, org, body, {key: values[0] for key, values in parse_qs(query).items()})
        for method, pattern, function in ROUTES:
            match = re.match(pattern, path)
            if method == self.command and match:
                request.parts = match.groups()
                answer = function(request)
                if method != "GET":
                    self.grafana.save()
                return answer
        raise RefusedError(404, "Not found")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing of what went well."""


def serve(settings: Settings) -> None:
    grafana = Grafana(settings)
    for kind in ("datasources", "dashboards", "alerting"):
        grafana.provision(kind)
    Handler.grafana = grafana
    if settings.get("server", "serve_from_sub_path") == "true":
        Handler.prefix = urlsplit(settings.get("server", "root_url")).path.rstrip("/")
    address = (settings.get("server", "http_addr"), int(settings.get("server", "http_port", "3000")))
    server = ThreadingHTTPServer(address, Handler)
    if settings.get("server", "protocol") == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.get("server", "cert_file"), settings.get("server", "cert_key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"HTTP Server Listen {address}", file=sys.stderr, flush=True)
    server.serve_forever()


def reset(settings: Settings) -> None:
    grafana = Grafana(settings)
    grafana.state["users"]["1"]["password"] = sys.stdin.readline().rstrip("\n")
    grafana.save()
    print("Admin password changed successfully")


def main() -> None:
    words = sys.argv[1:]
    config = next(
        (word.partition("=")[2] or words[words.index(word) + 1] for word in words if word.split("=")[0] == "--config"),
        "",
    )
    settings = Settings(Path(config or os.environ["CONF_FILE"]))
    try:
        if words[0] == "server":
            serve(settings)
        elif words[0] == "cli" and words[-2:] == ["reset-admin-password", "--password-from-stdin"]:
            reset(settings)
        else:
            sys.exit(f"grafana stand-in: what is {' '.join(words)}?")
    except (OSError, RefusedError, configparser.Error) as error:
        sys.exit(f"Failed to start grafana. error: {error}")


if __name__ == "__main__":
    main()
