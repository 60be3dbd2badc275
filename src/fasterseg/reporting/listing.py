"""An architecture as text for a terminal: a line for each layer, a column for each stride."""

from __future__ import annotations

from collections import defaultdict

from fasterseg.reporting.placing import Layout, Placed, caption
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.terminal_text import as_shown

COLUMN_WIDTH = 26


def draw_text(architecture: Architecture, geometry: Geometry, *, title: str = "") -> str:
    """The architecture as lines of plain ASCII text.

    A block is its operator and its output channels; ``[32]`` tells the branch it belongs to,
    ``[*]`` that several share it, ``\\`` that it halves the resolution, ``pass`` that it does
    nothing.
    """
    layout = Layout(architecture, geometry)
    strides = sorted(layout.lanes)
    rows: dict[int, dict[int, list[Placed]]] = defaultdict(lambda: defaultdict(list))
    for block in layout.placed:
        rows[block.column][block.band].append(block)
    lines = [as_shown(title)] if title else []
    lines += [_line("", {stride: f"1/{stride}" for stride in strides}, strides)]
    for column in sorted(rows):
        lines += _row_lines(_row_name(rows[column]), rows[column], strides)
    return "\n".join([*lines, caption(layout).replace("×", "x")])


def _row_name(row: dict[int, list[Placed]]) -> str:
    first = next(iter(row.values()))[0]
    if first.layer is not None:
        return f"layer {first.layer + 1}"
    return first.step.placement.part


def _row_lines(name: str, row: dict[int, list[Placed]], strides: list[int]) -> list[str]:
    depth = max(len(blocks) for blocks in row.values())
    lines = []
    for index in range(depth):
        shown = {band: _block(blocks[index]) for band, blocks in row.items() if index < len(blocks)}
        lines.append(_line(name if index == 0 else "", shown, strides))
    return lines


def _line(name: str, shown: dict[int, str], strides: list[int]) -> str:
    columns = [f"{shown.get(stride, ''):<{COLUMN_WIDTH}}" for stride in strides]
    return f"{name:<9} {''.join(columns)}".rstrip()


def _block(block: Placed) -> str:
    spec = block.step.spec
    owner = "*" if block.is_shared else str(block.owners[0])
    name = "pass" if block.is_pass_through else spec.kind
    down = "\\ " if block.layer is not None and spec.stride == 2 else ""
    return f"[{owner}] {down}{name} {spec.out_channels}"
