"""How long the paper's whole space takes to profile at full size, and how well the table predicts.

    python benchmarks/profile_paper_space.py [--threads 2] [--height 1024] [--width 2048]

Profiles every block of that space on ONNX Runtime (19 classes), calibrates on 20 random
whole networks, and prints the minutes, and the error on those that were held out.  `--run` keeps
the folder, so that a stopped profile is resumed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from fasterseg.config import PAPER_CONTENDERS, Recipe, SearchSpace, TargetSettings
from fasterseg.console.progress import progress_for
from fasterseg.latency.profiled import ProfileResult
from fasterseg.pipeline.stages.profiling import profile_stage
from fasterseg.runs import RunFolder
from fasterseg.runtime import available_cores, processor_name

CITYSCAPES_CLASSES = 19
MOST_MINUTES = 20


def main() -> None:
    """Profile, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=min(2, available_cores()))
    parser.add_argument("--height", type=int, default=1024)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--run", type=Path, default=None)
    chosen = parser.parse_args()
    target = TargetSettings(threads=chosen.threads, height=chosen.height, width=chosen.width)
    recipe = Recipe(target=target, space=SearchSpace(), contenders=PAPER_CONTENDERS)
    if chosen.run is not None:
        report(recipe, RunFolder(chosen.run))
        return
    with tempfile.TemporaryDirectory() as folder:
        report(recipe, RunFolder(Path(folder)))


def report(recipe: Recipe, run: RunFolder) -> None:
    """Profile into a folder and print minutes and errors."""
    start = time.monotonic()
    table = profile_stage(recipe, run, classes=CITYSCAPES_CLASSES, show=progress_for())
    minutes = (time.monotonic() - start) / 60
    calibration = table.calibration
    print(ProfileResult.of(table, run.latency_table).describe())
    print(f"processor: {processor_name()}, {available_cores()} cores")
    print(f"minutes: {minutes:.1f} (to stay under {MOST_MINUTES})")
    print(
        f"calibration: {calibration.scale:.3f} x ms {calibration.per_block_ms:+.4f} ms a block "
        f"{1e6 * calibration.per_byte_ms:+.4f} ms a border megabyte"
    )
    for network in sorted(calibration.networks, key=lambda network: network.measured_ms):
        held = "held out" if network.held_out else "fitted"
        print(
            f"  measured {network.measured_ms:8.1f} ms, predicted {network.predicted_ms:8.1f} ms, "
            f"{network.predicted_ms / network.measured_ms:.3f}, {held}"
        )


if __name__ == "__main__":
    main()
