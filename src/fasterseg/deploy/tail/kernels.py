"""The tail in compiled loops (Numba); what it computes is told in `tail`.

The pixels of mixed cells are computed in *tiles*, parts of a cell of at most `TILE` pixels each
way, and tiles in *lanes*, so many side by side that every inner loop runs over neighbouring
numbers and becomes vector instructions, whatever the ratio of the sizes.  Tiles wait in a list and
are sorted by what they cost before they share lanes, so that few lanes idle.

Sums and products stay as they are written, unfused, which the NumPy form relies on: no fastmath.
All kernels lie in this one file: what Numba keeps on disk is compiled anew when the file changes,
but not when a neighbour does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fasterseg.deploy.tail.compiling import compiled

if TYPE_CHECKING:
    from fasterseg.deploy.tail.arrays import Floats, Indices, Labels

AxisArrays = tuple[Any, Any, Any]  # start, near and far of an `Axis`

LANES = 128
TILE = 16
WAITING = 1024  # tiles in the list before it is worked off
STRIPE = 4  # rows of cells that one part takes in a row
ROW, CELL, TOP, HEIGHT, LEFT, WIDTH, CANDIDATES, FIELDS = range(8)
START, NEAR, FAR = range(3)

NONE, ONE, LOWEST = np.int32(0), np.int32(1), np.float32(-np.inf)
# Indices without a sign spare a test for negative ones, which count from the end.
index = np.uintp


@compiled
def label_part(
    logits: Floats, out: Labels, rows: AxisArrays, columns: AxisArrays, part: int, parts: int
) -> None:
    """Write the pixels of every `parts`-th stripe of cells, from the `part`-th on.

    `rows` and `columns` are start, near and far of the two axes.  The parts write different
    pixels and may run at once.
    """
    height, width = logits.shape[1], logits.shape[2]
    cells, across = len(rows[START]) - 1, len(columns[START]) - 1
    best, labels = np.empty(width, np.float32), np.empty((2, width), np.int32)
    floor, candidates = np.empty(across, np.float32), np.empty(across, np.int32)
    mixed = np.empty(across, np.int32)
    room = WAITING + most_tiles(rows[START], columns[START])
    tiles, floors = np.empty((room, FIELDS), np.int32), np.empty(room, np.float32)
    waiting = 0
    for first in range(part * STRIPE, cells, parts * STRIPE):
        arg_max_row(logits, first, best, labels[first & 1])
        for row in range(first, min(first + STRIPE, cells)):
            below = min(row + 1, height - 1)
            upper, lower = labels[row & 1], labels[below & 1]
            if below > row:
                arg_max_row(logits, below, best, lower)
            if rows[START][row] == rows[START][row + 1]:
                continue
            fill_cells(out, rows[START][row], rows[START][row + 1], columns[START], upper)
            some = mixed_cells(upper, lower, mixed)
            if some > 0:
                bound_row(logits, row, below, floor, candidates)
                for m in range(some):
                    cell, before = mixed[m], waiting
                    waiting = list_tiles(tiles, waiting, row, cell, rows[START], columns[START])
                    for tile in range(before, waiting):
                        tiles[tile, CANDIDATES] = candidates[cell]
                        floors[tile] = floor[cell]
            if waiting >= WAITING:
                label_tiles(logits, out, rows, columns, tiles, floors, waiting)
                waiting = 0
    if waiting > 0:
        label_tiles(logits, out, rows, columns, tiles, floors, waiting)


@compiled
def most_tiles(rows: Indices, columns: Indices) -> int:
    """The most tiles that one row of cells can have."""
    down, across = 0, 0
    for row in range(len(rows) - 1):
        down = max(down, (rows[row + 1] - rows[row] + TILE - 1) // TILE)
    for column in range(len(columns) - 1):
        across += (columns[column + 1] - columns[column] + TILE - 1) // TILE
    return down * across


@compiled
def list_tiles(
    tiles: Indices, waiting: int, row: int, cell: int, rows: Indices, columns: Indices
) -> int:
    """Append the tiles of a cell to those that wait; return how many wait now."""
    for y in range(rows[row], rows[row + 1], TILE):
        for x in range(columns[cell], columns[cell + 1], TILE):
            tiles[waiting, ROW] = row
            tiles[waiting, CELL] = cell
            tiles[waiting, TOP] = y
            tiles[waiting, HEIGHT] = min(TILE, rows[row + 1] - y)
            tiles[waiting, LEFT] = x
            tiles[waiting, WIDTH] = min(TILE, columns[cell + 1] - x)
            waiting += 1
    return waiting


@compiled
def arg_max_row(logits: Floats, row: int, best: Floats, labels: Indices) -> None:
    """The first class with the largest logit, for a row of logits."""
    for x in range(len(labels)):
        best[x] = logits[0, row, x]
        labels[x] = NONE
    for c in range(1, logits.shape[0]):
        label = np.int32(c)
        for x in range(len(labels)):
            value, old, known = logits[c, row, x], best[x], labels[x]
            best[x] = value if value > old else old
            labels[x] = label if value > old else known


@compiled
def fill_cells(out: Labels, top: int, bottom: int, start: Indices, labels: Indices) -> None:
    """Write a row of cells as if each had the label of its first corner throughout."""
    for cell in range(len(start) - 1):
        label = labels[cell]
        for x in range(start[cell], start[cell + 1]):
            out[top, x] = label
    for y in range(top + 1, bottom):
        for x in range(out.shape[1]):
            out[y, x] = out[top, x]


@compiled
def mixed_cells(upper: Indices, lower: Indices, mixed: Indices) -> int:
    """List the cells between two rows whose corners differ; return their number."""
    beside = 1 if len(upper) > 1 else 0
    some = 0
    for x in range(len(mixed)):
        label = upper[x]
        differs = (label ^ upper[x + beside]) | (label ^ lower[x]) | (label ^ lower[x + beside])
        if differs != 0:
            mixed[some] = x
            some += 1
    return some


@compiled
def least(a: Any, b: Any) -> Any:
    """The smaller of two numbers; numba's own also looks for NaN."""
    return a if a < b else b


