"""Turn households into what Grafana reads: data sources, dashboards, alert rules, contact points and policies.

Every function returns plain data that a template writes as YAML. Grafana expands ``$`` in most of these files, so
text that came from an inventory goes through ``literal``; it does not expand alert rules' queries and annotations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Facts: TypeAlias = Mapping[str, object]
Document: TypeAlias = dict[str, object]

ROOT = Path(__file__).resolve().parents[3] / "grafana"
ALERTS, PANELS = ROOT / "alerts", ROOT / "sql"
SHARED = ("total_now", "appliances_now")
"""Queries of panels on which alerts build: one definition for what a family sees and what it is warned of."""

DATA_SOURCE = "ecms"
"""Identity of the data source in every organisation, and the beginning of everything else of ours."""
FOLDER = "ECMS"
FAST, SLOW = "10s", "60s"
"""How often rules are evaluated: Grafana's minimum for what is urgent, seldom for what takes minutes anyway."""
RECEIVER, RECEIVER_ONCE = "ecms", "ecms-once"
GAUGE_PANEL: tuple[str, int] = ("ecms-casa", 1)
"""The gauge of total now, which shows the overload: identity of its dashboard, and of the panel there."""

_CONDITIONS = {"total": "gt", "appliance": "gt", "silent": "lt", "finished": "gt", "meter": "lt", "storing": "gt"}
_FINISHED_HOLD_S = 900
_STALE_STATUS_S = 180
"""A hub's status is stored once a minute; three missing ones are no delay any more."""

TEXTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "it": {
        "total": (
            "Potenza totale {value} W, oltre {above_w:g} W da {for_s:g} s",
            "Solo gli apparecchi misurati. Spegni qualcosa prima che scatti il contatore.",
        ),
        "appliance": ("{appliance}: {value} {unit}, oltre {limit:g} {unit} da {for_s:g} s", ""),
        "silent": (
            "{label} non trasmette: {value} misure al minuto",
            "Controlla che il dispositivo sia alimentato e raggiunga il Wi-Fi.",
        ),
        "finished": ("{appliance} ha finito", ""),
        "meter": (
            "Il contatore scatta tra circa {value} minuti",
            "Stima sugli apparecchi misurati più {unmeasured:g} W: ciò che nessun dispositivo vede può anticiparla.",
        ),
        "storing": (
            "Da {value} s non si salva nulla",
            "Controlla hub, broker e database: le misure restano nei dispositivi e nell'hub.",
        ),
    },
    "en": {
        "total": (
            "Total power {value} W, above {above_w:g} W for {for_s:g} s",
            "Measured appliances only. Switch something off before the meter trips.",
        ),
        "appliance": ("{appliance}: {value} {unit}, above {limit:g} {unit} for {for_s:g} s", ""),
        "silent": (
            "{label} is silent: {value} readings a minute",
            "Check that the box has power and reaches the Wi-Fi.",
        ),
        "finished": ("{appliance} has finished", ""),
        "meter": (
            "The meter trips in about {value} minutes",
            "Estimated from the measured appliances and {unmeasured:g} W: what no box sees can make it sooner.",
        ),
        "storing": (
            "Nothing has been stored for {value} s",
            "Check hub, broker and database: readings wait in the boxes and the hub.",
        ),
    },
}
"""Subject and advice of each kind of alert. ``value`` is what was measured, the rest what the inventory says."""

_LOCALES = {"it": "it-IT", "en": "en-US"}
_WORDS = {
    "it": {
        "firing": "ALLARME",
        "notice": "Avviso",
        "resolved": "Risolto",
        "since": "dal",
        "ended": "finito",
    },
    "en": {
        "firing": "ALERT",
        "notice": "Notice",
        "resolved": "Resolved",
        "since": "since",
        "ended": "ended",
    },
}


def literal(text: object) -> str:
    """Return text as a provisioning file must spell it so that Grafana expands nothing in it."""
    return str(text).replace("$", "$$")


def verbatim(text: object) -> str:
    """Return text as a template of an annotation must spell it so that it stands there as it is."""
    return re.sub(r"\{\{|\}\}", lambda found: '{{ "' + found.group() + '" }}', str(text))


