"""The MQTT broker: which one, and where it is when it is not ours."""

from __future__ import annotations

from collections.abc import Iterator

from ecms_bridge import names
from household_checks import elsewhere
from household_checks.values import Variables, one_of, whole

KINDS = ("emqx", "mosquitto", "remote")

_ONLY_REMOTE = {"host": "", "port": 8883, "ca": "", "username": "", "writer_username": ""}


def mistakes(given: Variables) -> Iterator[str]:
    """Yield a sentence for each mistake."""
    kind = given.get("ecms_mqtt_broker")
    faults = list(one_of("ecms_mqtt_broker", kind, KINDS))
    yield from faults
    if kind == "remote":
        yield from elsewhere.address_mistakes("ecms_mqtt", given, "abc123.ala.eu-central-1.emqxsl.com")
        for name in ("ecms_mqtt_username", "ecms_mqtt_writer_username"):
            yield from elsewhere.username_mistakes(name, given.get(name))
    elif not faults:
        yield from elsewhere.unused("ecms_mqtt", given, "ecms_mqtt_broker", _ONLY_REMOTE)


def needed_secrets(given: Variables) -> dict[str, str]:
    """Return the secrets that the broker's host must be given, and what each is."""
    if given.get("ecms_mqtt_broker") != "remote":
        return {}
    return {f"mqtt_{names.WRITER_USER}": "the writer's password at the remote broker"}


def hub_secrets(given: Variables, broker_given: Variables) -> dict[str, str]:
    """Return the secrets that a hub must be given when its broker is the one of ``broker_given``."""
    if broker_given.get("ecms_mqtt_broker") != "remote":
        return {}
    try:
        slug = names.slug_of(str(given.get("ecms_household_name")))
    except ValueError:
        return {}
    return {f"mqtt_{names.mqtt_user(slug)}": "the household's password at the remote broker"}


def username(given: Variables, slug: str) -> str:
    """Return the household's user at the broker."""
    return str(given["ecms_mqtt_username"] or names.mqtt_user(slug))


def remote(given: Variables) -> dict[str, object]:
    """Return where a broker that is not ours is; nothing when it is ours."""
    if given.get("ecms_mqtt_broker") != "remote":
        return {}
    return {
        "host": str(given["ecms_mqtt_host"]),
        "port": whole(given["ecms_mqtt_port"]),
        "ca": elsewhere.authority_file(given["ecms_mqtt_ca"]),
        "writer": str(given["ecms_mqtt_writer_username"] or names.WRITER_USER),
    }