@compiled
def largest(a: Any, b: Any) -> Any:
    """The larger of two numbers."""
    return a if a > b else b


@compiled
def most(counts: Any) -> int:
    """The largest of some counts, of which there is at least one."""
    found = counts[0]
    for count in counts:
        found = max(found, count)
    return found  # type: ignore[no-any-return]


@compiled
def bound_row(logits: Floats, row: int, below: int, floor: Floats, count: Indices) -> None:
    """The largest of the classes' minima over a cell's corners; how many classes reach it."""
    beside = 1 if logits.shape[2] > 1 else 0
    for x in range(len(floor)):
        floor[x] = LOWEST
        count[x] = NONE
    for c in range(logits.shape[0]):
        for x in range(len(floor)):
            old = floor[x]
            upper = least(logits[c, row, x], logits[c, row, x + beside])
            lower = least(logits[c, below, x], logits[c, below, x + beside])
            floor[x] = largest(old, least(upper, lower))
    for c in range(logits.shape[0]):
        for x in range(len(floor)):
            known, limit = count[x], floor[x]
            upper = largest(logits[c, row, x], logits[c, row, x + beside])
            lower = largest(logits[c, below, x], logits[c, below, x + beside])
            count[x] = np.int32(known + (ONE if largest(upper, lower) >= limit else NONE))


@compiled
def sorted_tiles(tiles: Indices, waiting: int, classes: int) -> Indices:
    """The order of the tiles by candidates, then by size."""
    widest, highest = most(tiles[:waiting, WIDTH]), most(tiles[:waiting, HEIGHT])
    cost, order = np.empty(waiting, np.int32), np.empty(waiting, np.int32)
    start = np.zeros(4 * classes + 5, np.int32)
    for t in range(waiting):
        wide, high = tiles[t, WIDTH] == widest, tiles[t, HEIGHT] == highest
        cost[t] = 4 * tiles[t, CANDIDATES] + 2 * wide + high
        start[cost[t] + 1] += 1
    for c in range(len(start) - 1):
        start[c + 1] += start[c]
    for t in range(waiting):
        order[start[cost[t]]] = t
        start[cost[t]] += 1
    return order


@compiled
def label_tiles(
    logits: Floats,
    out: Labels,
    rows: AxisArrays,
    columns: AxisArrays,
    tiles: Indices,
    floors: Floats,
    waiting: int,
) -> None:
    """Compute and write the pixels of the tiles that wait, of which there is at least one."""
    order = sorted_tiles(tiles, waiting, logits.shape[0])
    lanes = np.empty((FIELDS, LANES), np.int32)
    floor = np.empty(LANES, np.float32)
    corners = np.empty((logits.shape[0] + 1, 4, LANES), np.float32)
    sides = np.empty((logits.shape[0] + 1, 2, LANES), np.float32)
    classes = np.empty((logits.shape[0] + 1, LANES), np.int32)
    down = np.empty((TILE, 2, LANES), np.float32)
    along = np.empty((TILE, 2, LANES), np.float32)
    ranks = np.empty((TILE, LANES), np.int32)
    for first in range(0, waiting, LANES):
        used = min(LANES, waiting - first)
        for lane in range(LANES):
            tile = order[first + min(lane, used - 1)]
            floor[lane] = floors[tile]
            for field in range(FIELDS):
                lanes[field, lane] = tiles[tile, field]
        weigh(lanes[TOP], lanes[HEIGHT], rows, down)
        weigh(lanes[LEFT], lanes[WIDTH], columns, along)
        candidates = gather(logits, lanes, floor, corners, classes)
        width = most(lanes[WIDTH])
        for k in range(most(lanes[HEIGHT])):
            mix_row(corners, down[k], candidates, sides)
            arg_max_lanes(sides, along, width, candidates, ranks)
            write_row(out, k, lanes, used, ranks, classes)


