"""How long hand-made members of `mobile` take beside Fast-SCNN, by turns.

    python benchmarks/members.py [--size 360x480] [--threads 1 2] [--rounds 12] [NAME=FILE ...]

The members are the mixed network and Fast-SCNN's own wiring (`docs/studies/networks`), or the
architecture files that are named; see `latencies_by_turns` for what is timed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fasterseg.network.description import NetworkDescription
from fasterseg.reporting.counting import costs_of, evaluated
from fasterseg.runtime import processor_name
from fasterseg.space.architecture import Architecture, Geometry
from fasterseg.space.blocks import Size
from latencies_by_turns import print_latencies

NETWORKS = Path(__file__).parents[1] / "docs" / "studies" / "networks"
MEMBERS = ("mixed", "fast-scnn-wiring")
CLASSES = 11


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("members", nargs="*", default=[f"{m}={NETWORKS / m}.json" for m in MEMBERS])
    parser.add_argument("--size", default="360x480")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=12)
    chosen = parser.parse_args()
    size = Size.parse(chosen.size)
    described = {"fast-scnn": NetworkDescription(classes=CLASSES, baseline="fast-scnn")}
    for given in chosen.members:
        name, _, file = given.partition("=")
        architecture = Architecture.load(Path(file))
        described[name] = NetworkDescription(classes=CLASSES, architecture=architecture)
    print(f"{processor_name()}; {size}, {CLASSES} classes\n")
    for name, one in described.items():
        cost = evaluated(costs_of(one, Geometry(size, CLASSES)))
        print(f"{name}: {cost.macs / 1e9:.3f} G MACs, {cost.parameters / 1e6:.2f} M parameters")
    print_latencies(described, size, threads=chosen.threads, rounds=chosen.rounds)


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Prints the description as it is."""


if __name__ == "__main__":
    main()