def query_of(file: Path) -> str:
    """Return the SQL of a file without its comments."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("--"))


def alert_query(alert: Facts, household: Facts) -> str:
    """Return the SQL of one alert: it gives one number, or a number for each appliance."""
    kind = str(alert["kind"])
    placeholders = {key: f"{value:g}" for key, value in alert.items() if isinstance(value, float)}
    placeholders |= {
        **{name: query_of(PANELS / f"{name}.sql") for name in SHARED},
        "hold_s": str(_FINISHED_HOLD_S),
        "devices": ", ".join(str(one) for one in _watched(alert, household)) or "NULL",
        "watt_or_ampere": "ampere" if "above_a" in alert else "watt",
    }
    return query_of(ALERTS / f"{kind}.sql").format(**placeholders)


def alert_rule(alert: Facts, household: Facts) -> Document:
    """Return the rule of one alert as Grafana's provisioning file of alert rules wants it."""
    kind = str(alert["kind"])
    return {
        "uid": str(alert["uid"]),
        "title": literal(alert["name"]),
        "condition": "B",
        "for": f"{_number(alert.get('for_s', 20 if kind == 'meter' else 0)):g}s",
        "noDataState": "KeepLast",
        # A database that does not answer is what this one is about; for the others it says nothing.
        "execErrState": "Alerting" if kind == "storing" else "KeepLast",
        **({"dashboardUid": GAUGE_PANEL[0], "panelId": GAUGE_PANEL[1]} if kind == "total" else {}),
        "labels": {"ecms": "urgent" if alert["urgent"] else "once" if alert["once"] else "plain"},
        "annotations": _annotations(alert, household),
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": {"from": 600, "to": 0},
                "datasourceUid": DATA_SOURCE,
                "model": {
                    "refId": "A",
                    "datasource": {"type": "mysql", "uid": DATA_SOURCE},
                    "format": "table",
                    "rawQuery": True,
                    "rawSql": alert_query(alert, household),
                    "editorMode": "code",
                },
            },
            {
                "refId": "B",
                "relativeTimeRange": {"from": 600, "to": 0},
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "B",
                    "type": "threshold",
                    "datasource": {"type": "__expr__", "uid": "__expr__"},
                    "expression": "A",
                    "conditions": [
                        {"type": "query", "evaluator": {"type": _CONDITIONS[kind], "params": [_limit(alert)]}}
                    ],
                },
            },
        ],
    }


def alert_rules(households: Sequence[Facts], org_ids: Mapping[str, int]) -> Document:
    """Return the provisioning file of all households' alert rules."""
    groups = []
    for household in households:
        for interval, urgent in ((FAST, True), (SLOW, False)):
            rules = [
                alert_rule(alert, household)
                for alert in _alerts(household)
                if (bool(alert["urgent"]) or alert["kind"] == "appliance") is urgent
            ]
            if rules:
                groups.append(
                    {
                        "orgId": org_ids[str(household["slug"])],
                        "name": f"ECMS {interval}",
                        "folder": FOLDER,
                        "interval": interval,
                        "rules": rules,
                    }
                )
    return {"apiVersion": 1, "groups": groups}


def removals(
    households: Sequence[Facts],
    org_ids: Mapping[str, int],
    rules: Sequence[Mapping[str, object]],
    points: Sequence[Mapping[str, object]],
) -> Document:
    """Return the provisioning file that removes what is ours and no longer wanted.

    ``rules`` and ``points`` are the answers of Grafana's API for each household, in their order.
    """
    gone: dict[str, list[Document]] = {"deleteRules": [], "deleteContactPoints": []}
    for household, own_rules, own_points in zip(households, rules, points, strict=True):
        org = org_ids[str(household["slug"])]
        wanted = {str(alert["uid"]) for alert in _alerts(household)}
        ways = range(1, len(_mappings(household["notify"])) + 1)
        wanted |= {f"{name}-{number}" for name in (RECEIVER, RECEIVER_ONCE) for number in ways}
        for key, found in (("deleteRules", own_rules), ("deleteContactPoints", own_points)):
            uids = [str(one.get("uid", "")) for one in _mappings(found["json"])]
            gone[key] += [{"orgId": org, "uid": uid} for uid in uids if uid.startswith("ecms-") and uid not in wanted]
    return {"apiVersion": 1, **gone}


