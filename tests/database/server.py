"""A private MariaDB server: its own directory, a socket and no network; it ends with the tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pymysql

from ecms_bridge.config import DatabaseSettings
from ecms_bridge.session import Session, open_session


class Server:
    """A server to run tests against, with a user who may do everything."""

    def __init__(self, settings: DatabaseSettings, password: str) -> None:
        self.settings = settings
        self.password = password

    def session(self, user: str | None = None, password: str | None = None, *, io_timeout_s: int = 30) -> Session:
        """Open a session, by default as the user who may do everything."""
        settings = self.settings if user is None else self.settings_of(user)
        return open_session(settings, self.password if password is None else password, io_timeout_s=io_timeout_s)

    def settings_of(self, user: str) -> DatabaseSettings:
        own = self.settings
        return DatabaseSettings(own.host, own.port, own.socket, user, own.tls_ca)

    @classmethod
    def from_text(cls, text: str) -> Server:
        """Return the server named by ``host:port:user:password-file``."""
        host, port, user, file = text.split(":", 3)
        return cls(DatabaseSettings(host, int(port), "", user, ""), Path(file).read_text("utf-8").strip())


class PrivateServer(Server):
    """A server of our own, that can be killed and started again."""

    start_s = 30.0
    """So long it may take until it answers."""

    def __init__(self, *options: str, below: Path | None = None, like: PrivateServer | None = None) -> None:
        """Make its directory, ``below`` another one or where temporary files are, and its system tables.

        With ``like`` its data are those of another server, which does not run.
        """
        # A short path: a socket's name ends at 107 characters.
        self.directory = Path(tempfile.mkdtemp(prefix="ecms-mariadb-", dir=below))
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__(DatabaseSettings("localhost", 0, str(self.directory / "socket"), "root", ""), "")
        self._run_as = [f"--user={_own_name()}"]
        if like is not None:
            shutil.copytree(like.directory / "data", self.directory / "data")
            return
        try:
            subprocess.run(
                [
                    "mariadb-install-db",
                    "--no-defaults",
                    f"--datadir={self.directory / 'data'}",
                    f"--tmpdir={self.directory}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    *self._run_as,
                ],
                check=True,
                capture_output=True,
            )
        except BaseException:
            shutil.rmtree(self.directory)
            raise

    def command(self, *options: str) -> list[str]:
        """Return the command that starts the server."""
        return [
            _program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            f"--socket={self.settings.socket}",
            f"--pid-file={self.directory / 'pid'}",
            # A server that starts removes from here what looks like a temporary table, another server's too.
            f"--tmpdir={self.directory}",
            "--innodb-buffer-pool-size=128M",
            "--innodb-log-file-size=32M",
            *(self._options or ("--skip-networking",)),
            *self._run_as,
            *options,
        ]

    def start(self, *options: str) -> None:
        """Start the server, with more options for this time, and wait until it answers."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command(*options), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + self.start_s
        while True:
            try:
                pymysql.connect(unix_socket=self.settings.socket, user="root", ssl_disabled=True).close()
            except pymysql.MySQLError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise AssertionError((self.directory / "log").read_text("utf-8", "replace")) from None
                time.sleep(0.05)
            else:
                return

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill the server (SIGKILL), as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the server in good order, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
            self.kill()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def _own_name() -> str:
    return subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()


def _program(name: str) -> str:
    # Debian keeps servers where users other than root do not look.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin") or name


def free_port() -> int:
    """Return a port of the loopback that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
