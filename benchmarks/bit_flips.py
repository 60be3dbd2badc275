"""Flips bits of every kind of file that the package writes, and says what its readers make of it.

A table of kinds: how many flips were noticed, how many left what the file says as it was, how many
were used without a word, and how many ended as a fault of ours. Ends with 1 where there are any of
the last two.

    python benchmarks/bit_flips.py --flips 1000
    python benchmarks/bit_flips.py --folder runs/demo --folder exported/
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(TESTS / "support"), str(TESTS / "pipeline")]

from flipping import BUG, EQUAL, NOTICED, SILENT, Kind, kinds_in, outcomes  # noqa: E402
from quick_cli import hurry  # noqa: E402

from fasterseg.cli import main as fasterseg  # noqa: E402
from fasterseg.errors import FastersegError  # noqa: E402

COLUMNS = (NOTICED, EQUAL, SILENT, BUG)
OFFICIAL = TESTS / "parity" / "data"


def main() -> int:
    """Print the table; 0 where everything was noticed or changed nothing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--folder", type=Path, action="append", help="copies of files to damage")
    given = parser.parse_args()
    if given.folder:
        return table(given.folder, given.flips)
    with TemporaryDirectory(prefix="bit-flips-") as folder:
        write_everything(Path(folder))
        return table([Path(folder)], given.flips)


def write_everything(folder: Path) -> None:
    """A whole run of seconds, exports of its student, and an import of the authors' files."""
    hurry()
    run, bundle = folder / "run", folder / "run" / "training" / "student" / "best"
    recipe = TESTS / "pipeline" / "tiny.yaml"
    do("plan", "--recipe", str(recipe), "--run", str(run))
    start = ("--set", "student.start=supernet")
    do("run", "--recipe", str(recipe), "--run", str(run), *start)
    for form, name in (("torch", "s.pt2"), ("openvino", "s.xml")):
        do("export", str(bundle), "--format", form, "--out", str(folder / name))
    do(
        "import-official",
        *("--arch", str(OFFICIAL / "arch_1.pt")),
        *("--table", str(OFFICIAL / "latency_lookup_table.npy"), "--out", str(folder / "official")),
    )


def do(*words: str) -> None:
    """Run a verb; where it fails, the table has fewer kinds."""
    try:
        code = fasterseg([*words])
    except FastersegError as error:
        code = error.exit_code
    if code:
        print(f"fasterseg {words[0]} ended with {code}", file=sys.stderr)


def table(folders: Iterable[Path], flips: int) -> int:
    """Print what became of the kinds of file in some folders; 1 where some flips were silent."""
    kinds: dict[str, Kind] = {}
    for folder in folders:
        kinds = {**{kind.name: kind for kind in kinds_in(folder)}, **kinds}
    print(f"| kind of file | bytes | {' | '.join(COLUMNS)} |")
    print(f"| --- |{' ---: |' * (len(COLUMNS) + 1)}")
    wrong = 0
    for name in sorted(kinds):
        kind = kinds[name]
        counted = outcomes(kind, flips)
        size = sum(path.stat().st_size for path in kind.files)
        print(
            f"| {name} | {size:,} | {' | '.join(str(counted[one]) for one in COLUMNS)} |",
            flush=True,
        )
        wrong += counted[SILENT] + counted[BUG]
    print(f"\n{len(kinds)} kinds, {flips:,} flips each; {wrong} used without a word or a bug")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
