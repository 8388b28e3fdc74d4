"""The wiring diagram, drawn from code: mains on the left, low voltage on the right, the partition between."""

from __future__ import annotations

from ecms_box import parameters as p
from ecms_box.sheet import Colour, Sheet

PHASE: Colour = (122, 72, 34)
NEUTRAL: Colour = (28, 92, 184)
EARTH: Colour = (40, 140, 60)
PLUS: Colour = (200, 36, 36)
GROUND: Colour = (30, 32, 36)
SIGNAL: Colour = (214, 140, 20)
MAINS_FIELD: Colour = (255, 238, 234)
LOW_FIELD: Colour = (234, 243, 255)
PAPER: Colour = (255, 255, 255)

_WORDS = {
    "en": {
        "title": "ECMS box: wiring",
        "mains": "MAINS 230 V~",
        "low": "LOW VOLTAGE (treat as live all the same)",
        "partition": "partition",
        "plug": "PLUG / CORD",
        "socket": "SOCKET",
        "fuse": "FUSE",
        "fuse_rating": "T 10 A H (5 A box: T 5 A H)",
        "sensor": "ACS712 module",
        "barrier": "chip: about 4 mm, basic insulation",
        "phase": "L brown",
        "neutral": "N blue",
        "earth": "PE green-yellow, never cut",
        "divider": "5 V becomes 3.15 V at A0",
        "board": "ESP8266 board",
        "usb": "USB: never while plugged in",
        "battery": "9 V BATTERY",
        "converter": "5 V STEP-DOWN",
        "acdc": "AC-DC MODULE 5 V",
        "clamp": "lever terminal",
        "wire": "Mains conductors: 1.5 mm2 (10 A), at least 0.75 mm2 (5 A), 300/500 V, ferrules on stranded wire.",
    },
    "it": {
        "title": "Box ECMS: collegamenti",
        "mains": "RETE 230 V~",
        "low": "BASSA TENSIONE (da trattare comunque come in tensione)",
        "partition": "parete",
        "plug": "SPINA / CAVO",
        "socket": "PRESA",
        "fuse": "FUSIBILE",
        "fuse_rating": "T 10 A H (box 5 A: T 5 A H)",
        "sensor": "Modulo ACS712",
        "barrier": "chip: circa 4 mm, isolamento principale",
        "phase": "L marrone",
        "neutral": "N blu",
        "earth": "PE giallo-verde, mai interrotto",
        "divider": "5 V diventano 3,15 V su A0",
        "board": "Scheda ESP8266",
        "usb": "USB: mai con la spina inserita",
        "battery": "BATTERIA 9 V",
        "converter": "CONVERTITORE 5 V",
        "acdc": "MODULO AC-DC 5 V",
        "clamp": "morsetto a leva",
        "wire": "Conduttori di rete: 1,5 mm2 (10 A), almeno 0,75 mm2 (5 A), 300/500 V, puntalini sul filo flessibile.",
    },
}


def wiring(supply: p.Supply, language: str) -> Sheet:
    """Return the diagram for a supply in `en` or `it`."""
    words = _WORDS[language]
    sheet = Sheet(290.0, 200.0, words["title"])
    sheet.box(4, 4, 148, 184, 0.4, (200, 120, 110), MAINS_FIELD)
    sheet.box(158, 4, 128, 184, 0.4, (110, 140, 190), LOW_FIELD)
    sheet.box(153.5, 4, 3, 184, 0.3, (180, 150, 40), (240, 206, 96))
    sheet.text(8, 12, words["mains"], 4.2, bold=True, colour=(160, 40, 30))
    sheet.text(282, 12, words["low"], 2.8, "end", bold=True, colour=(30, 70, 150))
    sheet.text(156.0, 168, words["partition"], 2.6, "middle", turned=True)
    sheet.text(4, 197, words["wire"], 2.7)
    _mains(sheet, words, supply)
    _electronics(sheet, words)
    _sensor(sheet, words)
    if supply is p.Supply.BATTERY:
        _battery(sheet, words)
    else:
        _module(sheet, words)
    return sheet


def _part(sheet: Sheet, x: float, y: float, w: float, h: float, name: str, size: float = 3.2) -> None:
    sheet.box(x, y, w, h, 0.5, fill=PAPER)
    sheet.text(x + w / 2, y + 5.5, name, size, "middle", bold=True)


def _terminal(sheet: Sheet, x: float, y: float, label: str, side: int) -> None:
    sheet.circle(x, y, 1.3, fill=PAPER)
    sheet.text(x - side * 3, y + 1.1, label, 2.8, "end" if side > 0 else "start")


def _wire(sheet: Sheet, colour: Colour, *points: tuple[float, float]) -> None:
    sheet.line(*points, width=1.0, colour=colour)


