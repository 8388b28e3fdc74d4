"""The requests of the module grafana_organisations and the files of the role, against a stand-in for Grafana.

The stand-in answers as Grafana's documentation says: this proves our requests and files, not Grafana.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.grafana.test_alerts import household
from database.server import free_port
from grafana_stand_in.server import state_of
from role_plugins import ROOT, load

module: Any = load("roles/grafana/library/grafana_organisations.py")
grafana: Any = load("roles/grafana/filter_plugins/ecms_grafana.py")
handed: Any = load("roles/grafana/filter_plugins/ecms_grafana_dashboards.py")

ADMIN = "The-admins-own-word-17"
ANNA = {"login": "anna", "name": "Anna", "role": "Viewer", "password": "annas-word-of-20-char"}
WAYS = [
    {"email": "anna@example.org"},
    {"ntfy": "https://ntfy.example.org/casa-7f3a", "token": True},
    {"telegram": -100123},
    {"webhook": "https://hook.example.org/a?b=c"},
]
SECRETS = {
    "database_grafana_mario_rossi": "reads-only-mario-rossi",
    "telegram_token": "123456:telegrams-token",
    "notify_token": "tk_the-receivers-token",
    "grafana_user_mario_rossi": "marios-word-of-20-chars",
}


@dataclass
class StandIn:
    """A running stand-in; what it knows can be looked at."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def provisioning(self) -> Path:
        return self.directory / "provisioning"

    @property
    def secrets(self) -> Path:
        return self.directory / "secrets"

    def state(self) -> Any:
        return state_of(self.directory / "grafana.db")

    def api(self, password: str = ADMIN) -> Any:
        return module.Api(self.url, "admin", password, None)

    def keep(self, *organisations: dict[str, Any], check: bool = False, absent: tuple[str, ...] = ()) -> Any:
        keeper = module.Keeper(self.api(), check=check)
        for organisation in organisations:
            keeper.organisation(organisation)
        for login in absent:
            keeper.absent(login)
        return keeper

    def write(self, name: str, document: Any) -> None:
        path = self.provisioning / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    port = free_port()
    secret = tmp_path / "admin"
    secret.write_text(ADMIN + "\n", encoding="utf-8")
    ini = {
        "paths": {"data": tmp_path, "provisioning": tmp_path / "provisioning"},
        "server": {"http_addr": "127.0.0.1", "http_port": port},
        "security": {"admin_user": "admin", "admin_password": f"$__file{{{secret}}}"},
    }
    (tmp_path / "grafana.ini").write_text(grafana.ini_text(ini), encoding="utf-8")
    program = ROOT / "tests/grafana_stand_in/server.py"
    process = subprocess.Popen([sys.executable, program, "server", f"--config={tmp_path / 'grafana.ini'}"])
    made = StandIn(tmp_path, port, process)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                made.api().must("GET", "/api/health")
                break
            except module.GrafanaError:
                assert time.monotonic() < deadline and process.poll() is None  # noqa: PT018
                time.sleep(0.05)
        yield made
    finally:
        process.terminate()
        process.wait(10)


def mario(*users: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "mario_rossi", "users": list(users), **more}


def test_an_organisation_and_its_users_are_made_once(stand_in: StandIn) -> None:
    first = stand_in.keep(mario(ANNA))
    assert first.changes == [
        "organisation mario_rossi: create",
        "user anna: create",
    ]
    assert first.ids == {"mario_rossi": 2}
    again = stand_in.keep(mario(ANNA))
    assert (again.changes, again.ids) == ([], {"mario_rossi": 2})


def test_a_check_says_what_it_would_do_and_does_nothing(stand_in: StandIn) -> None:
    before = stand_in.state()
    checked = stand_in.keep(mario(ANNA), check=True)
    assert checked.changes == ["organisation mario_rossi: create", "user anna: create"]
    assert checked.ids == {}
    assert stand_in.state() == before


def test_role_name_and_password_follow_the_inventory(stand_in: StandIn) -> None:
    stand_in.keep(mario(ANNA))
    changed = ANNA | {"role": "Admin", "name": "Anna Rossi", "password": "another-word-of-20-chars"}
    assert stand_in.keep(mario(changed)).changes == [
        "user anna: password",
        "user anna: name",
        "user anna: Admin of mario_rossi",
    ]
    assert stand_in.keep(mario(changed)).changes == []
    status, _ = stand_in.api().ask("GET", "/api/user", credentials=("anna", ANNA["password"]))
    assert status == 401