def contact_points(households: Sequence[Facts], org_ids: Mapping[str, int], secrets: str) -> Document:
    """Return the provisioning file of who is told, how, and in which words.

    ``secrets`` is the directory of the host that holds each household's tokens. A household that tells nobody
    still has its contact points, so that a policy can name them: an e-mail to no one, which Grafana never sends.
    """
    points: list[Document] = []
    policies: list[Document] = []
    templates: list[Document] = []
    for household in households:
        slug, org = str(household["slug"]), org_ids[str(household["slug"])]
        ways = _mappings(household["notify"])
        for name in (RECEIVER, RECEIVER_ONCE):
            receivers = [
                {
                    "uid": f"{name}-{number}",
                    "type": "email" if way["kind"] == "email" else "webhook",
                    "disableResolveMessage": name == RECEIVER_ONCE,
                    "settings": _settings(way, f"{secrets}/{slug}"),
                }
                for number, way in enumerate(ways, start=1)
            ]
            if receivers:
                points.append({"orgId": org, "name": name, "receivers": receivers})
        if ways:
            policies.append({"orgId": org, **_policy()})
            templates.append({"orgId": org, "name": "ecms", "template": message_templates(household)})
    document: Document = {"apiVersion": 1, "contactPoints": points, "policies": policies, "templates": templates}
    if quiet := [org_ids[str(h["slug"])] for h in households if not _mappings(h["notify"])]:
        document["resetPolicies"] = quiet
    return document


def message_templates(household: Facts) -> str:
    """Return the words of a message in the household's language, for mail, ntfy and Telegram alike."""
    words = _WORDS[str(household["language"])]
    name = str(household["name"]).replace("\\", "").replace('"', "'")
    define = '{{{{ define "ecms.{0}" }}}}{1}{{{{ end }}}}\n'
    subject = (
        "{{ if eq (len .Alerts.Firing) 0 }}" + words["resolved"] + '{{ else if eq .CommonLabels.ecms "once" }}'
        f"{words['notice']}{{{{ else }}}}{words['firing']}{{{{ end }}}}"
        f'{{{{ "{name}" | printf " %s: " }}}}'
        "{{ if gt (len .Alerts.Firing) 0 }}{{ (index .Alerts.Firing 0).Annotations.summary }}"
        "{{ else }}{{ (index .Alerts.Resolved 0).Labels.alertname }}{{ end }}"
    )
    time = f'tz "{household["timezone"]}" | date "2006-01-02 15:04:05"'
    message = (
        "{{ range .Alerts.Firing }}{{ .Annotations.summary }}\n"
        "{{ with .Annotations.description }}{{ . }}\n{{ end }}"
        f"({words['since']} {{{{ .StartsAt | {time} }}}})\n{{{{ end }}}}"
        f"{{{{ range .Alerts.Resolved }}}}{words['resolved']}: {{{{ .Labels.alertname }}}} "
        f"({words['ended']} {{{{ .EndsAt | {time} }}}})\n{{{{ end }}}}"
    )
    made = [define.format("subject", subject), define.format("message", message)]
    for way in _mappings(household["notify"]):
        if way["kind"] == "ntfy":
            made.append(define.format(f"ntfy.{_topic(way)}", _payload("topic", _topic(way), "title", "message")))
        elif way["kind"] == "telegram":
            made.append(define.format(f"telegram.{_chat(way)}", _payload("chat_id", str(way["to"]), "", "text")))
    return "".join(dict.fromkeys(made))


def data_sources(
    households: Sequence[Facts], org_ids: Mapping[str, int], secrets: str, where: Mapping[str, str]
) -> Document:
    """Return the provisioning file of the households' data sources.

    ``where`` holds ``url``, the socket or ``host:port`` of the database, and ``tls_ca``, a file of the host that
    holds its authority, empty for a socket.
    """
    sources = []
    for household in households:
        slug = str(household["slug"])
        users = household["users"]
        tls = bool(where["tls_ca"])
        sources.append(
            {
                "orgId": org_ids[slug],
                "name": "ECMS",
                "uid": DATA_SOURCE,
                "type": "mysql",
                "access": "proxy",
                "url": where["url"],
                "user": users["grafana"] if isinstance(users, Mapping) else "",
                "isDefault": True,
                "editable": False,
                "jsonData": {
                    "database": household["schema"],
                    "timezone": "+00:00",
                    "maxOpenConns": 4,
                    "maxIdleConns": 2,
                    "maxIdleConnsAuto": False,
                    "connMaxLifetime": 14400,
                    **({"tlsAuthWithCACert": True} if tls else {}),
                },
                "secureJsonData": {
                    "password": f"$__file{{{secrets}/{slug}/database}}",
                    **({"tlsCACert": f"$__file{{{where['tls_ca']}}}"} if tls else {}),
                },
            }
        )
    return {"apiVersion": 1, "datasources": sources}


