"""The search space: which networks a search may return.

Without a preset it is the paper's: 16 layers, output strides 8, 16 and 32, five operators,
expansions 4 to 12, two kept branches (*search space with multi-resolution branching*).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_serializer,
    field_validator,
    model_validator,
)

from fasterseg.artifacts import Artifact
from fasterseg.foreign.booleans import TrueIsNoNumber
from fasterseg.foreign.bounds import MOST_LAYERS, MOST_NAMED
from fasterseg.space.choices import channels_of
from fasterseg.space.completing import completed
from fasterseg.space.input_scale import WHOLE, InputScale
from fasterseg.space.kinds import OPERATORS, Kind
from fasterseg.space.path_rules import PathRules, Paths, least_layers, rules_of
from fasterseg.space.places import FUSE, PLACES, STRIDES, is_sum
from fasterseg.space.width import Width

Role = Literal["teacher", "student"]

if TYPE_CHECKING:
    Operator = str
else:
    Operator = Literal[OPERATORS]  # whatever the table of kinds has


Widths = Annotated[tuple[Width, ...], Field(max_length=MOST_NAMED)]
Offered = tuple[Kind, ...]
Branches = tuple[Annotated[int, WithJsonSchema({"enum": [*STRIDES]})], ...]
"""The output strides of the branches that a network keeps, from the coarsest to the finest."""


class _Part(TrueIsNoNumber):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def __hash__(self) -> int:
        return hash(repr(self))


class SpaceKinds(_Part):
    """The kinds on offer, in the order of their table: in cells by stride, else by place.

    What a place outside the cells has on offer, it has in every branch.
    """

    cells: dict[int, tuple[Operator, ...]]
    """Kinds of the cells: one list, or a list for each output stride, {8: [...], 16: [...]}."""
    stem: tuple[Operator, ...]
    """Kinds of the stem's second and third block."""
    context: Offered
    """What stands at the end of the coarsest branch: none, or a pooling over the whole map."""
    arm: Offered = Field(alias="fusion.arm")
    """What brings a branch's end into the decoder."""
    join: Offered = Field(alias="fusion.join")
    """How the decoder meets a finer feature on its way up: concatenate, add, or pass it by."""
    refine: Offered = Field(alias="fusion.refine")
    """The convolution after a join, or none."""
    fuse: Offered = Field(alias="fusion.fuse")
    """What makes one map of the branches; a space offers one."""
    head: Offered
    """What makes logits of that map."""
    auxiliary: Offered
    """The heads that only a training has, at output strides 16 and 32."""

    @field_validator("cells")
    @classmethod
    def _are_operators(cls, cells: dict[int, Offered]) -> dict[int, Offered]:
        for stride, kinds in _at_strides(cells).items():
            _require_known(f"cells at stride {stride}", kinds, OPERATORS)
        return cells

    @field_validator("stem", "context", "arm", "join", "refine", "fuse", "head", "auxiliary")
    @classmethod
    def _may_stand_there(cls, kinds: Offered, info: ValidationInfo) -> Offered:
        place = _place_of(str(info.field_name))
        _require_known(place, kinds, OPERATORS if place == "stem" else PLACES[place])
        if place == FUSE:
            _require(len(kinds) == 1, "fuse and sum write different widths; a space offers one")
        return kinds

    @field_serializer("cells")
    def _once_where_all_are_equal(self, cells: dict[int, Offered]) -> Any:
        return _once(cells)

    def at(self, place: str) -> Offered:
        """What is on offer at a place outside the cells, by its row in `PLACES`."""
        if place in ("stem.1", "stem.2"):
            return self.stem
        fields = {_place_of(name): name for name in type(self).model_fields}
        return getattr(self, fields[place]) if place in fields else PLACES[place]


