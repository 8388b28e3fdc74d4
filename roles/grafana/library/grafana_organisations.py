"""Keep Grafana's organisations, their users and preferences as they are described, over its HTTP API."""

from __future__ import annotations

import json
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]
from ansible.module_utils.urls import ConnectionError as NoAnswerError  # type: ignore[import-untyped]
from ansible.module_utils.urls import open_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

DOCUMENTATION = r"""
module: grafana_organisations
short_description: Keeps Grafana's organisations, users and preferences
description:
  - Creates what is missing and changes what differs. What is not named is left alone.
  - Returns the number of each organisation, which provisioning files need, and what each answers to a question.
options:
  url: {description: Address of Grafana., type: str, required: true}
  username: {description: A server administrator., type: str, required: true}
  password: {description: The administrator's password., type: str, required: true}
  ca_path: {description: File with the authority of its certificate., type: path}
  organisations:
    description: Organisations, each with C(name), C(users) and C(preferences).
    type: list
    elements: dict
    default: []
  absent_users: {description: Logins to remove from the server., type: list, elements: str, default: []}
  absent_organisations:
    description: Organisations to remove, with everything in them and the users who belong to no other.
    type: list
    elements: str
    default: []
  ask: {description: Path that is asked of each organisation in turn., type: str}
  ask_accepts:
    description: Statuses that are an answer. Others are an error.
    type: list
    elements: int
    default: [200]
  ask_attempts:
    description: How often it is asked, with some seconds between, until the status is 200. The last answer counts.
    type: int
    default: 1
author: The ECMS authors
"""
EXAMPLES = r"""
- name: Organisations
  grafana_organisations:
    url: http://127.0.0.1:3000
    username: admin
    password: "{{ grafana_admin_password }}"
    organisations:
      - name: mario_rossi
        users:
          - {login: anna, name: Anna, role: Viewer, password: "{{ vault_anna }}"}
"""
RETURN = r"""
ids: {description: Number of each organisation by its name; absent while a check would make it., type: dict}
changes: {description: What was changed or would be., type: list}
answers:
  description: Of each organisation that is there C(item) (its name), C(status) and C(json) of what it was asked.
  type: list
"""

TIMEOUT_S = 30
PAUSE_S = 3
"""Between two questions of an organisation that is not ready."""
MAIN_ORGANISATION = 1
"""What every Grafana begins with. An organisation cannot be removed by who is just in it."""
OK, CREATED, UNAUTHORIZED, NOT_FOUND = 200, 201, 401, 404


class GrafanaError(Exception):
    """What Grafana refused, in a sentence."""


