"""Ansible module: clients and their access at a running Mosquitto with the dynamic security plugin."""

# Ansible wants DOCUMENTATION before the imports of what the module uses.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: mosquitto_dynsec
short_description: Clients and their access rules at a running Mosquitto
description:
  - Compares the wanted clients and rules with those of the broker's dynamic security plugin and changes only
    what differs, without a restart. A client that is not named is left alone.
  - Whether a password is the wanted one is found out by connecting with it.
  - Every change of a client or of its rules disconnects that client (and no other), so it counts at once.
  - Needs paho-mqtt 2 in the Python that runs it.
options:
  host: {type: str, default: 127.0.0.1, description: Address of the broker.}
  port: {type: int, default: 1883, description: Port of the broker's plain listener.}
  admin_username: {type: str, required: true, description: User that may use the plugin's control topic.}
  admin_password: {type: str, required: true, description: Its password.}
  marker:
    type: str
    required: true
    description: Text that marks the clients and roles this module may change (their C(textname)).
  clients:
    type: list
    elements: dict
    default: []
    description: Clients that must exist.
    suboptions:
      username: {type: str, required: true, description: Name of the client.}
      password: {type: str, required: true, description: Its password.}
      description: {type: str, default: "", description: Shown by C(mosquitto_ctrl dynsec getClient).}
      rules:
        type: list
        elements: dict
        required: true
        description: Its rules; the first that matches decides, and what none matches is denied.
        suboptions:
          action: {type: str, required: true, choices: [publish, subscribe], description: What it is about.}
          effect: {type: str, required: true, choices: [allow, deny], description: What it says.}
          topic: {type: str, required: true, description: Topic or topic filter.}
          match:
            type: str
            required: true
            choices: [pattern, literal]
            description: Whether the topic covers others, or a subscription must be spelled exactly so.
  absent:
    type: list
    elements: str
    default: []
    description: Clients to delete and disconnect.
  absent_retained:
    type: bool
    default: false
    description: Delete also what is retained below the names of the absent clients.
  timeout: {type: int, default: 10, description: Seconds to wait for each answer of the broker.}
author: [ECMS]
"""

EXAMPLES = r"""
- name: The household's client
  mosquitto_dynsec:
    admin_username: ecms-admin
    admin_password: "{{ admin_password }}"
    marker: ecms
    clients:
      - username: mario_rossi
        password: "{{ password }}"
        rules:
          - {action: publish, effect: allow, topic: "mario_rossi/#", match: pattern}
          - {action: subscribe, effect: allow, topic: "mario_rossi/#", match: pattern}
"""

RETURN = r"""
changes:
  description: One line per change, without secrets.
  returned: always
  type: list
  elements: str
"""

import json
import queue
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from ansible.module_utils.basic import AnsibleModule, missing_required_lib  # type: ignore[import-untyped]

try:
    from paho.mqtt.client import Client, MQTTv5
    from paho.mqtt.enums import CallbackAPIVersion
except ImportError:  # reported by main(): the module must load to say so
    Client = None  # type: ignore[assignment,misc]

CONTROL_TOPIC = "$CONTROL/dynamic-security/v1"
RESPONSE_TOPIC = f"{CONTROL_TOPIC}/response"
NOT_FOUND = ("Client not found", "Role not found")
LOGIN_REFUSED = (134, 135)
"""MQTT 5 reason codes: bad user name or password, not authorised."""

Acl = dict[str, Any]
Rule = dict[str, str]


class DynsecError(Exception):
    """The broker cannot be brought to the wanted state; the message is one sentence for the user."""


class LoginRefusedError(DynsecError):
    """The broker answered and refused the user name or the password."""


def role_name(username: str) -> str:
    """Return the name of the role that carries a client's rules."""
    return f"client-{username}"


def acls_of(rules: list[Rule]) -> list[Acl]:
    """Translate rules, the first that matches deciding, into the plugin's ACLs.

    What a client may subscribe it may also receive and unsubscribe; priorities fall as the rules follow.
    Raises DynsecError for rules whose order the plugin cannot keep.
    """
    acls: dict[tuple[str, str], Acl] = {}
    covering: set[str] = set()  # effects of the pattern subscriptions met so far
    for rank, rule in enumerate(rules):
        topic, literal = rule["topic"], rule["match"] == "literal"
        if rule["action"] == "publish":
            if literal and set("+#") & set(topic):
                raise DynsecError(f"the rule for publishing to {topic!r} is literal but has a wildcard")
            kinds = ["publishClientSend"]
        else:
            # The plugin asks every literal subscription before any pattern, whatever the priorities.
            if literal and covering - {rule["effect"]}:
                raise DynsecError(f"the rule for {topic!r} must stand before the patterns that contradict it")
            if not literal:
                covering.add(rule["effect"])
            kind = "Literal" if literal else "Pattern"
            kinds = [f"subscribe{kind}", f"unsubscribe{kind}", "publishClientReceive"]
        for acl_type in kinds:
            received = acl_type == "publishClientReceive"
            acl = {
                "acltype": acl_type,
                "topic": _without_share(topic) if received else topic,
                "priority": len(rules) - rank,
                "allow": rule["effect"] == "allow",
            }
            # An earlier rule on the very same topic has decided already.
            acls.setdefault((acl_type, str(acl["topic"])), acl)
    return sorted(acls.values(), key=_acl_key)


def _without_share(topic: str) -> str:
    """Return the topics a shared subscription delivers: the filter after ``$share/<group>/``."""
    return topic.split("/", 2)[2] if topic.startswith("$share/") else topic


def _acl_key(acl: Acl) -> tuple[str, int, str, bool]:
    return acl["acltype"], -acl["priority"], acl["topic"], acl["allow"]


def _acl_words(acl: Acl) -> str:
    return f"{acl['priority']:>4} {'allow' if acl['allow'] else 'deny'} {acl['acltype']} {acl['topic']}"


@dataclass
class Connection:
    """An MQTT 5 connection of one user, opened and closed as a context.

    Raises LoginRefusedError when the broker refuses the user and DynsecError when there is no broker.
    """

    host: str
    port: int
    username: str
    password: str
    timeout: float

    def __post_init__(self) -> None:
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._reason: Any = None
        self._granted: list[Any] = []
        self._messages: queue.Queue[Any] = queue.Queue()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"ecms-provision-{secrets.token_hex(8)}",
            protocol=MQTTv5,
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(self.username, self.password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._reason = reason
        self._connected.set()

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        self._granted = reasons
        self._subscribed.set()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        self._messages.put(message)

    def __enter__(self) -> Self:
        place = f"the broker at {self.host}:{self.port}"
        try:
            self._client.connect(self.host, self.port, keepalive=30)
        except OSError as error:
            raise DynsecError(f"{place} does not answer ({error}): see journalctl -u mosquitto") from error
        self._client.loop_start()
        if not self._connected.wait(self.timeout):
            self.__exit__()
            raise DynsecError(f"{place} gives no answer to a log-in within {self.timeout} s")
        if self._reason.is_failure:
            self.__exit__()
            kind = LoginRefusedError if self._reason.value in LOGIN_REFUSED else DynsecError
            raise kind(f"{place} refuses the user {self.username}: {self._reason}")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def listen(self, topic: str) -> None:
        """Subscribe to a topic; raise DynsecError if that is refused."""
        self._client.subscribe(topic, qos=1)
        if not self._subscribed.wait(self.timeout) or any(reason.is_failure for reason in self._granted):
            raise DynsecError(f"{self.username} may not listen to {topic}: run the whole role mosquitto")

    def ask(self, topic: str, payload: str) -> bytes:
        """Publish and return the next message that arrives; raise DynsecError if none does."""
        self._client.publish(topic, payload, qos=1)
        payload_received: bytes = self._next(
            f"no answer on {topic} within {self.timeout} s: is the dynamic security plugin loaded?"
        ).payload
        return payload_received

    def retained(self, name: str) -> list[str]:
        """Return the topics below a name that hold a retained message; raise DynsecError without the right to read."""
        self.listen(f"{name}/#")
        barrier = f"{name}/{secrets.token_hex(8)}"
        # What is retained was sent with the subscription, and so arrives before this.
        self._client.publish(barrier, b"", qos=1)
        topics = []
        sentence = f"{self.username} gets no messages below {name} within {self.timeout} s"
        while (message := self._next(sentence)).topic != barrier:
            if message.retain:
                topics.append(message.topic)
        return topics

    def clear(self, name: str) -> int:
        """Delete what is retained below a name; return how much that was. Raises DynsecError."""
        topics = self.retained(name)
        for topic in topics:
            done = self._client.publish(topic, b"", qos=1, retain=True)
            done.wait_for_publish(self.timeout)
            if not done.is_published():
                raise DynsecError(f"the broker does not take that {topic} is not retained any more: run this again")
        return len(topics)

    def _next(self, sentence: str) -> Any:
        try:
            return self._messages.get(timeout=self.timeout)
        except queue.Empty:
            raise DynsecError(sentence) from None


@dataclass
class Broker:
    """The dynamic security plugin, asked and told over one connection of the admin."""

    connection: Connection
    marker: str
    check_mode: bool = False
    changes: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def _command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Run one command and return its data; raise DynsecError with the broker's own words if it fails."""
        answer = json.loads(
            self.connection.ask(CONTROL_TOPIC, json.dumps({"commands": [{"command": name, **arguments}]}))
        )
        response = answer["responses"][0]
        if "error" in response:
            raise DynsecError(f"the broker refuses {name}: {response['error']}")
        data: dict[str, Any] = response.get("data", {})
        return data

    def _find(self, kind: str, **key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._command(f"get{kind.capitalize()}", **key)[kind]
        except DynsecError as error:
            if str(error).endswith(NOT_FOUND):
                return None
            raise
        if found.get("textname") != self.marker:
            name = next(iter(key.values()))
            raise DynsecError(
                f"the broker's {kind} {name!r} is not ours (it lacks the mark {self.marker!r}): "
                f"remove or rename it with mosquitto_ctrl"
            )
        return found

    def _change(self, what: str, command: str, **arguments: Any) -> None:
        self.changes.append(what)
        if not self.check_mode:
            self._command(command, **arguments)

    def _ensure_role(self, username: str, acls: list[Acl]) -> None:
        name = role_name(username)
        role = self._find("role", rolename=name)
        present = sorted(role.get("acls", []), key=_acl_key) if role else []
        self.before += [f"{name}: {_acl_words(acl)}" for acl in present]
        self.after += [f"{name}: {_acl_words(acl)}" for acl in acls]
        if role is None:
            self._change(f"role {name} created", "createRole", rolename=name, textname=self.marker, acls=acls)
        elif present != acls:
            self._change(f"rules of {name} changed", "modifyRole", rolename=name, acls=acls)

    def _password_is(self, username: str, password: str) -> bool:
        admin = self.connection
        try:
            with Connection(admin.host, admin.port, username, password, admin.timeout):
                return True
        except LoginRefusedError:
            return False

    def ensure_client(self, username: str, password: str, rules: list[Rule], description: str = "") -> None:
        """Bring one client and its role to the wanted state; raise DynsecError if it is not ours."""
        role = role_name(username)
        wanted_roles = [{"rolename": role, "priority": 1}]
        client = self._find("client", username=username)
        self._ensure_role(username, acls_of(rules))
        self.after.append(f"{username}: enabled, role {role}")
        if client is None:
            self._change(
                f"client {username} created",
                "createClient",
                username=username,
                password=password,
                textname=self.marker,
                textdescription=description,
                roles=wanted_roles,
            )
            return
        roles = [entry["rolename"] for entry in client.get("roles", [])]
        groups = [entry["groupname"] for entry in client.get("groups", [])]
        state = "disabled" if client.get("disabled") else "enabled"
        self.before.append(f"{username}: {', '.join([state, *(f'role {r}' for r in roles), *groups])}")
        if roles != [role] or groups or client.get("textdescription", "") != description:
            self._change(
                f"client {username} changed",
                "modifyClient",
                username=username,
                textdescription=description,
                roles=wanted_roles,
                groups=[],
            )
        if state == "disabled":
            self._change(f"client {username} enabled", "enableClient", username=username)
        if state == "disabled" or not self._password_is(username, password):
            words = f"password of {username} set"
            self._change(words, "setClientPassword", username=username, password=password)

    def remove_client(self, username: str, *, with_retained: bool = False) -> None:
        """Delete a client and its role and disconnect it; raise DynsecError if it is not ours.

        ``with_retained`` deletes first what is retained below its name. That is done as the client itself, with a
        password that nobody else knows, which locks it out at once.
        """
        role = role_name(username)
        if self._find("client", username=username) is not None:
            self.before.append(f"{username}: present")
            if with_retained and not self.check_mode:
                self._clear(username)
            self._change(f"client {username} deleted", "deleteClient", username=username)
        if self._find("role", rolename=role) is not None:
            self.before.append(f"{role}: present")
            self._change(f"role {role} deleted", "deleteRole", rolename=role)

    def _clear(self, username: str) -> None:
        password = secrets.token_urlsafe(32)
        self._command("enableClient", username=username)
        self._command("setClientPassword", username=username, password=password)
        admin = self.connection
        with Connection(admin.host, admin.port, username, password, admin.timeout) as connection:
            cleared = connection.clear(username)
        if cleared:
            self.changes.append(f"retained messages of {username} deleted: {cleared}")


RULE_SPEC = {
    "action": {"type": "str", "required": True, "choices": ["publish", "subscribe"]},
    "effect": {"type": "str", "required": True, "choices": ["allow", "deny"]},
    "topic": {"type": "str", "required": True},
    "match": {"type": "str", "required": True, "choices": ["pattern", "literal"]},
}
CLIENT_SPEC = {
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "description": {"type": "str", "default": ""},
    "rules": {"type": "list", "elements": "dict", "required": True, "options": RULE_SPEC},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "default": "127.0.0.1"},
            "port": {"type": "int", "default": 1883},
            "admin_username": {"type": "str", "required": True},
            "admin_password": {"type": "str", "required": True, "no_log": True},
            "marker": {"type": "str", "required": True},
            "clients": {"type": "list", "elements": "dict", "default": [], "options": CLIENT_SPEC},
            "absent": {"type": "list", "elements": "str", "default": []},
            "absent_retained": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    if Client is None:
        module.fail_json(msg=missing_required_lib("paho-mqtt"))
    wanted = module.params
    both = {client["username"] for client in wanted["clients"]} & set(wanted["absent"])
    if both:
        module.fail_json(msg=f"the client {min(both)!r} is wanted and absent: remove it from one of the lists")
    changes: list[str] = []
    try:
        with Connection(
            wanted["host"],
            wanted["port"],
            wanted["admin_username"],
            wanted["admin_password"],
            wanted["timeout"],
        ) as connection:
            connection.listen(RESPONSE_TOPIC)
            broker = Broker(connection, wanted["marker"], check_mode=module.check_mode, changes=changes)
            for client in wanted["clients"]:
                broker.ensure_client(client["username"], client["password"], client["rules"], client["description"])
            for username in wanted["absent"]:
                broker.remove_client(username, with_retained=wanted["absent_retained"])
    except DynsecError as error:
        module.fail_json(msg=str(error), changed=bool(changes) and not module.check_mode, changes=changes)
    password_lines = [f"({change})" for change in changes if change.startswith("password")]
    module.exit_json(
        changed=bool(changes),
        changes=changes,
        diff={
            "before": "".join(f"{line}\n" for line in broker.before),
            "after": "".join(f"{line}\n" for line in broker.after + password_lines),
        },
    )


if __name__ == "__main__":
    main()
