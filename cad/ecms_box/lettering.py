"""Raised letters from straight strokes: no font file, so that every machine gives the same solid."""

from __future__ import annotations

from functools import cache
from math import atan2, cos, degrees, hypot, sin

from build123d import Align, Box, Pos, Rot, Shape

from ecms_box.solids import union

# Strokes on a grid 2 wide and 4 high, x from the left, y from the baseline.
_STROKES: dict[str, list[tuple[float, float, float, float]]] = {
    "0": [(0, 0, 2, 0), (2, 0, 2, 4), (2, 4, 0, 4), (0, 4, 0, 0)],
    "1": [(1, 0, 1, 4), (0, 3, 1, 4)],
    "2": [(0, 4, 2, 4), (2, 4, 2, 2), (2, 2, 0, 2), (0, 2, 0, 0), (0, 0, 2, 0)],
    "3": [(0, 4, 2, 4), (2, 4, 2, 0), (2, 0, 0, 0), (0.4, 2, 2, 2)],
    "5": [(2, 4, 0, 4), (0, 4, 0, 2), (0, 2, 2, 2), (2, 2, 2, 0), (2, 0, 0, 0)],
    ".": [(0.9, 0, 1.1, 0)],
    "~": [(0, 1.6, 0.7, 2.4), (0.7, 2.4, 1.3, 1.6), (1.3, 1.6, 2, 2.4)],
    "A": [(0, 0, 0, 4), (0, 4, 2, 4), (2, 4, 2, 0), (0, 2, 2, 2)],
    "B": [(0, 0, 0, 4), (0, 4, 1.6, 4), (1.6, 4, 1.6, 2), (0, 2, 2, 2), (2, 2, 2, 0), (2, 0, 0, 0)],
    "C": [(2, 4, 0, 4), (0, 4, 0, 0), (0, 0, 2, 0)],
    "D": [(0, 0, 0, 4), (0, 4, 1.4, 4), (1.4, 4, 2, 3.4), (2, 3.4, 2, 0.6), (2, 0.6, 1.4, 0), (1.4, 0, 0, 0)],
    "E": [(2, 4, 0, 4), (0, 4, 0, 0), (0, 0, 2, 0), (0, 2, 1.5, 2)],
    "F": [(2, 4, 0, 4), (0, 4, 0, 0), (0, 2, 1.5, 2)],
    "G": [(2, 4, 0, 4), (0, 4, 0, 0), (0, 0, 2, 0), (2, 0, 2, 2), (2, 2, 1.2, 2)],
    "H": [(0, 0, 0, 4), (2, 0, 2, 4), (0, 2, 2, 2)],
    "I": [(1, 0, 1, 4)],
    "L": [(0, 4, 0, 0), (0, 0, 2, 0)],
    "M": [(0, 0, 0, 4), (0, 4, 1, 2.4), (1, 2.4, 2, 4), (2, 4, 2, 0)],
    "N": [(0, 0, 0, 4), (0, 4, 2, 0), (2, 0, 2, 4)],
    "O": [(0, 0, 2, 0), (2, 0, 2, 4), (2, 4, 0, 4), (0, 4, 0, 0)],
    "P": [(0, 0, 0, 4), (0, 4, 2, 4), (2, 4, 2, 2), (2, 2, 0, 2)],
    "R": [(0, 0, 0, 4), (0, 4, 2, 4), (2, 4, 2, 2), (2, 2, 0, 2), (0.8, 2, 2, 0)],
    "S": [(2, 4, 0, 4), (0, 4, 0, 2), (0, 2, 2, 2), (2, 2, 2, 0), (2, 0, 0, 0)],
    "T": [(0, 4, 2, 4), (1, 4, 1, 0)],
    "U": [(0, 4, 0, 0), (0, 0, 2, 0), (2, 0, 2, 4)],
    "V": [(0, 4, 1, 0), (1, 0, 2, 4)],
    "X": [(0, 0, 2, 4), (0, 4, 2, 0)],
}
ADVANCE = 4.0
"""Letter pitch in grid units."""


def letters(text: str, height: float, stroke: float, thickness: float) -> list[Shape]:
    """Return the letters of a line of text in the xy plane, baseline at the origin, rising `thickness` in z, mm.

    Raises KeyError for a character without strokes.
    """
    pitch = ADVANCE * (height - stroke) / 4
    placed = enumerate(text)
    return [Pos(i * pitch, 0, 0) * _letter(c, height, stroke, thickness) for i, c in placed if c != " "]


@cache
def _letter(char: str, height: float, stroke: float, thickness: float) -> Shape:
    unit = (height - stroke) / 4
    beams: list[Shape] = []
    for x0, y0, x1, y1 in _STROKES[char]:
        dx, dy = (x1 - x0) * unit, (y1 - y0) * unit
        length = hypot(dx, dy) + stroke
        angle = atan2(dy, dx)
        x = stroke / 2 + x0 * unit - stroke / 2 * cos(angle)
        y = stroke / 2 + y0 * unit - stroke / 2 * sin(angle)
        beam = Box(length, stroke, thickness, align=(Align.MIN, Align.CENTER, Align.MIN))
        beams.append(Pos(x, y, 0) * Rot(0, 0, degrees(angle)) * beam)
    return union(beams)