class Api:
    """Grafana's HTTP API: JSON in, JSON out."""

    def __init__(self, url: str, username: str, password: str, ca_path: str | None) -> None:
        self.url = url.rstrip("/")
        self._credentials = (username, password)
        self._ca_path = ca_path

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        organisation: int | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Return status and JSON of the answer; raise GrafanaError when there is none."""
        username, password = credentials or self._credentials
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if organisation is not None:
            headers["X-Grafana-Org-Id"] = str(organisation)
        try:
            answer = open_url(
                self.url + path,
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers=headers,
                url_username=username,
                url_password=password,
                force_basic_auth=True,
                ca_path=self._ca_path,
                timeout=TIMEOUT_S,
                use_proxy=False,
            )
        except HTTPError as error:
            return int(error.code), _json(error.read())
        except (OSError, HTTPException, NoAnswerError) as error:
            raise GrafanaError(f"Grafana does not answer at {self.url}: {error}") from None
        return int(answer.getcode()), _json(answer.read())

    def must(self, method: str, path: str, body: Mapping[str, object] | None = None, **options: Any) -> Any:
        """Return the JSON of a request that has to succeed; raise GrafanaError otherwise."""
        status, answer = self.ask(method, path, body, **options)
        if status not in (OK, CREATED):
            said = answer.get("message", "") if isinstance(answer, dict) else ""
            raise GrafanaError(f"Grafana refused {method} {path} with {status}: {said or 'no reason given'}")
        return answer


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return {}


class Keeper:
    """Compares what is there with what is wanted and changes the difference, or only says it in a check."""

    def __init__(self, api: Api, *, check: bool) -> None:
        self._api = api
        self._check = check
        self.changes: list[str] = []
        self.ids: dict[str, int] = {}

    def _change(self, what: str, do: Callable[[], Any]) -> Any:
        self.changes.append(what)
        return None if self._check else do()

    def organisation(self, wanted: Mapping[str, Any]) -> None:
        """Keep one organisation."""
        api, name = self._api, str(wanted["name"])
        status, found = api.ask("GET", f"/api/orgs/name/{quote(name)}")
        if status == UNAUTHORIZED:
            raise GrafanaError("Grafana refuses its administrator: the password on file is not the one it knows")
        if status == OK:
            self.ids[name] = int(found["id"])
        else:
            made = self._change(f"organisation {name}: create", lambda: api.must("POST", "/api/orgs", {"name": name}))
            if made is None:
                self.changes += [f"user {user['login']}: create" for user in wanted.get("users", [])]
                return
            self.ids[name] = int(made["orgId"])
        number = self.ids[name]
        for user in wanted.get("users", []):
            self._user(number, name, user)
        if wanted.get("preferences"):
            self._preferences(number, name, wanted["preferences"])

    def _user(self, number: int, organisation: str, wanted: Mapping[str, Any]) -> None:
        api, login = self._api, str(wanted["login"])
        status, found = api.ask("GET", f"/api/users/lookup?loginOrEmail={quote(login)}")
        if status != OK:
            new = {
                "login": login,
                "name": wanted["name"] or login,
                "password": wanted["password"],
                "OrgId": number,
            }
            made = self._change(f"user {login}: create", lambda: api.must("POST", "/api/admin/users", new))
            if made is None:
                return
            found = {"id": made["id"], "name": new["name"], "isGrafanaAdmin": False, "isDisabled": False}
            memberships = api.must("GET", f"/api/users/{found['id']}/orgs")
        else:
            memberships = api.must("GET", f"/api/users/{found['id']}/orgs")
            self._is_nobody_elses(memberships, login, number, organisation)
            self._password(found, login, str(wanted["password"]))
            if wanted["name"] and found.get("name") != wanted["name"]:
                named = {"login": login, "email": found.get("email") or login, "name": wanted["name"]}
                self._change(f"user {login}: name", lambda: api.must("PUT", f"/api/users/{found['id']}", named))
        self._membership(number, organisation, found, wanted, memberships)

    def _is_nobody_elses(
        self, memberships: list[Mapping[str, Any]], login: str, number: int, organisation: str
    ) -> None:
        """Refuse to take over who came with another organisation, of which this run need not know."""
        others = {int(one["orgId"]): str(one["name"]) for one in memberships}
        if number not in others and (theirs := sorted(others[one] for one in others.keys() - {MAIN_ORGANISATION})):
            raise GrafanaError(
                f"The user {login} of {organisation} is already one of {', '.join(theirs)} on this Grafana: "
                f"give {organisation} a login of its own in ecms_grafana_users"
            )

    def _password(self, found: Mapping[str, Any], login: str, password: str) -> None:
        api = self._api
        # Logging in is the only way to learn whether Grafana knows this password.
        status, _ = api.ask("GET", "/api/user", credentials=(login, password))
        if status == UNAUTHORIZED:
            path = f"/api/admin/users/{found['id']}/password"
            self._change(f"user {login}: password", lambda: api.must("PUT", path, {"password": password}))

    def _membership(
        self,
        number: int,
        organisation: str,
        user: Mapping[str, Any],
        wanted: Mapping[str, Any],
        memberships: list[Mapping[str, Any]],
    ) -> None:
        api, login, role = self._api, str(wanted["login"]), str(wanted["role"])
        own = next((one for one in memberships if one["orgId"] == number), None)
        if own is None:
            body = {"loginOrEmail": login, "role": role}
            self._change(
                f"user {login}: {role} of {organisation}", lambda: api.must("POST", f"/api/orgs/{number}/users", body)
            )
        elif own["role"] != role:
            path = f"/api/orgs/{number}/users/{user['id']}"
            self._change(f"user {login}: {role} of {organisation}", lambda: api.must("PATCH", path, {"role": role}))

    def _preferences(self, number: int, organisation: str, wanted: Mapping[str, Any]) -> None:
        api = self._api
        found = api.must("GET", "/api/org/preferences", organisation=number)
        if any(found.get(key, "") != value for key, value in wanted.items()):
            self._change(
                f"organisation {organisation}: preferences",
                lambda: api.must("PATCH", "/api/org/preferences", wanted, organisation=number),
            )

    def answers(self, path: str, accepted: Sequence[int], attempts: int) -> list[dict[str, Any]]:
        """Return what the organisations that are there answer; raise GrafanaError for a status that is no answer."""
        found = []
        for name, number in self.ids.items():
            for attempt in range(1, attempts + 1):
                status, answer = self._api.ask("GET", path, organisation=number)
                if status == OK or attempt == attempts:
                    break
                time.sleep(PAUSE_S)
            if status not in accepted:
                raise GrafanaError(f"Grafana refused GET {path} of organisation {name} with {status}")
            found.append({"item": name, "status": status, "json": answer})
        return found

    def absent_organisation(self, name: str) -> None:
        """Remove an organisation, and before it the users who belong to no other one."""
        api = self._api
        status, found = api.ask("GET", f"/api/orgs/name/{quote(name)}")
        if status == UNAUTHORIZED:
            raise GrafanaError("Grafana refuses its administrator: the password on file is not the one it knows")
        if status != OK:
            return
        number = int(found["id"])
        for member in api.must("GET", f"/api/orgs/{number}/users"):
            path = f"/api/users/{member['userId']}"
            others = [one for one in api.must("GET", f"{path}/orgs") if one["orgId"] != number]
            if not others and not api.must("GET", path)["isGrafanaAdmin"]:
                self.absent(str(member["login"]))
        self._change(f"organisation {name}: remove", lambda: self._remove_organisation(number))

    def _remove_organisation(self, number: int) -> None:
        # Seen of Grafana 12.3: whose own organisation goes is in none, and may do nothing any more.
        if self._api.must("GET", "/api/org")["id"] == number:
            self._api.must("POST", f"/api/user/using/{MAIN_ORGANISATION}")
        self._api.must("DELETE", f"/api/orgs/{number}", organisation=MAIN_ORGANISATION)

    def absent(self, login: str) -> None:
        """Remove a user from the server."""
        api = self._api
        status, found = api.ask("GET", f"/api/users/lookup?loginOrEmail={quote(login)}")
        if status == OK:
            self._change(f"user {login}: remove", lambda: api.must("DELETE", f"/api/admin/users/{found['id']}"))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "ca_path": {"type": "path"},
            "organisations": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "preferences": {"type": "dict"},
                    "users": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "login": {"type": "str", "required": True},
                            "name": {"type": "str", "default": ""},
                            "role": {"type": "str", "required": True, "choices": ["Admin", "Editor", "Viewer"]},
                            "password": {"type": "str", "required": True, "no_log": True},
                        },
                    },
                },
            },
            "absent_users": {"type": "list", "elements": "str", "default": []},
            "absent_organisations": {"type": "list", "elements": "str", "default": []},
            "ask": {"type": "str"},
            "ask_accepts": {"type": "list", "elements": "int", "default": [OK]},
            "ask_attempts": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    given = module.params
    api = Api(given["url"], given["username"], given["password"], given["ca_path"])
    keeper = Keeper(api, check=module.check_mode)
    try:
        for organisation in given["organisations"]:
            keeper.organisation(organisation)
        for login in given["absent_users"]:
            keeper.absent(login)
        for name in given["absent_organisations"]:
            keeper.absent_organisation(name)
        asked = given["ask"]
        answers = keeper.answers(asked, given["ask_accepts"], given["ask_attempts"]) if asked else []
    except GrafanaError as error:
        module.fail_json(msg=str(error), changes=keeper.changes)
    module.exit_json(changed=bool(keeper.changes), changes=keeper.changes, ids=keeper.ids, answers=answers)


if __name__ == "__main__":
    main()
