"""Everything here runs on a real MariaDB."""

from database.fixtures import home, mariadb, users

__all__ = ["home", "mariadb", "users"]
