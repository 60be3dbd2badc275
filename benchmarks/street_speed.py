"""How many street scenes a second one core makes.

Times short blocks of scenes in processor time and prints the median and the best block, since
other programs on the same machine only ever slow a block down.

    python benchmarks/street_speed.py --size 128 256
"""

from __future__ import annotations

import argparse
import statistics
import time

from fasterseg.datasets.street import StreetScenes

BLOCK = 20


def seconds_per_block(source: StreetScenes, block: int) -> float:
    """Return the processor seconds that one block of scenes takes."""
    started = time.process_time()
    for step in range(BLOCK):
        source.sample("train", block * BLOCK + step)
    return time.process_time() - started


def main() -> None:
    """Parse the arguments, time, and print images a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 256))
    parser.add_argument("--blocks", type=int, default=40)
    arguments = parser.parse_args()
    height, width = arguments.size
    source = StreetScenes(size=(height, width), counts={"train": arguments.blocks * BLOCK})
    source.sample("train", 0)
    times = [seconds_per_block(source, block) for block in range(arguments.blocks)]
    print(f"street {height}x{width}, one core, images a second:")
    print(f"  median {BLOCK / statistics.median(times):.0f}")
    print(f"  best   {BLOCK / min(times):.0f}")


if __name__ == "__main__":
    main()