@compiled
def weigh(first: Indices, count: Indices, axis: AxisArrays, weights: Floats) -> None:
    """Near and far weights of the pixels of each tile along one axis."""
    for k in range(most(count)):
        for lane in range(LANES):
            # A smaller tile computes its last pixels again: nobody looks.
            pixel = index(first[lane] + min(k, count[lane] - 1))
            weights[k, 0, lane] = axis[NEAR][pixel]
            weights[k, 1, lane] = axis[FAR][pixel]


@compiled
def gather(logits: Floats, lanes: Indices, floor: Floats, corners: Floats, classes: Indices) -> int:
    """Corner values and class ids of each tile's candidates, in the order of the classes.

    Returns the even number to which every lane's candidates are filled up with its first one,
    which never wins against itself.
    """
    height, width = logits.shape[1], logits.shape[2]
    flat, flat_corners, flat_classes = logits.ravel(), corners.ravel(), classes.ravel()
    beside = index(1 if width > 1 else 0)
    below = index(width if height > 1 else 0)
    found = np.zeros(LANES, index)
    for c in range(logits.shape[0]):
        for lane in range(LANES):
            a = index((c * height + lanes[ROW, lane]) * width + lanes[CELL, lane])
            upper_left, upper_right = flat[a], flat[a + beside]
            lower_left, lower_right = flat[a + below], flat[a + below + beside]
            # Written before it is known to be a candidate: the next one overwrites it if not.
            at = found[lane] * index(4 * LANES) + index(lane)
            flat_corners[at] = upper_left
            flat_corners[at + index(LANES)] = upper_right
            flat_corners[at + index(2 * LANES)] = lower_left
            flat_corners[at + index(3 * LANES)] = lower_right
            flat_classes[found[lane] * index(LANES) + index(lane)] = c
            peak = largest(largest(upper_left, upper_right), largest(lower_left, lower_right))
            found[lane] += index(1) if peak >= floor[lane] else index(0)
    filled = np.int64(most(found))
    filled += filled & 1
    for lane in range(LANES):
        for n in range(np.int64(found[lane]), filled):
            classes[n, lane] = classes[0, lane]
            for corner in range(4):
                corners[n, corner, lane] = corners[0, corner, lane]
    return filled  # type: ignore[return-value]


@compiled
def mix_row(corners: Floats, weights: Floats, candidates: int, sides: Floats) -> None:
    """Values at the left and right end of each tile's cell in one row of pixels."""
    for n in range(candidates):
        for side in range(2):
            for lane in range(LANES):
                upper, lower = corners[n, side, lane], corners[n, side + 2, lane]
                sides[n, side, lane] = weights[0, lane] * upper + weights[1, lane] * lower


@compiled
def arg_max_lanes(
    sides: Floats, weights: Floats, width: int, candidates: int, ranks: Indices
) -> None:
    """The rank of the first candidate with the largest value at each pixel of a row of tiles."""
    best = np.empty(LANES, np.float32)
    for k in range(width):
        for lane in range(LANES):
            near, far = weights[k, 0, lane], weights[k, 1, lane]
            one = near * sides[0, 0, lane] + far * sides[0, 1, lane]
            two = near * sides[1, 0, lane] + far * sides[1, 1, lane]
            best[lane] = two if two > one else one
            ranks[k, lane] = ONE if two > one else NONE
        for n in range(2, candidates, 2):
            first, second = np.int32(n), np.int32(n + 1)
            for lane in range(LANES):
                near, far = weights[k, 0, lane], weights[k, 1, lane]
                old, rank = best[lane], ranks[k, lane]
                one = near * sides[n, 0, lane] + far * sides[n, 1, lane]
                two = near * sides[n + 1, 0, lane] + far * sides[n + 1, 1, lane]
                rank = first if one > old else rank
                old = one if one > old else old
                rank = second if two > old else rank
                old = two if two > old else old
                best[lane] = old
                ranks[k, lane] = rank


@compiled
def write_row(
    out: Labels, k: int, lanes: Indices, used: int, ranks: Indices, classes: Indices
) -> None:
    """Write the `k`-th row of pixels of the tiles in the first `used` lanes."""
    flat, flat_ranks, flat_classes = out.ravel(), ranks.ravel(), classes.ravel()
    for lane in range(used):
        if k < lanes[HEIGHT, lane]:
            at = index((lanes[TOP, lane] + k) * out.shape[1] + lanes[LEFT, lane])
            for column in range(index(lanes[WIDTH, lane])):
                rank = index(flat_ranks[column * index(LANES) + index(lane)])
                flat[at + column] = flat_classes[rank * index(LANES) + index(lane)]
