"""Every role is whole, and its argument specification says the same as its defaults."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from role_plugins import ROOT

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if (path / "tasks").is_dir())
TYPES = {"str", "int", "float", "bool", "list", "dict", "path", "raw"}


@pytest.fixture(params=ROLES, ids=lambda path: path.name)
def role(request: pytest.FixtureRequest) -> Any:
    return request.param


def read(path: Any) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def options_of(role: Any) -> dict[str, dict[str, Any]]:
    spec: dict[str, dict[str, Any]] = read(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return spec


def is_literal(value: object) -> bool:
    if isinstance(value, str):
        return "{{" not in value
    if isinstance(value, list):
        return all(is_literal(item) for item in value)
    if isinstance(value, dict):
        return all(is_literal(item) for item in value.values())
    return True


def described(options: dict[str, dict[str, Any]], where: str) -> list[str]:
    """Return what lacks a type or a description, also inside of lists of dictionaries."""
    faults = []
    for name, option in options.items():
        if option.get("type") not in TYPES:
            faults.append(f"{where}{name} has no type")
        if not option.get("description"):
            faults.append(f"{where}{name} has no description")
        if option.get("type") == "list" and option.get("elements") not in TYPES:
            faults.append(f"{where}{name} has no type of its elements")
        faults += described(option.get("options", {}), f"{where}{name}.")
    return faults


def fits(value: object, kind: str) -> bool:
    if isinstance(value, str) and not is_literal(value):
        return True
    expected: dict[str, type | tuple[type, ...]] = {
        "str": str,
        "path": str,
        "int": int,
        "float": (int, float),
        "bool": bool,
        "list": list,
        "dict": dict,
    }
    if isinstance(value, bool) and kind != "bool":
        return False
    return kind == "raw" or isinstance(value, expected[kind])


def test_there_are_roles() -> None:
    assert {"household", "common", "mdns"} <= {role.name for role in ROLES}


def test_every_default_is_specified_and_every_option_has_its_default(role: Any) -> None:
    defaults = read(role / "defaults/main.yml") or {}
    options = options_of(role)
    with_default = {name for name, option in options.items() if not option.get("required")}
    assert set(defaults) == with_default
    assert not {name for name in options if name not in with_default and "default" in options[name]}


def test_literal_defaults_are_the_same_in_both_files(role: Any) -> None:
    defaults = read(role / "defaults/main.yml") or {}
    options = options_of(role)
    different = {
        name: (value, options[name].get("default"))
        for name, value in defaults.items()
        if is_literal(value)
        and (value != options[name].get("default") or type(value) is not type(options[name].get("default")))
    }
    assert different == {}


def test_defaults_are_of_the_type_that_the_specification_names(role: Any) -> None:
    defaults = read(role / "defaults/main.yml") or {}
    options = options_of(role)
    wrong = [name for name, value in defaults.items() if not fits(value, options[name]["type"])]
    assert wrong == []
    not_chosen = [
        name
        for name, value in defaults.items()
        if "choices" in options[name] and is_literal(value) and value not in options[name]["choices"]
    ]
    assert not_chosen == []


def test_every_option_is_typed_and_described(role: Any) -> None:
    assert described(options_of(role), "") == []


def test_variables_carry_the_prefix_of_their_role(role: Any) -> None:
    prefix = "ecms" if role.name == "household" else role.name
    strangers = [name for name in options_of(role) if not name.startswith(f"{prefix}_")]
    assert strangers == []


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "defaults/main.yml",
        "meta/main.yml",
        "meta/argument_specs.yml",
        "tasks/main.yml",
        "tasks/preflight.yml",
        "tasks/install.yml",
        "tasks/configure.yml",
    ],
)
def test_every_role_has_the_file(role: Any, name: str) -> None:
    assert (role / name).is_file()
    assert (role / name).stat().st_size > 0


def test_the_main_tasks_only_include_the_three_parts_each_with_its_tag(role: Any) -> None:
    tasks = read(role / "tasks/main.yml")
    assert [set(task) - {"name", "when", "tags"} for task in tasks] == [{"ansible.builtin.import_tasks"}] * 3
    for task, part in zip(tasks, ["preflight", "install", "configure"], strict=True):
        assert task["ansible.builtin.import_tasks"] == f"{part}.yml"
        assert part in task["tags"]


def test_the_readme_names_every_variable_or_says_where_they_are(role: Any) -> None:
    text = (role / "README.md").read_text(encoding="utf-8")
    unnamed = [name for name in options_of(role) if f"`{name}`" not in text]
    assert unnamed == [] or "argument_specs.yml" in text


def test_what_an_inventory_may_set_is_named_in_one_place() -> None:
    text = (ROOT / "roles/household/README.md").read_text(encoding="utf-8")
    assert [name for name in options_of(ROOT / "roles/household") if f"`{name}`" not in text] == []
