"""A page of lines and text, written as SVG and PDF. Millimetres, y downwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from math import atan2, cos, degrees, pi, sin
from pathlib import Path

from fpdf import FPDF

Colour = tuple[int, int, int]
INK: Colour = (24, 26, 30)
GREY: Colour = (120, 124, 130)
_POINT = 25.4 / 72


@dataclass(frozen=True)
class Polyline:
    """Joined straight lines, filled if `fill` is given."""

    points: tuple[tuple[float, float], ...]
    width: float = 0.25
    colour: Colour = INK
    dash: bool = False
    fill: Colour | None = None


@dataclass(frozen=True)
class Text:
    """One line of text; `size` is the letters' height on the page, `anchor` start, middle or end."""

    x: float
    y: float
    text: str
    size: float = 3.0
    anchor: str = "start"
    colour: Colour = INK
    bold: bool = False
    turned: bool = False


@dataclass
class Sheet:
    """A page."""

    width: float
    height: float
    title: str
    items: list[Polyline | Text] = field(default_factory=list)

    def line(self, *points: tuple[float, float], width: float = 0.25, colour: Colour = INK, dash: bool = False) -> None:
        """Draw joined lines."""
        self.items.append(Polyline(points, width, colour, dash))

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        width: float = 0.35,
        colour: Colour = INK,
        fill: Colour | None = None,
    ) -> None:
        """Draw a rectangle."""
        corners = ((x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y))
        self.items.append(Polyline(corners, width, colour, fill=fill))

    def circle(
        self, x: float, y: float, r: float, width: float = 0.25, colour: Colour = INK, fill: Colour | None = None
    ) -> None:
        """Draw a circle."""
        turn = [2 * pi * i / 48 for i in range(49)]
        ring = tuple((x + r * cos(t), y + r * sin(t)) for t in turn)
        self.items.append(Polyline(ring, width, colour, fill=fill))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 3.0,
        anchor: str = "start",
        colour: Colour = INK,
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """Write one line; y is the baseline."""
        self.items.append(Text(x, y, text, size, anchor, colour, bold, turned))

    def arrow(
        self, tip: tuple[float, float], tail: tuple[float, float], size: float = 2.0, width: float = 0.18
    ) -> None:
        """Draw a line with a filled head at `tip`."""
        self.line(tail, tip, width=width)
        a = atan2(tip[1] - tail[1], tip[0] - tail[0])
        wings = [(tip[0] - size * cos(a + d), tip[1] - size * sin(a + d)) for d in (0.16, -0.16)]
        self.items.append(Polyline((tip, wings[0], wings[1], tip), 0.05, INK, fill=INK))

    def dimension(self, a: tuple[float, float], b: tuple[float, float], label: str, offset: float) -> None:
        """Dimension a horizontal or vertical distance, the line set off by `offset` (sign gives the side)."""
        if abs(a[0] - b[0]) >= abs(a[1] - b[1]):
            y = a[1] + offset
            p, q = (a[0], y), (b[0], y)
            self._witness(a, p)
            self._witness(b, q)
            self.text((p[0] + q[0]) / 2, y - 0.8, label, 2.6, "middle")
        else:
            x = a[0] + offset
            p, q = (x, a[1]), (x, b[1])
            self._witness(a, p)
            self._witness(b, q)
            self.text(x - 0.8, (p[1] + q[1]) / 2, label, 2.6, "middle", turned=True)
        if abs(p[0] - q[0]) + abs(p[1] - q[1]) > 7.0:  # noqa: PLR2004
            mid = ((p[0] + q[0]) / 2, (p[1] + q[1]) / 2)
            self.arrow(p, mid)
            self.arrow(q, mid)
        else:
            self.line(p, q, width=0.18)

    def _witness(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = max(abs(dx), abs(dy))
        ux, uy = (dx / length, dy / length) if length else (0.0, 0.0)
        self.line((start[0] + ux, start[1] + uy), (end[0] + 1.5 * ux, end[1] + 1.5 * uy), width=0.12, colour=GREY)

    def svg(self) -> str:
        """Return the page as SVG."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}mm" height="{self.height}mm" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="Helvetica, Arial, sans-serif">'
            f"<title>{escape(self.title)}</title>"
            f'<rect width="{self.width}" height="{self.height}" fill="#fff"/>'
        )
        return head + "\n".join(_svg(i) for i in self.items) + "</svg>\n"

    def save(self, stem: Path, pdf: bool = True) -> list[Path]:
        """Write stem.svg and, if asked, stem.pdf; return their paths."""
        stem.parent.mkdir(parents=True, exist_ok=True)
        paths = [stem.with_suffix(".svg")]
        paths[0].write_text(self.svg(), encoding="utf-8")
        if pdf:
            paths.append(stem.with_suffix(".pdf"))
            write_pdf([self], paths[1])
        return paths


def write_pdf(sheets: list[Sheet], path: Path) -> None:
    """Write pages as one PDF, the same bytes whenever the pages are the same."""
    doc = FPDF(unit="mm")
    doc.set_creation_date(datetime(2000, 1, 1, tzinfo=UTC))
    doc.set_title(sheets[0].title)
    doc.set_auto_page_break(False)
    for sheet in sheets:
        doc.add_page(format=(sheet.width, sheet.height))
        for item in sheet.items:
            if isinstance(item, Text):
                _pdf_text(doc, item)
            else:
                _pdf_line(doc, item)
    doc.output(str(path))


def _svg(item: Polyline | Text) -> str:
    if isinstance(item, Text):
        weight = ' font-weight="bold"' if item.bold else ""
        turn = f' transform="rotate(-90 {item.x:.2f} {item.y:.2f})"' if item.turned else ""
        return (
            f'<text x="{item.x:.2f}" y="{item.y:.2f}" font-size="{item.size * 1.38:.2f}" text-anchor="{item.anchor}" '
            f'fill="rgb{item.colour}"{weight}{turn}>{escape(item.text)}</text>'
        )
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in item.points)
    dash = ' stroke-dasharray="1.6 1.0"' if item.dash else ""
    fill = "none" if item.fill is None else f"rgb{item.fill}"
    return (
        f'<polyline points="{points}" fill="{fill}" stroke="rgb{item.colour}" stroke-width="{item.width}"'
        f' stroke-linejoin="round" stroke-linecap="round"{dash}/>'
    )


def _pdf_text(doc: FPDF, item: Text) -> None:
    doc.set_font("Helvetica", "B" if item.bold else "", item.size * 1.38 / _POINT)
    doc.set_text_color(*item.colour)
    text = item.text.encode("latin-1", "replace").decode("latin-1")
    shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor] * doc.get_string_width(text)
    if item.turned:
        with doc.rotation(degrees(pi / 2), item.x, item.y):
            doc.text(item.x - shift, item.y, text)
    else:
        doc.text(item.x - shift, item.y, text)


def _pdf_line(doc: FPDF, item: Polyline) -> None:
    doc.set_line_width(item.width)
    doc.set_draw_color(*item.colour)
    if item.dash:
        doc.set_dash_pattern(1.6, 1.0)
    if item.fill is not None:
        doc.set_fill_color(*item.fill)
    doc.polyline(list(item.points), polygon=item.fill is not None, style="DF" if item.fill is not None else "D")
    if item.dash:
        doc.set_dash_pattern()