def test_users_of_one_home_are_not_members_of_another_nor_of_the_main_organisation(stand_in: StandIn) -> None:
    other = {"login": "bruno", "name": "", "role": "Editor", "password": "brunos-word-of-20-char"}
    found = stand_in.keep(mario(ANNA), {"name": "anna_bianchi", "users": [other]})
    assert found.ids == {"mario_rossi": 2, "anna_bianchi": 3}
    users = {one["login"]: one["id"] for one in stand_in.state()["users"].values()}
    members = {(one["orgId"], one["userId"]): one["role"] for one in stand_in.state()["members"]}
    assert {key: role for key, role in members.items() if key[1] != 1} == {
        (2, users["anna"]): "Viewer",
        (3, users["bruno"]): "Editor",
    }
    for login, password, forbidden in (("anna", ANNA["password"], 3), ("bruno", other["password"], 2)):
        status, _ = stand_in.api().ask("GET", "/api/org", organisation=forbidden, credentials=(login, password))
        assert status == 401


@pytest.mark.parametrize("check", [True, False])
def test_a_login_of_another_home_is_refused_also_when_that_home_is_not_named(stand_in: StandIn, check: bool) -> None:
    stand_in.keep(mario(ANNA), {"name": "casa_verdi", "users": []})
    before = stand_in.state()
    taken = ANNA | {"role": "Admin", "password": "another-word-of-20-chars"}
    said = (
        r"The user anna of casa_verdi is already one of mario_rossi on this Grafana: "
        r"give casa_verdi a login of its own in ecms_grafana_users"
    )
    with pytest.raises(module.GrafanaError, match=said):
        stand_in.keep({"name": "casa_verdi", "users": [taken]}, check=check)
    assert stand_in.state() == before
    # A user who is in no home, such as one who was made by hand, may become one's.
    stand_in.api().must("POST", "/api/admin/users", {"login": "carla", "password": "carlas-word-of-20-chars"})
    carla = {"login": "carla", "name": "", "role": "Viewer", "password": "carlas-word-of-20-chars"}
    assert stand_in.keep({"name": "casa_verdi", "users": [carla]}).changes == ["user carla: Viewer of casa_verdi"]


def test_each_organisation_is_asked_and_answers_for_itself(stand_in: StandIn) -> None:
    homes = (facts(), facts() | {"slug": "anna_bianchi", "grafana_users": []})
    numbers = provision(stand_in, homes[0])
    keeper = stand_in.keep(*grafana.named(homes))
    rules = keeper.answers("/api/v1/provisioning/alert-rules", [200], 1)
    assert [(one["item"], one["status"]) for one in rules] == [("mario_rossi", 200), ("anna_bianchi", 200)]
    assert numbers == {"mario_rossi": keeper.ids["mario_rossi"]}
    assert {rule["uid"] for rule in rules[0]["json"]} == {alert["uid"] for alert in homes[0]["alerts"]}
    assert rules[1]["json"] == []
    missing = "/api/datasources/uid/nowhere/health"
    with pytest.raises(module.GrafanaError, match=f"refused GET {missing} of organisation mario_rossi with 404"):
        keeper.answers(missing, [200], 1)
    assert [one["status"] for one in keeper.answers(missing, [200, 404], 1)] == [404, 404]


