"""The module that keeps EMQX's users, against a stand-in of its documented API: our requests, not EMQX, are proven."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import role_plugins
from emqx.standin import StandIn

MODULE: Any = role_plugins.load("roles/emqx/library/emqx_users.py")
KEY, SECRET = "ecms-admin", "secret-for-this-test"
A_B = {"username": "a_b", "password": "a_b-for-this-test"}
ACB = {"username": "acb", "password": "acb-for-this-test"}
BOTH = [A_B, ACB]
WAIT_S = 10


@pytest.fixture
def emqx() -> Iterator[StandIn]:
    standin = StandIn(api_port=0, mqtt_port=0, keys={KEY: SECRET})
    standin.start()
    yield standin
    standin.stop()


@pytest.fixture
def kick_list(tmp_path: Path) -> Path:
    return tmp_path / "to-disconnect"


def broker(emqx: StandIn, kick_list: Path, *, check_mode: bool = False, secret: str = SECRET) -> Any:
    api = MODULE.Api(emqx.api_port, KEY, secret, WAIT_S)
    return MODULE.Broker(api, emqx.mqtt_port, kick_list, check_mode=check_mode)


def apply(
    emqx: StandIn,
    kick_list: Path,
    users: list[dict[str, str]],
    absent: tuple[str, ...] = (),
    *,
    disconnect_all: bool = False,
    check_mode: bool = False,
) -> list[str]:
    one = broker(emqx, kick_list, check_mode=check_mode)
    one.apply(users, list(absent), disconnect_all=disconnect_all)
    changes: list[str] = one.changes
    return changes


@contextlib.contextmanager
def connected(emqx: StandIn, user: dict[str, str], client_id: str = "hub") -> Iterator[socket.socket]:
    """A session of a user, let in by the stand-in."""
    with socket.create_connection(("127.0.0.1", emqx.mqtt_port), WAIT_S) as connection:
        connection.sendall(MODULE.connect_packet(client_id, user["username"], user["password"]))
        assert connection.recv(5) == bytes([0x20, 3, 0, 0, 0])
        yield connection


def lives(connection: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        connection.sendall(b"\xc0\x00")
        return connection.recv(2) == b"\xd0\x00"
    return False


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_users_are_created_once(emqx: StandIn, kick_list: Path) -> None:
    assert apply(emqx, kick_list, BOTH) == ["user a_b created", "user acb created"]
    assert all(emqx.store.lets_in(**user) for user in BOTH)
    assert not emqx.store.lets_in("a_b", ACB["password"])
    assert apply(emqx, kick_list, BOTH) == []


def test_emqx_gets_hashes_with_a_salt_each_and_no_power(emqx: StandIn, kick_list: Path) -> None:
    same = [{"username": name, "password": "the same for both"} for name in ("a_b", "acb")]
    apply(emqx, kick_list, same)
    first, second = (emqx.store.users[name] for name in ("a_b", "acb"))
    assert first["password_hash"] != second["password_hash"]
    assert len(first["salt"]) == 32
    assert first["is_superuser"] is False
    assert "the same for both" not in str(emqx.store.users)


def test_a_second_run_only_looks(emqx: StandIn, kick_list: Path) -> None:
    apply(emqx, kick_list, BOTH)
    emqx.requests.clear()
    apply(emqx, kick_list, BOTH)
    assert {request.split()[0] for request in emqx.requests} == {"GET"}


def test_a_rotated_password_counts_at_once_and_disconnects_nobody_else(emqx: StandIn, kick_list: Path) -> None:
    apply(emqx, kick_list, BOTH)
    with connected(emqx, A_B) as turned, connected(emqx, A_B, "assistant") as also, connected(emqx, ACB) as other:
        new = [A_B | {"password": "rotated"}, ACB]
        assert apply(emqx, kick_list, new) == ["password of a_b set", "sessions ended (a_b): 2"]
        assert [lives(each) for each in (turned, also, other)] == [False, False, True]
    assert not emqx.store.lets_in(**A_B)
    assert emqx.store.lets_in("a_b", "rotated")
    assert apply(emqx, kick_list, new) == []


def test_removal_disconnects_and_keeps_the_others(emqx: StandIn, kick_list: Path) -> None:
    apply(emqx, kick_list, BOTH)
    with connected(emqx, A_B) as gone, connected(emqx, ACB) as other:
        assert apply(emqx, kick_list, [ACB], ("a_b",)) == ["user a_b deleted", "sessions ended (a_b): 1"]
        assert [lives(gone), lives(other)] == [False, True]
    assert apply(emqx, kick_list, [ACB], ("a_b",)) == []
    assert set(emqx.store.users) == {"acb"}


def test_absence_deletes_nothing(emqx: StandIn, kick_list: Path) -> None:
    apply(emqx, kick_list, BOTH)
    assert apply(emqx, kick_list, [ACB]) == []
    assert set(emqx.store.users) == {"a_b", "acb"}


def test_a_user_who_was_given_power_loses_it(emqx: StandIn, kick_list: Path) -> None:
    apply(emqx, kick_list, [A_B])
    emqx.store.users["a_b"]["is_superuser"] = True
    with connected(emqx, A_B) as powerful:
        changes = apply(emqx, kick_list, [A_B])
        assert changes == ["user a_b is no superuser any more", "sessions ended (a_b): 1"]
        assert not lives(powerful)
    assert emqx.store.users["a_b"]["is_superuser"] is False


def test_changed_rules_end_every_session(emqx: StandIn, kick_list: Path) -> None:
    apply(emqx, kick_list, BOTH)
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(connected(emqx, BOTH[n % 2], f"c{n}")) for n in range(MODULE.PAGE + 1)]
        changes = apply(emqx, kick_list, BOTH, disconnect_all=True)
        assert changes == [f"sessions ended (all): {MODULE.PAGE + 1}"]
        assert not any(lives(session) for session in sessions)


def test_check_mode_says_what_would_be_and_touches_nothing(emqx: StandIn, kick_list: Path) -> None:
    apply(emqx, kick_list, BOTH)
    before = str(emqx.store.users)
    emqx.requests.clear()
    with connected(emqx, ACB) as session:
        wanted = [A_B | {"password": "other"}, {"username": "new_home", "password": "x"}]
        assert apply(emqx, kick_list, wanted, ("acb",), check_mode=True) == [
            "password of a_b set",
            "user new_home created",
            "user acb deleted",
            "sessions ended (acb): 1",
        ]
        assert lives(session)
    assert str(emqx.store.users) == before
    assert {request.split()[0] for request in emqx.requests} == {"GET"}
    assert not kick_list.exists()


def test_an_interrupted_run_is_completed(emqx: StandIn, kick_list: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the change and the end of the old sessions nothing is forgotten."""
    apply(emqx, kick_list, BOTH)
    new = [A_B | {"password": "rotated"}, ACB]
    with connected(emqx, A_B) as old, connected(emqx, ACB) as other:
        with monkeypatch.context() as patch:
            patch.setattr(MODULE.Api, "disconnect", interrupted)
            with pytest.raises(KeyboardInterrupt):
                apply(emqx, kick_list, new)
        assert lives(old)
        assert apply(emqx, kick_list, new) == ["sessions ended (a_b): 1"]
        assert [lives(old), lives(other)] == [False, True]
    assert not kick_list.exists()
    assert apply(emqx, kick_list, new) == []


