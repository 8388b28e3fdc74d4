"""The database: ours, or where it is when it is not."""

from __future__ import annotations

from collections.abc import Iterator

from ecms_bridge import names
from household_checks import elsewhere
from household_checks.values import Variables, one_of, whole

KINDS = ("local", "remote")

_ONLY_REMOTE = {"host": "", "port": 3306, "ca": "", "admin_username": ""}


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    kind = given.get("ecms_database")
    faults = list(one_of("ecms_database", kind, KINDS))
    yield from faults
    if kind == "remote":
        yield from elsewhere.address_mistakes("ecms_database", given, "mysql-casa.aivencloud.com")
        admin = given.get("ecms_database_admin_username")
        if admin is None or admin == "":
            yield "ecms_database_admin_username is missing: set the service's own administrator, such as avnadmin"
        else:
            yield from elsewhere.username_mistakes("ecms_database_admin_username", admin)
    elif not faults:
        yield from elsewhere.unused("ecms_database", given, "ecms_database", _ONLY_REMOTE)


def needed_secrets(given: Variables) -> dict[str, str]:
    """Return the secrets that the database's host must be given, and what each is."""
    if given.get("ecms_database") != "remote":
        return {}
    return {f"database_{names.ADMIN_USER}": "the administrator's password at the remote database"}


def remote(given: Variables) -> dict[str, object]:
    """Return where a database that is not ours is; nothing when it is ours."""
    if given.get("ecms_database") != "remote":
        return {}
    return {
        "host": str(given["ecms_database_host"]),
        "port": whole(given["ecms_database_port"]),
        "ca": elsewhere.authority_file(given["ecms_database_ca"]),
        "admin": str(given["ecms_database_admin_username"]),
    }
