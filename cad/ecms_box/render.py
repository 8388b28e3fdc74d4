"""Pictures of the model by ray casting: shaded, with ambient light and drawn edges, on white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ecms_box.components import Colour, Item, shifted
from ecms_box.meshing import mesh_of

Array = NDArray[np.float64]
SUPERSAMPLING = 2
AMBIENT_RAYS = 20
AMBIENT_REACH = 26.0
TINY = 1e-6
BEND = 0.85
"""Cosine of the angle from which a bend is drawn as an edge."""
INK = np.array([0.13, 0.14, 0.16])


@dataclass(frozen=True)
class Camera:
    """Parallel projection; the angles in degrees, azimuth from the x axis, elevation from the horizon."""

    azimuth: float
    elevation: float
    up_down: bool = False
    """Look at the box turned over (the lid below)."""

    def axes(self) -> tuple[Array, Array, Array]:
        """Return right, up and towards-the-viewer unit vectors."""
        a, e = np.radians(self.azimuth), np.radians(self.elevation)
        back = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        zenith = np.array([0.0, 0.0, -1.0 if self.up_down else 1.0])
        right = np.cross(zenith, back)
        right /= np.linalg.norm(right)
        return right, np.cross(back, right), back


@dataclass(frozen=True)
class Callout:
    """A numbered label at a point of the scene, set off by (dx, dy) of the picture's height."""

    text: str
    point: tuple[float, float, float]
    offset: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Picture:
    """What to draw. `ghost` names parts drawn see-through."""

    items: list[Item]
    camera: Camera
    explode: float = 0.0
    ghost: frozenset[str] = frozenset()
    callouts: tuple[Callout, ...] = ()
    width: int = 1200
    height: int = 900
    margin: float = 1.06


@dataclass(frozen=True)
class _Layer:
    colour: Array
    depth: Array
    hit: NDArray[np.bool_]


def draw(picture: Picture) -> Image.Image:
    """Return the picture."""
    meshes = [(mesh_of(shifted(i, picture.explode), 0.03, 0.12), i) for i in picture.items]
    frame = _frame(picture, [m for m, _ in meshes])
    solid = _layer([(m, i) for m, i in meshes if i.name not in picture.ghost], frame)
    image = np.ones((*solid.hit.shape, 3))
    image[solid.hit] = solid.colour[solid.hit]
    ghosts = [(m, i) for m, i in meshes if i.name in picture.ghost]
    if ghosts:
        veil = _layer(ghosts, frame)
        front = veil.hit & (~solid.hit | (veil.depth > solid.depth))
        image[front] = 0.72 * image[front] + 0.28 * veil.colour[front]
    s = SUPERSAMPLING
    h, w = image.shape[0] // s, image.shape[1] // s
    image = image.reshape(h, s, w, s, 3).mean(axis=(1, 3))
    result = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8), "RGB")
    _label(result, picture.callouts, frame)
    return result


@dataclass(frozen=True)
class _Frame:
    right: Array
    up: Array
    back: Array
    centre: Array
    scale: float
    """mm per fine pixel."""
    width: int
    height: int

    def pixel(self, point: tuple[float, float, float]) -> tuple[float, float]:
        v = np.array(point) - self.centre
        x = (v @ self.right) / self.scale + self.width / 2
        y = self.height / 2 - (v @ self.up) / self.scale
        return float(x) / SUPERSAMPLING, float(y) / SUPERSAMPLING


def _frame(picture: Picture, meshes: list[trimesh.Trimesh]) -> _Frame:
    right, up, back = picture.camera.axes()
    points = np.concatenate([m.vertices for m in meshes])
    flat = np.stack([points @ right, points @ up, points @ back], axis=1)
    low, high = flat.min(axis=0), flat.max(axis=0)
    mid = (low + high) / 2
    w, h = picture.width * SUPERSAMPLING, picture.height * SUPERSAMPLING
    scale = picture.margin * max((high[0] - low[0]) / w, (high[1] - low[1]) / h)
    centre = mid[0] * right + mid[1] * up + (high[2] + 50.0) * back
    return _Frame(right, up, back, centre, float(scale), w, h)


def _layer(parts: list[tuple[trimesh.Trimesh, Item]], frame: _Frame) -> _Layer:
    mesh = cast("trimesh.Trimesh", trimesh.util.concatenate([m for m, _ in parts]))
    owner = np.repeat(np.arange(len(parts)), [len(m.faces) for m, _ in parts])
    paint = np.array([_linear(i.colour) for _, i in parts])
    xs = (np.arange(frame.width) - frame.width / 2 + 0.5) * frame.scale
    ys = (frame.height / 2 - np.arange(frame.height) - 0.5) * frame.scale
    origins = (
        frame.centre + xs[None, :, None] * frame.right[None, None, :] + ys[:, None, None] * frame.up[None, None, :]
    ).reshape(-1, 3)
    rays = np.broadcast_to(-frame.back, origins.shape)
    triangle = np.concatenate(
        [mesh.ray.intersects_first(o, r) for o, r in zip(_chunks(origins), _chunks(rays), strict=True)]
    )
    hit = triangle >= 0
    normals = mesh.face_normals[triangle[hit]]
    normals = np.where((normals @ frame.back < 0)[:, None], -normals, normals)
    anchor = mesh.triangles[triangle[hit], 0]
    start = origins[hit]
    along = np.einsum("ij,ij->i", anchor - start, normals) / np.minimum(-(normals @ frame.back), -TINY)
    points = start - along[:, None] * frame.back
    light = _light(mesh, points, normals, frame)
    shape = (frame.height, frame.width)
    colour, depth = np.ones((*shape, 3)), np.full(shape, -np.inf)
    identity, direction = np.full(shape, -1), np.zeros((*shape, 3))
    grid = hit.reshape(shape)
    colour[grid] = _display(paint[owner[triangle[hit]]] * light[:, None])
    depth[grid] = -along
    identity[grid] = owner[triangle[hit]]
    direction[grid] = normals
    edge = _edges(identity, depth, direction, frame.scale)
    colour[edge] = 0.25 * colour[edge] + 0.75 * INK
    return _Layer(colour, depth, grid | edge & grid)


