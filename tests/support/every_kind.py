"""One block of every kind, one behind the other and each alone."""

from __future__ import annotations

from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.kinds import OPERATORS

WHOLE, ODD = Size(31, 33), Size(15, 13)


def chain_of_every_kind() -> tuple[BlockSpec, ...]:
    """One block after the other, as one could train them: every operator with both strides."""
    fine, low = Size(16, 17), Size(8, 9)
    specs = [
        BlockSpec("input", (3,), 3, 1, WHOLE, WHOLE),
        BlockSpec("rescale", (3,), 3, 1, WHOLE, Size(24, 26)),
        BlockSpec("conv", (3,), 8, 2, Size(24, 26), Size(12, 13)),
        BlockSpec("arm", (8,), 8, 1, Size(12, 13), fine),
    ]
    for kind in OPERATORS:
        specs += [
            BlockSpec(kind, (8,), 12, 1, fine, fine),
            BlockSpec(kind, (12,), 13, 2, fine, low),
            BlockSpec("arm", (13,), 8, 1, low, fine),
        ]
    return (
        *specs,
        BlockSpec("concatenate", (8, 8), 6, 1, fine, fine),
        BlockSpec("add", (6, 6), 6, 1, fine, fine),
        BlockSpec("pass", (6, 6), 6, 1, fine, fine),
        BlockSpec("none", (6,), 6, 1, fine, fine),
        BlockSpec("image_pooling", (6,), 6, 1, fine, fine),
        BlockSpec("pyramid_pooling", (6,), 6, 1, fine, fine),
        BlockSpec("lift", (6,), 8, 1, fine, low),
        BlockSpec("lift", (8,), 8, 1, low, fine),
        BlockSpec("sum", (8, 8), 8, 1, fine, fine),
        BlockSpec("fuse", (8, 8, 8), 9, 1, fine, fine),
        BlockSpec("separable_head", (9,), 7, 1, fine, fine),
        BlockSpec("point_head", (7,), 6, 1, fine, fine),
        BlockSpec("head", (6,), 5, 1, fine, fine),
        BlockSpec("tail", (5,), 1, 1, fine, WHOLE),
    )


CHAIN = chain_of_every_kind()
ALONE = (
    *(spec for spec in CHAIN if not spec.is_identity),
    *(BlockSpec(kind, (8,), 11, 2, ODD, Size(8, 7)) for kind in OPERATORS),
    BlockSpec("auxiliary", (8, 6), 5, 1, ODD, ODD),
    BlockSpec("narrow_auxiliary", (8, 6), 5, 1, ODD, ODD),
    BlockSpec("pyramid_pooling", (8,), 8, 1, Size(4, 5), Size(4, 5)),
    BlockSpec("tail", (300,), 1, 1, Size(4, 5), WHOLE),
)
