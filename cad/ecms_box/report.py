"""The figures in the guide, written from the checks between two marks so that they cannot go stale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ecms_box import parameters as p
from ecms_box.assembly import Assembly, box, document_box
from ecms_box.checks import mains_to_low_voltage, overlaps, seen_from_outside, sunk_head

BEGIN = "<!-- figures: written by make cad -->"
END = "<!-- /figures -->"

_ROWS = {
    "en": (
        "| | the document's box | battery, plug on the lid | mains-powered, cord |",
        "outer size, mm",
        "depth needed by socket and plug or AC-DC module, mm",
        "pairs of parts that share space",
        "the worst of them",
        "shortest way mains to low voltage, mm",
        "lid screw heads below the surface, mm",
        "inner metal that a straight line from outside reaches",
        "stand proud",
        "yes, the lid screws",
        "none",
    ),
    "it": (
        "| | box del documento | batteria, spina sul coperchio | alimentata dalla rete, cavo |",
        "misure esterne, mm",
        "profondità richiesta da presa e spina o modulo AC-DC, mm",
        "coppie di parti che occupano lo stesso spazio",
        "la peggiore",
        "distanza minima tra rete e bassa tensione, mm",
        "teste delle viti del coperchio sotto la superficie, mm",
        "metallo interno raggiunto da una retta dall'esterno",
        "sporgono",
        "sì, le viti del coperchio",
        "nessuno",
    ),
}
_ITALIAN = {"socket": "presa", "plug": "spina", "lid": "coperchio", "board": "scheda", "battery": "batteria"}


@dataclass(frozen=True)
class Figures:
    """What the checks say of one box, mm and mm3."""

    size: str
    needed: float
    shared: int
    worst: tuple[str, str, float] | None
    distance: float
    sunk: float | None
    seen: int


def figures(assembly: Assembly) -> Figures:
    """Measure one box."""
    layout = assembly.layout
    v = layout.variant
    socket = layout.socket.depth
    if v.supply is p.Supply.MAINS:
        needed = socket + p.ACDC.wires + p.ACDC.height + p.PRINT.wall
    else:
        needed = socket + p.SAFETY.mains_to_low_voltage + layout.plug.inner_depth
    found = overlaps(assembly)
    worst = (found[0].first, found[0].second, found[0].volume) if found else None
    return Figures(
        f"{layout.width:g} x {layout.length:g} x {layout.depth:g}",
        needed,
        len(found),
        worst,
        mains_to_low_voltage(assembly).length,
        None if assembly.document else sunk_head(layout),
        len(seen_from_outside(assembly)),
    )


def table(columns: list[Figures], language: str) -> str:
    """Return the comparison as a Markdown table in `en` or `it`."""
    head, size, depth, shared, worst, distance, sunk, seen, proud, screws, none = _ROWS[language]

    def number(value: float) -> str:
        text = f"{value:.1f}"
        return text.replace(".", ",") if language == "it" else text

    def name(part: str) -> str:
        return _ITALIAN.get(part, part) if language == "it" else part

    def pair(f: Figures) -> str:
        if f.worst is None:
            return "-"
        first, second, volume = f.worst
        return f"{name(first)} / {name(second)}, {number(volume / 1000)} cm³"

    rows = [
        (size, [f.size for f in columns]),
        (depth, [number(f.needed) for f in columns]),
        (shared, [str(f.shared) for f in columns]),
        (worst, [pair(f) for f in columns]),
        (distance, [number(f.distance) for f in columns]),
        (sunk, [proud if f.sunk is None else number(f.sunk) for f in columns]),
        (seen, [screws if f.seen else none for f in columns]),
    ]
    lines = [head, "|---" * (len(columns) + 1) + "|"]
    lines += ["| " + " | ".join((label, *cells)) + " |" for label, cells in rows]
    return "\n".join(lines)


def measured() -> list[Figures]:
    """Measure the document's box, the battery box and the mains-powered one."""
    powered = p.Variant(supply=p.Supply.MAINS, inlet=p.Inlet.CORD, plain=True)
    return [figures(a) for a in (document_box(p.Variant()), box(p.Variant(plain=True)), box(powered))]


def between_marks(text: str) -> str:
    """Return what a guide holds between its marks; raises ValueError if they are missing."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"the guide has lost its marks: put {BEGIN} and {END} around the table of figures")
    return text.split(BEGIN, 1)[1].split(END, 1)[0].strip()


def refresh(docs: Path) -> None:
    """Write the table into both guides."""
    columns = measured()
    for language, name in (("en", "build.md"), ("it", "build.it.md")):
        path = docs / name
        text = path.read_text(encoding="utf-8")
        between_marks(text)
        head, rest = text.split(BEGIN)
        tail = rest.split(END)[1]
        path.write_text(f"{head}{BEGIN}\n{table(columns, language)}\n{END}{tail}", encoding="utf-8")
        print(name)
