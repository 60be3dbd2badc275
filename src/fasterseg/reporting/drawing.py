"""An architecture as SVG: layers across, output strides down, a colour for each branch.

The drawing brings its own styles for light and dark, and needs nothing from elsewhere.  Every
block has a tooltip with its full spec.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from fasterseg.reporting.placing import Layout, Placed, caption, scaled
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.terminal_text import lines_as_shown

PITCH, BOX_WIDTH, BOX_HEIGHT = 63.0, 53.0, 35.0
LANE, BAND_PADDING = 54.0, 14.0
LEFT, RIGHT, TOP = 70.0, 52.0, 92.0
LEGEND_ROW = 21.0
CORNER = 7.0

ABBREVIATIONS = {
    "zoom": "zoom: convolution at half the resolution",
    "×2": "×2: two convolutions",
    "sep": "sep: each channel by itself, then 1×1",
    "inv": "inv r3, r6: 3, 6 times as wide inside",
    "lift": "lift: brought to the width and size of what it joins",
}
"""Parts of the names of kinds, and what they mean."""

STYLE = """
.fs-arch { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial,
  sans-serif; --paper: #ffffff; --ink: #1c2430; --soft: #5d6877; --line: #d5dae1;
  --band: #f4f6f8; --shared: #69758a; --b32: #b8501a; --b16: #2360b5; --b8: #2b7a4b; }
@media (prefers-color-scheme: dark) { .fs-arch { --paper: #14181e; --ink: #e6eaf0;
  --soft: #98a4b3; --line: #37404c; --band: #1b2129; --shared: #8f9cb0; --b32: #ee9a62;
  --b16: #7db0f5; --b8: #7ecb9c; } }
.fs-arch text { fill: var(--ink); font-size: 11px; }
.fs-arch .soft { fill: var(--soft); }
.fs-arch .title { font-size: 16px; font-weight: 600; }
.fs-arch .caption { font-size: 12px; fill: var(--soft); }
.fs-arch .group { font-size: 12px; font-weight: 600; fill: var(--soft); }
.fs-arch .stride { font-size: 13px; font-weight: 600; }
.fs-arch .channels { font-size: 10.5px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.fs-arch .mid { text-anchor: middle; }
.fs-arch .band { fill: var(--band); }
.fs-arch .page { fill: var(--paper); }
.fs-arch .owner-shared { --own: var(--shared); } .fs-arch .owner-32 { --own: var(--b32); }
.fs-arch .owner-16 { --own: var(--b16); } .fs-arch .owner-8 { --own: var(--b8); }
.fs-arch .box { fill: var(--paper); stroke: var(--own); stroke-width: 1.4; }
.fs-arch .tint { fill: var(--own); opacity: 0.1; }
.fs-arch .gauge { fill: var(--own); }
.fs-arch .edge { fill: none; stroke: var(--own); stroke-width: 1.8; }
.fs-arch .lateral { stroke-width: 1.3; stroke-dasharray: 4 3; opacity: 0.85; }
.fs-arch .pass { stroke: var(--own); stroke-width: 1.8; stroke-dasharray: 1 3.4;
  stroke-linecap: round; }
"""


def draw_svg(
    architecture: Architecture, geometry: Geometry, *, title: str = "", legend: bool = True
) -> str:
    """The drawing as one ``<svg>`` element, its styles inside."""
    return lines_as_shown(_Drawing(Layout(architecture, geometry), title, legend).svg())


def stack_svgs(drawings: tuple[str, ...]) -> str:
    """A standalone SVG file with the drawings below each other."""
    sizes = [_size(drawing) for drawing in drawings]
    width, height = max(w for w, _ in sizes), sum(h for _, h in sizes)
    parts, y = [], 0.0
    for drawing, (_, own_height) in zip(drawings, sizes, strict=True):
        parts.append(f'<g transform="translate(0 {y:g})">{drawing}</g>')
        y += own_height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}"><g class="fs-arch"><rect class="page" '
        f'width="{width:g}" height="{height:g}"/></g>{"".join(parts)}</svg>\n'
    )


def _size(svg: str) -> tuple[float, float]:
    _, _, width, height = svg.split('viewBox="', 1)[1].split('"', 1)[0].split()
    return float(width), float(height)


@dataclass(frozen=True)
class _Drawing:
    layout: Layout
    title: str
    has_legend: bool

    def svg(self) -> str:
        width = LEFT + self.layout.columns * PITCH + RIGHT
        below = self._band_top(64) + 22
        marks = self._legend(below, width) if self.has_legend else []
        height = below + LEGEND_ROW * len(marks)
        label = escape(f"{self.title or 'architecture'}: {caption(self.layout)}", quote=True)
        body = (
            self._frame(width, height),
            *(self._edges(block) for block in self.layout.placed),
            *(_box(block, *self._corner(block)) for block in self.layout.placed),
            self._ends(),
            *marks,
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="fs-arch" role="img" '
            f'aria-label="{label}" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}"><style>{STYLE}</style>\n'
            + "\n".join(body)
            + "\n</svg>"
        )

    def _band_height(self, band: int) -> float:
        if band not in self.layout.lanes:
            return 0.0
        return max(1, len(self.layout.lanes[band])) * LANE + 2 * BAND_PADDING

    def _band_top(self, band: int) -> float:
        return TOP + sum(self._band_height(s) + 8 for s in self.layout.lanes if s < band)

    def _centre(self, block: Placed) -> tuple[float, float]:
        x = LEFT + (block.column + 0.5) * PITCH
        return x, self._band_top(block.band) + BAND_PADDING + (block.lane + 0.5) * LANE + 4

    def _corner(self, block: Placed) -> tuple[float, float]:
        x, y = self._centre(block)
        return x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2

    def _frame(self, width: float, height: float) -> str:
        """Background, title, bands with their strides and map sizes, layer numbers."""
        parts = [
            f'<rect class="page" width="{width:g}" height="{height:g}"/>',
            _text(self.title, 20, 28, "title") if self.title else "",
            _text(caption(self.layout), 20, 47, "caption"),
        ]
        for band in self.layout.lanes:
            top, tall = self._band_top(band), self._band_height(band)
            middle = top + tall / 2
            size = self.layout.size.strided(band)
            parts += [
                f'<rect class="band" x="10" y="{top:g}" width="{width - 20:g}" '
                f'height="{tall:g}" rx="8"/>',
                _text(f"1/{band}", 20, middle, "stride"),
                _text(f"{size.height}×{size.width}", 20, middle + 15, "channels"),
            ]
        return "\n".join([*parts, *self._headings()])

    def _headings(self) -> list[str]:
        stem, layers = self.layout.stem_columns, self.layout.layers
        names = self.layout.stem_headings
        names |= {stem + layer: str(layer + 1) for layer in range(layers)}
        numbers = [
            _text(name, LEFT + (column + 0.5) * PITCH, TOP - 8, "soft mid")
            for column, name in names.items()
        ]
        groups = {"stem": 0, "layers": stem, "fusion and head": stem + layers}
        starts = [
            _text(name, LEFT + column * PITCH + 6, TOP - 23, "group")
            for name, column in groups.items()
        ]
        return [*numbers, *starts]

    def _edges(self, block: Placed) -> str:
        """The lines into a block, each in the colour of the branch that it carries."""
        sources = {other.step.name: other for other in self.layout.placed}
        lines = []
        read = block.step.inputs[:1] if block.is_pass_through else block.step.inputs
        for place, name in enumerate(read):
            if name in sources:
                lateral = block.step.spec.row.joins == "lateral" and place == 1
                path = self._lateral if lateral else self._main
                owner = _owner(block) if len(block.owners) == 1 else _owner(sources[name])
                kind = "edge lateral" if lateral else "edge"
                lines.append(f'<path class="{kind} {owner}" d="{path(sources[name], block)}"/>')
        return "\n".join(lines)

    def _main(self, source: Placed, block: Placed) -> str:
        """To the target's height in the gap behind the source, or in the last one before `fuse`."""
        (x0, y0), (x1, y1) = self._centre(source), self._centre(block)
        start, end, gap = x0 + BOX_WIDTH / 2, x1 - BOX_WIDTH / 2, PITCH - BOX_WIDTH
        turn = end - gap if block.step.spec.row.joins == "branches" else start
        middle = turn + gap / 2
        curve = f"C {middle:g} {y0:g} {middle:g} {y1:g} {turn + gap:g} {y1:g}"
        return f"M {start:g} {y0:g} H {turn:g} {curve} H {end:g}"

    def _lateral(self, source: Placed, block: Placed) -> str:
        """Above the lane, and down into the block's top: not through what stands between."""
        (x0, y0), (x1, y1) = self._centre(source), self._centre(block)
        start, end, over = x0 + BOX_WIDTH / 2, x1 - 8, y1 - BOX_HEIGHT / 2 - 9
        turned = start + PITCH - BOX_WIDTH
        middle = (start + turned) / 2
        curve = f"C {middle:g} {y0:g} {middle:g} {over:g} {turned:g} {over:g}"
        down = f"Q {end:g} {over:g} {end:g} {y1 - BOX_HEIGHT / 2:g}"
        return f"M {start:g} {y0:g} {curve} H {end - 7:g} {down}"

    def _ends(self) -> str:
        """Where the image enters and the labels leave."""
        first, last = self.layout.placed[0], self.layout.placed[-1]
        (x0, y0), (x1, y1) = self._centre(first), self._centre(last)
        start, end = x0 - BOX_WIDTH / 2, x1 + BOX_WIDTH / 2
        return "\n".join(
            (
                f'<path class="edge owner-shared" d="M {start - 10:g} {y0:g} H {start:g}"/>',
                f'<path class="edge owner-shared" d="M {end:g} {y1:g} h 8"/>',
                _text("labels", end + 11, y1 + 3.5, "soft"),
            )
        )

    def _legend(self, y: float, width: float) -> list[str]:
        """What colours and marks mean, in as many rows as the width asks for; a row each."""
        rows: list[str] = []
        row, x = "", 20.0
        for owner, mark, words in self._legend_entries():
            wide = 25 + 5.8 * len(words) + 18
            if x + wide > width and row:
                rows, row, x = [*rows, row], "", 20.0
            at = y + LEGEND_ROW * len(rows)
            row += f'<g class="{owner}">{_mark(mark, x, at)}</g>' if mark else ""
            row += _text(words, x + (25 if mark else 0), at + 4, "soft")
            x += wide
        return [*rows, row]

    def _legend_entries(self) -> list[tuple[str, str, str]]:
        branches = [branch.stride for branch in self.layout.architecture.branches]
        return [
            *((f"owner-{stride}", "swatch", f"branch to 1/{stride}") for stride in branches),
            *((("owner-shared", "swatch", "shared, computed once"),) if len(branches) > 1 else ()),
            ("owner-shared", "lateral", "earlier feature, joined again"),
            ("owner-shared", "pass", "passed on as it is"),
            ("owner-shared", "gauge", "relative width of a cell"),
            ("", "", "In a block: operator and output channels"),
            *(("", "", words) for part, words in ABBREVIATIONS.items() if self._names(part)),
        ]

    def _names(self, part: str) -> bool:
        """Whether a block is drawn whose name has that part."""
        drawn = (block.step.spec for block in self.layout.placed if not block.is_pass_through)
        return any(part in spec.row.short for spec in drawn)


def _box(block: Placed, x: float, y: float) -> str:
    spec = block.step.spec
    tip = f"{block.step.name}: {spec.key}, {scaled(spec.macs)} multiply-adds"
    head = f'<g class="block {_owner(block)}" data-step="{escape(block.step.name, quote=True)}">'
    middle, centre = x + BOX_WIDTH / 2, y + BOX_HEIGHT / 2
    if block.is_pass_through:
        line = f'<path class="pass" d="M {x:g} {centre:g} h {BOX_WIDTH:g}"/>'
        word = _text(str(spec.out_channels), middle, centre - 6, "channels mid")
        return f"{head}<title>{escape(tip)}, passes through</title>{line}{word}</g>"
    shape = f'x="{x:g}" y="{y:g}" width="{BOX_WIDTH:g}" height="{BOX_HEIGHT:g}" rx="{CORNER:g}"'
    return (
        f"{head}<title>{escape(tip)}, {scaled(spec.parameters)} parameters</title>"
        f'<rect class="box" {shape}/><rect class="tint" {shape}/>'
        + _text(spec.row.short, middle, y + 13.5, "mid")
        + _text(str(spec.out_channels), middle, y + 25.5, "channels mid")
        + _gauge(block, x, y + BOX_HEIGHT - 5)
        + "</g>"
    )


def _gauge(block: Placed, x: float, y: float) -> str:
    """A bar as long as the cell is wide: its share of the paper's widest expansion or its own."""
    if block.expansion is None:
        return ""
    share = min(1.0, block.expansion / max(12, block.expansion))
    return (
        f'<rect class="gauge" x="{x + 5:g}" y="{y:g}" '
        f'width="{(BOX_WIDTH - 10) * share:.1f}" height="2.4" rx="1.2"/>'
    )


def _owner(block: Placed) -> str:
    return "owner-shared" if block.is_shared else f"owner-{block.owners[0]}"


def _mark(mark: str, x: float, y: float) -> str:
    if mark == "swatch":
        shape = f'x="{x:g}" y="{y - 6:g}" width="18" height="12" rx="3.5"'
        return f'<rect class="box" {shape}/><rect class="tint" {shape}/>'
    if mark == "gauge":
        return f'<rect class="gauge" x="{x:g}" y="{y - 1.2:g}" width="18" height="2.4" rx="1.2"/>'
    kind = "edge lateral" if mark == "lateral" else "pass"
    return f'<path class="{kind}" d="M {x:g} {y:g} h 18"/>'


def _text(words: str, x: float, y: float, kind: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'
