"""The facts that other roles read, derived from an inventory without mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecms_bridge import access, names
from household_checks import broker, database, machine, mail
from household_checks.hosts import HUB_PARTS, SERVICE_GROUPS, cluster_hosts, served_hubs, service_hosts
from household_checks.values import Groups, Variables


def household_facts(given: Variables, secrets: Mapping[str, str], hub: str, groups: Groups) -> dict[str, object]:
    """Return the fact ``ecms_household`` of one hub: every name, number and right, in its final type.

    Raises ValueError when the inventory has not been checked before.
    """
    name = str(given["ecms_household_name"])
    slug = names.slug_of(name)
    facts: dict[str, object] = {"name": name, **names.household_names(slug)}
    facts["users"] = {"mqtt": broker.username(given, slug), "grafana": names.grafana_user(slug)}
    for part in HUB_PARTS:
        facts |= part.facts(given)
    return facts | {
        "hosts": {group: service_hosts(hub, group, groups) for group in SERVICE_GROUPS},
        "access": [dict(rule) for rule in access.household_rules(slug)],
        "secrets": dict(secrets),
    }


def service_facts(
    given: Variables,
    secrets: Mapping[str, str],
    host: str,
    groups: Groups,
    hosts_of_run: Sequence[str],
    keepers: Mapping[str, Variables],
) -> dict[str, object]:
    """Return the fact ``ecms_services``: what the services that households share are to be, and for whom.

    ``hubs`` lists for each service group the hubs of this run that this host serves in it, ``cluster`` the hosts
    with which it does so. ``keepers`` gives the variables of the hosts that stand for this host's ``broker`` and
    ``database``.
    """
    # Sorted, so that another order of -i changes nothing on a machine.
    hubs = [hub for hub in sorted(groups.get("hub", ())) if hub in hosts_of_run]
    return {
        "mqtt_broker": str(given["ecms_mqtt_broker"]),
        "database": str(given["ecms_database"]),
        "remote_broker": broker.remote(keepers["broker"]),
        "remote_database": database.remote(keepers["database"]),
        "machine": machine.server_facts(given),
        "smtp": mail.smtp(given),
        "database_by_network": _serves_others(host, "database", ("writer", "dashboard"), groups),
        "users": {"writer": names.WRITER_USER, "admin": names.ADMIN_USER, "statistics": names.STATISTICS_USER},
        "shared_group": names.SHARED_GROUP,
        "hubs": served_hubs(host, hubs, groups),
        "cluster": {group: cluster_hosts(host, group, groups) for group in SERVICE_GROUPS},
        "access": [dict(rule) for rule in access.writer_rules()],
        "secrets": dict(secrets),
    }


def _serves_others(host: str, service: str, clients: Sequence[str], groups: Groups) -> bool:
    """Return whether another host finds its ``service`` here: of one of the ``clients`` groups, or of the cluster."""
    others = {one for group in clients for one in groups.get(group, ()) if one != host}
    return host in groups.get(service, ()) and (
        len(cluster_hosts(host, service, groups)) > 1
        or any(host in service_hosts(one, service, groups) for one in others)
    )
