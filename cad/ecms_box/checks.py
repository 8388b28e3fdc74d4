"""Checks of a placed box. Each returns figures; the tests and the guide's table judge them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import cast

import numpy as np
import trimesh
from build123d import Shape

from ecms_box import parameters as p
from ecms_box.assembly import Assembly
from ecms_box.components import Item, Role
from ecms_box.layout import CORNER_BLOCK, SEAT, Layout
from ecms_box.meshing import mesh_of
from ecms_box.solids import common

TOUCHING = 0.01
"""Overlaps below this volume, mm3, are faces that touch."""


@dataclass(frozen=True)
class Overlap:
    """Two solids that share space; `volume` in mm3."""

    first: str
    second: str
    volume: float


@dataclass(frozen=True)
class Distance:
    """Shortest way between two solids, mm."""

    first: str
    second: str
    length: float


@dataclass(frozen=True)
class Engagement:
    """How a screw sits: `reach` is the thread inside its insert, `spare` the free depth beyond its tip, mm."""

    name: str
    reach: float
    insert: float
    spare: float


def overlaps(assembly: Assembly) -> list[Overlap]:
    """Return every pair of different components that share space, greatest first."""
    found: list[Overlap] = []
    boxes = [(item, _bounds(item.shape)) for item in assembly.items]
    for (a, bounds_a), (b, bounds_b) in combinations(boxes, 2):
        same = a.component == b.component and a.component != "printed" and "fastener" not in a.component
        if same or not _meet(bounds_a, bounds_b):
            continue
        volume = _volume(common(a.shape, b.shape))
        if volume > TOUCHING:
            found.append(Overlap(a.name, b.name, volume))
    return sorted(found, key=lambda o: -o.volume)


def outgrown(assembly: Assembly) -> list[Distance]:
    """Return the inner parts that stand out of the outer size, with how far; outside parts are exempt."""
    layout = assembly.layout
    limits = np.array([[0.0, 0.0, 0.0], [layout.width, layout.length, layout.depth]])
    found = []
    for item in assembly.bought:
        if item.outside:
            continue
        low, high = _bounds(item.shape)
        beyond = float(max((limits[0] - low).max(), (high - limits[1]).max()))
        if beyond > TOUCHING:
            found.append(Distance(item.name, "outer size", beyond))
    return found


def mains_to_low_voltage(assembly: Assembly) -> Distance:
    """Return the shortest straight way from a mains part to a low-voltage part, as if no partition were there.

    Inside the sensor and the AC-DC module the makers' insulation counts, not a distance.
    """
    mains = [i for i in assembly.bought if i.role is Role.MAINS]
    low = [i for i in assembly.bought if i.role is Role.LOW_VOLTAGE]
    pairs = ((a, b) for a in mains for b in low if a.component != b.component)
    distances = (Distance(a.name, b.name, float(a.shape.distance_to(b.shape))) for a, b in pairs)
    return min(distances, key=lambda d: d.length)


def sensor_barrier(assembly: Assembly) -> Distance:
    """Return the distance between the two sides of the sensor, mm: what the ACS712's package gives."""
    parts = [i for i in assembly.bought if i.component == "sensor"]
    pairs = ((a, b) for a in parts for b in parts if a.role is Role.MAINS and b.role is Role.LOW_VOLTAGE)
    distances = (Distance(a.name, b.name, float(a.shape.distance_to(b.shape))) for a, b in pairs)
    return min(distances, key=lambda d: d.length)


def seen_from_outside(assembly: Assembly, samples: int = 60, directions: int = 400) -> dict[str, int]:
    """Return how many straight lines reach each conductive inner part from outside, per part name.

    Lines end at printed parts and at the housings of plug, socket and gland. Build the assembly without vents: their
    slots are judged by their width instead.
    """
    shields = [i for i in assembly.items if i.role is Role.INSULATION or i.outside]
    mesh = cast("trimesh.Trimesh", trimesh.util.concatenate([mesh_of(i.shape) for i in shields]))
    conductive = [i for i in assembly.bought if i.role is not Role.INSULATION and not i.outside]
    rays = _sphere(directions)
    seen: dict[str, int] = {}
    for number, item in enumerate(conductive):
        points, faces = trimesh.sample.sample_surface(mesh_of(item.shape), samples, seed=number)
        normals = mesh_of(item.shape).face_normals[faces]
        origins = np.repeat(points + 0.02 * normals, len(rays), axis=0)
        vectors = np.tile(rays, (len(points), 1))
        outward = np.einsum("ij,ij->i", np.repeat(normals, len(rays), axis=0), vectors) > 0
        hit = mesh.ray.intersects_any(origins[outward], vectors[outward])
        seen[item.name] = seen.get(item.name, 0) + int((~hit).sum())
    return {name: count for name, count in seen.items() if count}