def dashboard_providers(households: Sequence[Facts], org_ids: Mapping[str, int], directory: str) -> Document:
    """Return the provisioning file that names where each household's dashboards are on the host."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": f"ecms {household['slug']}",
                "orgId": org_ids[str(household["slug"])],
                "type": "file",
                "folder": FOLDER,
                "disableDeletion": False,
                "allowUiUpdates": False,
                # A run of the playbook says when there is something new.
                "updateIntervalSeconds": 86400,
                "options": {"path": f"{directory}/{household['slug']}"},
            }
            for household in households
        ],
    }


def provisioning_files(
    households: Sequence[Facts],
    org_ids: Mapping[str, int],
    directories: Mapping[str, str],
    database: Mapping[str, str],
) -> list[Document]:
    """Return path and document of each household's provisioning files.

    Each household has files of its own: Grafana deletes the dashboards of a provider that no file names any more, so
    a run for some households must not take away what names the others'. ``directories`` holds those of ``secrets``
    and ``dashboards``, ``database`` is what ``data_sources`` takes.
    """
    files: list[Document] = []
    for household in households:
        slug, one = str(household["slug"]), [household]
        files += [
            {
                "path": f"datasources/ecms-{slug}.yaml",
                "document": data_sources(one, org_ids, directories["secrets"], database),
            },
            {
                "path": f"dashboards/ecms-{slug}.yaml",
                "document": dashboard_providers(one, org_ids, directories["dashboards"]),
            },
            {
                "path": f"alerting/ecms-{slug}-contacts.yaml",
                "document": contact_points(one, org_ids, directories["secrets"]),
            },
            {"path": f"alerting/ecms-{slug}-rules.yaml", "document": alert_rules(one, org_ids)},
        ]
    return files


def organisations(households: Sequence[Facts]) -> list[Document]:
    """Return what the module ``grafana_organisations`` keeps: an organisation per household with its users."""
    return [
        {
            "name": str(household["slug"]),
            "users": [
                {
                    "login": str(user["login"]),
                    "name": str(user["name"]),
                    "role": str(user["role"]),
                    "password": str(_secrets(household)[f"grafana_user_{user['login']}"]),
                }
                for user in _mappings(household["grafana_users"])
            ],
        }
        for household in households
    ]


def named(households: Sequence[Facts]) -> list[Document]:
    """Return what the module ``grafana_organisations`` takes for a question to each household's organisation."""
    return [{"name": str(household["slug"])} for household in households]


def preferences(households: Sequence[Facts], home_dashboard: str) -> list[Document]:
    """Return what the module ``grafana_organisations`` keeps once the dashboards are there."""
    return [
        {
            "name": str(household["slug"]),
            "preferences": {
                "homeDashboardUID": home_dashboard,
                "timezone": str(household["timezone"]),
                "weekStart": "monday",
                "language": _LOCALES[str(household["language"])],
            },
        }
        for household in households
    ]


def repeated(values: Sequence[str]) -> list[str]:
    """Return what stands in a list more than once."""
    return sorted({value for value in values if list(values).count(value) > 1})


def secret_files(households: Sequence[Facts]) -> list[dict[str, str]]:
    """Return the files of the secrets that Grafana reads, by path below their directory and content."""
    found = []
    for household in households:
        slug, secrets = str(household["slug"]), _secrets(household)
        found.append({"path": f"{slug}/database", "content": f"{secrets[f'database_grafana_{slug}']}\n"})
        found += [
            {"path": f"{slug}/{name}", "content": f"{secrets[name]}\n"}
            for name in ("telegram_token", "notify_token")
            if secrets.get(name)
        ]
    return found