class SpaceWidths(_Part):
    """The widths on offer, distinct and rising: channels per pixel of output stride (8), or counts
    in words (64 channels).
    """

    tied: Literal["none", "stage"]
    """With `stage` all cells that write at a stride have one width, and so has a branch that ends
    there; at output stride 8 it is the stem's too.  With `none` each feature has its own."""
    ends: Literal["fusion", "own"]
    """Whether a branch's last feature has the fusion's width, or its `own`, from which an arm
    brings it there."""
    cells: dict[int, Widths]
    """Widths of the cells' features: one list, or a list for each output stride, {8: [4, 6], 16:
    [3]}."""
    stem: dict[int, Widths]
    """Widths of the stem: one list, or, with tied widths, a list for each of its first two blocks,
    {0: [16 channels], 1: [32 channels]}."""
    fusion: Widths
    """Widths of the fusion; with none it has the head's."""
    head: Widths
    """Widths of the head; where branches are summed it has the fusion's."""

    @field_validator("cells", "stem")
    @classmethod
    def _all_rise(cls, widths: dict[int, Widths], info: ValidationInfo) -> dict[int, Widths]:
        is_stem = info.field_name == "stem"
        known = _at_parts(widths, (0, 1), "block") if is_stem else _at_strides(widths)
        for options in known.values():
            _require_rising(str(info.field_name), options)
            _require(bool(options), f"{info.field_name} offers no width")
        return known

    @field_validator("fusion", "head")
    @classmethod
    def _rise(cls, widths: Widths, info: ValidationInfo) -> Widths:
        _require_rising(str(info.field_name), widths)
        return widths

    @property
    def of_cells(self) -> str:
        """Those of cells in words."""
        lists = {stride: ", ".join(map(str, own)) for stride, own in self.cells.items()}
        alike = _once(lists)
        told = (f"{own} at 1/{stride}" for stride, own in lists.items())
        return alike if isinstance(alike, str) else "; ".join(told)

    @field_serializer("cells", "stem")
    def _once_where_all_are_equal(self, widths: dict[int, Widths]) -> Any:
        return _once(widths)


