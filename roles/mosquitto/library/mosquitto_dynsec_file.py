"""Ansible module: the admin in the file of Mosquitto's dynamic security plugin."""

# Ansible wants DOCUMENTATION before the imports of what the module uses.
# ruff: noqa: E402

from __future__ import annotations

DOCUMENTATION = r"""
module: mosquitto_dynsec_file
short_description: The admin in the file of Mosquitto's dynamic security plugin
description:
  - Sees to it that the file exists, denies by default, and holds the admin with the wanted password and no
    more rights than the control topic. All other clients, roles and groups in it are kept.
  - The broker reads the file when it starts and writes it at every change, so restart it after a change.
options:
  path: {type: path, required: true, description: File of the plugin.}
  admin_username: {type: str, required: true, description: Name of the admin.}
  admin_password: {type: str, required: true, description: Its password; stored as a salted hash only.}
  marker: {type: str, required: true, description: Text that marks what ECMS manages (C(textname)).}
extends_documentation_fragment: [files]
author: [ECMS]
"""

EXAMPLES = r"""
- name: Admin of the broker
  mosquitto_dynsec_file:
    path: /var/lib/mosquitto/dynamic-security.json
    admin_username: ecms-admin
    admin_password: "{{ admin_password }}"
    marker: ecms
    owner: mosquitto
    group: mosquitto
    mode: "0600"
"""

RETURN = r"""
backup_file:
  description: Where a file that could not be read was moved.
  returned: if there was one
  type: str
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule  # type: ignore[import-untyped]

ITERATIONS = 101
"""What the plugin itself uses; our passwords are random, so stretching adds nothing."""
SALT_BYTES = 12
CONTROL = "$CONTROL/dynamic-security/#"
DENY_ALL = dict.fromkeys(("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe"), False)

Tree = dict[str, Any]


def hash_password(password: str, salt: bytes, iterations: int) -> bytes:
    """Return the plugin's hash of a password: PBKDF2 with HMAC-SHA512, 64 bytes."""
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)


def password_matches(client: Tree, password: str) -> bool:
    """Tell whether a client of the file has this password."""
    try:
        salt = base64.b64decode(client["salt"], validate=True)
        stored = base64.b64decode(client["password"], validate=True)
        return hmac.compare_digest(stored, hash_password(password, salt, int(client["iterations"])))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return False


def admin_role(name: str, marker: str) -> Tree:
    """Return the role that may use the control topic and nothing else."""
    kinds = ("publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern")
    acls = [{"acltype": kind, "topic": CONTROL, "priority": 0, "allow": True} for kind in kinds]
    return {"rolename": name, "textname": marker, "acls": acls}


def _named(entries: list[Tree], key: str, name: str) -> Tree | None:
    return next((entry for entry in entries if entry.get(key) == name), None)


def _replace(entries: list[Tree], key: str, new: Tree) -> None:
    entries[:] = [entry for entry in entries if entry.get(key) != new[key]] + [new]


def with_admin(tree: Tree, username: str, password: str, marker: str) -> list[str]:
    """Change the file's content so that only the admin may manage; return what was changed."""
    changes: list[str] = []
    if tree.get("defaultACLAccess") != DENY_ALL:
        tree["defaultACLAccess"] = dict(DENY_ALL)
        changes.append("default access: deny")
    for key in ("clients", "groups", "roles"):
        tree.setdefault(key, [])
    role = admin_role(username, marker)
    present = _named(tree["roles"], "rolename", username)
    if present is None or _acl_set(present) != _acl_set(role):
        _replace(tree["roles"], "rolename", role)
        changes.append(f"role {username}: control topic only")
    client = _named(tree["clients"], "username", username)
    roles = [entry.get("rolename") for entry in client.get("roles", [])] if client else []
    usable = client is not None and not client.get("disabled") and roles == [username]
    if client is None or not usable or not password_matches(client, password):
        salt = os.urandom(SALT_BYTES)
        entry = {
            "username": username,
            "textname": marker,
            "roles": [{"rolename": username}],
            "password": base64.b64encode(hash_password(password, salt, ITERATIONS)).decode(),
            "salt": base64.b64encode(salt).decode(),
            "iterations": ITERATIONS,
        }
        _replace(tree["clients"], "username", entry)
        changes.append(f"client {username}: password and role")
    return changes


def _acl_set(role: Tree) -> set[tuple[Any, ...]]:
    return {(acl.get("acltype"), acl.get("topic"), acl.get("allow")) for acl in role.get("acls", [])}


def _read(path: str) -> tuple[Tree, bool]:
    """Return the content and whether it could be used; a missing or empty file is usable and empty."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        tree = json.loads(text) if text.strip() else {}
    except FileNotFoundError:
        return {}, True
    except ValueError:
        return {}, False
    if not isinstance(tree, dict) or not all(isinstance(tree.get(k, []), list) for k in ("clients", "roles")):
        return {}, False
    return tree, True


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "admin_username": {"type": "str", "required": True},
            "admin_password": {"type": "str", "required": True, "no_log": True},
            "marker": {"type": "str", "required": True},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    path = module.params["path"]
    result: dict[str, Any] = {}
    try:
        tree, usable = _read(path)
        changes = with_admin(
            tree, module.params["admin_username"], module.params["admin_password"], module.params["marker"]
        )
        if changes and not module.check_mode:
            if not usable:
                result["backup_file"] = module.backup_local(path)
                module.warn(f"{path} was no use and was made anew; the old one is {result['backup_file']}")
            handle, scratch = tempfile.mkstemp(dir=module.tmpdir)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(tree, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            module.atomic_move(scratch, path)
    except OSError as error:
        module.fail_json(msg=f"{path} cannot be written: {error}")
    changed = bool(changes)
    if Path(path).exists():
        attributes = module.load_file_common_arguments(module.params)
        changed = module.set_fs_attributes_if_different(attributes, changed)
    diff = {"before": "", "after": "".join(f"{change}\n" for change in changes)}
    module.exit_json(changed=changed, changes=changes, diff=diff, **result)


if __name__ == "__main__":
    main()
