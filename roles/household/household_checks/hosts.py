"""All mistakes of one host, and those that only all hosts together show."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ecms_bridge import names
from household_checks import (
    alerts,
    appliances,
    boxes,
    broker,
    dashboard,
    database,
    digest,
    home,
    hub,
    machine,
    mail,
    secrets,
    statistics,
    tariffs,
)
from household_checks.values import Groups, Variables, meant, show

SERVICE_GROUPS = ("broker", "writer", "database")
DASHBOARD = "dashboard"
"""The group that may be empty: without a host in it there is no dashboard."""
KIND_VARIABLES: Mapping[str, str] = {"broker": "ecms_mqtt_broker", "database": "ecms_database"}
"""The variable that says what kind a group's service is."""
FACTS = frozenset({"ecms_household", "ecms_services"})
"""Variables that the role itself sets."""


class HubPart(Protocol):
    """A part of what a household decides: a module with these functions."""

    def mistakes(self, given: Variables) -> Iterable[str]: ...

    def facts(self, given: Variables) -> Mapping[str, object]: ...


class ServicePart(Protocol):
    """A service of a group of hosts: a module with these functions."""

    def mistakes(self, given: Variables) -> Iterable[str]: ...

    def needed_secrets(self, given: Variables) -> Mapping[str, str]: ...


HUB_PARTS: tuple[HubPart, ...] = (home, appliances, boxes, hub, machine, tariffs, alerts, dashboard, digest, statistics)
SERVICE_PARTS: Mapping[str, ServicePart] = {"broker": broker, "database": database, DASHBOARD: mail}


def given_of(variables: Variables, prefix: str, defaults: Variables) -> dict[str, object]:
    """Return the variables with this prefix of any host of the inventory, its own or the role's ``defaults``."""
    return {name: variables.get(name, default) for name, default in defaults.items() if name.startswith(prefix)}


def host_mistakes(
    given: Variables, host: str, groups: Sequence[str], known: Sequence[str], broker_given: Variables
) -> list[str]:
    """Return the mistakes of one host's variables, each a sentence that begins with the host's name.

    ``given`` are its variables of the prefix ``ecms_``, ``groups`` the groups it is in, ``known`` the
    names an inventory may set, ``broker_given`` the variables of the host that stands for its broker.
    """
    found: list[str] = []
    for name in sorted(set(given) - set(known) - FACTS):
        hint = meant(name, known)
        remedy = "rename it" if hint else "remove it, or see roles/household/README.md for those there are"
        found.append(f"{name} is no variable of this version{hint}: {remedy}")
    wanted: list[str] = []
    needed: dict[str, str] = {}
    if "hub" in groups:
        for part in HUB_PARTS:
            found += part.mistakes(given)
        wanted += secrets.secret_names(given.get("ecms_household_name"))
        wanted += dashboard.user_secrets(given)
        own = alerts.needed_secrets(given)
        wanted += own
        needed |= broker.hub_secrets(given, broker_given) | own
    else:
        found += machine.mistakes(given)
    if set(SERVICE_GROUPS) & set(groups):
        wanted += secrets.SERVICE_SECRETS
    if "broker" in groups and "hub" not in groups:
        wanted += secrets.CLUSTER_SECRETS
    if "hub" in groups and DASHBOARD in groups:
        found += digest.server_mistakes(given)
    if DASHBOARD in groups:
        wanted += [*dashboard.SERVER_SECRETS, *mail.needed_secrets(given)]
    for group, part_of_services in SERVICE_PARTS.items():
        found += part_of_services.mistakes(given)
        if group in groups:
            needed |= part_of_services.needed_secrets(given)
    found += secrets.given_mistakes(given.get("ecms_secrets"), given.get("ecms_secrets_dir"), wanted, needed)
    return [f"{host}: {sentence}." for sentence in found]


def stray_mistakes(variables: Iterable[str], host: str, known: Sequence[str]) -> list[str]:
    """Return a sentence for each of a host's variables that was to begin with ``ecms_``, and so has no effect."""
    found = []
    for name in sorted(variables):
        prefix, _, rest = name.partition("_")
        wanted = f"ecms_{rest.lower()}"
        if prefix != "ecms" and wanted in known and difflib.get_close_matches(prefix.lower(), ["ecms"], cutoff=0.7):
            found.append(f'{host}: {name} is no variable of this version (did you mean "{wanted}"?): rename it.')
    return found


def served_hubs(host: str, hubs: Sequence[str], groups: Groups) -> dict[str, list[str]]:
    """Return for each service group those of ``hubs`` that this host serves in it, alone or with others."""
    return {
        group: [one for one in hubs if groups.get(group) and host in service_hosts(one, group, groups)]
        for group in (*SERVICE_GROUPS, DASHBOARD)
    }


def service_hosts(host: str, group: str, groups: Groups) -> list[str]:
    """Return the hosts of a service group that serve a host, in the order in which it tries them.

    A hub that is in the group is served by itself alone. Any other host is served by the shared ones, a machine
    of theirs by itself first. Raises ValueError when the group is empty.
    """
    members = groups.get(group, ())
    if not members:
        raise ValueError(f"no host is in the group {group}")
    if host in members and host in groups.get("hub", ()):
        return [host]
    return sorted(shared_hosts(group, groups) or members[:1], key=lambda one: one != host)


