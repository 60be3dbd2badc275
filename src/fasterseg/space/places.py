"""Where blocks may stand, and which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fasterseg.space.input_scale import RESCALE
from fasterseg.space.kinds import KINDS, OPERATORS, Kind

STRIDES = (8, 16, 32)
"""The output strides of cells."""

NONE: Kind = "none"
"""Nothing stands there: where no other kind may, there is no place."""

FUSE = "fusion.fuse"
"""Where branches are fused."""

_IN_THE_STEM = tuple(dict.fromkeys(("conv_x2", *OPERATORS)))
PLACES: Mapping[str, tuple[Kind, ...]] = {
    "input": ("input",),
    RESCALE: (RESCALE,),
    "stem.0": ("conv",),
    "stem.1": _IN_THE_STEM,
    "stem.2": _IN_THE_STEM,
    "context": (NONE, "image_pooling", "pyramid_pooling"),
    "fusion.arm": ("arm", "lift"),
    # A branch that ends where branches are fused, and not at their width.
    "fusion.8.arm": ("lift",),
    "fusion.join": ("concatenate", "add", "pass"),
    "fusion.refine": (NONE, "separable_conv", "conv"),
    FUSE: ("fuse", "sum"),
    "head": ("head", "separable_head", "point_head"),
    "auxiliary": ("auxiliary", "narrow_auxiliary"),
    "tail": ("tail",),
}
"""The kinds by place, the paper's first; all branches have the same places."""


def is_sum(kinds: Sequence[Kind]) -> bool:
    """Whether what these fuse has the width of each branch: one branch alone is passed on."""
    return all(KINDS[kind].passes for kind in kinds)
