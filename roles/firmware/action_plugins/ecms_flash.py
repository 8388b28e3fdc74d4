"""Action that builds the firmware of one box on the controller, flashes it and reads its version back."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase  # type: ignore[import-untyped]
from ansible.utils.display import Display  # type: ignore[import-untyped]

_FLASH = Path(__file__).resolve().parents[3] / "firmware/tools/flash.py"


def _flash_module() -> Any:
    name = "ecms_firmware_flash"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _FLASH)
        if spec is None or spec.loader is None:
            raise ImportError(_FLASH)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


class ActionModule(ActionBase):  # type: ignore[misc]
    """Arguments: box (mapping), options (mapping), directory, pio, core_directory, force.

    The household and its key come from the fact ecms_household, not from an argument, so that no output repeats them.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset(("box", "options", "directory", "pio", "core_directory", "force"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        flash = _flash_module()
        arguments = self._task.args
        box = dict(arguments["box"])
        options = dict(arguments["options"])
        options["time_servers"] = tuple(options["time_servers"])
        options.update({name: int(options[name]) for name in ("access_point_channel", "protocol")})
        display = Display()
        try:
            changed, message = flash.flash(
                variables["ecms_household"],
                box,
                flash.Options(**options),
                Path(arguments["directory"]).expanduser(),
                Path(arguments["pio"]).expanduser(),
                Path(arguments["core_directory"]).expanduser(),
                lambda line: display.display(f"    {box['name']}: {line}"),
                check=self._task.check_mode,
                force=bool(arguments.get("force", False)),
            )
        except flash.FlashError as error:
            result.update(failed=True, msg=str(error))
            return result
        result.update(changed=changed, msg=message)
        return result
