"""What users of a household's organisation ask Grafana for, as cells; and a real one that is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import role_plugins
from ecms_bridge import names
from isolation.ledger import GRAFANA, OTHER, OWN, SERVER, Cell
from isolation.sql import Stand

HOMES = ("a_b", "acb")
ROLES = ("Viewer", "Editor", "Admin")
_PASSWORD = "a-word-of-20-characters"
_OK, _BROKEN = 300, 500

_module: Any = role_plugins.load("roles/grafana/library/grafana_organisations.py")
_filters: Any = role_plugins.load("roles/grafana/filter_plugins/ecms_grafana.py")


@dataclass(frozen=True)
class Ask:
    """A request of one role of ``home``; ``organisation`` is the home whose organisation it names.

    In ``path`` and ``body`` ``{own}`` and ``{other}`` stand for the numbers of the organisations, ``{source}`` for that
    of the other's data source. ``shows`` is what an answer must hold to count.
    """

    role: str
    home: str
    action: str
    whose: str
    method: str
    path: str
    allowed: bool
    organisation: str
    body: Mapping[str, object] | None = None
    shows: str = ""

    @property
    def cell(self) -> Cell:
        who = f"{self.role} of a household" if self.role else "a stranger"
        body = json.dumps(self.body) if self.body else ""
        what = f"{self.home}, in {self.organisation}: {self.method} {self.path} {body}"
        return Cell(GRAFANA, who, self.action, self.whose, what, self.allowed)


def _query(sql: str, **source: object) -> dict[str, object]:
    query = {"refId": "A", "rawSql": sql, "format": "table", "datasource": {"uid": _filters.DATA_SOURCE}, **source}
    return {"from": "now-1h", "to": "now", "queries": [query]}


def _reading(slug: str) -> str:
    return f"SELECT sensorData FROM {names.schema_name(slug)}.energy_consumption"


def _dashboard(slug: str) -> str:
    return f"isolation-{slug.replace('_', '-')}"


def _of_its_own(role: str, home: str) -> Iterator[Ask]:
    def ask(action: str, method: str, path: str, allowed: bool, **more: Any) -> Ask:
        return Ask(role, home, action, OWN, method, path, allowed, home, **more)

    mark, edits = str(Stand.mark(home)), role != "Viewer"
    yield ask("see the organisation", "GET", "/api/org", True, shows=f'"{home}"')
    yield ask("see dashboards", "GET", f"/api/dashboards/uid/{_dashboard(home)}", True)
    yield ask("see dashboards", "GET", "/api/search?type=dash-db", True, shows=_dashboard(home))
    yield ask("query its data source", "POST", "/api/ds/query", True, body=_query(_reading(home)), shows=mark)
    made = {"dashboard": {"title": f"made by {role}"}, "overwrite": True}
    yield ask("make dashboards", "POST", "/api/dashboards/db", edits, body=made)
    yield ask("see users", "GET", "/api/org/users", role == "Admin")
    yield ask("see data sources", "GET", "/api/datasources", True)
    source = {"name": f"made by {role}", "type": "mysql", "access": "proxy"}
    yield ask("make data sources", "POST", "/api/datasources", role == "Admin", body=source)


def _of_others(role: str, home: str, other: str) -> Iterator[Ask]:
    def ask(action: str, method: str, path: str, place: str = other, **more: Any) -> Ask:
        return Ask(role, home, action, OTHER, method, path, False, place, **more)

    mark = str(Stand.mark(other))
    theirs = names.schema_name(other)
    yield ask("see the organisation", "GET", "/api/org", shows=f'"{other}"')
    yield ask("see the organisation", "GET", "/api/orgs/{other}", home)
    yield ask("see the organisation", "GET", f"/api/orgs/name/{other}", home)
    yield ask("see the organisation", "POST", "/api/user/using/{other}", home)
    yield ask("see dashboards", "GET", f"/api/dashboards/uid/{_dashboard(other)}")
    yield ask("see dashboards", "GET", f"/api/dashboards/uid/{_dashboard(other)}", home)
    for place in (home, other):
        yield ask("see dashboards", "GET", "/api/search?type=dash-db", place, shows=_dashboard(other))
    made = {"dashboard": {"title": "made by another home"}, "overwrite": True}
    yield ask("make dashboards", "POST", "/api/dashboards/db", body=made)
    yield ask("see users", "GET", "/api/orgs/{other}/users", home)
    yield ask("see users", "GET", "/api/org/users")
    yield ask(
        "add itself", "POST", "/api/orgs/{other}/users", home, body={"loginOrEmail": _login(home, role), "role": role}
    )
    yield ask("see data sources", "GET", "/api/datasources")
    yield ask("see data sources", "GET", "/api/datasources/{source}", home)
    yield ask("make data sources", "POST", "/api/datasources", body={"name": "x", "type": "mysql", "access": "proxy"})
    yield ask("query its data source", "POST", "/api/ds/query", body=_query(_reading(other)), shows=mark)
    by_number = {"datasourceId": "{source}", "datasource": {"id": "{source}"}}
    body = _query(_reading(other), **by_number)
    yield ask("query its data source", "POST", "/api/ds/query", home, body=body, shows=mark)
    yield ask("query its data source", "GET", "/api/datasources/proxy/{source}/", home)
    yield ask("query its data source", "GET", f"/api/datasources/uid/{_filters.DATA_SOURCE}/health")
    through = "query its tables through the own data source"
    yield ask(through, "POST", "/api/ds/query", home, body=_query(_reading(other)), shows=mark)
    shown = "SELECT table_schema, table_name FROM information_schema.tables"
    yield ask(through, "POST", "/api/ds/query", home, body=_query(shown), shows=theirs)
    yield ask("see alert rules", "GET", "/api/v1/provisioning/alert-rules")


def _of_the_server(role: str, home: str) -> Iterator[Ask]:
    def ask(action: str, method: str, path: str, **more: Any) -> Ask:
        return Ask(role, home, action, SERVER, method, path, False, home, **more)

    yield ask("list organisations and users", "GET", "/api/orgs")
    yield ask("list organisations and users", "GET", "/api/users")
    yield ask("make organisations and users", "POST", "/api/orgs", body={"name": f"made by {role}"})
    user = {"login": f"made-by-{role}", "name": "x", "password": _PASSWORD}
    yield ask("make organisations and users", "POST", "/api/admin/users", body=user)
    yield ask("see or change settings", "GET", "/api/admin/settings")
    yield ask("see or change settings", "GET", "/api/admin/stats")
    yield ask("see or change settings", "POST", "/api/admin/provisioning/dashboards/reload")


def asks() -> Iterator[Ask]:
    """Yield all that is asked of Grafana."""
    for home, other in (HOMES, HOMES[::-1]):
        for role in ROLES:
            yield from _of_its_own(role, home)
            yield from _of_others(role, home, other)
            yield from _of_the_server(role, home)
        for method, path, body in (
            ("GET", "/api/org", None),
            ("GET", "/api/search", None),
            ("GET", f"/api/dashboards/uid/{_dashboard(home)}", None),
            ("POST", "/api/ds/query", _query(_reading(home))),
        ):
            yield Ask("", home, "anything", SERVER, method, path, False, home, body)


def _login(home: str, role: str) -> str:
    return f"{home}-{role.lower()}"


class Server:
    """A real Grafana with an organisation for each home, as the role makes them; its data sources are the stand's."""

    def __init__(self, url: str, admin: str, password: str, stand: Stand) -> None:
        self._api = _module.Api(url, admin, password, None)
        self.tidy()
        keeper = _module.Keeper(self._api, check=False)
        for home in HOMES:
            users = [{"login": _login(home, role), "name": "", "role": role, "password": _PASSWORD} for role in ROLES]
            keeper.organisation({"name": home, "users": users})
        self._numbers: dict[str, int] = keeper.ids
        self._sources: dict[str, int] = {home: self._furnish(home, stand) for home in HOMES}

    def _furnish(self, home: str, stand: Stand) -> int:
        """Give an organisation its data source and a dashboard; return the data source's number."""
        place = stand.by_tls()
        facts = {"slug": home, "schema": names.schema_name(home), "users": {"grafana": names.grafana_user(home)}}
        where = {"url": f"{place.host}:{place.port}", "tls_ca": place.tls_ca}
        (source,) = _filters.data_sources([facts], self._numbers, "/unused", where)["datasources"]
        with open(place.tls_ca, encoding="ascii") as authority:  # noqa: PTH123 - the path is text
            source["secureJsonData"] = {"password": stand.password, "tlsCACert": authority.read()}
        number = self._numbers[home]
        self._api.ask("DELETE", f"/api/datasources/uid/{source['uid']}", organisation=number)
        made = self._api.must("POST", "/api/datasources", source, organisation=number)
        dashboard = {"dashboard": {"title": f"of {home}", "uid": _dashboard(home)}, "overwrite": True}
        self._api.must("POST", "/api/dashboards/db", dashboard, organisation=number)
        return int(made["datasource"]["id"])

    def allows(self, ask: Ask) -> bool:
        """Send a request; tell whether it was answered with what it asks for."""
        own, other = ask.home, next(home for home in HOMES if home != ask.home)
        numbers = {"own": self._numbers[own], "other": self._numbers[other], "source": self._sources[other]}

        def filled(text: str) -> str:
            for name, number in numbers.items():
                text = text.replace(f'"{{{name}}}"', str(number)).replace(f"{{{name}}}", str(number))
            return text

        body = None if ask.body is None else json.loads(filled(json.dumps(ask.body)))
        credentials = (_login(own, ask.role), _PASSWORD) if ask.role else ("nobody", "admin")
        status, answer = self._api.ask(
            ask.method,
            filled(ask.path),
            body,
            organisation=self._numbers[ask.organisation],
            credentials=credentials,
        )
        if status >= _BROKEN:
            raise AssertionError(f"{ask}: {status} {answer}")
        return status < _OK and ask.shows in json.dumps(answer)

    def tidy(self) -> None:
        """Remove what these tests have made, also in a run that was interrupted."""
        keeper = _module.Keeper(self._api, check=False)
        for home in HOMES:
            for role in ROLES:
                keeper.absent(_login(home, role))
            status, found = self._api.ask("GET", f"/api/orgs/name/{home}")
            if status < _OK:
                self._api.must("DELETE", f"/api/orgs/{found['id']}")
