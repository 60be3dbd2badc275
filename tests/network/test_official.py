"""Of the authors' files, only what can be meant is taken for architectures, weights and prices."""

from __future__ import annotations

import math

import pytest
import torch
from official_files import TABLE, arch_file
from torch import Tensor

from fasterseg.errors import FileError
from fasterseg.network.foreign_files import read_numbers, read_tensors
from fasterseg.network.official import LAYERS, decode, read_logits
from fasterseg.network.official_table import official_table
from fasterseg.network.official_weights import convert_weights
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import Size

KEY = "BasicResidual1x_H32_W64_Cin384_Cout192_stride1_dilation1"


@pytest.mark.parametrize("price", [-1.0, -1e-9, math.nan, math.inf, 1e308, 60_001.0])
def test_a_price_that_no_block_has_is_refused(price: float) -> None:
    with pytest.raises(FileError, match=r"takes .* ms"):
        official_table({KEY: price}, where="x")


@pytest.mark.parametrize(
    "key",
    [
        "9" * 5000,
        KEY.replace("384", "9" * 5000),
        KEY.replace("384", "0384"),
        KEY.replace("384", "0"),
        KEY.replace("H32", "H٣٢"),
        KEY.replace("stride1", "stride7"),
        "A" * 100_000,
        "_H1" * 30_000,
        "A_H1_W1" * 30_000,
        "",
    ],
)
def test_a_key_that_is_none_of_theirs_is_refused_in_one_line(key: str) -> None:
    with pytest.raises(FileError, match="no key of theirs") as told:
        official_table({key: 1.0}, where="x")
    assert len(str(told.value)) < 400


def test_a_table_of_nothing_and_one_of_two_prices_are_refused() -> None:
    with pytest.raises(FileError, match="holds no price"):
        official_table({}, where="x")
    with pytest.raises(FileError, match="two prices"):
        official_table({KEY: 1.0, KEY.removesuffix("_dilation1"): 2.0}, where="x")


def test_their_own_table_is_taken_whole() -> None:
    prices = read_numbers(TABLE)
    entries = official_table(prices, where="x").entries.values()
    assert {entry.median_ms for entry in entries} == {0.0, *prices.values()}


def logits(layers: int, role: int) -> dict[str, Tensor]:
    dice = torch.Generator().manual_seed(layers)
    options = (1, 5)[role]
    found = {}
    for scale in range(3):
        found[f"alpha_{role}_{scale}"] = torch.randn(max(0, layers - scale), 5, generator=dice)
        rows = max(0, layers - max(scale, 1))
        found[f"ratio_{role}_{scale}"] = torch.randn(rows, options, generator=dice)
        found[f"beta_{role}_{scale}"] = torch.randn(max(0, layers - 1 - scale), 2, generator=dice)
    return found


@pytest.mark.parametrize("role", [0, 1])
def test_logits_of_any_depth_that_can_be_meant_are_decoded(role: int) -> None:
    for layers in (LAYERS[0], LAYERS[0] + 1, 16, LAYERS[-1]):
        found = decode(read_logits(logits(layers, role), where="x"))
        assert wire(found, Geometry(Size(64, 64), 19)).macs > 0
    for layers in (1, 3, LAYERS[0] - 1, LAYERS[-1] + 1, 100_000):
        with pytest.raises(FileError):
            read_logits(logits(layers, role), where="x")


def test_whole_numbers_are_no_logits() -> None:
    found = {name: tensor.long() for name, tensor in logits(16, 1).items()}
    with pytest.raises(FileError, match="finite logits"):
        read_logits(found, where="x")


def test_weights_that_fit_nothing_are_refused() -> None:
    architecture = decode(read_logits(read_tensors(arch_file("student")), where="x"))
    bias = "heads8.conv_1x1.bias"
    for head in (torch.zeros(()), torch.zeros(0), torch.zeros(2, 2), torch.zeros(5000)):
        with pytest.raises(FileError, match="one number for each class"):
            convert_weights(architecture, {bias: head}, where="x")
    for stem in (
        torch.zeros(3),
        torch.full((8, 3, 3, 3), math.nan),
        torch.zeros(8, 3, 3, 3).half(),
    ):
        content = {bias: torch.zeros(19), "stem.0.conv.0.weight": stem}
        with pytest.raises(FileError, match=r"not torch\.float32|NaN or infinity"):
            convert_weights(architecture, content, where="x")
