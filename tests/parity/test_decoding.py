"""Whatever logits their search may have written, decoding them gives a network of the space."""

from __future__ import annotations

import pytest
import torch

from fasterseg.network.official import EXPANSIONS, OPERATORS, ROLES, Role, decode, read_logits
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import Size

LEAST_OPERATORS = {16: 9, 20: 11}
"""Of a branch to 1/32: a third of the layers and two for each time that it goes down."""


def logits_of(role: Role, layers: int, seed: int, *, skips: float) -> dict[str, object]:
    """Random logits under the names of their file; `skips` is added to those of skip."""
    generator = torch.Generator().manual_seed(seed)
    number = ROLES.index(role)
    options = 1 if role == "teacher" else len(EXPANSIONS)

    def drawn(rows: int, columns: int) -> torch.Tensor:
        return (0.1, 1.0, 4.0)[seed % 3] * torch.randn(rows, columns, generator=generator)

    operators = {f"alpha_{number}_{s}": drawn(layers - s, len(OPERATORS)) for s in range(3)}
    for matrix in operators.values():
        matrix[:, 0] += skips
    widths = {f"ratio_{number}_{s}": drawn(layers - max(s, 1), options) for s in range(3)}
    paths = {f"beta_{number}_{s}": drawn(layers - 1 - s, 2) for s in (1, 2)}
    return {**operators, **widths, **paths}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("layers", [6, 16, 20])
@pytest.mark.parametrize("skips", [0.0, 8.0])
def test_any_logits_give_a_network_and_the_same_twice(
    role: Role, layers: int, skips: float
) -> None:
    for seed in range(6):
        content = logits_of(role, layers, seed, skips=skips)
        found = decode(read_logits(content, where="made up"))
        assert decode(read_logits(content, where="made up")) == found
        assert wire(found, Geometry(Size(64, 128), 19)).macs > 0
        operators = {cell.kind for branch in found.branches for cell in branch.cells}
        assert "skip" not in operators, "skips are left out, or struck where a cell must stay"


@pytest.mark.parametrize("layers", LEAST_OPERATORS)
def test_a_branch_of_nothing_but_skips_keeps_the_least_number_of_cells(layers: int) -> None:
    content = logits_of("student", layers, 0, skips=50.0)
    coarse, _ = decode(read_logits(content, where="made up")).branches
    assert len(coarse.cells) >= LEAST_OPERATORS[layers]


def test_a_teacher_keeps_all_its_cells() -> None:
    found = decode(read_logits(logits_of("teacher", 16, 1, skips=50.0), where="made up"))
    assert [len(branch.cells) for branch in found.branches] == [16, 16]
