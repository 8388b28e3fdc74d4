"""A household that is not there yet: what its inventory is to hold, and what stands against it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ecms_bridge import names
from household_checks import dashboard, hub, secrets
from household_checks.hosts import DASHBOARD, SERVICE_GROUPS
from household_checks.values import Variables, is_host, short_name, show, truth

RESERVED_GROUPS = frozenset({"all", "ungrouped", "hub", *SERVICE_GROUPS, DASHBOARD})
INVENTORIES = Path(__file__).resolve().parents[3] / "inventories"
EXAMPLES = frozenset({"casa", "casa_bianchi", "casa_rossi", "demo"})
"""Inventories of the repository whose names are nobody's, until site.yml has run with them and left secrets there."""

_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")


def scaffold_mistakes(wanted: Variables) -> list[str]:
    """Return what is wrong with the name and the options of a new household, a sentence each.

    ``wanted`` holds ``name``, ``directory`` (empty for the usual one), ``hub_hostname``, ``address`` (empty for the
    hub's name), ``user`` and ``central``, as the command line gave them.
    """
    return [f"{sentence}." for sentence in _mistakes(wanted)]


def _mistakes(wanted: Variables) -> Iterator[str]:
    name = wanted.get("name")
    if not name:
        yield 'Say whose home it is: -e name="Mario Rossi"'
    elif faults := list(_name_mistakes(name)):
        yield from faults
    else:
        yield from _option_mistakes(wanted)
        yield from _place_mistakes(_directory(wanted, names.slug_of(str(name))))


def _name_mistakes(name: object) -> Iterator[str]:
    yield from short_name("name", name)
    try:
        slug = names.slug_of(str(name))
    except names.HouseholdNameError as error:
        yield f"name: {error}"
        return
    if slug in RESERVED_GROUPS:
        yield f'name: "{name}" gives "{slug}", which is a group of every inventory: choose another name'


def _option_mistakes(wanted: Variables) -> Iterator[str]:
    # The sentence is that of the inventory, with the option's name.
    for sentence in hub.hostname_mistakes(wanted["hub_hostname"]):
        yield sentence.removeprefix("ecms_")
    if not is_host(wanted["address"] or "pi.local"):
        yield f"address is {show(wanted['address'])}: set the name or the address at which SSH reaches the hub"
    if not isinstance(wanted["user"], str) or not _USER.fullmatch(wanted["user"]):
        yield f"user is {show(wanted['user'])}: set the user of the hub that SSH logs in as, such as pi"
    if truth(wanted["central"]) is None:
        yield f"central is {show(wanted['central'])}: set true for services on a central machine, false for the hub"


def _place_mistakes(directory: Path) -> Iterator[str]:
    other = "choose another place by -e directory="
    if directory.exists() or directory.is_symlink():
        yield f"{shown(directory)} is there already: edit it, or {other}"
    elif not directory.parent.is_dir():
        yield f"{shown(directory.parent)} is no directory: make it first, or {other}"
    elif not os.access(directory.parent, os.W_OK | os.X_OK):
        yield f"{shown(directory.parent)} lets you write nothing: {other}"


def neighbour_mistakes(new: Variables, neighbours: Sequence[Mapping[str, object]]) -> list[str]:
    """Return a sentence for each inventory that has the name already.

    ``neighbours`` are what the action ``ecms_neighbours`` found: ``directory``, ``households`` (names),
    ``groups`` and ``hosts``.
    """
    slug = str(new["slug"])
    found = []
    for one in neighbours:
        place = shown(Path(str(one["directory"])))
        if slug in {_slug(name) for name in _texts(one["households"])}:
            what = "that {} has already"
        elif {slug, str(new["hub"])} & {*_texts(one["groups"]), *_texts(one["hosts"])}:
            what = "which is a group or a host of {}"
        else:
            continue
        found.append(f'name: "{new["name"]}" gives the slug "{slug}", {what.format(place)}: choose another name.')
    return found


def new_household(wanted: Variables) -> dict[str, object]:
    """Return everything that the templates and the checklist need, from a name and options without mistakes."""
    name = str(wanted["name"])
    slug = names.slug_of(name)
    directory = _directory(wanted, slug)
    central = bool(truth(wanted["central"]))
    hostname = str(wanted["hub_hostname"])
    beside = [path for path in (directory.parent / "central",) if path.is_dir()]
    own = [*secrets.secret_names(name), *dashboard.user_secrets({"ecms_household_name": name})]
    return {
        "name": name,
        "slug": slug,
        "hub": f"hub-{slug.replace('_', '-')}",
        "hub_hostname": hostname,
        "address": str(wanted["address"] or f"{hostname}.local"),
        "user": str(wanted["user"]),
        "central": central,
        "directory": str(directory),
        "shown": shown(directory),
        # The central machine's inventory, where the household has one: beside it, or the repository's.
        "central_shown": shown([*beside, INVENTORIES / "central"][0]) if central else "",
        "secrets": own if central else [*own, *secrets.SERVICE_SECRETS, *dashboard.SERVER_SECRETS],
    }


def neighbours_of(directory: Path) -> list[Path]:
    """Return the inventories beside a directory, without examples that nobody lives in."""
    return sorted(
        path
        for path in directory.parent.iterdir()
        if path != directory
        and not path.name.startswith(".")
        and path.is_dir()
        and any(file.suffix in {".yml", ".yaml", ".ini", ""} and file.is_file() for file in path.iterdir())
        and not (path.parent == INVENTORIES and path.name in EXAMPLES and not (path / ".secrets").exists())
    )


def shown(path: Path) -> str:
    """Return a path as somebody would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) and path != here else str(path)


def _directory(wanted: Variables, slug: str) -> Path:
    chosen = str(wanted["directory"])
    return Path(os.path.abspath(Path(chosen).expanduser())) if chosen else INVENTORIES / slug  # noqa: PTH100 - no links


def _slug(name: str) -> str | None:
    try:
        return names.slug_of(name)
    except names.HouseholdNameError:
        return None


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
