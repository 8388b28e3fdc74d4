"""Action that looks at the inventories beside a directory: which households, groups and hosts they have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError  # type: ignore[import-untyped]
from ansible.inventory.manager import InventoryManager  # type: ignore[import-untyped]
from ansible.plugins.action import ActionBase  # type: ignore[import-untyped]
from ansible.vars.manager import VariableManager  # type: ignore[import-untyped]

_ROLE = Path(__file__).resolve().parents[1]
for _place in (str(_ROLE), str(_ROLE.parents[1] / "bridge" / "src")):
    if _place not in sys.path:
        sys.path.append(_place)

from household_checks.files import file_mistakes  # noqa: E402
from household_checks.scaffold import neighbours_of, shown  # noqa: E402


class ActionModule(ActionBase):  # type: ignore[misc]
    """Return ``neighbours``: of each inventory its ``directory``, ``households`` (names), ``groups`` and ``hosts``."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec={"directory": {"type": "path", "required": True}})
        result["neighbours"] = [self._look(place) for place in neighbours_of(Path(arguments["directory"]))]
        return result

    def _look(self, directory: Path) -> dict[str, Any]:
        """Read an inventory as Ansible itself does, which only warns of one that is no YAML."""
        if mistakes := file_mistakes([str(directory)]):
            raise AnsibleActionFail(mistakes[0])
        try:
            inventory = InventoryManager(loader=self._loader, sources=[str(directory)])
            variables = VariableManager(loader=self._loader, inventory=inventory)
            hosts = inventory.get_hosts()
            found = [variables.get_vars(host=host, include_hostvars=False) for host in hosts]
        except AnsibleError as error:
            raise AnsibleActionFail(
                f"{shown(directory)} cannot be read ({' '.join(str(error).split())}), and its name must not be taken "
                "twice: correct it, or give the password of its vault"
            ) from None
        return {
            "directory": str(directory),
            "households": [str(one["ecms_household_name"]) for one in found if one.get("ecms_household_name")],
            "groups": sorted(inventory.groups),
            "hosts": [str(host) for host in hosts],
        }
