"""One way to open a database session, for the writer and the schema tool: UTC, strict, verified, bounded."""

from __future__ import annotations

import ssl
from typing import TypeAlias

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR, ER
from pymysql.cursors import Cursor

from ecms_bridge import tls
from ecms_bridge.config import DatabaseSettings

CHARSET = "utf8mb4"
COLLATION = "utf8mb4_unicode_ci"
"""Named everywhere: the servers' defaults differ between MariaDB 10.11, 11.8 and MySQL 8."""

CONNECT_TIMEOUT_S = 5

_UNREACHABLE = frozenset({CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST})
_FULL = frozenset({ER.DISK_FULL, ER.RECORD_FILE_FULL})

_TROUBLES = (
    (
        frozenset({CR.CR_SSL_CONNECTION_ERROR}),
        "the database at {place} offers no TLS: switch it on there, or set the port at which it is",
    ),
    (_UNREACHABLE, "the database at {place} does not answer ({words}): see that it runs"),
    (_FULL, "the disk of the database at {place} is full ({words}): make room"),
    # What a node of a cluster answers that does not see the majority of the nodes.
    (
        frozenset({ER.UNKNOWN_COM_ERROR}),
        "the database at {place} waits for the others of its cluster: see that most of them run",
    ),
)

_SQL_MODE = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY"
)

Session: TypeAlias = "Connection[Cursor]"


def open_session(settings: DatabaseSettings, password: str, *, io_timeout_s: int, lock_wait_s: int = 10) -> Session:
    """Connect and return a session in UTC, strict SQL mode and READ COMMITTED, without autocommit.

    No call on it blocks longer than ``io_timeout_s``, no wait for a row's lock longer than ``lock_wait_s``.
    With ``tls_ca`` set the server's certificate and name are verified and an unencrypted server is refused.
    Of several nodes the first that serves is taken.

    Raises pymysql.MySQLError or OSError if no server can be reached, what the first one said; ConfigError if the CA
    file cannot be read.
    """
    first: Exception | None = None
    for node in settings.nodes:
        try:
            session = _open(node, password, io_timeout_s=io_timeout_s, lock_wait_s=lock_wait_s)
            if settings.alternatives:
                _check_ready(session)
        except (pymysql.MySQLError, OSError) as error:
            first = first or error
        else:
            return session
    assert first is not None  # noqa: S101 - for the type checker: there is at least one node
    raise first


def node_of(session: Session | None, settings: DatabaseSettings) -> DatabaseSettings:
    """Return the node that a session is with; all of them for none."""
    if session is None:
        return settings
    for node in settings.nodes:
        if (
            session.unix_socket == node.socket
            if node.socket
            else (session.host, session.port) == (node.host, node.port)
        ):
            return node
    return settings


def _open(settings: DatabaseSettings, password: str, *, io_timeout_s: int, lock_wait_s: int) -> Session:
    context = tls_context(settings)
    session = pymysql.connect(
        host=settings.host,
        port=settings.port,
        unix_socket=settings.socket or None,
        user=settings.user,
        password=password,
        charset=CHARSET,
        collation=COLLATION,
        ssl=context,
        ssl_disabled=context is None,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=io_timeout_s,
        write_timeout=io_timeout_s,
        autocommit=False,
        local_infile=False,
    )
    try:
        with session.cursor() as cursor:
            cursor.execute(
                "SET SESSION time_zone = '+00:00', sql_mode = %s, innodb_lock_wait_timeout = %s",
                (_SQL_MODE, lock_wait_s),
            )
            # As a statement, because the variable's name differs between MariaDB 10.11 and MySQL 8.
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    except BaseException:
        session.close()
        raise
    return session


def is_clustered(session: Session) -> bool:
    """Return whether the session is with a node of a Galera cluster. Raises pymysql.MySQLError."""
    with session.cursor() as cursor:
        # Not as @@wsrep_on, which MySQL does not know.
        cursor.execute("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'")
        row = cursor.fetchone()
    return row is not None and str(row[1]) == "ON"


def leads(session: Session) -> bool:
    """Return whether what must be done once is done here: by a server alone, or the first of a cluster's members.

    Which one that is, all of them know at any time: whoever is left when it dies. Raises pymysql.MySQLError.
    """
    if not is_clustered(session):
        return True
    with session.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'wsrep_local_index'")
        row = cursor.fetchone()
    return row is not None and str(row[1]) == "0"


def _check_ready(session: Session) -> None:
    """Raise pymysql.OperationalError, and close the session, if its node does not see the majority of its cluster."""
    try:
        if not is_clustered(session):
            return
        with session.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'wsrep_ready'")
            row = cursor.fetchone()
        if row is not None and str(row[1]) != "ON":
            raise pymysql.OperationalError(ER.UNKNOWN_COM_ERROR, "wsrep_ready is off")  # noqa: TRY301
    except BaseException:
        session.close()
        raise


def tls_context(settings: DatabaseSettings) -> ssl.SSLContext | None:
    """Return how to encrypt, None without ``tls_ca``; raise ConfigError if that file cannot be read."""
    return tls.client_context(settings.tls_ca, "database") if settings.tls_ca else None


def explain(error: Exception, settings: DatabaseSettings) -> str:
    """Return one sentence for the user about what the database answered, or why it did not."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    words = " ".join(str(part) for part in error.args[1:] or error.args)
    if code == ER.ACCESS_DENIED_ERROR:
        return (
            f"the database at {settings} refuses the user {settings.user!r}: run the playbook again to set its password"
        )
    if trouble := tls.fault(error, settings.tls_ca, settings.host):
        return f"the database at {settings} cannot be trusted: {trouble}"
    for codes, sentence in _TROUBLES:
        if code in codes:
            return sentence.format(place=settings, words=words)
    return f"the database at {settings} says {words}"