class SearchSpace(TrueIsNoNumber, Artifact):
    """All networks that the search may return, apart from image size and classes.

    `kinds` and `widths` say what is on offer; each is a choice of its own at each place.  What is
    not said is that of a preset (`space.presets`), named as ``preset``, or of the paper's.  The
    keys of the first form (`space.completing.FLAT_KEYS`) are read too.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    schema_tag: ClassVar[str] = "fasterseg/search-space/2"
    earlier_tags: ClassVar[tuple[str, ...]] = ("fasterseg/search-space/1",)
    by_hand: ClassVar[bool] = True

    layers: int
    """Layers of cells behind the stem; the paper has 16, `mobile` 10, `small` 6."""
    kinds: SpaceKinds
    """The kinds of blocks on offer, by place."""
    widths: SpaceWidths
    """The widths on offer, by place."""
    branches: Branches | tuple[Branches, ...]
    """The output strides of the branches that a network keeps, from the coarsest, [32, 16]; or
    several such sets, of which it keeps one."""
    input_scale: tuple[InputScale, ...] = (str(WHOLE),)
    """The scales of the image at which a network may work, as fractions, the largest first: ["1",
    "3/4"].  1 leaves the image as it is; labels stay at full size anyway."""
    paths: Paths = "any"
    """Where branches may go down and what they may skip: `any`, or by the `paper`'s rules: at each
    stride two kept cells at least, not all of them skips."""

    if TYPE_CHECKING:

        def __init__(self, **given: Any) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _takes_the_rest_from_a_preset(cls, given: Any) -> Any:
        return completed(given)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        _require(2 <= self.layers <= MOST_LAYERS, f"layers must lie between 2 and {MOST_LAYERS}")
        for branches in self.branch_sets:
            _require(
                bool(branches) and set(branches) <= set(STRIDES), "branches end at 8, 16 or 32"
            )
            ordered = tuple(sorted(set(branches), reverse=True))
            _require(ordered == branches, "branches are listed from the coarsest to the finest")
        _require(
            len({*self.branch_sets}) == len(self.branch_sets), "branches: one set is said twice"
        )
        _require(
            STRIDES.index(self.coarsest) < self.layers,
            f"{self.layers} layers are too few to reach output stride {self.coarsest}",
        )
        least = least_layers(self.coarsest)
        _require(
            self.paths == "any" or self.layers >= least,
            f"by paths: paper a branch reaches output stride {self.coarsest} in {least} layers or "
            f"more, and there are {self.layers}",
        )
        return self

    @field_validator("branches", mode="after")
    @classmethod
    def _are_one_set_where_there_is_one(cls, branches: Any) -> Any:
        return branches[0] if len(branches) == 1 and isinstance(branches[0], tuple) else branches

    @field_validator("input_scale", mode="before")
    @classmethod
    def _may_be_one(cls, scales: Any) -> Any:
        return (scales,) if isinstance(scales, str) else scales

    @field_validator("input_scale")
    @classmethod
    def _fall(cls, scales: tuple[str, ...]) -> tuple[str, ...]:
        lengths = [Fraction(scale) for scale in scales]
        falling = bool(scales) and lengths == sorted(set(lengths), reverse=True)
        _require(falling, "input_scale: say scales once each, the largest first")
        return scales

    @model_validator(mode="after")
    def _has_the_widths_that_its_kinds_need(self) -> Self:
        widths = self.widths
        if self.is_summed:
            _require(bool(widths.fusion), "widths.fusion: what is summed has it, so it has options")
        else:
            _require(bool(widths.head), "widths.head: the head has no width")
        alike = len({*widths.stem.values()}) == 1
        _require(self.is_tied or alike, "widths.stem: without ties the stem has one width")
        return self

    @property
    def is_tied(self) -> bool:
        """Whether all cells that write at a stride have one width."""
        return self.widths.tied == "stage"

    @property
    def is_summed(self) -> bool:
        """Whether branches are added, and the head's width is the fusion's."""
        return is_sum(self.kinds.fuse)

    @property
    def rules(self) -> PathRules:
        """Where branches may go down, and what they may skip."""
        return rules_of(self.paths, self.layers)

    @property
    def branch_sets(self) -> tuple[Branches, ...]:
        """The sets of branches of which a network keeps one."""
        nested: Any = self.branches
        return nested if nested and isinstance(nested[0], tuple) else (nested,)

    @property
    def coarsest(self) -> int:
        """The coarsest output stride at which a branch may end."""
        return max(stride for branches in self.branch_sets for stride in branches)

    @property
    def variants(self) -> tuple[SearchSpace, ...]:
        """The same with one set of branches at one input scale, each set at each scale."""
        pairs = product(self.branch_sets, self.input_scale)
        return tuple(
            self.model_copy(update={"branches": branches, "input_scale": (scale,)})
            for branches, scale in pairs
        )

    @property
    def operators(self) -> tuple[Operator, ...]:
        """What may stand in some cell."""
        coarsest = self.coarsest
        used = {k for s, offered in self.kinds.cells.items() if s <= coarsest for k in offered}
        return tuple(kind for kind in OPERATORS if kind in used)

    def __hash__(self) -> int:
        known = self.layers, self.kinds, self.widths, self.branches, self.input_scale, self.paths
        return hash(known)


def _place_of(field: str) -> str:
    return SpaceKinds.model_fields[field].alias or field


def _once(parts: dict[int, Any]) -> Any:
    """One value where all parts have the same."""
    first, *others = parts.values()
    return parts if any(other != first for other in others) else first


def _at_strides(parts: dict[int, Any]) -> dict[int, Any]:
    return _at_parts(parts, STRIDES, "stride")


def _at_parts(parts: dict[int, Any], known: Sequence[int], word: str) -> dict[int, Any]:
    for part in parts:
        _require(part in known, f"there is no {word} {part}; say {', '.join(map(str, known))}")
    return {part: parts[part] for part in known}


def _require_known(place: str, kinds: Offered, possible: Offered) -> None:
    in_order = kinds == tuple(kind for kind in possible if kind in kinds)
    _require(in_order and bool(kinds), f"{place}: say some of, in order, {', '.join(possible)}")


def _require_rising(name: str, options: Widths) -> None:
    counts = [channels_of(option, 1) for option in options]
    _require(counts == sorted(set(counts)), f"{name}: widths must be distinct and rising")
    one_form = len({isinstance(option, str) for option in options}) < 2
    _require(one_form, f"{name}: widths must all be numbers, or all counts of channels")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)
