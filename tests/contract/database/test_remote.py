"""A database elsewhere: by TLS only, its name and authority verified, administered without a root's rights."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from contract.database.rig import Daemon, readings, running
from database.authority import Authority
from database.fixtures import PASSWORD, Home, facts, new_home
from database.mosquitto import Broker, Hub
from database.server import PrivateServer, free_port
from ecms_bridge import names
from ecms_bridge.config import DatabaseSettings
from ecms_bridge.schema import cli
from ecms_bridge.session import open_session
from ecms_bridge.writer.database import DatabaseUnavailableError, ReadingsDatabase
from ecms_bridge.writer.inbox import Batch

MANAGED = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, "
    "CREATE USER, EVENT, TRIGGER"
)
"""What a managed service gives its administrator: no SUPER, no FILE, nothing of the server's own administration."""


class Remote(PrivateServer):
    """A server as a provider runs it: by the network, encrypted, with an administrator who is no root."""

    def __init__(self, certificate: tuple[Path, Path] | None, port: int) -> None:
        if certificate is None:
            options = ["--skip-ssl"]
        else:
            options = [f"--ssl-cert={certificate[0]}", f"--ssl-key={certificate[1]}", "--require-secure-transport=ON"]
        super().__init__("--bind-address=127.0.0.1", f"--port={port}", *options)
        self.port = port
        self.start()
        with closing(self.session()) as session, session.cursor() as cursor:
            cursor.execute("CREATE USER avnadmin@'%%' IDENTIFIED BY %s", (PASSWORD,))
            cursor.execute(f"GRANT {MANAGED} ON *.* TO avnadmin@'%' WITH GRANT OPTION")

    def by_network(self, user: str, authority: Path | str = "", host: str = "127.0.0.1") -> DatabaseSettings:
        return DatabaseSettings(host, self.port, "", user, str(authority))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    directory = tmp_path_factory.mktemp("authority")
    # A server that gives up root's rights has to get there.
    for one in (directory, *directory.parents[:2]):
        one.chmod(0o755)
    return Authority(directory)


@pytest.fixture(scope="module")
def remote(authority: Authority) -> Iterator[Remote]:
    server = Remote(authority.issue("127.0.0.1"), free_port())
    yield server
    server.remove()


@pytest.fixture
def elsewhere(remote: Remote) -> Iterator[Home]:
    with new_home(remote, "lontano") as made:
        yield made


class Tool:
    """``ecms-schema users`` and ``apply`` as the role runs them."""

    def __init__(
        self, settings: DatabaseSettings, directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
    ) -> None:
        self._directory = directory
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self._config = directory / "schema.toml"
        self._config.write_text(
            f'[database]\nhost = "{settings.host}"\nport = {settings.port}\nsocket = "{settings.socket}"\n'
            f'user = "{settings.user}"\ntls_ca = "{settings.tls_ca}"\n',
            encoding="utf-8",
        )
        (directory / "password").write_text(PASSWORD + "\n", encoding="ascii")

    def run(self, command: str, value: object, *options: str) -> list[str]:
        """Return what it says that it changed; raise AssertionError with its complaint."""
        file = self._directory / "input.json"
        file.write_text(json.dumps(value), encoding="utf-8")
        what = "--users" if command == "users" else "--household"
        words = [command, "--config", str(self._config), what, str(file), *options]
        if "--root" not in options:
            words += ["--password-file", str(self._directory / "password")]
        self._monkeypatch.setattr(sys, "argv", ["ecms-schema", *words])
        try:
            cli.main()
        except SystemExit:
            raise AssertionError(self._capsys.readouterr().err) from None
        said = self._capsys.readouterr()
        assert PASSWORD not in said.out + said.err
        answer = json.loads(said.out)
        assert answer["changed"] is bool(answer["changes"])
        changes: list[str] = answer["changes"]
        return changes


def account(kind: str, name: str, slugs: list[str], **changed: object) -> dict[str, object]:
    usual = {"kind": kind, "name": name, "households": slugs, "host": "%", "tls": True, "password": PASSWORD}
    return usual | changed


