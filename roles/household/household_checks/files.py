"""The files of an inventory, before Ansible reads them: its own complaint does not say which file it means.

What YAML silently reads as another number than was meant is found here too, since its value no longer shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import yaml

FOLDERS = ("group_vars", "host_vars")
SUFFIXES = frozenset({".yml", ".yaml", ""})
_ENCRYPTED = "$ANSIBLE_VAULT"
_BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float"))


def file_mistakes(sources: Iterable[str]) -> list[str]:
    """Return a sentence for each mistake of YAML in these inventories and the files of variables beside them."""
    files = sorted({path for source in sources for path in inventory_files(Path(source))})
    return [f"{path}{fault}." for path in files for fault in _faults(path)]


def inventory_files(source: Path) -> Iterator[Path]:
    """Yield the files of an inventory and those of variables beside it."""
    directory = source if source.is_dir() else source.parent
    variables = (path for folder in FOLDERS for path in (directory / folder).rglob("*"))
    # An inventory of another kind has another suffix, or none.
    found = [path for path in (source.iterdir() if source.is_dir() else [source]) if path.suffix]
    for path in (*found, *variables):
        if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file():
            yield path


def _faults(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
        # Only the syntax: what tags such as !vault mean is Ansible's to know.
        documents = [] if text.startswith(_ENCRYPTED) else list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except UnicodeDecodeError as error:
        yield f" is no text in UTF-8 (byte {error.start + 1}): save it as that"
    except OSError as error:
        yield f" cannot be read: {error.strerror}"
    except yaml.MarkedYAMLError as error:
        place = _place(error.problem_mark) if error.problem_mark else ""
        yield f"{place}: {error.problem}: correct the YAML there or in the line before"
    except yaml.YAMLError as error:
        yield f": {' '.join(str(error).split())}: correct the YAML"
    else:
        for node, key in _scalars(documents):
            if trap := _trap(node, key):
                yield f"{_place(node.start_mark)}: {trap}"


def _place(mark: yaml.Mark) -> str:
    return f", line {mark.line + 1}, column {mark.column + 1}"


def _scalars(documents: Sequence[yaml.Node | None]) -> Iterator[tuple[yaml.ScalarNode, str | None]]:
    """Yield what was typed without quotes, in order, each with the key it is the value of; None for a key itself."""
    seen: set[int] = set()
    waiting: list[tuple[yaml.Node, str | None]] = [(node, "") for node in reversed(documents) if node is not None]
    while waiting:
        node, key = waiting.pop()
        # An alias is the very node that it names.
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            if node.style is None:
                yield node, key
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(one, key) for one in reversed(node.value)]
        elif isinstance(node, yaml.MappingNode):
            for name, value in reversed(node.value):
                waiting += [(value, name.value if isinstance(name, yaml.ScalarNode) else ""), (name, None)]


def _trap(node: yaml.ScalarNode, key: str | None) -> str:
    """Return what YAML makes of it, never its text, which may be a secret; nothing where that is what it says."""
    digits = node.value.lstrip("+-").replace("_", "")
    if node.tag in {_INT, _FLOAT} and ":" in digits:
        return "YAML reads digits with colons as one number to the base 60: put them in quotes, or write the number"
    # A file's mode is the one octal number that Ansible expects.
    if node.tag == _INT and digits.isdecimal() and digits[0] == "0" and not (key or "").endswith("mode"):
        if int(digits, 8) != int(digits):
            return "YAML reads a number that begins with 0 to the base 8: leave the 0 out, or put it in quotes"
    elif node.tag == _BOOL and key is None:
        return "YAML reads this name as a switch, true or false: put it in quotes"
    return ""
