"""Ansible module: users in EMQX's built-in database, by its HTTP API on this host."""

# Ansible wants DOCUMENTATION before the imports of what the module uses.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: emqx_users
short_description: Users in EMQX's built-in database
description:
  - Compares the wanted users with those of a running EMQX 5.8 and changes only what differs, without a restart.
    A user that is not named is left alone.
  - Whether a password is the wanted one is found out by connecting with it. EMQX gets salted hashes, never passwords.
  - Every session of a user whose password changed, or who was removed, is ended (and no other), so it counts at once.
    Whose sessions are still to be ended is kept in a file, in case this is interrupted.
options:
  api_port: {type: int, default: 18083, description: Port of the management API on 127.0.0.1.}
  mqtt_port: {type: int, default: 1883, description: Port of the plain listener on 127.0.0.1.}
  api_key: {type: str, required: true, description: Name of the API key.}
  api_secret: {type: str, required: true, description: Its secret.}
  users:
    type: list
    elements: dict
    default: []
    description: Users that must exist, without any right beyond the rules.
    suboptions:
      username: {type: str, required: true, description: Name of the user.}
      password: {type: str, required: true, description: Its password.}
  absent:
    type: list
    elements: str
    default: []
    description: Users to delete and disconnect.
  absent_retained:
    type: bool
    default: false
    description: Delete also what is retained below the names of the absent users.
  disconnect_all:
    type: bool
    default: false
    description: End every session, because the rules changed and a session keeps the subscriptions it has.
  kick_list: {type: path, required: true, description: File of the users whose sessions are still to be ended.}
  timeout: {type: int, default: 10, description: Seconds to wait for each answer of the broker.}
author: [ECMS]
"""

EXAMPLES = r"""
- name: The household's user
  emqx_users:
    api_key: ecms-admin
    api_secret: "{{ api_secret }}"
    kick_list: /etc/emqx/ecms/to-disconnect
    users:
      - username: mario_rossi
        password: "{{ password }}"
"""

RETURN = r"""
changes:
  description: One line per change, without secrets.
  returned: always
  type: list
  elements: str
"""

import base64
import hashlib
import json
import os
import secrets
import socket
import struct
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]

USERS = "/authentication/password_based%3Abuilt_in_database/users"
IMPORT = "/authentication/password_based%3Abuilt_in_database/import_users?type=hash"
PAGE = 100
SALT_BYTES = 16
LOGIN_REFUSED = (134, 135)
"""MQTT 5 reason codes: bad user name or password, not authorised."""


class EmqxError(Exception):
    """The broker cannot be brought to the wanted state; the message is one sentence for the user."""


def hashed(password: str, salt: str) -> str:
    """Return the hash as EMQX makes it with sha256 and the salt as a prefix.

    Our passwords are random, so stretching would add nothing but work for the broker.
    """
    return hashlib.sha256(f"{salt}{password}".encode()).hexdigest()


@dataclass
class Api:
    """The management API; raises EmqxError when it does not answer as documented."""

    port: int
    key: str
    secret: str
    timeout: float

    def call(
        self, method: str, path: str, body: bytes | None = None, kind: str = "", *, missing_ok: bool = False
    ) -> dict[str, Any] | None:
        """Return the answer's JSON, empty for an answer without; None for what is not there, if that is fine."""
        token = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Accept": "application/json"}
        if kind:
            headers["Content-Type"] = kind
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v5{path}", data=body, headers=headers, method=method
        )
        # No proxy of the environment: the API is on this host.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404 and missing_ok:  # noqa: PLR2004
                return None
            if error.code == 401:  # noqa: PLR2004
                raise EmqxError(
                    f"EMQX refuses the API key {self.key}: restart it, it reads its keys at start"
                ) from error
            words = error.read(500).decode(errors="replace")
            raise EmqxError(f"EMQX refuses {method} {path.partition('?')[0]}: {error.code} {words}") from error
        except OSError as error:
            raise EmqxError(
                f"EMQX's API on port {self.port} does not answer ({error}): see journalctl -u emqx"
            ) from error
        try:
            found: dict[str, Any] = json.loads(text) if text.strip() else {}
        except ValueError as error:
            raise EmqxError(f"EMQX answers {method} {path.partition('?')[0]} with what is no JSON") from error
        return found

    def user(self, username: str) -> dict[str, Any] | None:
        return self.call("GET", f"{USERS}/{quote(username, safe='')}", missing_ok=True)

    def import_users(self, entries: list[dict[str, Any]]) -> None:
        """Create or replace users; raise EmqxError unless each was."""
        boundary = secrets.token_hex(16)
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="filename"; filename="users.json"\r\n'
            f"Content-Type: application/json\r\n\r\n{json.dumps(entries)}\r\n--{boundary}--\r\n"
        ).encode()
        done = self.call("POST", IMPORT, body, f"multipart/form-data; boundary={boundary}") or {}
        if done.get("success", 0) + done.get("override", 0) != len(entries):
            raise EmqxError(f"EMQX took not all of {len(entries)} users: {json.dumps(done)}")

    def delete_user(self, username: str) -> None:
        self.call("DELETE", f"{USERS}/{quote(username, safe='')}", missing_ok=True)

    def sessions(self, username: str | None = None) -> list[str]:
        """Return the client ids of a user's sessions, of all without one."""
        return self._pages("/clients", "clientid", **({"username": username} if username is not None else {}))

    def _pages(self, path: str, key: str, **query: str) -> list[str]:
        found: list[str] = []
        page = 1
        while True:
            answer = self.call("GET", f"{path}?{urlencode({'page': page, 'limit': PAGE} | query)}") or {}
            entries = answer.get("data", [])
            found += [entry[key] for entry in entries]
            if len(entries) < PAGE:
                return found
            page += 1

    def retained(self, username: str) -> list[str]:
        """Return the topics below a user's name that hold a retained message."""
        return [topic for topic in self._pages("/mqtt/retainer/messages", "topic") if topic.startswith(f"{username}/")]

    def clear(self, topic: str) -> None:
        self.call("DELETE", f"/mqtt/retainer/message/{quote(topic, safe='')}", missing_ok=True)

    def disconnect(self, client_id: str) -> None:
        self.call("DELETE", f"/clients/{quote(client_id, safe='')}", missing_ok=True)


