"""A home's inventory that is edited and run again, as its owner does, and what a run left and changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from hub import Hub, SiteRun, run_site


@dataclass
class Home:
    """A provisioned hub and its inventory; ``connection`` says how its machine is reached."""

    hub: Hub
    host: str
    inventory: Path
    connection: Path
    runs: int = field(default=0, init=False)

    @property
    def log(self) -> Path:
        """The whole output of the latest run."""
        return self.inventory.parent / f"site-{self.runs}.log"

    @property
    def _variables(self) -> Path:
        return self.inventory / "group_vars" / self.hub.slug / "household.yml"

    @property
    def authority(self) -> Path:
        """The certificate by which the broker is known."""
        return self.hub.secrets / f"ca_{self.host}.crt"

    def variables(self) -> dict[str, object]:
        """Return what the inventory sets."""
        found: dict[str, object] = yaml.safe_load(self._variables.read_text(encoding="utf-8"))
        return found

    def change(self, **variables: object) -> None:
        """Set variables of the inventory."""
        self.write(self.variables() | variables)

    def write(self, variables: dict[str, object]) -> None:
        """Set all variables of the inventory."""
        text = yaml.safe_dump(variables, sort_keys=False, allow_unicode=True)
        self._variables.write_text(text, encoding="utf-8")

    def secret(self, name: str) -> str:
        """Return a secret that is kept beside the inventory."""
        return (self.hub.secrets / name).read_text(encoding="ascii").strip()

    def forget(self, *secrets: str) -> dict[str, str]:
        """Delete files of secrets, so that the next run makes new ones; return what they held."""
        held = {name: self.secret(name) for name in secrets}
        for name in secrets:
            (self.hub.secrets / name).unlink()
        return held

    def run(self, *options: str, beside: Sequence[Path] = ()) -> SiteRun:
        """Run ``site.yml``, with other inventories beside this one; raise ProvisionError if it fails."""
        self.runs += 1
        return run_site([self.inventory, *beside, self.connection], self.log, options=options)

    def interrupt(self, task: str, *options: str) -> None:
        """Run ``site.yml`` and kill it as this task begins; raise AssertionError if it never does."""

        def look(_number: int, name: str) -> None:
            if name == task:
                raise _InterruptedRunError

        self.runs += 1
        try:
            run_site([self.inventory, self.connection], self.log, look, options)
        except _InterruptedRunError:
            return
        raise AssertionError(f"the run has no task {task!r}")

    def output(self) -> str:
        """Return what the latest run printed."""
        return self.log.read_text(encoding="utf-8")


class _InterruptedRunError(Exception):
    """Ends a run in its middle."""


def restarted(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Return the units that are not the ones they were: restarted, stopped or new."""
    return _names(unit for unit in before.keys() | after.keys() if before.get(unit) != after.get(unit))


def _names(units: Iterable[str]) -> set[str]:
    return {unit.removesuffix(".service") for unit in units}
