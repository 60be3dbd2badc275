"""The processor's peak: operations counted right, the best of all, on what is installed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fasterseg.deploy.benchmark.peak import (
    HeavyLayer,
    Opener,
    convolution_peak,
    installed_openers,
    open_row,
    row_of,
)
from fasterseg.latency.timing import Call
from fasterseg.space.blocks import Size

SMALL, LARGE = HeavyLayer(4, Size(6, 5)), HeavyLayer(8, Size(6, 5))


def takes(times_ms: dict[HeavyLayer, list[float]]) -> Opener:
    """A runtime on which each layer takes these times, one after the other."""

    def opened(layer: HeavyLayer, threads: int) -> Call:
        pending = list(times_ms[layer])
        return lambda: pending.pop(0) if len(pending) > 1 else pending[0]

    return opened


def stopwatch(call: Call) -> float:
    found = call()
    assert isinstance(found, float)
    return found


def test_operations_are_two_for_each_multiply_add_of_what_is_run() -> None:
    conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
    macs = conv.weight.numel() * conv(torch.zeros(1, 4, 6, 5))[0, 0].numel()
    assert SMALL.flops == 4 * 2 * macs
    found = open_row("pytorch", SMALL, 1)()
    assert isinstance(found, torch.Tensor)
    assert found.shape == (1, 4, 6, 5)


def test_the_peak_is_the_best_layer_on_the_best_runtime() -> None:
    openers = {"a": takes({SMALL: [1.0], LARGE: [3.0]}), "b": takes({SMALL: [2.0], LARGE: [8.0]})}
    peak = convolution_peak(threads=1, openers=openers, layers=(SMALL, LARGE), stopwatch=stopwatch)
    assert peak.gflops == pytest.approx(LARGE.flops / 3e6)
    assert peak.of == "3x3 convolution, 8 channels at 6x5, a"


def test_a_disturbed_visit_and_a_single_fluke_change_nothing() -> None:
    # Each visit has one run that does not count and three that do.
    visits = [*[9.0] * 4, *[2.0, 2.0, 0.1, 2.0], *[9.0] * 4]
    peak = convolution_peak(
        threads=1,
        openers={"a": takes({SMALL: visits})},
        layers=(SMALL,),
        visits=3,
        runs=3,
        stopwatch=stopwatch,
    )
    assert peak.gflops == pytest.approx(SMALL.flops / 2e6)


def test_both_runtimes_run_the_row_here() -> None:
    pytest.importorskip("onnxruntime")
    assert set(installed_openers()) == {"pytorch", "onnxruntime"}
    peak = convolution_peak(threads=1, layers=(SMALL,), visits=1, runs=1)
    assert peak.gflops > 0


def test_the_row_is_one_after_the_other() -> None:
    row = row_of(SMALL)
    maps = torch.ones(1, 4, 6, 5)
    expected = maps
    for conv in row.children():
        expected = conv(expected)
    assert len(list(row.children())) == 4
    assert torch.equal(row(maps), expected)
