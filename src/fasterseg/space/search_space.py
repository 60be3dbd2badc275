"""The search space: which networks a search may return.

The default is the paper's: 16 layers, output strides 8, 16 and 32, five operators, expansions
4 to 12, two kept branches (*search space with multi-resolution branching*).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, model_validator

from fasterseg.artifacts import Artifact
from fasterseg.space.choices import Option, channels_of
from fasterseg.space.kinds import OPERATORS

STRIDES = (8, 16, 32)
Role = Literal["teacher", "student"]
PAPER_OPERATORS = ("skip", "conv", "conv_x2", "zoomed_conv", "zoomed_conv_x2")

if TYPE_CHECKING:
    Operator = str
else:
    Operator = Literal[OPERATORS]  # whatever the table of kinds has


def possible_width(width: Option) -> Option:
    """Return a width of the right form; raises ValueError for any other."""
    said = width if isinstance(width, str) else f"{width} channels"
    if not re.fullmatch(r"[1-9]\d* channels", said):
        raise ValueError(f"{width!r} is no width; say 8 (per pixel of stride) or '64 channels'")
    return width


Width = Annotated[Option, AfterValidator(possible_width)]
"""Channels per unit of output stride, or a plain count of channels in words: ``64 channels``."""


class SearchSpace(Artifact):
    """All networks that the search may return, apart from image size and classes.

    `expansions` are channels per unit of output stride, at the cells.  `stem_expansions`,
    `fusion_expansions` and `head_expansions` are the same for the outer parts, or plain counts of
    channels; their widths are choices too: the fusion's is that of the branches' last features and
    of all up to where they are fused, the head's that of what is fused.  Without
    `fusion_expansions` the two are one choice, the head's, as in the paper.  Without
    `ends_at_fusion_width` a branch's last feature has a width of its own, like any other in the
    cells, where an arm brings it to the fusion's: all but that of the branch at output stride 8.
    `stem_kinds` may stand in the stem's second and third block, each a choice of its own.
    """

    schema_tag: ClassVar[str] = "fasterseg/search-space/1"
    sealed: ClassVar[bool] = False

    layers: int = 16
    operators: tuple[Operator, ...] = PAPER_OPERATORS
    expansions: tuple[int, ...] = (4, 6, 8, 10, 12)
    stem_expansions: tuple[Width, ...] = (8, 12)
    fusion_expansions: tuple[Width, ...] = ()
    head_expansions: tuple[Width, ...] = (8, 12)
    branches: tuple[int, ...] = (32, 16)
    ends_at_fusion_width: bool = True
    stem_kinds: tuple[Operator, ...] = ("conv_x2",)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        _require(2 <= self.layers <= 64, "layers must lie between 2 and 64")
        ordered = tuple(sorted(set(self.branches), reverse=True))
        _require(bool(ordered) and set(ordered) <= set(STRIDES), "branches end at 8, 16 or 32")
        _require(ordered == self.branches, "branches are listed from the coarsest to the finest")
        _require(
            STRIDES.index(ordered[0]) < self.layers,
            f"{self.layers} layers are too few to reach output stride {ordered[0]}",
        )
        for key in ("operators", "stem_kinds"):
            known = tuple(name for name in OPERATORS if name in getattr(self, key))
            in_order = known == getattr(self, key)
            _require(in_order and bool(known), f"{key} are, in order: {OPERATORS}")
        for name in ("expansions", "stem_expansions", "head_expansions", "fusion_expansions"):
            options: tuple[Width, ...] = getattr(self, name)
            counts = [channels_of(option, 1) for option in options]
            rising = counts == sorted(set(counts))
            present = bool(options) or name == "fusion_expansions"
            _require(present and rising, f"{name} must be distinct and rising")
            _require(all(count >= 1 for count in counts), f"{name} must be positive")
            one_form = len({isinstance(option, str) for option in options}) < 2
            _require(one_form, f"{name} must all be numbers, or all counts of channels")
        return self


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
