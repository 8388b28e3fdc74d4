"""Whom the broker and the database of a hub let in."""

from __future__ import annotations

import threading

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from e2e.home import Home
from hub import Hub

TLS_PORT = 8883
_PATIENCE_S = 15.0


def mqtt_client(home: Home, user: str, password: str) -> paho.Client:
    """Return a client of the hub's broker as a stranger on the network is one, not yet connected."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5, reconnect_on_failure=False)
    client.username_pw_set(user, password)
    client.tls_set(ca_certs=str(home.authority))
    # The certificate names the hub; here it is reached by the address of its machine.
    client.tls_insecure_set(True)
    return client


def broker_admits(home: Home, user: str, password: str) -> bool:
    """Return whether the broker lets a user in; raise TimeoutError if it does not answer."""
    client = mqtt_client(home, user, password)
    answers: list[bool] = []
    answered = threading.Event()

    def connected(_client: object, _data: object, _flags: object, reason: ReasonCode, _properties: object) -> None:
        answers.append(not reason.is_failure)
        answered.set()

    client.on_connect = connected
    client.connect(home.hub.machine.address, TLS_PORT)
    client.loop_start()
    try:
        if not answered.wait(_PATIENCE_S):
            raise TimeoutError(f"the broker does not answer {user}")
    finally:
        client.disconnect()
        client.loop_stop()
    return answers[0]


def database_admits(hub: Hub, user: str, password: str) -> bool:
    """Return whether the database lets a user in by its socket."""
    settings = f"[client]\nuser={user}\npassword={password}\nsocket=/run/mysqld/mysqld.sock\n"
    command = ["mariadb", "--defaults-extra-file=/dev/stdin", "--execute=SELECT 1"]
    result = hub.machine.run(command, stdin=settings, check=False)
    if result.returncode and "Access denied" not in result.stderr:
        raise AssertionError(result.stderr)
    return result.returncode == 0