def _light(mesh: trimesh.Trimesh, points: Array, normals: Array, frame: _Frame) -> Array:
    """A key light over the viewer's left shoulder, a fill light, and the open share of the hemisphere."""
    key = _unit(0.9 * frame.back - 0.55 * frame.right + 0.75 * frame.up)
    fill = _unit(0.7 * frame.back + 0.8 * frame.right + 0.1 * frame.up)
    direct = 0.62 * np.clip(normals @ key, 0, None) + 0.2 * np.clip(normals @ fill, 0, None)
    open_share = _open_share(mesh, points, normals)
    return np.asarray((0.36 + direct) * (0.32 + 0.68 * open_share), dtype=np.float64)


def _open_share(mesh: trimesh.Trimesh, points: Array, normals: Array) -> Array:
    rng = np.random.default_rng(7)
    start = points + 0.03 * normals
    total = np.zeros(len(points))
    for _ in range(AMBIENT_RAYS // SUPERSAMPLING**2):
        ray = _unit(rng.normal(size=normals.shape) + 1e-9)
        ray = _unit(ray + 1.02 * normals)
        blocked = np.zeros(len(points), dtype=bool)
        first = np.concatenate(
            [mesh.ray.intersects_first(o, r) for o, r in zip(_chunks(start), _chunks(ray), strict=True)]
        )
        reached = first >= 0
        plane = mesh.face_normals[first[reached]]
        anchor = mesh.triangles[first[reached], 0]
        slope = np.einsum("ij,ij->i", ray[reached], plane)
        way = np.einsum("ij,ij->i", anchor - start[reached], plane) / np.where(np.abs(slope) < TINY, TINY, slope)
        blocked[reached] = way < AMBIENT_REACH
        total += ~blocked
    return total / (AMBIENT_RAYS // SUPERSAMPLING**2)


def _edges(identity: NDArray[np.int64], depth: Array, direction: Array, scale: float) -> NDArray[np.bool_]:
    """Pixels where the part changes, a face bends by more than 30 degrees, or depth jumps."""
    edge = np.zeros(identity.shape, dtype=bool)
    finite = np.where(np.isfinite(depth), depth, -1e6)
    for axis in (0, 1):
        a = [slice(None), slice(None)]
        b = [slice(None), slice(None)]
        a[axis], b[axis] = slice(1, None), slice(None, -1)
        ia, ib = tuple(a), tuple(b)
        change = identity[ia] != identity[ib]
        bend = np.einsum("ijk,ijk->ij", direction[ia], direction[ib]) < BEND
        jump = np.abs(finite[ia] - finite[ib]) > np.maximum(6 * scale, 0.8)
        mark = change | (bend & (identity[ia] >= 0)) | jump
        edge[ia] |= mark & (identity[ia] >= 0)
        edge[ib] |= mark & (identity[ib] >= 0)
    return edge


def _label(image: Image.Image, callouts: tuple[Callout, ...], frame: _Frame) -> None:
    pen = ImageDraw.Draw(image)
    radius = image.height * 0.021
    font = ImageFont.load_default(size=int(radius * 1.35))
    for c in callouts:
        x, y = frame.pixel(c.point)
        cx, cy = x + c.offset[0] * image.height, y + c.offset[1] * image.height
        if c.offset != (0.0, 0.0):
            pen.line([(x, y), (cx, cy)], fill=(30, 32, 36), width=3)
            pen.ellipse([x - 5, y - 5, x + 5, y + 5], fill=(30, 32, 36))
        pen.ellipse(
            [cx - radius, cy - radius, cx + radius, cy + radius], fill=(255, 255, 255), outline=(30, 32, 36), width=3
        )
        pen.text((cx, cy), c.text, fill=(30, 32, 36), font=font, anchor="mm")


def _chunks(a: Array, size: int = 400_000) -> list[Array]:
    return [np.ascontiguousarray(a[i : i + size]) for i in range(0, len(a), size)]


def _unit(v: Array) -> Array:
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True), dtype=np.float64)


def _linear(colour: Colour) -> Array:
    return (np.array(colour, dtype=np.float64) / 255) ** 2.2


def _display(light: Array) -> Array:
    return np.asarray(np.clip(light, 0, 1) ** (1 / 2.2), dtype=np.float64)
