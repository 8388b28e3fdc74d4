"""A stand-in for EMQX 5.8: it answers what our role asks, as documented, and proves our requests, not EMQX.

It has the HTTP API's users, sessions, retained messages, log-in and status, an MQTT listener that lets in, keeps what
is retained and throws out, and of the command line ``foreground``, ``check_config``, ``ctl conf reload --merge`` and
``ctl admins del``. It is one file of the standard library, so that a package made in a test can bring it to a machine.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import re
import signal
import socket
import socketserver
import struct
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

CONFIG = Path("/etc/emqx/emqx.conf")
DATA = Path("/var/lib/emqx/standin.json")
BASE = "/api/v5"
USERS = f"{BASE}/authentication/password_based:built_in_database/users"
IMPORT = f"{BASE}/authentication/password_based:built_in_database/import_users"
MOST_A_PAGE = 10000
Answer = tuple[int, Any]


class RefusedError(Exception):
    """A configuration or a request that EMQX would refuse."""


class Store:
    """Users that outlive a restart, and sessions that do not."""

    def __init__(self, path: Path | None, admin: str | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._serial = itertools.count()
        kept = json.loads(path.read_text()) if path is not None and path.exists() else {}
        self.users: dict[str, dict[str, Any]] = kept.get("users", {})
        # The first start makes the dashboard's first user, a later one leaves it alone.
        self.admins: dict[str, str] = kept.get("admins", {"admin": admin or "public"})
        self.sessions: dict[str, tuple[str, socket.socket]] = {}
        self.save()

    def save(self) -> None:
        if self._path is not None:
            self._path.write_text(json.dumps({"users": self.users, "admins": self.admins}))

    def lets_in(self, username: str, password: str) -> bool:
        user = self.users.get(username)
        if user is None:
            return False
        return hashlib.sha256(f"{user['salt']}{password}".encode()).hexdigest() == str(user["password_hash"])

    def take(self, entries: list[dict[str, Any]]) -> dict[str, int]:
        counts = dict.fromkeys(("total", "success", "override", "skipped", "failed"), 0)
        for entry in entries:
            name = entry["user_id"]
            user = {
                "password_hash": entry["password_hash"],
                "salt": entry.get("salt", ""),
                "is_superuser": entry.get("is_superuser", False),
            }
            known = self.users.get(name)
            counts["skipped" if known == user else "override" if known else "success"] += 1
            counts["total"] += 1
            self.users[name] = user
        self.save()
        return counts

    def open(self, client_id: str, username: str, connection: socket.socket) -> str:
        with self._lock:
            name = f"{username}/{client_id or next(self._serial)}"
            self.sessions[name] = (username, connection)
            return name

    def close(self, name: str) -> bool:
        with self._lock:
            found = self.sessions.pop(name, None)
        if found is None:
            return False
        with contextlib.suppress(OSError):
            found[1].shutdown(socket.SHUT_RDWR)
        return True


class StandIn:
    """The servers, on ports of their own choice where 0 is given."""

    def __init__(
        self, *, api_port: int, mqtt_port: int, keys: dict[str, str], data: Path | None = None, admin: str | None = None
    ) -> None:
        self.keys = keys
        self.store = Store(data, admin)
        self.requests: list[str] = []
        self.retained: set[str] = set()
        self.reloads = 0
        handler = type("Handler", (_Api,), {"standin": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", api_port), handler)
        listener = type("Listener", (_Mqtt,), {"standin": self})
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer.daemon_threads = True
        self._mqtt = socketserver.ThreadingTCPServer(("127.0.0.1", mqtt_port), listener)
        self.api_port: int = self._http.server_address[1]
        self.mqtt_port: int = self._mqtt.server_address[1]

    def start(self) -> None:
        for server in (self._http, self._mqtt):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        for name in list(self.store.sessions):
            self.store.close(name)
        for server in (self._http, self._mqtt):
            server.shutdown()
            server.server_close()

    def answer(self, method: str, target: str, kind: str, body: bytes) -> Answer:
        """Return status and content, as EMQX documents them."""
        parts = urlsplit(target)
        path, query = unquote(parts.path), parse_qs(parts.query)
        if path.startswith(f"{USERS}/"):
            return self._user(method, path.removeprefix(f"{USERS}/"))
        if (method, path) == ("POST", IMPORT):
            if query.get("type") != ["hash"]:
                raise RefusedError("hash_import_requires_password_hash_field")
            return 200, self.store.take(_uploaded(kind, body))
        if (method, path) == ("GET", f"{BASE}/clients"):
            return 200, self._clients(query)
        if method == "DELETE" and path.startswith(f"{BASE}/clients/"):
            ended = self.store.close(path.removeprefix(f"{BASE}/clients/"))
            return (204, None) if ended else (404, {"code": "CLIENTID_NOT_FOUND", "message": "Client not found"})
        if path.startswith(f"{BASE}/mqtt/retainer/"):
            return self._retained(method, path.removeprefix(f"{BASE}/mqtt/retainer/"), query)
        return 404, {"code": "NOT_FOUND", "message": "Request Path Not Found"}

    def _retained(self, method: str, path: str, query: dict[str, list[str]]) -> Answer:
        if (method, path) == ("GET", "messages"):
            return 200, _page([{"topic": topic} for topic in sorted(self.retained)], query)
        self.retained.discard(path.removeprefix("message/"))
        return 204, None

    def _user(self, method: str, name: str) -> Answer:
        user = self.store.users.get(name)
        if user is None:
            return 404, {"code": "NOT_FOUND", "message": "User not found"}
        if method == "DELETE":
            del self.store.users[name]
            self.store.save()
            return 204, None
        return 200, {"user_id": name, "is_superuser": user["is_superuser"]}

    def _clients(self, query: dict[str, list[str]]) -> dict[str, Any]:
        found = [
            {"clientid": name, "username": username, "connected": True}
            for name, (username, _) in sorted(self.store.sessions.items())
            if "username" not in query or username in query["username"]
        ]
        return _page(found, query)


def _page(found: list[dict[str, Any]], query: dict[str, list[str]]) -> dict[str, Any]:
    page, limit = int(query.get("page", ["1"])[0]), int(query.get("limit", ["100"])[0])
    if not 0 < limit <= MOST_A_PAGE:
        raise RefusedError("limit")
    shown = found[(page - 1) * limit : page * limit]
    return {"data": shown, "meta": {"page": page, "limit": limit, "hasnext": page * limit < len(found)}}


def _uploaded(kind: str, body: bytes) -> list[dict[str, Any]]:
    """Return the users in the one file of a form; raise RefusedError where there is none."""
    boundary = re.fullmatch(r'multipart/form-data; boundary="?([^"]+)"?', kind)
    if boundary is None:
        raise RefusedError("missing_parameter: filename")
    mark = b"--" + boundary[1].encode()
    pieces = body.split(mark)
    if len(pieces) != 3 or pieces[0] or pieces[2] != b"--\r\n":
        raise RefusedError("no form of one field")
    head, _, content = pieces[1].partition(b"\r\n\r\n")
    name = re.search(rb'form-data; name="filename"; filename="[^"]+\.json"', head)
    if name is None or not content.endswith(b"\r\n"):
        raise RefusedError("missing_parameter: filename")
    users: list[dict[str, Any]] = json.loads(content)
    if not users or not all({"user_id", "password_hash"} <= set(user) for user in users):
        raise RefusedError("bad_format")
    return users


class _Api(BaseHTTPRequestHandler):
    standin: ClassVar[StandIn]

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.standin.requests.append(f"{self.command} {self.path}")
        try:
            status, content = self._decide(body)
        except (RefusedError, ValueError) as error:
            status, content = 400, {"code": "BAD_REQUEST", "message": str(error)}
        data = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _respond  # noqa: N815 - the library's names

    def _decide(self, body: bytes) -> Answer:
        if self.path == "/status":
            return 200, "emqx is running"
        if self.path == f"{BASE}/login":
            given = json.loads(body)
            right = self.standin.store.admins.get(given["username"]) == given["password"]
            return (200, {"token": "x"}) if right else (401, {"code": "BAD_USERNAME_OR_PWD"})
        if self.path.startswith("/standin/"):
            return self._told(json.loads(body))
        if not self._may():
            return 401, {"code": "BAD_API_KEY_OR_SECRET", "message": "Check api_key/api_secret"}
        return self.standin.answer(self.command, self.path, self.headers.get("Content-Type", ""), body)

    def _told(self, words: list[str]) -> Answer:
        """Do what EMQX does when its command line asks the running node."""
        match words:
            case ["conf", "reload", "--merge"]:
                try:
                    check_config()
                except RefusedError as error:
                    return 400, str(error)
                self.standin.reloads += 1
                return 200, "load authorization on emqx@127.0.0.1 ok\nload mqtt on emqx@127.0.0.1 ok"
            case ["admins", "del", name]:
                self.standin.store.admins.pop(name, None)
                self.standin.store.save()
                return 200, "ok"
            case _:
                return 400, "usage"

    def _may(self) -> bool:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            return False
        key, _, secret = base64.b64decode(token).decode().partition(":")
        return self.standin.keys.get(key) == secret

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Stay silent."""


