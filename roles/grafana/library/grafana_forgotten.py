"""Find the provisioning files that name organisations which Grafana's database does not have."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENTATION = r"""
module: grafana_forgotten
short_description: Finds provisioning files that name organisations which Grafana's database does not have
description:
  - Grafana does not start with such a file. Its database was lost and made anew since the file was written.
  - A database that cannot be read, or is none of SQLite's, leaves every file as it is.
options:
  database: {description: Grafana's SQLite database., type: path, required: true}
  files: {description: Provisioning files as YAML or JSON., type: list, elements: path, required: true}
author: The ECMS authors
"""
EXAMPLES = r"""
- name: Which files to forget
  grafana_forgotten:
    database: /var/lib/grafana/grafana.db
    files: [/etc/grafana/provisioning/datasources/ecms.yaml]
"""
RETURN = r"""
files: {description: Those that name an organisation which is not there., type: list}
"""

_ORGANISATION = re.compile(r"\borgId\"?: *(\d+)")
_PATIENCE_S = 10.0


def organisations(database: Path) -> set[int] | None:
    """Return the numbers of the organisations in a database; none where it is gone, None where it cannot be read."""
    if not database.exists():
        return set()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True, timeout=_PATIENCE_S)) as session:
            if not session.execute("SELECT 1 FROM sqlite_master WHERE name = 'org'").fetchall():
                return set()
            return {number for (number,) in session.execute("SELECT id FROM org")}
    except sqlite3.Error:
        return None


def forgotten(files: Iterable[Path], known: set[int] | None) -> list[str]:
    """Return which of the files name an organisation that is not among ``known``."""
    if known is None:
        return []
    return [str(file) for file in files if {int(one) for one in _ORGANISATION.findall(file.read_text("utf-8"))} - known]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "database": {"type": "path", "required": True},
            "files": {"type": "list", "elements": "path", "required": True},
        },
        supports_check_mode=True,
    )
    files = (Path(one) for one in module.params["files"])
    known = organisations(Path(module.params["database"]))
    module.exit_json(changed=False, files=forgotten(files, known))


if __name__ == "__main__":
    main()