@pytest.fixture
def tool(
    remote: Remote,
    authority: Authority,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Tool:
    return Tool(remote.by_network("avnadmin", authority.certificate), tmp_path, capsys, monkeypatch)


@pytest.fixture
def clean(remote: Remote) -> Iterator[None]:
    yield
    with closing(remote.session()) as session, session.cursor() as cursor:
        for user in ("ecms-writer", "grafana_lontano"):
            cursor.execute("DROP USER IF EXISTS %s@'%%'", (user,))


@pytest.mark.usefixtures("clean")
def test_an_administrator_without_super_sets_up_a_household_and_its_users(
    remote: Remote, authority: Authority, tool: Tool
) -> None:
    household = facts("lontano")
    assert tool.run("apply", household)
    users = [account("writer", "ecms-writer", ["lontano"]), account("grafana", "grafana_lontano", ["lontano"])]
    assert tool.run("users", users, "--check")
    changes = tool.run("users", users)
    assert "create ecms-writer@%" in changes
    assert "create grafana_lontano@%" in changes
    assert tool.run("users", users) == []
    assert tool.run("apply", household) == []

    writer = ReadingsDatabase(remote.by_network("ecms-writer", authority.certificate), PASSWORD)
    outcome = writer.store(Batch("lontano", list(readings(5))))
    assert outcome.stored == 5
    writer.close()
    reader = open_session(remote.by_network("grafana_lontano", authority.certificate), PASSWORD, io_timeout_s=10)
    with closing(reader), reader.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM ecms_lontano.energy_consumption")
        assert cursor.fetchone() == (5,)
    with closing(remote.session()) as session, session.cursor() as cursor:
        cursor.execute("DROP DATABASE ecms_lontano")


@pytest.mark.usefixtures("clean", "elsewhere")
def test_users_are_brought_back_to_what_they_should_be(remote: Remote, authority: Authority, tool: Tool) -> None:
    writer, reader = (
        account("writer", "ecms-writer", ["lontano"]),
        account("grafana", "grafana_lontano", ["lontano"]),
    )
    tool.run("users", [writer, reader])
    with closing(remote.session()) as session, session.cursor() as cursor:
        cursor.execute("ALTER USER 'ecms-writer'@'%' IDENTIFIED BY 'another' REQUIRE NONE")
        cursor.execute("GRANT DELETE, UPDATE ON ecms_lontano.device TO 'ecms-writer'@'%'")
        cursor.execute("REVOKE INSERT ON ecms_lontano.box FROM 'ecms-writer'@'%'")
        cursor.execute("GRANT SELECT ON mysql.* TO grafana_lontano@'%'")
        # Of a household that is not in this run.
        cursor.execute("GRANT SELECT ON mysql.user TO 'ecms-writer'@'%'")
    expected = [
        "set the password of ecms-writer@%",
        "require TLS of ecms-writer@%",
        "grant INSERT on `ecms_lontano`.`box` to ecms-writer@%",
        "revoke DELETE, UPDATE on `ecms_lontano`.`device` from ecms-writer@%",
        "revoke SELECT on `mysql`.* from grafana_lontano@%",
    ]
    assert tool.run("users", [writer, reader], "--check") == expected
    assert tool.run("users", [writer, reader]) == expected
    assert tool.run("users", [writer, reader]) == []
    open_session(remote.by_network("ecms-writer", authority.certificate), PASSWORD, io_timeout_s=10).close()
    with closing(remote.session()) as session, session.cursor() as cursor:
        cursor.execute("SHOW GRANTS FOR 'ecms-writer'@'%'")
        assert any("`mysql`.`user`" in str(line) for (line,) in cursor.fetchall())
    assert tool.run("users", [writer | {"absent": True}]) == ["remove ecms-writer@%"]
    assert tool.run("users", [writer | {"absent": True}]) == []


@pytest.mark.usefixtures("clean", "elsewhere")
def test_whoever_must_come_encrypted_is_refused_in_clear(remote: Remote, tool: Tool) -> None:
    tool.run("users", [account("grafana", "grafana_lontano", ["lontano"])])
    with pytest.raises(pymysql.MySQLError):
        open_session(remote.by_network("grafana_lontano"), PASSWORD, io_timeout_s=10)


def test_an_administrator_who_may_not_administer_users_is_told_so(
    remote: Remote, authority: Authority, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    with closing(remote.session()) as session, session.cursor() as cursor:
        cursor.execute("CREATE USER modest@'%%' IDENTIFIED BY %s", (PASSWORD,))
    modest = Tool(remote.by_network("modest", authority.certificate), tmp_path, capsys, monkeypatch)
    with pytest.raises(AssertionError, match="does not let 'modest' administer its users") as error:
        modest.run("users", [account("grafana", "grafana_lontano", ["lontano"])])
    assert "set the administrator of the service" in str(error.value)
    with pytest.raises(AssertionError, match="the list of users is not one") as error:
        modest.run("users", [{"kind": "grafana", "password": "never-shown"}])
    assert "never-shown" not in str(error.value)


def mistrust(remote: Remote, authority: Authority, tmp_path: Path) -> dict[str, tuple[DatabaseSettings, str]]:
    good = remote.by_network("avnadmin", authority.certificate)
    other = Authority(tmp_path / "other").certificate
    return {
        "authority": (replace(good, tls_ca=str(other)), f"not of the authority in {other}: set the CA certificate"),
        "name": (replace(good, host="localhost"), "its certificate is not for 'localhost': set the name that"),
        "user": (replace(good, user="nobody"), "refuses the user 'nobody': run the playbook again to set its password"),
        "port": (replace(good, port=free_port()), "does not answer"),
    }


@pytest.mark.parametrize("kind", ["authority", "name", "user", "port"])
def test_each_failure_is_one_sentence(
    remote: Remote,
    authority: Authority,
    tmp_path: Path,
    kind: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings, sentence = mistrust(remote, authority, tmp_path)[kind]
    with pytest.raises(DatabaseUnavailableError) as error:
        ReadingsDatabase(settings, PASSWORD).store(Batch("lontano", list(readings(1))))
    assert sentence in str(error.value)
    with pytest.raises(AssertionError) as complaint:
        Tool(settings, tmp_path, capsys, monkeypatch).run("users", [])
    assert sentence in str(complaint.value)


def test_an_expired_certificate_and_a_server_without_tls_are_refused(authority: Authority) -> None:
    for certificate, sentence in (
        (authority.issue("127.0.0.1", days=-1), "its certificate has expired: renew it there, or set this machine's"),
        (None, "offers no TLS: switch it on there, or set the port at which it is"),
    ):
        server = Remote(certificate, free_port())
        try:
            settings = server.by_network("avnadmin", authority.certificate)
            with pytest.raises(DatabaseUnavailableError) as error:
                ReadingsDatabase(settings, PASSWORD).store(Batch("lontano", list(readings(1))))
            assert sentence in str(error.value)
        finally:
            server.remove()


@pytest.mark.usefixtures("clean")
def test_a_database_that_is_not_trusted_loses_nothing(
    remote: Remote, authority: Authority, elsewhere: Home, tool: Tool, tmp_path: Path
) -> None:
    tool.run("users", [account("writer", "ecms-writer", [elsewhere.slug])])
    broker = Broker(names.WRITER_USER, elsewhere.slug)
    broker.start()
    try:
        mistaken = remote.by_network("ecms-writer", Authority(tmp_path / "other").certificate)
        with Hub(broker, elsewhere.slug) as hub:
            daemon = Daemon(tmp_path / "writer", broker.port, mistaken, PASSWORD)
            with running(daemon):
                for reading in readings(20):
                    hub.send(reading)
                daemon.said("cannot be trusted: its certificate is not of the authority in")
                assert hub.open() == 20
            right = Daemon(
                tmp_path / "writer", broker.port, remote.by_network("ecms-writer", authority.certificate), PASSWORD
            )
            with running(right):
                hub.wait()
        assert elsewhere.rows("SELECT COUNT(*) FROM {data}") == ((20,),)
    finally:
        broker.remove()