class _Mqtt(socketserver.BaseRequestHandler):
    standin: ClassVar[StandIn]

    def handle(self) -> None:
        packet = self._packet()
        if packet is None or packet[0] != 0x10:
            return
        texts = _texts(packet[1])
        if texts is None or not self.standin.store.lets_in(*texts[1:]):
            self.request.sendall(bytes([0x20, 3, 0, 134, 0]))
            return
        name = self.standin.store.open(texts[0], texts[1], self.request)
        self.request.sendall(bytes([0x20, 3, 0, 0, 0]))
        while (packet := self._packet()) is not None and packet[0] != 0xE0:
            if packet[0] == 0xC0:
                self.request.sendall(b"\xd0\x00")
            elif packet[0] & 0xF1 == 0x31:
                (length,) = struct.unpack_from("!H", packet[1])
                self.standin.retained.add(packet[1][2 : 2 + length].decode())
        self.standin.store.close(name)

    def _packet(self) -> tuple[int, bytes] | None:
        with contextlib.suppress(OSError):
            head = self.request.recv(1)
            length, shift = 0, 0
            while head:
                digit = self.request.recv(1)
                if not digit:
                    return None
                length |= (digit[0] & 127) << shift
                shift += 7
                if digit[0] < 128:
                    body = b""
                    while len(body) < length:
                        more = self.request.recv(length - len(body))
                        if not more:
                            return None
                        body += more
                    return head[0], body
        return None


