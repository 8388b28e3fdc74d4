"""Every printed part: closed, one piece, thick enough, printable without supports."""

from __future__ import annotations

import pytest
from build123d import Shape
from conftest import BOXES, built

from ecms_box import checks
from ecms_box import parameters as p
from ecms_box.layout import PILLAR_CENTRE, PILLAR_RADIUS
from ecms_box.meshing import mesh_of
from ecms_box.parts.lid import in_print_position

PARTS = [
    (name, part)
    for name in [*BOXES, "document"]
    for part in ("lower", "lid", "partition", "plunger", "cap")
    if not (name == "document" and part not in ("lower", "lid")) and not (part == "plunger" and name.endswith("d1mini"))
]


def _shape(name: str, part: str) -> Shape:
    assembly = built(name)
    shape = next(i.shape for i in assembly.printed if i.name == part)
    return in_print_position(shape, assembly.layout.depth) if part == "lid" else shape


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_part_is_closed_and_in_one_piece(name: str, part: str) -> None:
    shape = _shape(name, part)
    assert shape.is_valid
    mesh = mesh_of(shape)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.body_count == 1
    assert mesh.volume == pytest.approx(shape.volume, rel=0.01)


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_part_is_thick_enough(name: str, part: str) -> None:
    thinnest = checks.thicknesses(_shape(name, part))
    assert thinnest[0] >= p.PRINT.least_wall - 0.01


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_part_prints_without_supports(name: str, part: str) -> None:
    widest = checks.bridges(_shape(name, part))
    assert not widest or widest[0].span <= p.PRINT.longest_bridge


def test_insert_walls_are_the_makers() -> None:
    assert PILLAR_RADIUS - p.INSERT_M3.hole / 2 >= p.INSERT_M3.wall
    assert PILLAR_CENTRE - p.INSERT_M3.hole / 2 >= p.INSERT_M3.wall
    assert p.INSERT_M3_SHORT.wall <= p.BOSS_WALL
    assert p.PRINT.vent_width < 1.0
