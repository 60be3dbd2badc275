"""A device that nobody has: it answers a kit with what its graphs would take at a made-up price.

answer(run.kits / "space")
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from random import Random

import onnx
from onnx import shape_inference

from fasterseg.config import runtime_named
from fasterseg.kit.manifest import Item, KitManifest
from fasterseg.kit.measured import MEASURED_FILE, Device, KitMeasured, Promised, RuntimeThere, Timed
from fasterseg.kit.packing import EXPECTED

NANOSECONDS_PER_NODE, NUMBERS_PER_NANOSECOND = 3000, 0.2
BOARD = Device(
    name="far board", processor="Made-up A1", cores=4, system="Linux 6.1", language="Python 3.8.10"
)


def answer(
    folder: Path, *, device: Device = BOARD, slower: float = 1.0, steady: int = 5, place: str = ""
) -> Path:
    """Lay into a kit's folder what the device measured, `slower` so many times; where it lies."""
    manifest = KitManifest.load(folder / "manifest.json")
    items = {item.key: item for item in manifest.items}
    timed = {key: _timed(folder, items[key]) for key in manifest.timed_keys()}
    promised = {
        key: _promised(folder, items[key], manifest, slower, steady) for key in manifest.promised
    }
    labels = json.loads((folder / EXPECTED).read_text()) if manifest.images else {}
    found = KitMeasured(
        kit=manifest.digest(),
        runner="run.py",
        device=device,
        runtime=RuntimeThere(
            name=runtime_named(manifest.target.backend).in_kits,
            version="1.16.3",
            provider="CPUExecutionProvider",
            threads=manifest.target.threads,
            precision=manifest.target.precision,
        ),
        floor_ns=100,
        canary_ns=_nanoseconds(folder / items[manifest.canary].file),
        clock_ns=1,
        timed=timed,
        promised=promised,
        labels=labels,
        unquiet=0,
    )
    return found.save(Path(place) if place else folder / MEASURED_FILE)


def _timed(folder: Path, item: Item) -> Timed:
    median_ns = _nanoseconds(folder / item.file)
    return Timed(
        median_ns=median_ns,
        p95_ns=median_ns + median_ns // 20,
        spread_ns=median_ns // 100,
        runs=15,
        canary_ns=5000,
    )


def _promised(
    folder: Path, item: Item, manifest: KitManifest, slower: float, steady: int
) -> Promised:
    own = slower * (1 + 0.02 * (Random(item.key).random() - 0.5))
    median_ns = round(own * _nanoseconds(folder / item.file))
    windows = max(manifest.promise.windows, 5)
    return Promised(
        median_ns=median_ns,
        p95_ns=median_ns + median_ns // 20,
        windows=windows,
        queries=manifest.promise.queries,
        steady_windows=min(steady, windows),
        spread_ppm=20_000,
        pace_ppm=1_000_000,
        sha256=manifest.files[item.file].sha256,
    )


@cache
def _nanoseconds(file: Path) -> int:
    """So much for each operator, and for each number that it reads and writes."""
    graph = shape_inference.infer_shapes(onnx.load(file)).graph
    shapes = {
        value.name: math.prod(d.dim_value or 1 for d in value.type.tensor_type.shape.dim)
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    sizes = {one.name: math.prod(one.dims) for one in graph.initializer}
    total = 0.0
    for node in graph.node:
        written = sum(shapes.get(name, 0) for name in node.output)
        weights = sum(sizes.get(name, 0) for name in node.input)
        total += NANOSECONDS_PER_NODE + (written * (1 + weights**0.5)) / NUMBERS_PER_NANOSECOND
    return round(total)
