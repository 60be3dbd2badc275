"""One member of the space, by its branches, and the wiring that it stands for.

An architecture says nothing about image size and classes; with those (a `Geometry`) it becomes a
*wiring*: named steps in order, each a block spec and the names of the steps that it reads.  The
network builder runs the wiring, the table prices it, the drawing shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from fasterseg.artifacts import Artifact, digest_of_value
from fasterseg.foreign.bounds import MOST_LAYERS
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.choices import FUSION, STEM, STEMS, Option, channels_of, choice, place
from fasterseg.space.decoder import Decoder
from fasterseg.space.first_form import from_first_form, in_first_form
from fasterseg.space.input_scale import WHOLE, InputScale, Scale
from fasterseg.space.kinds import Kind
from fasterseg.space.placements import (
    Channels,
    Feature,
    Offer,
    Placement,
    Slot,
    border_placements,
    cell_name,
    stem_placements,
)
from fasterseg.space.places import FUSE, PLACES, STRIDES, is_sum
from fasterseg.space.rescaling import at_scale
from fasterseg.space.search_space import Operator
from fasterseg.space.width import Width


class Geometry(NamedTuple):
    """What an architecture leaves open: the image's size and the number of classes."""

    size: Size
    classes: int


class CellChoice(BaseModel):
    """What a branch takes at a layer; `expansion` is that of the cell's output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Operator
    down: bool = False
    expansion: Width


class Branch(BaseModel):
    """A path from the stem to one output stride."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stride: int
    cells: tuple[CellChoice, ...] = Field(max_length=MOST_LAYERS)

    def strides(self) -> tuple[int, ...]:
        """The output stride at which each cell reads."""
        found = [8]
        for cell in self.cells:
            found.append(found[-1] * (2 if cell.down else 1))
        return tuple(found[:-1])

    def strides_written(self) -> tuple[int, ...]:
        """The output stride at which each cell writes."""
        pairs = zip(self.strides(), self.cells, strict=True)
        return tuple(stride * (2 if cell.down else 1) for stride, cell in pairs)

    @property
    def end(self) -> int:
        """The stride at which the last cell writes."""
        return 8 << sum(cell.down for cell in self.cells)