def test_an_organisation_that_is_not_ready_is_asked_again(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = stand_in.keep(mario())
    path = "/api/datasources/uid/late/health"
    answers = iter([(500, {}), (500, {}), (200, {"status": "OK"})])
    monkeypatch.setattr(keeper._api, "ask", lambda *_arguments, **_options: next(answers))
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    assert keeper.answers(path, [200], 3) == [{"item": "mario_rossi", "status": 200, "json": {"status": "OK"}}]
    monkeypatch.setattr(keeper._api, "ask", lambda *_arguments, **_options: (500, {}))
    with pytest.raises(module.GrafanaError, match="with 500"):
        keeper.answers(path, [200], 2)


def test_what_is_not_named_stays_and_what_is_named_absent_goes(stand_in: StandIn) -> None:
    stand_in.keep(mario(ANNA))
    assert stand_in.keep().changes == []
    assert stand_in.keep(absent=("anna", "nobody")).changes == ["user anna: remove"]
    assert stand_in.keep(absent=("anna",)).changes == []


def test_an_organisation_goes_with_its_users_and_no_other(stand_in: StandIn) -> None:
    both = {"login": "both", "name": "", "role": "Viewer", "password": "boths-word-of-20-chars"}
    ids = stand_in.keep({"name": "a_b", "users": [ANNA, both]}, {"name": "acb", "users": []}).ids
    # What only an administrator does, by hand.
    body = {"loginOrEmail": "both", "role": "Viewer"}
    stand_in.api().must("POST", f"/api/orgs/{ids['acb']}/users", body)
    before = stand_in.state()
    keeper = module.Keeper(stand_in.api(), check=True)
    keeper.absent_organisation("a_b")
    assert keeper.changes == ["user anna: remove", "organisation a_b: remove"]
    assert stand_in.state() == before
    for changes in (keeper.changes, list[str]()):
        keeper = module.Keeper(stand_in.api(), check=False)
        keeper.absent_organisation("a_b")
        assert keeper.changes == changes
    after = stand_in.state()
    assert after["orgs"] == {"1": "Main Org.", str(ids["acb"]): "acb"}
    assert sorted(one["login"] for one in after["users"].values()) == ["admin", "both"]
    assert [one for one in after["members"] if one["orgId"] == ids["acb"]] == [
        one for one in before["members"] if one["orgId"] == ids["acb"]
    ]


def test_a_wrong_administrator_and_a_server_that_is_down_are_said(stand_in: StandIn) -> None:
    keeper = module.Keeper(stand_in.api("not-the-word"), check=False)
    with pytest.raises(module.GrafanaError, match="the password on file is not the one it knows"):
        keeper.organisation(mario())
    nobody = module.Api(f"http://127.0.0.1:{free_port()}", "admin", ADMIN, None)
    with pytest.raises(module.GrafanaError, match="does not answer at http://127"):
        nobody.ask("GET", "/api/org")


def test_a_refusal_is_told_with_its_reason(stand_in: StandIn) -> None:
    with pytest.raises(module.GrafanaError, match="refused POST /api/admin/users with 400: password too short"):
        stand_in.keep(mario(ANNA | {"password": "abc"}))


def facts(**changes: Any) -> Any:
    return household(**changes) | {"secrets": SECRETS}


def provision(stand_in: StandIn, *homes: Any) -> dict[str, int]:
    ids: dict[str, int] = stand_in.keep(*grafana.organisations(homes)).ids
    for secret in grafana.secret_files(homes):
        path = stand_in.secrets / secret["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secret["content"], encoding="utf-8")
    for one in handed.dashboards(homes, str(ROOT / "grafana/dashboards")):
        path = stand_in.directory / "dashboards" / one["slug"] / one["name"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(one["text"], encoding="utf-8")
    places = {"secrets": str(stand_in.secrets), "dashboards": str(stand_in.directory / "dashboards")}
    database = {"url": "/run/mysqld/mysqld.sock", "tls_ca": ""}
    for file in grafana.provisioning_files(homes, ids, places, database):
        stand_in.write(file["path"], file["document"])
    api = stand_in.api()
    numbers = [ids[home["slug"]] for home in homes]
    for number in numbers:
        while api.ask("GET", "/api/v1/provisioning/contact-points", organisation=number)[0] == 500:
            assert stand_in.state()["without_alertmanager"][str(number)] < 2
    rules, points = (
        [{"json": api.must("GET", f"/api/v1/provisioning/{kind}", organisation=number)} for number in numbers]
        for kind in ("alert-rules", "contact-points")
    )
    stand_in.write("alerting/ecms-removed.yaml", grafana.removals(homes, ids, rules, points))
    for kind in ("datasources", "dashboards", "alerting"):
        api.must("POST", f"/api/admin/provisioning/{kind}/reload")
    return ids


def test_sources_rules_and_receivers_are_read_for_the_household_only(stand_in: StandIn) -> None:
    provision(stand_in, facts(ecms_notify=WAYS))
    state = stand_in.state()
    assert set(state["sources"]) == set(state["rules"]) == set(state["points"]) == set(state["policies"]) == {"2"}
    source = state["sources"]["2"]["ecms"]
    assert (source["user"], source["jsonData"]["database"]) == ("grafana_mario_rossi", "ecms_mario_rossi")
    assert source["secureJsonData"]["password"] == SECRETS["database_grafana_mario_rossi"]
    points = state["points"]["2"]
    assert [points[f"ecms-{number}"]["type"] for number in range(1, 5)] == ["email", "webhook", "webhook", "webhook"]
    assert points["ecms-1"]["settings"]["addresses"] == "anna@example.org"
    assert points["ecms-2"]["settings"]["url"] == "https://ntfy.example.org"
    assert points["ecms-2"]["settings"]["authorization_credentials"] == SECRETS["notify_token"]
    assert points["ecms-3"]["settings"]["url"] == "https://api.telegram.org/bot123456:telegrams-token/sendMessage"
    assert points["ecms-4"]["settings"]["url"] == "https://hook.example.org/a?b=c"
    assert {one["disableResolveMessage"] for one in points.values() if one["name"] == "ecms-once"} == {True}
    urgent = next(r for r in state["policies"]["2"]["routes"] if r["object_matchers"] == [["ecms", "=", "urgent"]])
    assert urgent["group_wait"] == "0s"


def test_no_file_holds_a_secret(stand_in: StandIn) -> None:
    provision(stand_in, facts(ecms_notify=WAYS))
    texts = [path.read_text(encoding="utf-8") for path in stand_in.provisioning.rglob("*.yaml")]
    assert len(texts) == 5
    assert [secret for secret in SECRETS.values() for text in texts if secret in text] == []


def test_an_alert_and_a_receiver_that_the_inventory_dropped_go(stand_in: StandIn) -> None:
    oven = {"name": "forno", "kind": "appliance", "device": 6, "above_w": 1000}
    provision(stand_in, facts(ecms_notify=WAYS[:2], ecms_alerts=[oven]))
    assert len(stand_in.state()["rules"]["2"]) == 5
    provision(stand_in, facts(ecms_notify=WAYS[:1]))
    state = stand_in.state()
    assert {rule["title"] for rule in state["rules"]["2"].values()} == {
        "Sovraccarico",
        "Il contatore sta per scattare",
        "Dispositivo muto",
        "Le misure non vengono salvate",
    }
    assert set(state["points"]["2"]) == {"ecms-1", "ecms-once-1"}
    provision(stand_in, facts())
    state = stand_in.state()
    assert (state["points"]["2"], state["policies"]) == ({}, {})


def test_a_name_is_shown_as_it_was_written(stand_in: StandIn) -> None:
    name = "costa $HOME {{ 1 }}"
    oven = {"name": name, "kind": "appliance", "device": 1, "above_w": 1000}
    devices = [{"id": 1, "name": "forno $x {{ y }}"}]
    provision(stand_in, facts(ecms_alerts=[oven], ecms_devices=devices))
    rule = next(one for one in stand_in.state()["rules"]["2"].values() if one["title"].startswith("costa"))
    assert rule["title"] == name
    assert rule["annotations"]["summary"].startswith('forno $x {{ "{{" }} y {{ "}}" }}: ')


BRUNO = {"login": "bruno", "name": "", "role": "Editor"}


def other_home() -> Any:
    secrets = {
        "database_grafana_anna_bianchi": "reads-only-anna-bianchi",
        "grafana_user_bruno": "brunos-word-of-20-char",
    }
    changed = household(
        ecms_household_name="Anna Bianchi", ecms_grafana_users=[BRUNO], ecms_language="en", ecms_notify=WAYS[:1]
    )
    return changed | {"slug": "anna_bianchi", "secrets": secrets}


def test_a_run_without_a_household_leaves_everything_of_it(stand_in: StandIn) -> None:
    ids = provision(stand_in, facts(ecms_notify=WAYS), other_home())
    before = stand_in.state()
    assert set(before["dashboards"][str(ids["anna_bianchi"])]) == {"ecms-appliance", "ecms-casa", "ecms-diagnosis"}
    provision(stand_in, facts())
    after = stand_in.state()
    other = str(ids["anna_bianchi"])
    for kind in ("sources", "dashboards", "rules", "points"):
        assert after[kind][other] == before[kind][other], kind


def test_a_copy_outlives_provisioning_and_an_original_cannot_be_saved_over(stand_in: StandIn) -> None:
    home = facts(ecms_grafana_users=[BRUNO]) | {"secrets": SECRETS | {"grafana_user_bruno": "brunos-word-of-20-char"}}
    ids = provision(stand_in, home)
    readers = handed.readers([home])
    assert readers == {"mario_rossi": {"login": "bruno", "password": "brunos-word-of-20-char"}}
    api = module.Api(stand_in.url, *readers["mario_rossi"].values(), None)
    original = api.must("GET", "/api/dashboards/uid/ecms-casa")["dashboard"]
    for overwrite in (False, True):
        status, answer = api.ask("POST", "/api/dashboards/db", {"dashboard": original, "overwrite": overwrite})
        assert (status, answer["message"]) == (400, "Cannot save provisioned dashboard")
    own = {**original, "uid": None, "title": "Casa mia"}
    own["panels"] = own["panels"][:3]
    made = api.must("POST", "/api/dashboards/db", {"dashboard": own})["uid"]
    provision(stand_in, home)
    assert api.must("GET", f"/api/dashboards/uid/{made}")["dashboard"]["panels"] == own["panels"]
    assert api.must("GET", "/api/dashboards/uid/ecms-casa")["dashboard"] == original
    # What the playbook writes of it, and how it comes into another organisation.
    there = [{"item": "mario_rossi", "json": api.must("GET", "/api/search?type=dash-db&limit=5000")}]
    found = [
        {"item": one, "json": api.must("GET", f"/api/dashboards/uid/{one['uid']}")}
        for one in handed.found_dashboards(there)
    ]
    ((slug, name, text),) = [tuple(one.values()) for one in handed.copies(found)]
    assert (slug, name) == ("mario_rossi", f"casa-mia-{made}.json")
    stand_in.keep({"name": "clean", "users": [ANNA | {"role": "Editor"}]})
    anna = module.Api(stand_in.url, "anna", ANNA["password"], None)
    body = {"dashboard": json.loads(text), "inputs": []}
    status, answer = anna.ask("POST", "/api/dashboards/import", body)
    assert (status, answer["message"]) == (400, "dashboard import failed: missing dashboard input variable DS_ECMS")
    body["inputs"] = [{"name": "DS_ECMS", "type": "datasource", "pluginId": "mysql", "value": "a-source"}]
    uid = anna.must("POST", "/api/dashboards/import", body)["uid"]
    assert anna.must("GET", f"/api/dashboards/uid/{uid}")["dashboard"]["panels"] == own["panels"]
    assert ids["mario_rossi"] == 2
    assert str(2) in stand_in.state()["dashboards"]


def test_numbers_of_a_database_that_is_gone_are_refused(stand_in: StandIn) -> None:
    place = {"url": "/run/mysqld/mysqld.sock", "tls_ca": ""}
    stand_in.write("datasources/ecms.yaml", grafana.data_sources([facts()], {"mario_rossi": 9}, "/x", place))
    with pytest.raises(module.GrafanaError, match="organization 9 does not exist"):
        stand_in.api().must("POST", "/api/admin/provisioning/datasources/reload")


@pytest.mark.parametrize("language", ["it", "en"])
def test_messages_are_whole_in_both_languages(language: str) -> None:
    text = grafana.message_templates(facts(ecms_language=language, ecms_notify=WAYS))
    assert text.count("{{ define") == 4
    assert text.count("{{") == text.count("}}")
    assert ("ALLARME" in text, "ALERT" in text) == (language == "it", language == "en")
    assert '"topic" "casa-7f3a"' in text
    assert '"chat_id" "-100123"' in text
    for alert in facts(ecms_language=language)["alerts"]:
        assert grafana.alert_rule(alert, facts(ecms_language=language))["annotations"]["summary"]


def test_grafana_ini_keeps_what_has_a_meaning_in_it() -> None:
    text = grafana.ini_text({"a": {"on": True, "plain": "x", "hash": "a#b;c", "n": 3}})
    assert text == '[a]\non = true\nplain = x\nhash = """a#b;c"""\nn = 3\n'
    with pytest.raises(ValueError, match=r"grafana_ini: a\.x has several lines: set one line"):
        grafana.ini_text({"a": {"x": "1\n2"}})


def test_a_password_is_reset_by_the_servers_own_tool(stand_in: StandIn) -> None:
    program = ROOT / "tests/grafana_stand_in/server.py"
    words = ["cli", "--config", str(stand_in.directory / "grafana.ini"), "admin", "reset-admin-password"]
    subprocess.run(
        [sys.executable, program, *words, "--password-from-stdin"], input=b"The-new-word-of-20-chars", check=True
    )
    assert stand_in.api().ask("GET", "/api/org")[0] == 401
    assert stand_in.api("The-new-word-of-20-chars").ask("GET", "/api/org")[0] == 200
