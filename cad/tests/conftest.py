"""Boxes built once for all tests, and the result line that the whole project's tests end with."""

from __future__ import annotations

from functools import cache

import pytest

from ecms_box import parameters as p
from ecms_box.assembly import Assembly, box, document_box

POWERED = p.Variant(p.Rating.A10, p.Supply.MAINS, p.Inlet.CORD, plain=True)
BOXES = {
    "battery": p.Variant(plain=True),
    "battery-cord": p.Variant(inlet=p.Inlet.CORD, plain=True),
    "battery-d1mini": p.Variant(board=p.D1_MINI, plain=True),
    "battery-v3": p.Variant(board=p.NODEMCU_V3, plain=True),
    "battery-type-l": p.Variant(standard=p.Standard.L, plain=True),
    "mains": POWERED,
    "mains-d1mini": p.Variant(p.Rating.A10, p.Supply.MAINS, p.Inlet.CORD, p.D1_MINI, plain=True),
}


@cache
def built(name: str) -> Assembly:
    """Return a box by its name in BOXES, or the document's."""
    return document_box(p.Variant()) if name == "document" else box(BOXES[name])


@pytest.fixture(params=list(BOXES))
def assembly(request: pytest.FixtureRequest) -> Assembly:
    """Each of our boxes in turn."""
    return built(str(request.param))


@pytest.fixture
def document() -> Assembly:
    """The document's box."""
    return built("document")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End with a plain count, whatever else the run printed."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    stats = reporter.stats
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    for report in stats.get("skipped", []):
        print(f"NOT RUN: {report.longrepr[2] if isinstance(report.longrepr, tuple) else report.nodeid}")
    print(f"{len(stats.get('passed', []))} passed, {failed} failed")