class Architecture(Artifact):
    """One network of the space (DARTS: genotype); JSON that a person can read, edit and draw.

    `widths` are those of stem, fusion and head; a file without the fusion's means the head's, and
    one without the head's, where branches are summed, the fusion's.  `kinds` says what stands at a
    place outside the cells, where that is not the paper's kind.
    `input_scale` is the scale at which all but pre-processing and tail work.
    """

    schema_tag: ClassVar[str] = "fasterseg/architecture/2"
    earlier_tags: ClassVar[tuple[str, ...]] = ("fasterseg/architecture/1",)
    by_hand: ClassVar[bool] = True

    input_scale: InputScale = "1"
    branches: tuple[Branch, ...]
    kinds: dict[str, Kind] = Field(default_factory=dict)
    widths: dict[str, Width]

    @model_validator(mode="before")
    @classmethod
    def _reads_the_first_form(cls, given: Any) -> Any:
        return from_first_form(given)

    @field_validator("branches")
    @classmethod
    def _end_where_they_say(cls, branches: tuple[Branch, ...]) -> tuple[Branch, ...]:
        ends = tuple(branch.stride for branch in branches)
        if not ends or ends != tuple(sorted(set(ends), reverse=True)):
            raise ValueError("branches are listed once each, from the coarsest to the finest")
        for branch in branches:
            if branch.stride not in STRIDES or branch.end != branch.stride or not branch.cells:
                raise ValueError(f"branch {branch.stride} ends at output stride {branch.end}")
        return branches

    @field_validator("kinds")
    @classmethod
    def _stand_where_they_may(cls, kinds: dict[str, Kind], info: ValidationInfo) -> dict[str, Kind]:
        """All but the paper's, which need not be said."""
        if not kinds:
            return kinds
        possible = possible_kinds(info.data.get("branches", ()))
        for at, kind in kinds.items():
            if at not in possible:
                raise ValueError(f"there is no {at!r}; the places are {', '.join(possible)}")
            if kind not in possible[at]:
                raise ValueError(f"{kind!r} cannot stand at {at}: {' or '.join(possible[at])} can")
        return {at: kinds[at] for at, known in possible.items() if kinds.get(at) in known[1:]}

    @field_validator("widths")
    @classmethod
    def _are_known(cls, widths: dict[str, Width], info: ValidationInfo) -> dict[str, Width]:
        """All of them: without the fusion's, it is the head's, and where branches are summed both.

        The stem's is one, or one for each of its blocks.
        """
        stem = [place(name) for name in STEMS]
        known = [*(stem if not widths.keys().isdisjoint(stem) else ["stem"]), "fusion", "head"]
        summed = _sums(info.data.get("kinds", {}))
        whole = {**_tied(widths, "fusion", "head"), **widths}
        whole = {**_tied(widths, "head", "fusion"), **whole} if summed else whole
        for at in sorted({*known} ^ {*whole}):
            told = "is missing" if at in known else "is none"
            raise ValueError(f"{at!r} {told} of the widths {', '.join(known)}")
        if summed and whole["head"] != whole["fusion"]:
            raise ValueError("what is summed has the fusion's width, and so has the head")
        return {at: whole[at] for at in known}

    @model_serializer(mode="wrap")
    def _leaves_out_a_tied_width(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        if self.widths["fusion"] == self.widths["head"]:
            del content["widths"]["head" if _sums(self.kinds) else "fusion"]
        return content

    def oldest_form(self) -> dict[str, Any]:
        """The content in the oldest form that can say it: what digests are of."""
        content = self.content()
        return in_first_form(content) or content

    def digest(self) -> str:
        """SHA-256 of the oldest form that can say it, so that it outlives later ones."""
        return digest_of_value(self.oldest_form())

    def __hash__(self) -> int:
        named = (*self.kinds.items(), *self.widths.items())
        return hash((self.input_scale, self.branches, named))

    @property
    def scale(self) -> Scale:
        """The scale to which the image is resized before the stem."""
        return Scale.parse(self.input_scale)

    def walk(self) -> Walk:
        """Its places, each with the one kind that it has there."""

        def chosen(name: str, at: str) -> tuple[Kind, ...]:
            return (self.kinds.get(place(name), PLACES[at][0]),)

        return Walk(self.branches, chosen, self.widths, scale=self.scale)


def _tied(widths: Mapping[str, Width], at: str, other: str) -> dict[str, Width]:
    """One of two tied widths, by the other."""
    return {at: widths[other]} if other in widths else {}


def _sums(kinds: Mapping[str, Kind]) -> bool:
    """Whether branches are fused to what has the width of each."""
    return is_sum([kinds.get(FUSE, PLACES[FUSE][0])])


def possible_kinds(branches: Sequence[Branch]) -> dict[str, tuple[Kind, ...]]:
    """What may stand outside the cells, by place, the paper's kind first."""
    found: dict[str, tuple[Kind, ...]] = {}

    def ask(name: str, at: str) -> tuple[Kind, ...]:
        found[place(name)] = PLACES[at]
        return PLACES[at]

    for _ in Walk(branches, ask, {}).placements(classes=1):
        pass
    return found


class Walk:
    """Walks an architecture's branches once; cells that they share come once.

    `widths` are those of stem, fusion and head, as far as they are known.
    """

    def __init__(
        self,
        branches: Sequence[Branch],
        offer: Offer,
        widths: Mapping[str, Option],
        *,
        scale: Scale = WHOLE,
    ) -> None:
        self.offer, self.scale = offer, scale
        self.widths = {choice("widths", at): width for at, width in widths.items()}
        stems = STEMS if STEMS[0] in self.widths else (STEM,) * len(STEMS)
        self.stem = stem_placements(stems, offer)
        self.cells: dict[str, Placement] = {}
        # a cell and everything upstream of it -> its name, to tell a shared cell from a namesake
        self.names: dict[tuple[CellChoice, ...], str] = {}
        # (branch, stride) -> the branch's last feature at that stride
        self.last: dict[tuple[int, int], tuple[Feature, ...]] = {}
        self.trails = tuple(self._branch(branch) for branch in branches)

    def placements(self, classes: int) -> Iterator[Placement]:
        """All of them, in the order of execution; auxiliary heads before the tail."""
        yield from at_scale(self._placements(classes), self.scale)

    def _placements(self, classes: int) -> Iterator[Placement]:
        first, last = border_placements(classes)
        yield from (first, *self.stem, *self.cells.values())
        yield from Decoder(FUSION, self.offer, self._are_equal).placements(self.last, classes)
        yield last

    def _are_equal(self, one: Channels, other: Channels) -> bool:
        """Whether two widths are known and equal."""
        if any(part.choice not in (None, *self.widths) for part in (one, other)):
            return False
        return one.count(self.widths) == other.count(self.widths)

    def _branch(self, branch: Branch) -> tuple[str, ...]:
        """The names of a branch's cells."""
        feature, trail = Feature((self.stem[-1].name,), self.stem[-1].slot.output), []
        self.last[branch.stride, 8] = (feature,)
        for layer, (stride, cell) in enumerate(zip(branch.strides(), branch.cells, strict=True)):
            factor = 2 if cell.down else 1
            written = Channels(None, channels_of(cell.expansion, stride * factor))
            name = self._cell_name(branch, layer, stride)
            slot = Slot(name, (feature.channels,), written, stride, stride * factor, factor)
            one = Placement("cells", slot, choice("kinds", name), (cell.kind,), (feature,))
            self.cells.setdefault(name, one)
            feature = Feature((name,), written)
            self.last[branch.stride, stride * factor] = (feature,)
            trail.append(name)
        return tuple(trail)

    def _cell_name(self, branch: Branch, layer: int, stride: int) -> str:
        """The cell's name; a namesake that is not the same cell gets the branch's stride."""
        history = branch.cells[: layer + 1]
        if history not in self.names:
            name = cell_name(layer, stride, down=history[-1].down)
            self.names[history] = f"{name}.{branch.stride}" if name in self.cells else name
        return self.names[history]


@dataclass(frozen=True, slots=True)
class Step:
    """One block of a wiring, in its place."""

    placement: Placement
    spec: BlockSpec

    @property
    def name(self) -> str:
        """The block's name."""
        return self.placement.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the steps whose outputs it reads."""
        return self.placement.sources


@dataclass(frozen=True, slots=True)
class Wiring:
    """An architecture at a geometry, in the order of execution.

    `steps` lead from normalised image to logits; `auxiliary` are the heads that only training
    uses, by stride; `border` holds pre-processing and tail, which a whole job adds.
    `cells` names the steps of each branch's cells, those that branches share in each of them.
    """

    steps: tuple[Step, ...]
    auxiliary: tuple[Step, ...]
    border: tuple[Step, Step]
    cells: tuple[tuple[str, ...], ...]

    def timed_specs(self) -> tuple[BlockSpec, ...]:
        """The specs of the whole job, one per block that is executed; identities left out."""
        steps = (self.border[0], *self.steps, self.border[1])
        return tuple(step.spec for step in steps if not step.spec.is_identity)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all convolutions from image to logits."""
        return sum(step.spec.macs for step in self.steps)

    @property
    def parameters(self) -> int:
        """Trainable numbers of the evaluation form, without auxiliary heads."""
        return sum(step.spec.parameters for step in self.steps)


def wire(architecture: Architecture, geometry: Geometry) -> Wiring:
    """The wiring of an architecture for images of a size and a number of classes."""
    walk = architecture.walk()
    first, *steps, last = (
        Step(one, one.only_spec(walk.widths, geometry.size))
        for one in walk.placements(geometry.classes)
    )
    return Wiring(
        tuple(step for step in steps if not step.placement.is_auxiliary),
        tuple(step for step in steps if step.placement.is_auxiliary),
        (first, last),
        walk.trails,
    )
