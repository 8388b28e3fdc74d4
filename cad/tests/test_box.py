"""What the placed boxes must hold: dimensions, room, distances, screws, nothing live in reach."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import BOXES

from ecms_box import checks, report
from ecms_box import parameters as p
from ecms_box.__main__ import DOCS
from ecms_box.assembly import Assembly, box
from ecms_box.layout import PILLAR, Layout, smallest
from ecms_box.parts.lower import marking_lines


def test_parts_do_not_share_space(assembly: Assembly) -> None:
    assert checks.overlaps(assembly) == []


def test_nothing_grows_out_of_the_box(assembly: Assembly) -> None:
    assert checks.outgrown(assembly) == []


def test_mains_keeps_away_from_low_voltage(assembly: Assembly) -> None:
    shortest = checks.mains_to_low_voltage(assembly)
    assert shortest.length >= p.SAFETY.mains_to_low_voltage, shortest


def test_sensor_gives_what_its_package_gives(assembly: Assembly) -> None:
    assert checks.sensor_barrier(assembly).length == pytest.approx(p.SENSOR.barrier_length)


def test_no_inner_metal_is_seen_from_outside(assembly: Assembly) -> None:
    assert checks.seen_from_outside(assembly) == {}


def test_without_caps_the_screws_are_seen(assembly: Assembly) -> None:
    bare = Assembly(assembly.layout)
    bare.__dict__["printed"] = [i for i in assembly.printed if i.name != "cap"]
    bare.__dict__["bought"] = assembly.bought
    assert "lid screw" in checks.seen_from_outside(bare)


def test_screws_fill_their_inserts_and_do_not_bottom(assembly: Assembly) -> None:
    for screw in checks.engagements(assembly.layout):
        assert screw.reach >= 0.9 * screw.insert, screw
        assert screw.spare >= 0.05, screw


def test_lid_screws_lie_sunk(assembly: Assembly) -> None:
    assert checks.sunk_head(assembly.layout) == pytest.approx(2.0)


def test_partition_reaches_from_floor_to_lid_and_into_both_walls(assembly: Assembly) -> None:
    layout = assembly.layout
    part = next(i for i in assembly.printed if i.name == "partition").shape.bounding_box()
    assert pytest.approx(p.PRINT.wall) == part.min.Z
    assert layout.lid_inner - part.max.Z <= 0.2
    assert part.min.X - p.PRINT.wall <= 0.2
    assert layout.width - p.PRINT.wall - part.max.X <= 0.2
    assert part.size.Y >= 2.0


def test_outer_size_of_printed_parts(assembly: Assembly) -> None:
    layout = assembly.layout
    size = {i.name: i.shape.bounding_box() for i in assembly.printed}
    assert pytest.approx((layout.width, layout.length)) == (size["lower"].size.X, size["lower"].size.Y)
    assert pytest.approx(layout.depth - p.PRINT.wall) == size["lower"].size.Z
    assert pytest.approx(layout.depth) == size["lid"].max.Z
    assert pytest.approx((layout.width, layout.length)) == (size["lid"].size.X, size["lid"].size.Y)


def test_document_box_has_the_documents_size(document: Assembly) -> None:
    lower, lid = (i.shape.bounding_box() for i in document.printed)
    assert tuple(lower.size) == pytest.approx((70, 85, 28))
    assert pytest.approx((70, 85, 30)) == (lid.size.X, lid.size.Y, lid.max.Z)
    thinnest = checks.thicknesses(document.printed[1].shape)
    assert thinnest[len(thinnest) // 2] == pytest.approx(2.0)


def test_document_box_does_not_hold_the_parts(document: Assembly) -> None:
    pairs = {frozenset((o.first, o.second)) for o in checks.overlaps(document) if o.volume > 100}
    assert {"socket", "plug"} in pairs
    assert {"lid", "socket"} in pairs
    assert "lid screw" in checks.seen_from_outside(document)


@pytest.mark.parametrize("name", list(BOXES))
def test_a_millimetre_less_is_too_small(name: str) -> None:
    best = smallest(BOXES[name])
    home = smallest(replace(BOXES[name], board=p.NODEMCU_V2)) if best.variant.board is p.D1_MINI else best
    assert (home.width, home.length, home.depth) == (best.width, best.length, best.depth)
    if best.variant.board is p.D1_MINI:
        return
    assert not _room(replace(best, width=best.width - 1))
    assert not _room(replace(best, length=best.length - 1))
    assert not _room(replace(best, depth=best.depth - 1))
    assert _room(best)


def _room(layout: Layout) -> bool:
    """Whether inner parts clear walls, pillars and each other, by arithmetic of their own on the placed boxes."""
    v, wall, fit = layout.variant, p.PRINT.wall, p.PRINT.fit
    board = layout.board
    boss = p.INSERT_M3_SHORT.hole / 2 + p.BOSS_WALL
    board_back = max(board.y + board.dy, max(y for _, y in layout.board_screws) + boss)
    ok = board_back + fit <= layout.length - wall + 0.01
    if board.x < PILLAR or board.x + board.dx > layout.width - PILLAR:
        ok &= board.y + board.dy + fit <= layout.length - PILLAR + 0.01
    ok &= board.x >= wall + fit - 0.01
    ok &= layout.sensor.x >= layout.mains_end + fit - 0.01
    if v.supply is p.Supply.BATTERY:
        battery = layout.battery
        ok &= battery.y >= layout.sensor.y + layout.sensor.dy + fit - 0.01
        ok &= battery.x + battery.dx <= layout.width - PILLAR - fit + 0.01
        ok &= battery.z + battery.dz + fit <= board.z + 0.01
        if v.inlet is p.Inlet.PLUG:
            ok &= layout.depth - layout.plug.inner_depth - layout.socket.depth >= p.SAFETY.mains_to_low_voltage - 0.01
    else:
        ok &= layout.acdc.z - layout.socket.depth >= p.ACDC.wires - 0.01
    return bool(ok)


@pytest.mark.parametrize(
    ("length", "width"), [(p.NODEMCU_V2.length, 28.0), (52.0, p.NODEMCU_V2.width)], ids=["wider", "longer"]
)
def test_a_changed_board_keeps_the_checks_true(length: float, width: float) -> None:
    board = replace(p.NODEMCU_V2, key="other", hole_pitch=(46.0, 22.5), length=length, width=width)
    changed = box(p.Variant(board=board, plain=True))
    assert checks.overlaps(changed) == []
    assert checks.mains_to_low_voltage(changed).length >= p.SAFETY.mains_to_low_voltage


def test_a_mains_powered_box_with_a_plug_is_refused() -> None:
    with pytest.raises(ValueError, match="needs inlet=cord"):
        p.Variant(supply=p.Supply.MAINS, inlet=p.Inlet.PLUG)


def test_marking_says_rating_fuse_warning_and_no_certificate() -> None:
    five, ten = (marking_lines(p.Variant(rating=r)) for r in (p.Rating.A5, p.Rating.A10))
    assert "230 V~ MAX 3.5 A" in five
    assert "T5AH" in five
    assert "230 V~ MAX 10 A" in ten
    assert "T10AH" in ten
    for lines in (five, ten):
        assert "NOT CERTIFIED" in lines
        assert "UNPLUG TO OPEN" in lines


def test_figures_in_both_guides_are_the_models() -> None:
    columns = report.measured()
    for language, name in (("en", "build.md"), ("it", "build.it.md")):
        text = (DOCS / name).read_text(encoding="utf-8")
        assert report.between_marks(text) == report.table(columns, language)