def _texts(body: bytes) -> tuple[str, str, str] | None:
    """Return client id, user name and password of an MQTT 5 CONNECT; None for one without them."""
    if body[:7] != b"\x00\x04MQTT\x05" or body[7] & 0b11000000 != 0b11000000:
        return None
    place = 11 + body[10]
    found = []
    for _ in range(3):
        (length,) = struct.unpack_from("!H", body, place)
        found.append(body[place + 2 : place + 2 + length].decode())
        place += 2 + length
    return found[0], found[1], found[2]


def _setting(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise RefusedError(f"{CONFIG} has no {pattern}")
    return found[1]


def check_config() -> str:
    """Return the configuration's text; raise RefusedError for what EMQX would refuse, as far as a stand-in can know."""
    text = CONFIG.read_text()
    if text.count("{") != text.count("}"):
        raise RefusedError(f"{CONFIG}: bad_hocon_file")
    # Whoever checks has no environment of the service's, so the cookie must be in a file.
    text += "".join(Path(name).read_text() for name in re.findall(r'^include "([^"]+)"$', text, re.MULTILINE))
    _setting(text, r'node\.cookie = "([^"]+)"')
    acl = Path(_setting(text, r'path = "([^"]+acl\.conf)"')).read_text()
    if not all(line.startswith("{") and line.endswith("}.") for line in acl.splitlines() if line and line[0] != "%"):
        raise RefusedError("bad_acl_file_content")
    return text


def foreground() -> None:
    """Run until SIGTERM, with the ports and API keys that the configuration names."""
    text = check_config()
    keys = Path(_setting(text, r'api_key\.bootstrap_file = "([^"]+)"')).read_text().split()
    if "tls" in text and "keyfile" in text:
        Path(_setting(text, r'keyfile = "([^"]+)"')).read_bytes()
    standin = StandIn(
        api_port=int(_setting(text, r'dashboard\.listeners\.http\.bind = "127\.0\.0\.1:(\d+)"')),
        mqtt_port=int(_setting(text, r'listeners\.tcp\.default \{\s+bind = "127\.0\.0\.1:(\d+)"')),
        keys=dict(key.split(":", 1) for key in keys),
        data=DATA,
        admin=_setting(text, r'dashboard\.default_password = "([^"]+)"'),
    )
    standin.start()
    signal.sigwait({signal.SIGTERM})
    standin.stop()


def ask_running(words: list[str]) -> int:
    """Print what the running stand-in answers to a command line; return the exit status."""
    port = _setting(CONFIG.read_text(), r'dashboard\.listeners\.http\.bind = "127\.0\.0\.1:(\d+)"')
    request = urllib.request.Request(f"http://127.0.0.1:{port}/standin/ctl", json.dumps(words).encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(json.load(answer))
            return 0
    except urllib.error.HTTPError as error:
        print(json.load(error))
        return 1


def main(words: list[str]) -> int:
    match words:
        case ["foreground"]:
            foreground()
        case ["check_config"]:
            check_config()
            print("ok")
        case ["ctl", *rest]:
            return ask_running(rest)
        case ["stop"]:
            return 0
        case _:
            print("Usage: emqx COMMAND", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    # Before any thread is there, so that only sigwait hears it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        sys.exit(main(sys.argv[1:]))
    except RefusedError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
