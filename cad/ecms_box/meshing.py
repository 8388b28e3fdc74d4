"""Triangles from solids, coarse enough for small files and fine enough for a 0.4 mm nozzle."""

from __future__ import annotations

import numpy as np
import trimesh
from build123d import Shape

LINEAR = 0.05
"""Greatest distance of a facet from the true surface, mm."""
ANGULAR = 0.35


def mesh_of(shape: Shape, linear: float = LINEAR, angular: float = ANGULAR) -> trimesh.Trimesh:
    """Return the shape's surface as triangles with shared vertices merged; the same shape gives the same mesh."""
    vertices, faces = shape.tessellate(linear, angular)
    points = np.array([(v.X, v.Y, v.Z) for v in vertices], dtype=np.float64).round(4)
    mesh = trimesh.Trimesh(points, np.array(faces, dtype=np.int64), process=False)
    mesh.merge_vertices(digits_vertex=4)
    mesh.update_faces(mesh.nondegenerate_faces())
    mesh.remove_unreferenced_vertices()
    return mesh
