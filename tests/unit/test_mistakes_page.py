"""docs/mistakes.md quotes what people see; here each sentence is held against what says it and what tests it."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest
import yaml

from role_plugins import ROOT
from unit.test_household_inventory import mistakes

PAGE = ROOT / "docs/mistakes.md"
OURS = ("site.yml", "bridge/src", "roles")
GAP = "…"
SOUND: dict[str, object] = {"ecms_boxes": []}
"""The sound inventory of the tests, without a box, since an example's appliances may not have the box's."""


def rows() -> list[list[str]]:
    """Return the cells of every table's rows, without the tables' heads."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    tables = [line for line in lines if line.startswith("| ") and not line.startswith("| mistake")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in tables]


def code(cell: str) -> str:
    """Return a cell's text between its outermost backticks."""
    assert cell.startswith("`"), cell
    fence = cell[: len(cell) - len(cell.lstrip("`"))]
    return cell.removeprefix(fence).removesuffix(fence).strip()


INVENTORY = [cells for cells in rows() if len(cells) == 2]
OTHERS = [cells for cells in rows() if len(cells) == 4]


def test_every_row_is_one_of_the_two_kinds() -> None:
    assert len(INVENTORY) > 50
    assert len(OTHERS) > 20
    assert len(INVENTORY) + len(OTHERS) == len(rows())


@pytest.mark.parametrize(("typed", "sentence"), INVENTORY, ids=[cells[0] for cells in INVENTORY])
def test_an_inventorys_mistake_gives_this_very_sentence(typed: str, sentence: str) -> None:
    found = mistakes(SOUND | yaml.safe_load(code(typed)))
    assert found == [f"hub-rossi: {code(sentence)}"]


@pytest.mark.parametrize(("mistake", "sentence", "says", "test"), OTHERS, ids=[cells[0] for cells in OTHERS])
def test_a_sentence_is_said_and_tested(mistake: str, sentence: str, says: str, test: str) -> None:
    path, _, name = code(test).partition("::")
    module = ROOT / path
    assert name in {node.name for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef)}, mistake
    parts = [part for part in code(sentence).split(GAP) if part]
    assert parts
    tested = strings(module)
    assert any(part.strip() in text for part in parts for text in tested), f"no test looks for it: {sentence}"
    assert says in {"ECMS", "Ansible", "Mosquitto", "MariaDB"}
    if says == "ECMS":
        for part in parts:
            assert any(part in text for text in product()), f"nothing says {part!r}"


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def strings(path: Path) -> tuple[str, ...]:
    """Return the texts in a Python file, those in pieces put together, with a gap for what is filled in."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.append("".join(part.value if isinstance(part, ast.Constant) else GAP for part in node.values))  # type: ignore[misc]
    return tuple(found)


@functools.cache
def product() -> tuple[str, ...]:
    """Return the texts of the programs and the roles, blanks made one."""
    found: list[str] = []
    for place in OURS:
        for path in [ROOT / place, *(ROOT / place).rglob("*")]:
            if path.suffix == ".py":
                found += strings(path)
            elif path.suffix == ".yml":
                found.append(" ".join(path.read_text(encoding="utf-8").split()))
    return tuple(found)