def ini_text(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Return grafana.ini with these sections; raise ValueError with a sentence for what it cannot hold."""
    lines = []
    for section, values in sections.items():
        if not isinstance(values, Mapping):
            raise TypeError(f"grafana_ini: {section} is no section: set names and values below it")
        lines.append(f"[{section}]")
        lines += [f"{key} = {_ini_value(section, key, value)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines)


def _ini_value(section: str, key: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text or "\r" in text:
        raise ValueError(f"grafana_ini: {section}.{key} has several lines: set one line")
    if re.search(r"[#;]", text) or text != text.strip():
        return f'"""{text}"""'
    return text


def _watched(alert: Facts, household: Facts) -> list[int]:
    chosen = alert.get("devices") or []
    if isinstance(chosen, list) and chosen:
        return [int(one) for one in chosen]
    excused = household["sometimes_unplugged"]
    return [
        int(str(device["id"]))
        for device in _mappings(household["devices"])
        if not (isinstance(excused, Sequence) and device["id"] in excused)
    ]


def _limit(alert: Facts) -> float:
    kind = alert["kind"]
    if kind == "silent":
        return _number(alert["below_per_min"])
    if kind == "meter":
        return _number(alert["minutes"])
    if kind == "storing":
        return float(_STALE_STATUS_S)
    if kind == "finished":
        return 0.5
    return _number(alert["above_a"] if "above_a" in alert else alert["above_w"])


def _annotations(alert: Facts, household: Facts) -> dict[str, str]:
    kind = str(alert["kind"])
    subject, advice = TEXTS[str(household["language"])][kind]
    ids = alert["devices"]
    called = {device["id"]: str(device["name"]) for device in _mappings(household["devices"])}
    appliance = called.get(ids[0], "?") if isinstance(ids, list) and ids else ""
    decimals = 1 if kind == "silent" or "above_a" in alert else 0
    words = {
        **{key: value for key, value in alert.items() if isinstance(value, float)},
        "value": f'{{{{ printf "%.{decimals}f" $values.A.Value }}}}',
        "label": "{{ $labels.appliance }}",
        "appliance": verbatim(appliance),
        "unit": "A" if "above_a" in alert else "W",
        "limit": _limit(alert),
        "unmeasured": _number(household["unmeasured_power_w"]),
    }
    return {key: text.format(**words) for key, text in (("summary", subject), ("description", advice)) if text}


def _policy() -> Document:
    return {
        "receiver": RECEIVER,
        "group_by": ["alertname"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "12h",
        "routes": [
            {
                "receiver": RECEIVER,
                "object_matchers": [["ecms", "=", "urgent"]],
                "group_by": ["alertname"],
                "group_wait": "0s",
                "group_interval": "10s",
                "repeat_interval": "1h",
            },
            {
                "receiver": RECEIVER_ONCE,
                "object_matchers": [["ecms", "=", "once"]],
                "group_by": ["alertname"],
                "group_wait": "0s",
                "group_interval": "10s",
                "repeat_interval": "24h",
            },
        ],
    }


def _settings(way: Facts, secrets: str) -> Document:
    to = str(way["to"])
    if way["kind"] == "email":
        return {
            "addresses": literal(to),
            "singleEmail": True,
            "subject": '{{ template "ecms.subject" . }}',
            "message": '{{ template "ecms.message" . }}',
        }
    settings: Document = {"httpMethod": "POST", "url": literal(to)}
    if way["token"]:
        settings |= {
            "authorization_scheme": "Bearer",
            "authorization_credentials": f"$__file{{{secrets}/notify_token}}",
        }
    if way["kind"] == "ntfy":
        settings["url"] = literal(to.rstrip("/").rpartition("/")[0])
        settings["payload"] = {"template": f'{{{{ template "ecms.ntfy.{_topic(way)}" . }}}}'}
    elif way["kind"] == "telegram":
        settings["url"] = f"https://api.telegram.org/bot$__file{{{secrets}/telegram_token}}/sendMessage"
        settings["payload"] = {"template": f'{{{{ template "ecms.telegram.{_chat(way)}" . }}}}'}
    else:
        settings |= {
            "title": '{{ template "ecms.subject" . }}',
            "message": '{{ template "ecms.message" . }}',
        }
    return settings


def _payload(key: str, value: str, title: str, text: str) -> str:
    heading = f'"{title}" (tmpl.Exec "ecms.subject" .) ' if title else ""
    return f'{{{{ coll.Dict "{key}" "{value}" {heading}"{text}" (tmpl.Exec "ecms.message" .) | data.ToJSON }}}}'


def _topic(way: Facts) -> str:
    return str(way["to"]).rstrip("/").rpartition("/")[2]


def _chat(way: Facts) -> str:
    return re.sub(r"\W", "_", str(way["to"]))


def _alerts(household: Facts) -> Iterator[Facts]:
    yield from _mappings(household["alerts"])


def _mappings(value: object) -> list[Facts]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, Iterable) else []


def _secrets(household: Facts) -> Facts:
    found = household["secrets"]
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float:
    return float(str(value))


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "ecms_grafana_provisioning_files": provisioning_files,
            "ecms_grafana_removals": removals,
            "ecms_grafana_organisations": organisations,
            "ecms_grafana_named": named,
            "ecms_grafana_preferences": preferences,
            "ecms_grafana_repeated": repeated,
            "ecms_grafana_secret_files": secret_files,
            "ecms_grafana_ini": ini_text,
        }
