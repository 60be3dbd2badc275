"""Whether the benchmark tells what differs, and nothing else, on this machine.

A random network of the default space is compared with itself, opened twice: a difference of 3 %
that the benchmark sees there is a false alarm.  Then it is compared with the same network with 5 %
more multiply-adds: one convolution more on maps that it has anyway, whose outcome is added to the
logits, too small to change a label.  Wanted: at most one false alarm in twenty, and the slow-down
seen in nineteen of twenty.

    python benchmarks/benchmark_self_test.py --repeats 20 --threads 1

A comparison takes about 15 seconds.  Let the machine do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from random import Random

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from fasterseg.config import PAPER_CONTENDERS, SearchSpace
from fasterseg.deploy.benchmark.alternating import AlternationSettings, Query
from fasterseg.deploy.benchmark.benchmark_report import Comparison
from fasterseg.deploy.benchmark.benchmarking import compare_by_turns
from fasterseg.deploy.benchmark.contestants import open_canary, street_images
from fasterseg.deploy.benchmark.pinning import (
    collection_paused,
    cores_for,
    denormals_flushed,
    pinned,
)
from fasterseg.deploy.runtimes.onnx.cpu import OnnxGraph, OnnxRuntimeBackend
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.runtime import numpy_generator
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

SIZE, CLASSES = Size(360, 480), 11
EXTRA = 0.05
CHANNEL_STEP = 16  # runtimes compute channels by the vector
ROUNDS, NEEDED_ROUNDS, MOST_ROUNDS = 20, 8, 60
TINY = 1e-12
THREE_BY_THREE = [3, 3]


@dataclass(frozen=True)
class Extra:
    """A convolution that could be added: its input's name and shape, its outputs, its cost."""

    value: str
    shape: tuple[int, ...]
    channels: int

    @property
    def macs(self) -> int:
        """Multiply-adds of a 3x3 convolution of stride 1."""
        _, inputs, height, width = self.shape
        return 9 * inputs * self.channels * height * width


def random_model(backend: OnnxRuntimeBackend, seed: int) -> bytes:
    """The whole job of a random student of the paper's space."""
    student = next(one for one in PAPER_CONTENDERS if one.role == "student")
    architecture = random_architecture(Options.of(SearchSpace(), student), Random(seed))
    graph = backend.random_network(architecture, Geometry(SIZE, CLASSES)).graph
    assert isinstance(graph, OnnxGraph)
    return graph.model


def with_more_convolution(model: bytes, share: float = EXTRA) -> tuple[bytes, float]:
    """The model with that share of its multiply-adds added, and the share that it became."""
    grown = shape_inference.infer_shapes(onnx.ModelProto.FromString(model))
    graph = grown.graph
    shapes = shapes_in(graph)
    total = sum(macs_of(node, shapes) for node in graph.node if node.op_type == "Conv")
    extra = fitting_extra(graph, shapes, share * total)
    last = [node for node in graph.node if node.op_type == "Conv"][-1]
    add_convolution(graph, extra, logits=last.output[0])
    onnx.checker.check_model(grown)
    return bytes(grown.SerializeToString()), extra.macs / total


def shapes_in(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """The shape of each value and weight."""
    values = [*graph.value_info, *graph.input, *graph.output]
    shapes = {
        value.name: tuple(side.dim_value for side in value.type.tensor_type.shape.dim)
        for value in values
    }
    return {**shapes, **{tensor.name: tuple(tensor.dims) for tensor in graph.initializer}}


def macs_of(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """Multiply-adds of a convolution without groups."""
    return prod(shapes[node.input[1]]) * prod(shapes[node.output[0]][2:])


def fitting_extra(
    graph: onnx.GraphProto, shapes: dict[str, tuple[int, ...]], wanted: float
) -> Extra:
    """The convolution nearest to the wanted cost, among those on what 3x3 convolutions read."""
    found = []
    for node in graph.node:
        if node.op_type != "Conv" or list(shapes[node.input[1]])[2:] != THREE_BY_THREE:
            continue
        shape = shapes[node.input[0]]
        one = Extra(node.input[0], shape, CHANNEL_STEP)
        steps = max(1, round(wanted / one.macs))
        found.append(Extra(node.input[0], shape, CHANNEL_STEP * steps))
    return min(found, key=lambda extra: abs(extra.macs / wanted - 1))


def add_convolution(graph: onnx.GraphProto, extra: Extra, *, logits: str) -> None:
    """Add the convolution; its mean, a single number far below rounding, goes to the logits."""
    generator = np.random.default_rng(0)
    shape = (extra.channels, extra.shape[1], 3, 3)
    weights = generator.standard_normal(shape, dtype=np.float32) * np.float32(TINY)
    graph.initializer.append(numpy_helper.from_array(weights, "extra/weight"))
    graph.initializer.append(numpy_helper.from_array(np.array([1]), "extra/axes"))
    readers = [node for node in graph.node if logits in node.input]
    for node in readers:
        node.input[:] = ["extra/logits" if name == logits else name for name in node.input]
    added = [
        helper.make_node("Conv", [extra.value, "extra/weight"], ["extra/maps"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["extra/maps"], ["extra/means"]),
        helper.make_node("ReduceMean", ["extra/means", "extra/axes"], ["extra/mean"]),
        helper.make_node("Add", [logits, "extra/mean"], ["extra/logits"]),
    ]
    nodes = list(graph.node)
    place = 1 + max(index for index, node in enumerate(nodes) if logits in node.output)
    del graph.node[:]
    graph.node.extend([*nodes[:place], *added, *nodes[place:]])


def query_of(backend: OnnxRuntimeBackend, model: bytes) -> Query:
    """A session of its own, and images in turn."""
    session, images = Session(backend.open_graph(model)), street_images(SIZE)
    return lambda number: session.run(images[number % len(images)])


def compared(
    backend: OnnxRuntimeBackend, first: bytes, second: bytes, *, repeat: int
) -> Comparison:
    """One comparison, both models opened anew."""
    with collection_paused():
        return compare_by_turns(
            {"first": query_of(backend, first), "second": query_of(backend, second)},
            canary=open_canary(backend.threads, "cpu"),
            rounds=ROUNDS,
            needed_rounds=NEEDED_ROUNDS,
            most_rounds=MOST_ROUNDS,
            alternation=AlternationSettings(warmup_most_runs=20),
            generator=numpy_generator(0, "self test", repeat),
        )


def told(title: str, comparisons: Sequence[Comparison]) -> str:
    """The verdicts counted, and every ratio."""
    counts = Counter(one.verdict for one in comparisons)
    ratios = " ".join("-" if c.ratio is None else f"{c.ratio.value:.4f}" for c in comparisons)
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    return f"{title}: {verdicts}\n  ratios {ratios}"


def main() -> None:
    """Compare, and print counts and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        cores = stack.enter_context(pinned(cores_for(arguments.threads)))
        stack.enter_context(denormals_flushed())
        backend = OnnxRuntimeBackend(threads=arguments.threads)
        model = random_model(backend, arguments.seed)
        more, share = with_more_convolution(model)
        print(
            f"random network of the default space, {SIZE}, ONNX Runtime, {arguments.threads} "
            f"threads on cores {cores}; {share:.2%} more multiply-adds",
            flush=True,
        )
        for title, other in (("against itself", model), ("against more", more)):
            comparisons = []
            for repeat in range(arguments.repeats):
                comparisons.append(compared(backend, model, other, repeat=repeat))
                print(f"  {comparisons[-1].describe()}", flush=True)
            print(told(title, comparisons), flush=True)


if __name__ == "__main__":
    main()
