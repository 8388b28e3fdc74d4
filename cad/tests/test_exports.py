"""The files in the repository are what the model gives, by geometry and by reading them with other readers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import trimesh
from build123d import Shape, import_step
from lib3mf import Lib3MF

from ecms_box.exports import offered, write
from ecms_box.meshing import mesh_of

EXPORTS = Path(__file__).resolve().parent.parent / "exports"
PARTS = {part.name: part for part in offered()}
NEAR = 0.12
"""Hausdorff distance allowed, mm: facets lie 0.05 off the true surface, where fillets meet a little more."""


@cache
def _model(name: str) -> Shape:
    return PARTS[name].build()


@cache
def _fine(name: str) -> trimesh.Trimesh:
    return mesh_of(_model(name), 0.01, 0.1)


def test_nothing_else_is_kept() -> None:
    for kind in ("step", "stl", "3mf"):
        assert {f.stem for f in (EXPORTS / kind).iterdir()} == set(PARTS)


def test_files_are_small() -> None:
    assert sum(f.stat().st_size for f in EXPORTS.rglob("*") if f.is_file()) < 10_000_000


@pytest.mark.parametrize("name", list(PARTS))
def test_step_is_the_model(name: str) -> None:
    model, kept = _model(name), import_step(EXPORTS / "step" / f"{name}.step")
    assert kept.volume == pytest.approx(model.volume, rel=1e-6)
    assert kept.area == pytest.approx(model.area, rel=1e-6)
    assert tuple(kept.bounding_box().min) == pytest.approx(tuple(model.bounding_box().min), abs=1e-3)
    assert tuple(kept.bounding_box().max) == pytest.approx(tuple(model.bounding_box().max), abs=1e-3)
    assert _apart(mesh_of(kept), _fine(name)) < NEAR


@pytest.mark.parametrize("name", list(PARTS))
def test_stl_is_the_model(name: str) -> None:
    kept = trimesh.load_mesh(EXPORTS / "stl" / f"{name}.stl")
    _same(kept, name)


@pytest.mark.parametrize("name", list(PARTS))
def test_3mf_is_the_model_for_the_reference_reader(name: str) -> None:
    _same(_read_3mf(EXPORTS / "3mf" / f"{name}.3mf"), name)


def _read_3mf(path: Path) -> trimesh.Trimesh:
    """Read with lib3mf, the 3MF Consortium's own; it refuses what the format does not allow."""
    model = Lib3MF.Wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(path))
    assert reader.GetWarningCount() == 0
    objects = model.GetMeshObjects()
    assert objects.MoveNext()
    mesh = objects.GetCurrentMeshObject()
    assert mesh.IsManifoldAndOriented()
    assert model.GetUnit() == Lib3MF.ModelUnit.MilliMeter
    vertices = [tuple(v.Coordinates) for v in mesh.GetVertices()]
    return trimesh.Trimesh(vertices, [tuple(t.Indices) for t in mesh.GetTriangleIndices()], process=False)


def test_a_rebuild_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("lid-battery-plug-v2", "plunger"):
        for path in write(PARTS[name], tmp_path):
            assert path.read_bytes() == (EXPORTS / path.parent.name / path.name).read_bytes()


def test_a_part_that_moved_would_be_noticed() -> None:
    moved = _fine("cap").copy()
    moved.apply_translation((0.2, 0, 0))
    assert _apart(moved, _fine("cap")) > NEAR


def _same(kept: trimesh.Trimesh, name: str) -> None:
    model = _model(name)
    assert kept.is_watertight
    assert kept.volume == pytest.approx(model.volume, rel=0.01)
    assert kept.area == pytest.approx(model.area, rel=0.01)
    box = model.bounding_box()
    assert kept.bounds == pytest.approx(np.array([tuple(box.min), tuple(box.max)]), abs=0.02)
    assert _apart(kept, _fine(name)) < NEAR


def _apart(a: trimesh.Trimesh, b: trimesh.Trimesh, samples: int = 400) -> float:
    """Sampled Hausdorff distance, both ways, mm."""
    return max(_one_way(a, b, samples), _one_way(b, a, samples))


def _one_way(a: trimesh.Trimesh, b: trimesh.Trimesh, samples: int) -> float:
    points, _ = trimesh.sample.sample_surface(a, samples, seed=3)
    corners = a.vertices[:: max(1, len(a.vertices) // samples)]
    _, distance, _ = trimesh.proximity.closest_point(b, np.concatenate([points, corners]))
    return float(distance.max())
