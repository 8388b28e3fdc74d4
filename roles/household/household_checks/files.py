"""The files of an inventory, before Ansible reads them: its own complaint does not say which file it means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

FOLDERS = ("group_vars", "host_vars")
SUFFIXES = frozenset({".yml", ".yaml", ""})
_ENCRYPTED = "$ANSIBLE_VAULT"


def file_mistakes(sources: Iterable[str]) -> list[str]:
    """Return a sentence for each file of variables beside these inventories that is no YAML."""
    files = sorted({path for source in sources for path in _variables_of(Path(source))})
    return [f"{path}{fault}." for path in files if (fault := _fault(path))]


def _variables_of(source: Path) -> Iterator[Path]:
    directory = source if source.is_dir() else source.parent
    for folder in FOLDERS:
        for path in (directory / folder).rglob("*"):
            if path.is_file() and path.suffix in SUFFIXES and not path.name.startswith("."):
                yield path


def _fault(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        if not text.startswith(_ENCRYPTED):
            # Only the syntax: what tags such as !vault mean is Ansible's to know.
            list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except UnicodeDecodeError as error:
        return f" is no text in UTF-8 (byte {error.start + 1}): save it as that"
    except OSError as error:
        return f" cannot be read: {error.strerror}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        return f"{place}: {error.problem}: correct the YAML there or in the line before"
    except yaml.YAMLError as error:
        return f": {' '.join(str(error).split())}: correct the YAML"
    return ""
