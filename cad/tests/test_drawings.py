"""Drawings, diagrams and pages: what they must say, and that the kept ones are the model's."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from conftest import built
from fpdf import FPDF

from ecms_box import parameters as p
from ecms_box.__main__ import DOCS, HERE
from ecms_box.components import IVORY, Item, Role
from ecms_box.drawings import lid_drawing, lower_drawing
from ecms_box.printsheet import safety_sheet
from ecms_box.render import Camera, Picture, draw
from ecms_box.scenes import SCENES
from ecms_box.sheet import Polyline, Sheet, Text
from ecms_box.solids import block
from ecms_box.wiring import EARTH, NEUTRAL, PHASE, wiring


def _words(sheet: Sheet) -> set[str]:
    return {i.text for i in sheet.items if isinstance(i, Text)}


def test_drawings_carry_the_outer_dimensions() -> None:
    assembly = built("battery")
    layout = assembly.layout
    lower = lower_drawing(assembly.printed[0].shape, layout, "lower")
    lid = lid_drawing(assembly.printed[1].shape, layout, "lid")
    assert {f"{layout.width:g}", f"{layout.length:g}", f"{layout.lid_inner:g}"} <= _words(lower)
    assert {f"{layout.width:g}", f"{layout.length:g}"} <= _words(lid)


@pytest.mark.parametrize("supply", list(p.Supply))
@pytest.mark.parametrize("language", ["en", "it"])
def test_kept_wiring_is_the_models(supply: p.Supply, language: str) -> None:
    suffix = "" if language == "en" else ".it"
    kept = DOCS / "img" / f"build-wiring-{supply.value}{suffix}.svg"
    assert kept.read_text(encoding="utf-8") == wiring(supply, language).svg()
    ET.fromstring(kept.read_text(encoding="utf-8"))


@pytest.mark.parametrize("supply", list(p.Supply))
def test_mains_wires_stay_on_their_side_and_earth_goes_through(supply: p.Supply) -> None:
    lines = [i for i in wiring(supply, "en").items if isinstance(i, Polyline)]
    for colour in (PHASE, NEUTRAL, EARTH):
        wires = [i for i in lines if i.colour == colour and i.width == 1.0]
        assert wires
        assert all(x < 153.5 for i in wires for x, _ in i.points)
    earth = [i for i in lines if i.colour == EARTH and i.width == 1.0]
    assert len(earth) == 1
    assert (earth[0].points[0], earth[0].points[-1]) == ((42, 76), (42, 178))


def test_wiring_names_fuse_divider_and_usb() -> None:
    words = _words(wiring(p.Supply.BATTERY, "en"))
    assert {"10 k", "18 k", "IP+", "IP-", "A0", "PE", "USB: never while plugged in"} <= words
    assert any("T 10 A H" in w for w in words)


def test_every_text_of_the_page_stays_on_it() -> None:
    ruler = FPDF(unit="mm")
    for language in ("en", "it"):
        for text in (i for i in safety_sheet(language).items if isinstance(i, Text)):
            assert text.y < 287
            ruler.set_font("Helvetica", "B" if text.bold else "", text.size * 1.38 * 72 / 25.4)
            width = ruler.get_string_width(text.text)
            assert text.x + (width / 2 if text.anchor == "middle" else width) < 197, text.text


def test_every_scene_has_its_picture_and_every_picture_in_the_guides_exists() -> None:
    for name in SCENES:
        assert (DOCS / "img" / f"build-{name}.png").is_file()
    for guide in ("build.md", "build.it.md"):
        text = (DOCS / guide).read_text(encoding="utf-8")
        linked = [part.split(")")[0] for part in text.split("](")[1:]]
        for link in linked:
            if not link.startswith(("http", "#")):
                assert (DOCS / link.split("#")[0]).exists(), f"{guide}: {link}"
        for name in SCENES:
            assert f"img/build-{name}.png" in text, f"{guide}: {name}"


def test_kept_drawings_exist_in_both_formats() -> None:
    folder = HERE / "exports" / "drawings"
    stems = {f.stem for f in folder.iterdir()}
    assert len(stems) == 7
    for stem in stems:
        assert (folder / f"{stem}.pdf").is_file()
        ET.parse(Path(folder / f"{stem}.svg"))


def test_a_picture_shows_the_part_where_it_is() -> None:
    cube = Item("cube", block(0, 0, 0, 10, 10, 10), Role.INSULATION, IVORY, "printed")
    image = np.asarray(draw(Picture([cube], Camera(-90, 0), width=80, height=80, margin=2.0)).convert("L"))
    assert image[40, 40] < 250
    assert image[4, 4] == 255
    assert image[40, 4] == 255
