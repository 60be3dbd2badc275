"""Declared tensor shapes are checked while tests run: a wrong one cannot pass unseen."""

from __future__ import annotations

import jaxtyping
import pytest
import torch
from jaxtyping import Float
from shape_checking import check_shapes
from torch import Tensor


@jaxtyping.jaxtyped(typechecker=check_shapes)
def joined(
    left: Float[Tensor, "batch classes"], right: Float[Tensor, "batch classes"] | None = None
) -> Float[Tensor, "batch classes"]:
    """Return the sum, or something of another shape when `left` holds a negative number."""
    total = left if right is None else left + right
    return total if bool((total >= 0).all()) else total[0]


def test_shapes_that_agree_pass() -> None:
    assert joined(torch.ones(2, 3), torch.ones(2, 3)).shape == (2, 3)
    assert joined(torch.ones(2, 3)).shape == (2, 3)


@pytest.mark.parametrize(
    "right", [torch.ones(2, 1), torch.ones(3), torch.ones(2, 3, dtype=torch.int64)]
)
def test_an_argument_of_another_shape_or_type_is_refused(right: Tensor) -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="right"):
        joined(torch.ones(2, 3), right)


def test_a_result_of_another_shape_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="return value"):
        joined(-torch.ones(2, 3))


def test_the_package_s_own_functions_are_checked() -> None:
    from fasterseg.learning import losses

    wrapped = [value for value in vars(losses).values() if hasattr(value, "__wrapped__")]
    assert wrapped