def _mains(sheet: Sheet, words: dict[str, str], supply: p.Supply) -> None:
    _wire(sheet, PHASE, (42, 40), (62, 40))
    _wire(sheet, PHASE, (92, 40), (121, 40))
    _wire(sheet, PHASE, (121, 56), (104, 56), (104, 150), (42, 150))
    _wire(sheet, NEUTRAL, (42, 58), (66, 58), (66, 164), (42, 164))
    _wire(sheet, EARTH, (42, 76), (54, 76), (54, 178), (42, 178))
    _part(sheet, 10, 28, 32, 58, words["plug"])
    _part(sheet, 10, 138, 32, 47, words["socket"])
    for y, label in ((40, "L"), (58, "N"), (76, "PE")):
        _terminal(sheet, 42, y, label, 1)
    for y, label in ((150, "L"), (164, "N"), (178, "PE")):
        _terminal(sheet, 42, y, label, 1)
    _part(sheet, 62, 31, 30, 18, words["fuse"])
    sheet.box(69, 39.5, 16, 5, 0.35, fill=PAPER)
    sheet.line((66, 42), (88, 42), width=0.35)
    sheet.text(73, 54, words["fuse_rating"], 2.4, "middle")
    sheet.text(108.2, 96 if supply is p.Supply.MAINS else 120, words["phase"], 2.6, colour=PHASE, turned=True)
    sheet.text(63.8, 120, words["neutral"], 2.6, colour=NEUTRAL, turned=True)
    sheet.text(51.6, 134, words["earth"], 2.6, colour=EARTH, turned=True)
    if supply is p.Supply.MAINS:
        _wire(sheet, PHASE, (98, 40), (98, 116), (121, 116))
        _wire(sheet, NEUTRAL, (66, 130), (121, 130))
        sheet.circle(98, 40, 1.6, fill=PHASE)
        sheet.circle(66, 130, 1.6, fill=NEUTRAL)
        sheet.text(99.5, 45, words["clamp"], 2.1)
        sheet.text(69, 134.5, words["clamp"], 2.1)
        sheet.box(106.5, 113.5, 10, 5, 0.4, fill=PAPER)
        sheet.line((105, 116), (118, 116), width=0.3)
        sheet.text(111.5, 123, "T 1 A", 2.3, "middle")


def _sensor(sheet: Sheet, words: dict[str, str]) -> None:
    _part(sheet, 121, 28, 68, 52, words["sensor"])
    sheet.box(146, 42, 18, 22, 0.4, fill=(60, 62, 68))
    sheet.text(155, 54, "ACS712", 2.8, "middle", colour=PAPER)
    sheet.text(155, 70, words["barrier"], 2.3, "middle")
    _terminal(sheet, 121, 40, "IP+", -1)
    _terminal(sheet, 121, 56, "IP-", -1)
    for y, label in ((40, "VCC"), (52, "OUT"), (64, "GND")):
        _terminal(sheet, 189, y, label, 1)


def _resistor(sheet: Sheet, x: float, y: float, w: float, h: float, label: str, tx: float, ty: float) -> None:
    sheet.box(x, y, w, h, 0.5, fill=PAPER)
    sheet.text(tx, ty, label, 3.0, bold=True)


def _electronics(sheet: Sheet, words: dict[str, str]) -> None:
    _wire(sheet, PLUS, (189, 40), (243, 40))
    _wire(sheet, SIGNAL, (189, 52), (243, 52))
    _wire(sheet, SIGNAL, (226, 52), (226, 76))
    _wire(sheet, GROUND, (189, 64), (196, 64), (196, 88), (243, 88))
    _wire(sheet, GROUND, (226, 72), (226, 88))
    _resistor(sheet, 202, 49.5, 14, 5, "10 k", 205, 47.5)
    _resistor(sheet, 223.5, 60, 5, 14, "18 k", 230, 68.5)
    sheet.circle(226, 52, 1.3, fill=SIGNAL)
    sheet.circle(226, 88, 1.3, fill=GROUND)
    sheet.text(168, 95, words["divider"], 2.4)
    _part(sheet, 243, 28, 40, 70, "")
    sheet.text(263, 80, words["board"], 3.0, "middle", bold=True)
    sheet.text(263, 93, words["usb"], 1.9, "middle", colour=(180, 30, 30))
    for y, label in ((40, "VIN (D1 mini: 5V)"), (52, "A0"), (88, "GND")):
        _terminal(sheet, 243, y, label, -1)


def _battery(sheet: Sheet, words: dict[str, str]) -> None:
    _wire(sheet, PLUS, (196, 150), (214, 150))
    _wire(sheet, PLUS, (250, 150), (260, 150), (260, 112), (219, 112), (219, 40))
    _wire(sheet, GROUND, (196, 166), (214, 166))
    _wire(sheet, GROUND, (232, 174), (232, 180), (268, 180), (268, 104), (235, 104), (235, 88))
    sheet.circle(219, 40, 1.3, fill=PLUS)
    sheet.circle(235, 88, 1.3, fill=GROUND)
    _part(sheet, 164, 138, 32, 40, words["battery"], 2.9)
    _part(sheet, 214, 138, 36, 36, words["converter"], 2.3)
    _terminal(sheet, 196, 150, "+", 1)
    _terminal(sheet, 196, 166, "-", 1)
    _terminal(sheet, 214, 150, "IN", -1)
    _terminal(sheet, 214, 166, "GND", -1)
    _terminal(sheet, 250, 150, "5 V", 1)
    sheet.circle(232, 174, 1.3, fill=PAPER)


def _module(sheet: Sheet, words: dict[str, str]) -> None:
    _wire(sheet, PLUS, (189, 116), (219, 116), (219, 40))
    _wire(sheet, GROUND, (189, 130), (235, 130), (235, 88))
    sheet.circle(219, 40, 1.3, fill=PLUS)
    sheet.circle(235, 88, 1.3, fill=GROUND)
    _part(sheet, 121, 104, 68, 36, words["acdc"])
    _terminal(sheet, 121, 116, "AC", -1)
    _terminal(sheet, 121, 130, "AC", -1)
    _terminal(sheet, 189, 116, "+5 V", 1)
    _terminal(sheet, 189, 130, "GND", 1)
