"""Everything here runs on a real MariaDB."""

from database.fixtures import home, mariadb

__all__ = ["home", "mariadb"]
