"""The published teacher and student, written down as the authors' networks are decoded."""

from __future__ import annotations

from fasterseg.config import Operator
from fasterseg.space.architecture import Architecture, Branch, CellChoice

# The authors number their operators; these are ours in that order.
OPERATORS: tuple[Operator, ...] = (
    "skip",
    "conv",
    "zoomed_conv",
    "conv_x2",
    "zoomed_conv_x2",
)


def _branch(stride: int, operators: str, scales: str, expansions: list[int]) -> Branch:
    """A branch from one digit per cell; a cell goes down where the next one's scale is coarser."""
    following = [*scales[1:], scales[-1]]
    cells = [
        CellChoice(kind=OPERATORS[int(digit)], down=after > at, expansion=expansion)
        for digit, at, after, expansion in zip(
            operators, scales, following, expansions, strict=True
        )
    ]
    return Branch(stride=stride, cells=tuple(cells))


PUBLISHED_STUDENT = Architecture(
    widths={"stem": 8, "head": 8},
    branches=(
        _branch(32, "3342444444", "0000111122", [4, 4, 4, 8, 4, 4, 4, 4, 4, 8]),
        _branch(16, "334433444", "000000111", [4, 4, 4, 4, 4, 4, 4, 12, 8]),
    ),
)

PUBLISHED_TEACHER = Architecture(
    widths={"stem": 12, "head": 12},
    branches=(
        _branch(32, "2444444244444433", "0000001111111122", [12] * 16),
        _branch(16, "2444434244444444", "0000011111111111", [12] * 16),
    ),
)
