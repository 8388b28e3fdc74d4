"""Partition, plunger and screw cap."""

from __future__ import annotations

from build123d import Shape, Solid

from ecms_box import parameters as p
from ecms_box.layout import CAP_THICKNESS, RECESS_DIAMETER, Layout
from ecms_box.solids import block, of, post, single, union, without

PLUNGER_SHAFT = 4.0
PLUNGER_FLANGE = 5.6
PLUNGER_FLANGE_HEIGHT = 1.4


def partition(layout: Layout) -> Solid:
    """Return the wall between mains and low voltage, in its place; a notch passes the sensor's board and chip."""
    part, sensor = layout.partition, layout.sensor
    chip = p.SENSOR.pcb + 1.75
    cut: list[Shape] = [
        block(sensor.x - 0.3, part.y - 1, part.z - 1, sensor.dx + 0.6, part.dy + 2, 1 + p.SENSOR.boss + chip + 0.4),
    ]
    right = layout.width - p.PRINT.wall - 6.0
    top = part.z + part.dz
    if layout.variant.supply is p.Supply.MAINS:
        cut.append(block(right - 12.0, part.y - 1, top - 6.0, 4.0, part.dy + 2, 7.0))
    return single(without(of(part), cut))


def plunger(layout: Layout) -> Solid:
    """Return the insulating plunger over the FLASH button, in its place; its flange keeps it in the lid.

    Raises ValueError if the board has no such button.
    """
    if layout.plunger is None:
        raise ValueError(f"{layout.variant.board.name} has no FLASH button: build its lid without a plunger")
    x, y = layout.plunger
    bottom = layout.lid_inner - p.STACK.component_gap + p.STACK.button_height + 0.3
    shaft = post(x, y, bottom, PLUNGER_SHAFT, layout.depth - bottom)
    return single(union([shaft, post(x, y, bottom, PLUNGER_FLANGE, PLUNGER_FLANGE_HEIGHT)]))


def cap(x: float, y: float, top: float) -> Solid:
    """Return the plug that covers a sunk screw head, flush with the lid's face at height `top`, mm."""
    return single(post(x, y, top - CAP_THICKNESS, RECESS_DIAMETER - 0.1, CAP_THICKNESS))
