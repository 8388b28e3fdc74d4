"""Holds a dashboard against grafana-foundation-sdk: types that Grafana Labs generate from Grafana's own schemas.

The types say what each member holds; what they do not know they drop, so a member that does not come back is none.
"""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard, DataTransformerConfig, Panel

register_default_plugins()


def mistakes(document: dict[str, Any]) -> list[str]:
    """Return what Grafana's types do not have: members that do not exist, values of a wrong type."""
    parsed = Dashboard.from_json(document)
    for panel in parsed.panels or []:
        if isinstance(panel, Panel):
            # The library leaves these as they came.
            panel.transformations = [
                DataTransformerConfig.from_json(typing.cast("dict[str, Any]", one))
                for one in panel.transformations or []
            ]
    known = json.loads(json.dumps(parsed, cls=JSONEncoder))
    return [*_unknown(document, known, "dashboard"), *_wrong(parsed, Dashboard, "dashboard")]


def _unknown(given: Any, known: Any, place: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            if key in known:
                yield from _unknown(value, known[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} does not exist"
    elif isinstance(given, list) and isinstance(known, list) and len(given) == len(known):
        for number, (one, other) in enumerate(zip(given, known, strict=True)):
            yield from _unknown(one, other, f"{place}[{number}]")
    elif given != known:
        yield f"{place} is {given!r}, and Grafana reads {known!r}"


def _wrong(value: Any, kind: Any, place: str) -> Iterator[str]:
    if not _fits(value, kind):
        yield f"{place} is {value!r}, no {kind}"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _wrong(item, object, f"{place}[{number}]")
    elif type(value).__module__.startswith("grafana_foundation_sdk.models"):
        hints = typing.get_type_hints(type(value))
        for name, hint in hints.items():
            yield from _wrong(getattr(value, name), hint, f"{place}.{name}")


def _fits(value: Any, kind: Any) -> bool:  # noqa: PLR0911 (one line for each form of a type)
    origin = typing.get_origin(kind)
    if kind in (object, Any):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, choice) for choice in typing.get_args(kind))
    if origin is typing.Literal:
        return value in typing.get_args(kind)
    if origin in (list, dict):
        inner = typing.get_args(kind)[-1]
        items = value.values() if isinstance(value, dict) else value
        return isinstance(value, origin) and all(_fits(item, inner) for item in items)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return value in [choice.value for choice in kind]
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)
