"""How far each kind of choice alone moves the latency of the paper's student: its response table.

    python benchmarks/paper_responses.py --official latency_lookup_table.npy
    python benchmarks/paper_responses.py --table runs/paper-space/latency/table.json

The first takes the authors' latency table (search/latency_lookup_table.npy of their repository),
right and as their search misreads it; the second one of ours, which
`benchmarks/profile_paper_space.py --run runs/paper-space` makes.  The paper has 10.42 ms for
operators, 0.01 ms for downsampling and 5.54 ms for expansions, on a GTX 1080 Ti.

Printed is the range of the student's expected latency under each kind of choice, all else even, for
either set of branches; and what the zoomed convolutions take of the plain ones' time, in the median
of all blocks of equal shape ("about 40 % less" in the paper).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from fasterseg.config import PAPER_CONTENDERS, SearchSpace
from fasterseg.latency.table import LatencyTable
from fasterseg.network.foreign_files import read_numbers
from fasterseg.network.official_table import CLASSES, SIZE, misread, official_table
from fasterseg.searching.steps.latency import ExpectedLatency
from fasterseg.searching.steps.penalty import Response, responses
from fasterseg.space.architecture import Geometry
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import uniform

SETS = ((32, 8), (32, 16))
STUDENT = PAPER_CONTENDERS[1]


def main() -> None:
    """Print a table for each set of branches and each way of reading prices."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", type=Path)
    parser.add_argument("--table", type=Path)
    chosen = parser.parse_args()
    for title, table in tables(chosen.official, chosen.table):
        print(f"{title} ({table.target.device}, {table.target.backend})")
        for kind in ("conv", "conv_x2"):
            ratio, pairs = zoomed_share(table, kind)
            print(f"  zoomed_{kind} takes {100 * ratio:.1f} % of {kind}'s time ({pairs} pairs)")
        for branches in SETS:
            print(f"  branches to 1/{branches[0]} and 1/{branches[1]}, milliseconds")
            for one in answers(table, branches):
                print(
                    f"    {one.section:<7} {one.lowest_ms:8.3f} to {one.highest_ms:8.3f}, "
                    f"range {one.range_ms:7.3f}"
                )


def tables(official: Path | None, own: Path | None) -> Iterator[tuple[str, LatencyTable]]:
    """The latency tables that were named, each with what it is."""
    if official is not None:
        table = official_table(read_numbers(official), where=str(official))
        yield "the authors' table", table
        yield "the authors' table as their search misreads it", misread(table)
    if own is not None:
        yield "a table of this machine", LatencyTable.load(own)


def answers(table: LatencyTable, branches: tuple[int, int]) -> tuple[Response, ...]:
    """How the student's expected latency answers, in the paper's space of one set of branches."""
    space = SearchSpace(branches=branches)
    options = Options.of(space, STUDENT)
    geometry = Geometry(SIZE, CLASSES)
    expected = ExpectedLatency(Lattice(space), geometry, table.cost_ms, contenders=[options])
    return responses(expected, uniform(options))


def zoomed_share(table: LatencyTable, kind: str) -> tuple[float, int]:
    """What a zoomed operator takes of the plain one's time, the median of so many pairs."""
    pairs = [
        (table.entries[f"zoomed_{key}"].median_ms, entry.median_ms)
        for key, entry in table.entries.items()
        if key.startswith(f"{kind} ") and f"zoomed_{key}" in table.entries
    ]
    return (median(zoomed / plain for zoomed, plain in pairs), len(pairs)) if pairs else (0.0, 0)


if __name__ == "__main__":
    main()
