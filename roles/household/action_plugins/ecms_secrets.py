"""Action that keeps secrets beside an inventory, on the controller; the host itself is never touched."""

from __future__ import annotations

import os
import secrets
import stat
import string
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail  # type: ignore[import-untyped]
from ansible.plugins.action import ActionBase  # type: ignore[import-untyped]

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700
PASSWORD_LENGTH = 40
HOUSEHOLD_KEY = "household_key"
HOUSEHOLD_KEY_BYTES = 32
_ALPHABET = string.ascii_letters + string.digits


def generate(name: str) -> str:
    """Return a new secret: 64 hex digits for the household's key, otherwise letters and digits."""
    if name == HOUSEHOLD_KEY:
        return secrets.token_hex(HOUSEHOLD_KEY_BYTES)
    return "".join(secrets.choice(_ALPHABET) for _ in range(PASSWORD_LENGTH))


def make_private(path: Path, mode: int, *, check: bool) -> bool:
    """Take away every right of others; return whether there was one. Raises OSError."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077 == 0:
        return False
    if not check:
        path.chmod(mode)
    return True


def prepare_directory(directory: Path, *, check: bool) -> bool:
    """Make the directory, unreadable to others and ignored by git; return whether that changed it.

    Raises OSError.
    """
    if not directory.exists():
        if not check:
            directory.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            store(directory / ".gitignore", "*")
        return True
    return make_private(directory, PRIVATE_DIRECTORY, check=check)


def store(path: Path, value: str) -> str:
    """Write a new file at once and completely; return what the file then holds.

    Another process that was faster keeps its value. Raises OSError.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return path.read_text(encoding="ascii").strip()
    finally:
        Path(temporary).unlink()
    return value


class ActionModule(ActionBase):  # type: ignore[misc]
    """Return the named secrets: the given ones, then those on file, then newly generated ones."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec={
                "directory": {"type": "path", "required": True},
                "names": {"type": "list", "elements": "str", "required": True},
                "given": {"type": "dict", "default": {}, "no_log": True},
            },
        )
        directory = Path(arguments["directory"])
        check = bool(self._task.check_mode)
        given: dict[str, str] = arguments["given"]
        values: dict[str, str] = {name: str(given[name]) for name in arguments["names"] if name in given}
        missing = [name for name in arguments["names"] if name not in values]
        generated: list[str] = []
        changed = False
        try:
            # Also where nothing is to be kept: other roles put certificates there.
            changed = prepare_directory(directory, check=check)
            for name in missing:
                path = directory / name
                if path.exists():
                    changed = make_private(path, PRIVATE_FILE, check=check) or changed
                    values[name] = path.read_text(encoding="ascii").strip()
                    continue
                generated.append(name)
                values[name] = generate(name) if check else store(path, generate(name))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it holds bytes beyond ASCII"
            place = getattr(error, "filename", None) or directory
            raise AnsibleActionFail(
                f"the secrets of {directory} cannot be kept: {place}: {reason}: "
                "let the user who runs ansible read and write there, or set ecms_secrets_dir"
            ) from None
        result.update(changed=changed or bool(generated), values=values, generated=generated, directory=str(directory))
        return result
