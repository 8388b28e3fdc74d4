"""The few solids everything is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from build123d import Align, Axis, Box, Compound, Cylinder, Part, Pos, Rot, Shape, Solid

from ecms_box.layout import Box3

_LOW = (Align.MIN, Align.MIN, Align.MIN)
_FOOT = (Align.CENTER, Align.CENTER, Align.MIN)


def block(x: float, y: float, z: float, dx: float, dy: float, dz: float) -> Part:
    """Return a box by its least corner and size, mm."""
    return Pos(x, y, z) * Box(dx, dy, dz, align=_LOW)


def of(box: Box3) -> Part:
    """Return the solid of a placed box."""
    return block(box.x, box.y, box.z, box.dx, box.dy, box.dz)


def post(x: float, y: float, z: float, diameter: float, height: float) -> Part:
    """Return an upright cylinder by the middle of its lower end, mm."""
    return Pos(x, y, z) * Cylinder(diameter / 2, height, align=_FOOT)


def bar(x: float, y: float, z: float, diameter: float, length: float) -> Part:
    """Return a cylinder along +y by the middle of its near end, mm."""
    return Pos(x, y, z) * Rot(-90, 0, 0) * Cylinder(diameter / 2, length, align=_FOOT)


def _one(result: object) -> Shape:
    """Return what a boolean operation gave as one shape: it answers with a list where several are possible."""
    if isinstance(result, Shape):
        return result
    shapes = list(cast("Sequence[Shape]", result or ()))
    return shapes[0] if len(shapes) == 1 else Compound(children=shapes)


def union(parts: Sequence[Shape]) -> Shape:
    """Return the union of at least one solid, with faces that lie in one plane merged."""
    first, *rest = parts
    return _one(first.fuse(*rest)).clean() if rest else first


def raised(body: Shape, features: Sequence[Shape]) -> Shape:
    """Return the body with small features on it, faces left as they are: merging them would take longest."""
    return _one(body.fuse(*features))


def without(body: Shape, holes: Sequence[Shape]) -> Shape:
    """Return the body less the holes."""
    return _one(body.cut(*holes)).clean() if holes else body


def common(one: Shape, other: Shape) -> Shape:
    """Return what two shapes share; an empty compound if nothing."""
    return _one(one.intersect(other))


def single(shape: Shape) -> Solid:
    """Return the one solid of a part; raises ValueError if it fell into several or none."""
    solids = shape.solids()
    if len(solids) != 1:
        raise ValueError(f"a part must be one solid, this one has {len(solids)}: a feature hangs in the air")
    return solids[0]


def rounded(box: Part, radius: float) -> Part:
    """Return the box with its upright edges rounded, mm."""
    return cast("Part", box.fillet(radius, box.edges().filter_by(Axis.Z)))


def together(parts: Sequence[Shape]) -> Compound:
    """Return the parts as one compound, not fused."""
    return Compound(children=list(parts))
