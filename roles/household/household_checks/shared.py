"""Variables that several inventories of one run would share: Ansible lets the last one's count for every host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from household_checks.files import inventory_files

EVERYBODY = "all"
_PREFIX = "ecms_"


def shared_mistakes(sources: Iterable[str]) -> list[str]:
    """Return a sentence for each variable of ECMS in the group ``all``, where a run has several inventories.

    What is no YAML, or encrypted, is passed over: others speak of it.
    """
    places = [Path(source) for source in sources]
    if len(places) < 2:  # noqa: PLR2004 - several
        return []
    files = sorted({path for place in places for path in inventory_files(place)})
    return [
        f"{path}: {name} stands in the group {EVERYBODY}, where the last inventory's counts for every home: "
        "move it to the household's own group."
        for path in files
        for name in _names(path)
    ]


def _names(path: Path) -> Iterator[str]:
    try:
        top = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return
    folders = [part.name for part in path.parents]
    below = folders.index("group_vars") if "group_vars" in folders else None
    if below is None:
        top = _value(_value(top, EVERYBODY), "vars")
    elif (folders[below - 1] if below else path.stem) != EVERYBODY:
        return
    for key, _ in top.value if isinstance(top, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and key.value.startswith(_PREFIX):
            yield key.value


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    found = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in found if isinstance(key, yaml.ScalarNode) and key.value == name), None)
