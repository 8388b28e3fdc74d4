"""docs/mistakes.md quotes what people see; here each sentence is held against what says it and what tests it.

The other way round, every sentence with which a role's task refuses must stand on the page.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from role_plugins import ROOT
from unit.test_household_inventory import mistakes

PAGE = ROOT / "docs/mistakes.md"
OURS = ("site.yml", "bridge/src", "roles")
GAP = "…"
NOT_PROVOKED = "not provoked: "
REFUSING = ("ansible.builtin.assert", "ansible.builtin.fail")
FEW_WORDS = 3
ENOUGH = 70
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


def parts_of(sentence: str) -> list[str]:
    """Return what stands between a cell's gaps."""
    parts = [part for part in code(sentence).split(GAP) if part.strip()]
    assert parts
    return parts


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
    parts = parts_of(sentence)
    if not test.startswith(NOT_PROVOKED):
        path, _, name = code(test).partition("::")
        module = ROOT / path
        assert name in {node.name for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef)}, mistake
        tested = strings(module)
        assert any(part.strip() in text for part in parts for text in tested), f"no test looks for it: {sentence}"
    assert says in {"ECMS", "Ansible", "Mosquitto", "MariaDB"}
    if says == "ECMS":
        for part in parts:
            assert any(part in text for text in product()), f"nothing says {part!r}"


@dataclass(frozen=True)
class Refusal:
    """What a task of a role says when it refuses, as it stands there, with its templates."""

    file: str
    task: str
    sentence: str


def refusals() -> Iterator[Refusal]:
    for path in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        for task in tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            action: dict[str, Any] = next((task[name] for name in REFUSING if name in task), {})
            said = action.get("fail_msg") or action.get("msg") or ""
            loop = task.get("loop")
            # A task may take its sentences from what it loops over.
            messages = [one["message"] for one in loop if isinstance(one, dict) and "message" in one] if loop else []
            for sentence in messages if messages and "item.message" in said else [said]:
                if words(sentence):
                    yield Refusal(f"{path.parts[-3]}/{path.name}", str(task.get("name")), " ".join(sentence.split()))


def tasks(found: object) -> Iterator[dict[str, Any]]:
    for task in found if isinstance(found, list) else ():
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks(task.get(part))


def words(sentence: str) -> bool:
    """Return whether a sentence says something itself, beside what it is told to repeat."""
    texts = [*re.findall(r"'([^']*)'", sentence), re.sub(r"\{\{.*?\}\}", "", sentence, flags=re.DOTALL)]
    return any(len(text.split()) > FEW_WORDS for text in texts)


TELLING = [
    parts
    for parts in (parts_of(sentence) for _, sentence, *_ in OTHERS)
    if any(len(part.split()) > FEW_WORDS for part in parts)
]
"""What rows quote that is enough to be known by."""


@pytest.mark.parametrize("refusal", [pytest.param(one, id=f"{one.file}: {one.task}") for one in refusals()])
def test_a_roles_sentence_is_on_the_page(refusal: Refusal) -> None:
    quoted = [parts for parts in TELLING if all(part.strip() in refusal.sentence for part in parts)]
    assert quoted, f"no row of docs/mistakes.md quotes it: {refusal.sentence}"


def test_the_roles_sentences_are_found() -> None:
    assert len(list(refusals())) > ENOUGH


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