@pytest.mark.parametrize("name", ["a/b", "a?b", "a b", "Ö", "a%2Fb"])
def test_odd_names_arrive_whole(emqx: StandIn, kick_list: Path, name: str) -> None:
    user = {"username": name, "password": "päß"}
    assert apply(emqx, kick_list, [user]) == [f"user {name} created"]
    assert apply(emqx, kick_list, [user]) == []
    with connected(emqx, user, "id/with?marks"):
        assert apply(emqx, kick_list, [], (name,)) == [f"user {name} deleted", f"sessions ended ({name}): 1"]


def test_a_wrong_key_is_one_sentence(emqx: StandIn, kick_list: Path) -> None:
    with pytest.raises(MODULE.EmqxError, match="refuses the API key ecms-admin"):
        broker(emqx, kick_list, secret="old").apply(BOTH, [], disconnect_all=False)


def test_an_import_that_takes_not_all_is_an_error(
    emqx: StandIn, kick_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"total": 2, "success": 1, "override": 0, "skipped": 0, "failed": 1}
    monkeypatch.setattr(emqx.store, "take", lambda _: counts)
    with pytest.raises(MODULE.EmqxError, match="took not all of 2 users"):
        apply(emqx, kick_list, BOTH)


def test_what_emqx_refuses_is_said_in_its_words(emqx: StandIn, kick_list: Path) -> None:
    with pytest.raises(MODULE.EmqxError, match=r"refuses GET /clients: 400 .*limit"):
        broker(emqx, kick_list).api.call("GET", "/clients?limit=0")


def test_no_broker_is_one_sentence(kick_list: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(MODULE.EmqxError, match=r"API on port .* does not answer"):
            MODULE.Api(port, KEY, SECRET, 2).user("a_b")
        with pytest.raises(MODULE.EmqxError, match=r"broker on port .* does not answer"):
            MODULE.password_is(port, "a_b", "x", 2)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [(b"", "gives no answer"), (bytes([0x20, 3, 0, 137, 0]), "lets nobody in at the moment: reason code 137")],
)
def test_a_broker_that_says_neither_yes_nor_no_is_an_error(answer: bytes, sentence: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(MODULE.EmqxError, match=sentence):
            MODULE.password_is(server.getsockname()[1], "a_b", "x", WAIT_S)
        thread.join(WAIT_S)


def test_who_goes_takes_along_what_it_retained_and_nobody_elses(emqx: StandIn, kick_list: Path) -> None:
    apply(emqx, kick_list, BOTH)
    more = {f"acb/homeassistant/{number}" for number in range(120)}
    emqx.retained = {"a_b/stato", "a_b/homeassistant/x/config", "a_bc/stato", "acb/stato", *more}
    for check_mode in (True, False):
        one = broker(emqx, kick_list, check_mode=check_mode)
        one.apply([], ["a_b"], disconnect_all=False, absent_retained=True)
        assert one.changes == ["user a_b deleted", "retained messages of a_b deleted: 2"]
        assert ("a_b" in emqx.store.users) is check_mode
    assert emqx.retained == {"a_bc/stato", "acb/stato", *more}
    again = broker(emqx, kick_list)
    again.apply([], ["a_b"], disconnect_all=False, absent_retained=True)
    assert again.changes == []