def _text(words: str) -> bytes:
    data = words.encode()
    return struct.pack("!H", len(data)) + data


def connect_packet(client_id: str, username: str, password: str) -> bytes:
    """Return an MQTT 5 CONNECT with a clean start (OASIS MQTT 5.0, 3.1)."""
    flags = 0b11000010  # user name, password, clean start
    body = _text("MQTT") + bytes([5, flags]) + struct.pack("!H", 30) + b"\x00"
    body += _text(client_id) + _text(username) + _text(password)
    length, left = bytearray(), len(body)
    while True:
        left, digit = divmod(left, 128)
        length.append(digit | (128 if left else 0))
        if not left:
            return b"\x10" + bytes(length) + body


def password_is(port: int, username: str, password: str, timeout: float) -> bool:
    """Tell whether the broker on this host lets the user in; raise EmqxError if it does not say."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.sendall(connect_packet(f"ecms-provision-{secrets.token_hex(8)}", username, password))
            head = b""
            while len(head) < 4:  # noqa: PLR2004 - type, length, flags, reason (3.2)
                received = connection.recv(4 - len(head))
                if not received:
                    break
                head += received
            if len(head) == 4 and head[3] == 0:  # noqa: PLR2004
                connection.sendall(b"\xe0\x00")
    except OSError as error:
        raise EmqxError(f"the broker on port {port} does not answer ({error}): see journalctl -u emqx") from error
    if len(head) < 4 or head[0] != 0x20:  # noqa: PLR2004
        raise EmqxError(f"the broker on port {port} gives no answer to a log-in")
    if head[3] == 0:
        return True
    if head[3] in LOGIN_REFUSED:
        return False
    raise EmqxError(f"the broker on port {port} lets nobody in at the moment: reason code {head[3]}")


@dataclass
class Broker:
    """What is there, what was changed, and whose sessions are still to be ended."""

    api: Api
    mqtt_port: int
    kick_list: Path
    check_mode: bool = False
    changes: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def apply(
        self,
        users: list[dict[str, str]],
        absent: list[str],
        *,
        disconnect_all: bool,
        absent_retained: bool = False,
    ) -> None:
        """Bring the users to the wanted state; raises EmqxError if the broker does not follow.

        ``absent_retained`` deletes what is retained below the names of the absent, once they are gone.
        """
        states = [(user, self._compare(**user)) for user in users]
        new = [self._entry(**user) for user, state in states if state != "right"]
        gone = [username for username in absent if self._is_gone(username)]
        kick = self._to_kick() | set(absent) | {user["username"] for user, state in states if state == "wrong"}
        if not self.check_mode:
            self._remember(kick)
            if new:
                self.api.import_users(new)
            for username in gone:
                self.api.delete_user(username)
        if disconnect_all:
            self._end(self.api.sessions(), "all")
        else:
            for username in sorted(kick):
                self._end(self.api.sessions(username), username)
        for username in absent if absent_retained else ():
            self._clear(username)
        if not self.check_mode:
            self._remember(set())

    def _is_gone(self, username: str) -> bool:
        """Tell whether an unwanted user is there, and note its end."""
        if self.api.user(username) is None:
            return False
        self.before.append(f"{username}: present")
        self.changes.append(f"user {username} deleted")
        return True

    def _compare(self, username: str, password: str) -> Literal["missing", "wrong", "right"]:
        """Say how the user stands to what is wanted."""
        self.after.append(f"{username}: present")
        found = self.api.user(username)
        if found is None:
            self.changes.append(f"user {username} created")
            return "missing"
        powerful = bool(found.get("is_superuser"))
        self.before.append(f"{username}: present{', superuser' if powerful else ''}")
        if powerful:
            self.changes.append(f"user {username} is no superuser any more")
        right = password_is(self.mqtt_port, username, password, self.api.timeout)
        if not right:
            self.changes.append(f"password of {username} set")
        return "right" if right and not powerful else "wrong"

    @staticmethod
    def _entry(username: str, password: str) -> dict[str, Any]:
        salt = secrets.token_hex(SALT_BYTES)
        return {
            "user_id": username,
            "password_hash": hashed(password, salt),
            "salt": salt,
            "is_superuser": False,
        }

    def _end(self, client_ids: list[str], whose: str) -> None:
        if client_ids:
            self.changes.append(f"sessions ended ({whose}): {len(client_ids)}")
        for client_id in client_ids:
            if not self.check_mode:
                self.api.disconnect(client_id)

    def _clear(self, username: str) -> None:
        topics = self.api.retained(username)
        if topics:
            self.changes.append(f"retained messages of {username} deleted: {len(topics)}")
        for topic in topics:
            if not self.check_mode:
                self.api.clear(topic)

    def _to_kick(self) -> set[str]:
        try:
            return set(self.kick_list.read_text(encoding="utf-8").split("\n")) - {""}
        except FileNotFoundError:
            return set()

    def _remember(self, usernames: set[str]) -> None:
        if not usernames:
            self.kick_list.unlink(missing_ok=True)
            return
        handle, scratch = tempfile.mkstemp(dir=self.kick_list.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join(sorted(usernames)))
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(self.kick_list)


USER_SPEC = {
    "username": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "api_port": {"type": "int", "default": 18083},
            "mqtt_port": {"type": "int", "default": 1883},
            "api_key": {"type": "str", "required": True, "no_log": False},
            "api_secret": {"type": "str", "required": True, "no_log": True},
            "users": {"type": "list", "elements": "dict", "default": [], "options": USER_SPEC},
            "absent": {"type": "list", "elements": "str", "default": []},
            "absent_retained": {"type": "bool", "default": False},
            "disconnect_all": {"type": "bool", "default": False},
            "kick_list": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    both = {user["username"] for user in wanted["users"]} & set(wanted["absent"])
    if both:
        module.fail_json(msg=f"the user {min(both)!r} is wanted and absent: remove it from one of the lists")
    api = Api(wanted["api_port"], wanted["api_key"], wanted["api_secret"], wanted["timeout"])
    broker = Broker(api, wanted["mqtt_port"], Path(wanted["kick_list"]), check_mode=module.check_mode)
    try:
        broker.apply(
            wanted["users"],
            wanted["absent"],
            disconnect_all=wanted["disconnect_all"],
            absent_retained=wanted["absent_retained"],
        )
    except (EmqxError, OSError) as error:
        changed = bool(broker.changes) and not module.check_mode
        module.fail_json(msg=str(error), changed=changed, changes=broker.changes)
    password_lines = [f"({change})" for change in broker.changes if not change.startswith("user ")]
    module.exit_json(
        changed=bool(broker.changes),
        changes=broker.changes,
        diff={
            "before": "".join(f"{line}\n" for line in broker.before),
            "after": "".join(f"{line}\n" for line in broker.after + password_lines),
        },
    )


if __name__ == "__main__":
    main()
