from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from fasterseg.deploy.exporting.export import export_modules
from fasterseg.deploy.exporting.graphs import weights_of, with_random_weights, without_weights
from fasterseg.deploy.exporting.patterns import BlockExporter, pattern_of, trained_looking
from fasterseg.layers.building import build_block
from fasterseg.space.blocks import BlockSpec, Size

EVEN, ODD, HALF = Size(16, 12), Size(15, 13), Size(8, 7)
QUICK = (
    BlockSpec("skip", (8,), 13, 2, ODD, HALF),
    BlockSpec("conv_x2", (8,), 13, 2, ODD, HALF),
    BlockSpec("zoomed_conv", (8,), 13, 1, ODD, ODD),
    BlockSpec("arm", (16,), 8, 1, HALF, ODD),
    BlockSpec("refine", (8, 12), 8, 1, ODD, ODD),
    BlockSpec("head", (16,), 1, 1, ODD, ODD),
)
EVERY = (
    *(
        BlockSpec(kind, (8,), 13, stride, EVEN, EVEN.strided(stride))
        for kind in ("skip", "conv", "conv_x2", "zoomed_conv", "zoomed_conv_x2")
        for stride in (1, 2)
    ),
    BlockSpec("input", (3,), 3, 1, Size(31, 33), Size(31, 33)),
    BlockSpec("conv", (3,), 16, 2, Size(31, 33), Size(16, 17)),
    BlockSpec("conv_x2", (16,), 16, 1, ODD, ODD),
    BlockSpec("refine", (8, 8), 8, 1, ODD, ODD),
    BlockSpec("fuse", (8,), 8, 1, ODD, ODD),
    BlockSpec("fuse", (4, 4, 4), 12, 1, ODD, ODD),
    BlockSpec("head", (16,), 5, 1, ODD, ODD),
    BlockSpec("tail", (300,), 1, 1, Size(4, 5), Size(31, 33)),
)


def outline(model: bytes) -> tuple[object, ...]:
    """All of a model but its weights' numbers and its names' spelling."""
    graph = onnx.load_from_string(model).graph
    numbers: dict[str, int] = {}

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers))

    weights = {tensor.name for tensor in weights_of(graph)}
    nodes = [
        (
            node.op_type,
            tuple(sorted(attribute.SerializeToString() for attribute in node.attribute)),
            tuple(number(name) if name else None for name in node.input),
            tuple(number(name) for name in node.output),
        )
        for node in graph.node
    ]
    constants = {
        number(tensor.name): (
            tuple(tensor.dims),
            None if tensor.name in weights else numpy_helper.to_array(tensor).tobytes(),
        )
        for tensor in graph.initializer
    }
    ends = [(value.name, value.type.SerializeToString()) for value in (*graph.input, *graph.output)]
    return nodes, sorted(constants.items()), ends


Graphs = list[tuple[BlockSpec, bytes, bytes]]


def fitted_and_exported(specs: tuple[BlockSpec, ...]) -> Graphs:
    """Each block's graph fitted from its pattern, and exported by itself."""
    fitted = BlockExporter().graphs(specs)
    alone = export_modules((spec, trained_looking(build_block(spec))) for spec in specs)
    return [
        (spec, light, without_weights(model))
        for (spec, light), (_, model) in zip(fitted, alone, strict=True)
    ]


@pytest.fixture(scope="module")
def graphs() -> Graphs:
    return fitted_and_exported(QUICK)


@pytest.mark.parametrize("index", range(len(QUICK)), ids=[spec.key for spec in QUICK])
def test_a_fitted_graph_is_the_one_that_exporting_the_block_gives(
    graphs: Graphs, index: int
) -> None:
    spec, fitted, alone = graphs[index]
    assert spec == QUICK[index]
    assert outline(fitted) == outline(alone)


@pytest.mark.slow
def test_the_fitted_graph_of_every_kind_of_block_is_its_own_export() -> None:
    for spec, fitted, alone in fitted_and_exported(EVERY):
        assert outline(fitted) == outline(alone), spec.key


def test_fitted_graphs_run_on_random_weights_and_stay_in_range(
    graphs: Graphs,
) -> None:
    for spec, fitted, _ in graphs:
        model = with_random_weights(fitted)
        assert len(model) >= len(fitted)
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        generator = np.random.default_rng(0)
        feeds = {
            f"in{index}": generator.standard_normal((1, count, *spec.in_size), dtype=np.float32)
            for index, count in enumerate(spec.in_channels)
        }
        (found,) = session.run(None, feeds)
        assert found.shape == (1, spec.out_channels, *spec.out_size)
        assert 1e-3 < np.abs(found).mean() < 1e2, spec.key


def test_convolutions_keep_their_biases(graphs: Graphs) -> None:
    for spec, fitted, _ in graphs:
        nodes = onnx.load_from_string(fitted).graph.node
        assert all(len(node.input) == 3 for node in nodes if node.op_type == "Conv"), spec.key


def test_blocks_that_differ_in_channels_alone_share_a_pattern() -> None:
    one = BlockSpec("conv", (8,), 13, 1, ODD, ODD)
    assert pattern_of(one) == pattern_of(replace(one, in_channels=(99,), out_channels=7))
    for other in (
        replace(one, kind="conv_x2"),
        replace(one, stride=2, out_size=HALF),
        replace(one, in_size=EVEN, out_size=EVEN),
        replace(one, in_channels=(8, 8)),
    ):
        assert pattern_of(one) != pattern_of(other)
