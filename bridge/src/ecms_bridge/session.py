"""One way to open a database session, for the writer and the schema tool: UTC, strict, verified, bounded."""

from __future__ import annotations

import ssl
from typing import TypeAlias

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from ecms_bridge.config import ConfigError, DatabaseSettings

CHARSET = "utf8mb4"
COLLATION = "utf8mb4_unicode_ci"
"""Named everywhere: the servers' defaults differ between MariaDB 10.11, 11.8 and MySQL 8."""

CONNECT_TIMEOUT_S = 5

_SQL_MODE = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION,ONLY_FULL_GROUP_BY"
)

Session: TypeAlias = "Connection[Cursor]"


def open_session(settings: DatabaseSettings, password: str, *, io_timeout_s: int, lock_wait_s: int = 10) -> Session:
    """Connect and return a session in UTC, strict SQL mode and READ COMMITTED, without autocommit.

    No call on it blocks longer than ``io_timeout_s``, no wait for a row's lock longer than ``lock_wait_s``.
    With ``tls_ca`` set the server's certificate and name are verified and an unencrypted server is refused.

    Raises pymysql.MySQLError if the server cannot be reached, ConfigError if the CA file cannot be read.
    """
    tls = tls_context(settings)
    session = pymysql.connect(
        host=settings.host,
        port=settings.port,
        unix_socket=settings.socket or None,
        user=settings.user,
        password=password,
        charset=CHARSET,
        collation=COLLATION,
        ssl=tls,
        ssl_disabled=tls is None,
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


def tls_context(settings: DatabaseSettings) -> ssl.SSLContext | None:
    """Return how to encrypt, None without ``tls_ca``; raise ConfigError if that file cannot be read."""
    if not settings.tls_ca:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca)
    except (OSError, ssl.SSLError) as error:
        msg = f"cannot read the database's CA certificate {settings.tls_ca}: {error}"
        raise ConfigError(msg) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
