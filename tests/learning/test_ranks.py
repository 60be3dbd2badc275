"""Ranks: one process alone."""

from __future__ import annotations

import torch

from fasterseg.learning.ranks import ALONE


def test_a_process_alone_gets_back_what_it_gives() -> None:
    tensors = [torch.arange(3.0), torch.ones(2, dtype=torch.bfloat16)]
    ALONE.summed_(tensors)
    assert tensors[0].tolist() == [0.0, 1.0, 2.0]
    assert ALONE.total(1, 2) == (1, 2)
    assert ALONE.any(True) and not ALONE.any(False)
    assert ALONE.every({"a": 1}) == ({"a": 1},)
    assert ALONE.told({"a": 1}) == {"a": 1}
    assert ALONE.gathered(tensors[0])[0] is tensors[0]
    assert ALONE.told_tensors({"a": tensors[0]})["a"] is tensors[0]
