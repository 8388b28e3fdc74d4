"""Ansible module: many small files below one directory, compared and written in one go."""

# Ansible wants DOCUMENTATION before the imports of what the module uses.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: ecms_files
short_description: Many small files below one directory
description:
  - Sees to it that files have the wanted content, owner and mode, each replaced at once and completely.
  - The action of the same name sends checksums first, and then the content of what differs only. So many files cost
    one or two connections, where a loop takes some for each.
  - Files that are not named are left alone.
options:
  directory: {type: path, required: true, description: Where the files are. It has to be there.}
  directories:
    description: Directories below C(directory) that are kept too, each before its files.
    type: list
    elements: str
    default: []
  directory_mode: {type: str, description: Their mode. Their owner and group are the files'.}
  files:
    description:
      - Files, each with C(path) below C(directory) and C(content).
      - The action gives the module C(checksum) (SHA-256) in place of the content.
    type: list
    elements: dict
    required: true
  contents:
    description: Set by the action only. Contents in base64 by path; a file that differs and has none is C(wanted).
    type: dict
extends_documentation_fragment: [files]
author: [ECMS]
"""

EXAMPLES = r"""
- name: A file for each household
  ecms_files:
    directory: /etc/ecms/households
    files:
      - {path: mario_rossi.json, content: "{}"}
    owner: root
    group: root
    mode: "0600"
"""

RETURN = r"""
changes:
  description: Paths of files and directories that were changed or would be.
  returned: always
  type: list
wanted:
  description: Paths whose content differs and was not given.
  returned: always
  type: list
"""

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]


class Keeper:
    """Compares files with what they are to be, and changes what differs unless it is a check."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._directory = Path(module.params["directory"])
        self._contents: dict[str, str] = module.params["contents"] or {}
        self.changes: list[str] = []
        self.wanted: list[str] = []
        self.diffs: list[dict[str, object]] = []

    def directory(self, name: str) -> None:
        """Keep a directory below the one of all."""
        path = self._directory / name
        made = not path.is_dir()
        if made and not self._module.check_mode:
            path.mkdir()
        if made:
            self._changed(path, {"before": {"state": "absent"}, "after": {"state": "directory"}})
        self._attributes(path, self._module.params["directory_mode"])

    def file(self, name: str, checksum: str) -> None:
        """Keep a file."""
        path = self._directory / name
        there = path.read_bytes() if path.exists() else None
        if there is None or hashlib.sha256(there).hexdigest() != checksum:
            if name not in self._contents:
                self.wanted.append(name)
                return
            content = base64.b64decode(self._contents[name])
            if not self._module.check_mode:
                self._write(path, content)
            self._changed(path, {"before": _text(there or b""), "after": _text(content)})
        self._attributes(path, self._module.params["mode"])

    def _write(self, path: Path, content: bytes) -> None:
        """Replace a file, which has its owner and mode before it has its name."""
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".ansible_tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            self._set(Path(temporary), self._module.params["mode"])
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _attributes(self, path: Path, mode: str | None) -> None:
        if not path.exists():
            return
        diff: dict[str, object] = {}
        if self._set(path, mode, diff):
            self._changed(path, diff)

    def _set(self, path: Path, mode: str | None, diff: dict[str, object] | None = None) -> bool:
        wanted = self._module.load_file_common_arguments({**self._module.params, "mode": mode}, path=str(path))
        return bool(self._module.set_fs_attributes_if_different(wanted, changed=False, diff=diff))

    def _changed(self, path: Path, diff: dict[str, object]) -> None:
        if str(path) not in self.changes:
            self.changes.append(str(path))
        self.diffs.append({**diff, "before_header": str(path), "after_header": str(path)})


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "directories": {"type": "list", "elements": "str", "default": []},
            "directory_mode": {"type": "str"},
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {"path": {"type": "str", "required": True}, "checksum": {"type": "str", "required": True}},
            },
            # In base64, so that what is hidden of the argument is not hidden of a diff.
            "contents": {"type": "dict", "no_log": True},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    keeper = Keeper(module)
    path = module.params["directory"]
    try:
        for path in module.params["directories"]:
            keeper.directory(path)
        for one in module.params["files"]:
            path = one["path"]
            keeper.file(path, one["checksum"])
    except OSError as error:
        module.fail_json(msg=f"{Path(module.params['directory']) / path} cannot be written: {error.strerror or error}")
    result = {"changed": bool(keeper.changes), "changes": keeper.changes, "wanted": keeper.wanted}
    module.exit_json(**result, **({"diff": keeper.diffs} if module._diff else {}))  # noqa: SLF001


if __name__ == "__main__":
    main()
