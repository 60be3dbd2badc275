"""Which operators of every kind of block XNNPACK takes in ExecuTorch, and which stay portable.

    FASTERSEG_EXECUTORCH=$HOME/executorch python benchmarks/executorch_operators.py

Lowers one block of each kind and stride of the named spaces, and the blocks around them (image in,
input scale, tail), as `fasterseg export --format executorch` does whole networks, and prints a
table.  The block is the narrowest of its kind, at its own size in a 360x480 image.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from fasterseg.deploy.exporting.bordering import SizedBlock, made_up
from fasterseg.deploy.exporting.folding import folded
from fasterseg.deploy.runtimes.executorch.process import lowered
from fasterseg.latency.enumeration import specs_of
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.options import Options
from fasterseg.space.presets import PRESETS
from fasterseg.space.search_space import SearchSpace

GEOMETRY = Geometry(Size(360, 480), 11)
SCALED = BlockSpec("rescale", (3,), 3, 1, GEOMETRY.size, Size(270, 360))


def narrowest(names: list[str]) -> Mapping[str, tuple[BlockSpec, set[str]]]:
    """By kind and stride, the narrowest block, and the spaces that offer it."""
    found: dict[str, tuple[BlockSpec, set[str]]] = {}
    for name in names:
        space = SearchSpace.model_validate({"preset": name})
        for spec in (*specs_of([Options.of_space(space)], GEOMETRY), SCALED):
            if spec.is_identity:
                continue
            key = f"{spec.kind}, stride {spec.stride}" if spec.stride > 1 else spec.kind
            known, spaces = found.get(key, (spec, set()))
            found[key] = (min(known, spec, key=lambda one: one.macs), {*spaces, name})
    return found


def example(spec: BlockSpec) -> tuple[torch.Tensor, ...]:
    """What the block reads: bytes, or features for each input."""
    if spec.row.reads == "bytes":
        return (torch.zeros(1, *spec.in_size, 3, dtype=torch.uint8),)
    return tuple(torch.rand(1, count, *spec.in_size) for count in spec.in_channels)


def main() -> None:
    """Lower all blocks in one child and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--spaces", nargs="+", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--kinds", nargs="+", help="these alone")
    asked = parser.parse_args()
    blocks = narrowest(asked.spaces)
    if asked.kinds:
        blocks = {key: found for key, found in blocks.items() if found[0].kind in asked.kinds}
    with tempfile.TemporaryDirectory() as place:
        folder, names = Path(place), [str(index) for index in range(len(blocks))]
        for name, (spec, _) in zip(names, blocks.values(), strict=True):
            module = folded(made_up(partial(SizedBlock, spec)))
            torch.export.save(torch.export.export(module, example(spec)), folder / f"{name}.pt2")
        found = lowered(folder, names)
    print("| block | spaces | XNNPACK takes | portable |\n| --- | --- | --- | --- |")
    for (key, (_, spaces)), told in zip(blocks.items(), found, strict=True):
        taken, left = (
            ", ".join(sorted({one.partition("::")[2] for one in told[where]})) or "-"
            for where in ("xnnpack", "portable")
        )
        print(f"| {key} | {', '.join(sorted(spaces))} | {taken} | {left} |")


if __name__ == "__main__":
    main()
