"""A machine: clock and updates, and, where it is a hub, journal and card."""

from __future__ import annotations

from collections.abc import Iterator

from household_checks.values import Variables, entries, is_host, one_of, show, switch, truth


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    for name in (
        "ecms_clock_trusted",
        "ecms_security_updates",
        "ecms_automatic_reboot",
        "ecms_sd_card_care",
        "ecms_tmp_in_ram",
    ):
        yield from switch(name, given.get(name))
    storage = given.get("ecms_journal_storage")
    yield from one_of("ecms_journal_storage", storage, ("volatile", "persistent"))
    servers = entries(given.get("ecms_ntp_servers"))
    if not servers:
        yield (
            f"ecms_ntp_servers is {show(given.get('ecms_ntp_servers'))}: "
            "set a list of time servers, such as [pool.ntp.org]"
        )
    for server in servers or ():
        if not is_host(server):
            yield f"ecms_ntp_servers has {show(server)}: set the name or the address of a time server"


def server_facts(given: Variables) -> dict[str, object]:
    """Return what counts on every machine, a hub or not."""
    return {
        "clock_trusted": truth(given["ecms_clock_trusted"]),
        "ntp_servers": [str(server) for server in entries(given["ecms_ntp_servers"]) or ()],
        "security_updates": truth(given["ecms_security_updates"]),
        "automatic_reboot": truth(given["ecms_automatic_reboot"]),
    }


def facts(given: Variables) -> dict[str, object]:
    """Return its part of the fact ``ecms_household``."""
    return server_facts(given) | {
        "journal_storage": str(given["ecms_journal_storage"]),
        "sd_card_care": truth(given["ecms_sd_card_care"]),
        "tmp_in_ram": truth(given["ecms_tmp_in_ram"]),
    }