def engagements(layout: Layout) -> list[Engagement]:
    """Return how the lid's, the board's and the sensor's screws sit in their inserts."""
    stack, m3, m3s, m2 = p.STACK, p.INSERT_M3, p.INSERT_M3_SHORT, p.INSERT_M2
    clamped = layout.variant.board.hole_pitch is None
    through_board = 1.0 + 0.1 if clamped else stack.pcb
    rows = (
        ("lid screw", p.M3_LID.length - SEAT, m3),
        ("board screw", p.M3_BOARD.length - through_board, m3s),
        ("sensor screw", p.M2_SENSOR.length - p.SENSOR.pcb, m2),
    )
    return [Engagement(name, min(tip, i.length), i.length, i.hole_depth - tip) for name, tip, i in rows]


def sunk_head(layout: Layout) -> float:
    """Return how deep the lid screws' heads lie below the lid's face, mm."""
    return layout.depth - (layout.depth - CORNER_BLOCK + SEAT + p.M3_LID.head_height)


def thicknesses(shape: Shape, samples: int = 4000) -> np.ndarray:
    """Return the thickness of the part behind points spread over its surface, mm, ascending."""
    mesh = mesh_of(shape)
    points, faces = trimesh.sample.sample_surface(mesh, samples, seed=1)
    inward = -mesh.face_normals[faces]
    hits, rays, _ = mesh.ray.intersects_location(points + 1e-3 * inward, inward, multiple_hits=False)
    return np.sort(np.linalg.norm(hits - points[rays], axis=1))


@dataclass(frozen=True)
class Bridge:
    """A downward face in the air in print position: `span` is its shorter side, mm."""

    z: float
    span: float
    other: float


def bridges(shape: Shape) -> list[Bridge]:
    """Return the overhangs flatter than 45 degrees above the bed, widest first; the bed is the part's lowest level."""
    mesh = mesh_of(shape)
    bed = mesh.bounds[0][2]
    normals, centres = mesh.face_normals, mesh.triangles_center
    loose = np.where((normals[:, 2] < -np.sin(np.pi / 4) - 1e-6) & (centres[:, 2] > bed + 0.05))[0]
    groups = trimesh.graph.connected_components(mesh.face_adjacency, nodes=loose, min_len=1)
    inside = set(loose.tolist())
    found: list[Bridge] = []
    for group in groups:
        faces = [f for f in group if f in inside]
        if not faces:
            continue
        corners = mesh.triangles[faces].reshape(-1, 3)
        size = np.ptp(corners, axis=0)
        found.append(Bridge(float(corners[:, 2].min() - bed), float(min(size[:2])), float(max(size[:2]))))
    return sorted(found, key=lambda b: -b.span)


def _sphere(count: int) -> np.ndarray:
    """Directions spread evenly (Fibonacci)."""
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    phi = np.pi * (1 + 5**0.5) * k
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(phi), r * np.sin(phi), z], axis=1)


def _bounds(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    b = shape.bounding_box()
    return np.array([b.min.X, b.min.Y, b.min.Z]), np.array([b.max.X, b.max.Y, b.max.Z])


def _meet(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> bool:
    return bool(np.all(a[0] < b[1]) and np.all(b[0] < a[1]))


def _volume(shape: Shape) -> float:
    return float(sum(s.volume for s in shape.solids()))


def crowding(assembly: Assembly) -> float:
    """Return the volume of the inner parts over the box's inner volume."""
    layout, wall = assembly.layout, 2 * p.PRINT.wall
    inner = (layout.width - wall) * (layout.length - wall) * (layout.depth - wall)
    parts: list[Item] = [i for i in assembly.bought if not i.outside]
    return sum(float(i.shape.volume) for i in parts) / inner
