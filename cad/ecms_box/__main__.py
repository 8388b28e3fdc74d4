"""Command line: `python -m ecms_box all|exports|drawings|pictures|diagrams|report|variant`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from ecms_box import parameters as p
from ecms_box import report
from ecms_box.assembly import Assembly, box, document_box
from ecms_box.drawings import lid_drawing, lower_drawing, small_drawing
from ecms_box.exports import offered, parts_of, write
from ecms_box.layout import Layout
from ecms_box.printsheet import safety_sheet
from ecms_box.render import draw
from ecms_box.scenes import SCENES
from ecms_box.sheet import write_pdf
from ecms_box.wiring import wiring

HERE = Path(__file__).resolve().parent.parent
DOCS = HERE.parent / "docs"


def exports(folder: Path) -> None:
    """Write the offered parts."""
    for part in offered():
        write(part, folder)
        print(f"{part.name}: step, stl, 3mf")


def drawings(folder: Path) -> None:
    """Write the dimensioned drawings."""

    def sheets(name: str, assembly: Assembly, layout: Layout, corner: float | None = None) -> None:
        lower, lid = assembly.printed[0].shape, assembly.printed[1].shape
        lower_drawing(lower, layout, f"Lower part, {name}").save(folder / f"lower-{name}")
        lid_sheet = (
            lid_drawing(lid, layout, f"Lid, {name}")
            if corner is None
            else lid_drawing(lid, layout, f"Lid, {name}", corner)
        )
        lid_sheet.save(folder / f"lid-{name}")
        print(f"{name}: lower and lid, svg and pdf")

    battery = box(p.Variant(plain=True))
    powered = box(p.Variant(supply=p.Supply.MAINS, inlet=p.Inlet.CORD, plain=True))
    document = document_box(p.Variant())
    sheets("battery-plug-v2", battery, battery.layout)
    sheets("mains-cord-v2", powered, powered.layout)
    sheets("document", document, document.layout, p.PRINT.wall)
    small = {i.name: i.shape for i in battery.printed[2:]}
    small_drawing(list(small.items())).save(folder / "small-parts")


def pictures(folder: Path, names: list[str]) -> None:
    """Write the guide's renderings."""
    for name in names or list(SCENES):
        draw(SCENES[name]()).quantize(192).save(folder / f"build-{name}.png", optimize=True)
        print(f"build-{name}.png")


def diagrams(folder: Path) -> None:
    """Write the wiring diagrams and the pages to print."""
    for language in ("en", "it"):
        suffix = "" if language == "en" else ".it"
        diagrams = [wiring(supply, language) for supply in p.Supply]
        for supply, diagram in zip(p.Supply, diagrams, strict=True):
            (folder / f"build-wiring-{supply.value}{suffix}.svg").write_text(diagram.svg(), encoding="utf-8")
        write_pdf([safety_sheet(language), *diagrams], folder / f"build-sheet{suffix}.pdf")
        print(f"build-wiring-*{suffix}.svg, build-sheet{suffix}.pdf")


def variant(arguments: argparse.Namespace) -> None:
    """Write all parts of one chosen box."""
    chosen = p.Variant(
        p.Rating(arguments.rating),
        p.Supply(arguments.supply),
        p.Inlet(arguments.inlet),
        p.BOARDS[arguments.board],
        p.Standard(arguments.standard),
    )
    for part in parts_of(chosen):
        for path in write(part, arguments.to):
            print(path)


def main() -> int:
    """Run the command line; 0 if done, 2 if it was asked for something that cannot be built."""
    parser = argparse.ArgumentParser(prog="ecms_box", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("all", "exports", "drawings", "diagrams", "report"):
        commands.add_parser(name)
    some = commands.add_parser("pictures")
    some.add_argument("names", nargs="*", choices=[*SCENES, []], metavar="NAME", help=", ".join(SCENES))
    one = commands.add_parser("variant", help="write the parts of a box that is not among the kept files")
    one.add_argument("--rating", choices=[r.value for r in p.Rating], default="10a")
    one.add_argument("--supply", choices=[s.value for s in p.Supply], default="battery")
    one.add_argument("--inlet", choices=[i.value for i in p.Inlet], default="plug")
    one.add_argument("--board", choices=list(p.BOARDS), default="v2")
    one.add_argument("--standard", choices=[s.value for s in p.Standard], default="f")
    one.add_argument("--to", type=Path, default=Path("build"))
    arguments = parser.parse_args()
    run: dict[str, Callable[[], None]] = {
        "exports": lambda: exports(HERE / "exports"),
        "drawings": lambda: drawings(HERE / "exports" / "drawings"),
        "pictures": lambda: pictures(DOCS / "img", getattr(arguments, "names", [])),
        "diagrams": lambda: diagrams(DOCS / "img"),
        "report": lambda: report.refresh(DOCS),
        "variant": lambda: variant(arguments),
    }
    (DOCS / "img").mkdir(parents=True, exist_ok=True)
    wanted = (
        ["exports", "drawings", "pictures", "diagrams", "report"] if arguments.command == "all" else [arguments.command]
    )
    try:
        for command in wanted:
            run[command]()
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