def service_host(host: str, group: str, groups: Groups) -> str:
    """Return the host of a service group that a host tries first; raises as ``service_hosts``."""
    return service_hosts(host, group, groups)[0]


def service_keeper(host: str, group: str, groups: Groups) -> str:
    """Return the host whose inventory says how the service is that a host uses, and keeps its secrets.

    Of a cluster that is the first host, for all of them. Raises as ``service_hosts``.
    """
    hosts = service_hosts(host, group, groups)
    return min(hosts, key=list(groups[group]).index)


def service_places(hosts: Sequence[str], variables: Mapping[str, Variables], port: int) -> list[dict[str, object]]:
    """Return where others reach a service on these hosts, each by TLS with the authority that role certificates made.

    ``variables`` are those of any host of the inventory, which this run may not have.
    """
    found: list[dict[str, object]] = []
    for host in hosts:
        given = variables.get(host, {})
        authority = f"{given.get('inventory_dir', '')}/.secrets/ca_{host}.crt"
        found.append({"host": given.get("ansible_host", host), "port": int(port), "ca": authority})
    return found


def shared_hosts(group: str, groups: Groups) -> list[str]:
    """Return the hosts of a group that are no hub: they serve whoever does not serve itself, several as a cluster."""
    return [host for host in groups.get(group, ()) if host not in groups.get("hub", ())]


def cluster_hosts(host: str, group: str, groups: Groups) -> list[str]:
    """Return the hosts with which this one shares a service, itself included; none where it serves alone or not."""
    shared = shared_hosts(group, groups)
    return shared if host in shared and len(shared) > 1 else []


def run_mistakes(
    hub_names: Mapping[str, object],
    directories: Mapping[str, object],
    groups: Groups,
    digests: Mapping[str, object] | None = None,
    kinds: Mapping[str, Mapping[str, object]] | None = None,
) -> list[str]:
    """Return the mistakes that only all hosts together show.

    ``hub_names`` gives the household's name of every hub of the inventory, ``directories`` the directory
    of secrets of every hub of this run, ``groups`` the hosts of every group,
    ``digests`` what the hubs have as ``ecms_digest``, ``kinds`` for the groups of ``KIND_VARIABLES`` what
    their hosts have as that variable.
    """
    found = [
        f"no host is in the group {group}: name one under {group} in hosts.yml, or give the inventory that does so "
        f"too, such as -i inventories/{'casa_rossi' if group == 'hub' else 'central'}"
        for group in ("hub", *SERVICE_GROUPS)
        if not groups.get(group)
    ]
    found += _group_mistakes(groups, kinds or {})
    found += digest.place_mistakes(digests or {}, groups)
    owners: dict[str, str] = {}
    for one, name in sorted(hub_names.items()):
        try:
            slug = names.slug_of(str(name))
        except ValueError:
            continue
        if (other := owners.setdefault(slug, one)) != one:
            found.append(
                f'{one}: ecms_household_name {show(name)} gives the slug "{slug}" that {other} has already: '
                "set another name"
            )
    places: dict[str, str] = {}
    found += [
        f"{one}: its secrets would mix with those of {other} in {place}: give each household an inventory "
        "directory of its own, or set ecms_secrets_dir"
        for one, place in sorted(directories.items())
        if (other := places.setdefault(str(place), one)) != one
    ]
    return [f"{sentence}." for sentence in found]


def _group_mistakes(groups: Groups, kinds: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """Yield a sentence for each group whose hosts cannot serve together, or cannot serve every hub."""
    for group in (*SERVICE_GROUPS, DASHBOARD):
        shared = shared_hosts(group, groups)
        members = groups.get(group, ())
        strangers = [one for one in groups.get("hub", ()) if one not in members]
        if not shared and len(members) > 1 and strangers:
            yield (
                f"the group {group} has several hosts, and {strangers[0]} is none of them: "
                f"leave one host in {group}, or add {strangers[0]} to it"
            )
        elif len(shared) > 1:
            yield from _cluster_mistakes(group, shared, kinds.get(group, {}))


def _cluster_mistakes(group: str, shared: Sequence[str], kinds: Mapping[str, object]) -> Iterator[str]:
    hosts = ", ".join(shared)
    if group == DASHBOARD:
        yield f"the group {group} has several hosts that are no hub ({hosts}): leave one, since Grafana is no cluster"
    if (variable := KIND_VARIABLES.get(group)) is None:
        return
    found = sorted({str(kinds[host]) for host in shared if host in kinds})
    if len(found) > 1:
        yield (
            f"{variable} is {' and '.join(map(show, found))} among the hosts of the group {group} ({hosts}), "
            "which serve together: set one for all of them"
        )
    elif found == ["remote"]:
        yield f"{variable} is remote, and the group {group} has several hosts ({hosts}): leave one, which stands for it"
    elif found == ["mosquitto"]:
        yield (
            f"the group {group} has several hosts ({hosts}), and Mosquitto is no cluster: "
            f"leave one of them in {group}, or set ecms_mqtt_broker to emqx"
        )
    elif group == "database" and len(shared) % 2 == 0:
        yield (
            f"the group {group} has {len(shared)} hosts ({hosts}), and half of a cluster cannot tell whether the "
            "other half lives: name three or another odd number, or leave one"
        )
