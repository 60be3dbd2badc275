"""What five heads and parts of one's own cost: processor seconds of a step, by turns.

    python benchmarks/all_heads.py --height 64 --width 128 --steps 3

An exact search of the paper's space and its two sets of branches, on random images: a step of
pre-training and one of the search, each way once in every turn; the medians are printed, and the
numbers in each supernet.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from fasterseg.config import SearchSettings
from search_setup import Dimensions, SearchSetup

SETS = ((32, 8), (32, 16))
WAYS = [(heads, shared) for heads in ("one", "all") for shared in ("all", "cells")]


def main() -> None:
    """Print a line for each way."""
    asked = _asked()
    torch.set_num_threads(1)
    size = {"batch": asked.batch, "height": asked.height, "width": asked.width}
    dimensions = Dimensions(layers=asked.layers, branches=SETS, **size)
    setups = {way: SearchSetup(dimensions, _settings(*way)) for way in WAYS}
    stages = {
        way: (one.search.pretraining().step, one.cosearch().step) for way, one in setups.items()
    }
    found: dict[tuple[str, str], tuple[list[float], list[float]]] = {w: ([], []) for w in WAYS}
    for index in range(asked.steps + 1):  # the first warms up
        for way, steps in stages.items():
            for kept, step in zip(found[way], steps, strict=True):
                seconds = _seconds(step, index)
                if index:
                    kept.append(seconds)
    print(f"{'heads':>6} {'shared':>7} {'numbers':>12} {'pre-training':>13} {'search':>8}")
    for (heads, shared), (first, second) in found.items():
        supernet = setups[heads, shared].search.weights.supernet
        numbers = sum(one.numel() for one in supernet.parameters())
        times = f"{median(first):>11.2f} s {median(second):>6.2f} s"
        print(f"{heads:>6} {shared:>7} {numbers:>12,} {times}")


def _settings(heads: str, shared: str) -> SearchSettings:
    known = {"mode": "exact", "exact_widths": "straight-through", "control_every": 10**6}
    return SearchSettings.model_validate({**known, "heads": heads, "shared": shared})


def _seconds(step: Callable[[int], object], index: int) -> float:
    began = time.process_time()
    step(index)
    return time.process_time() - began


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in {"layers": 16, "batch": 2, "height": 64, "width": 128, "steps": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    return parser.parse_args()


if __name__ == "__main__":
    main()
