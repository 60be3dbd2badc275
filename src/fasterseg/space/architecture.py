"""One member of the space, by its branches, and the wiring that it stands for.

An architecture says nothing about image size and classes; with those (a `Geometry`) it becomes a
*wiring*: named steps in order, each a block spec and the names of the steps that it reads.  The
network builder runs the wiring, the table prices it, the drawing shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from fasterseg.artifacts import Artifact
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.lattice import (
    FUSION,
    HEAD,
    STEM,
    Channels,
    Slot,
    arm_slot,
    auxiliary_slot,
    border_slots,
    cell_name,
    join_slots,
    laterals,
    refine_slot,
    stem_slots,
)
from fasterseg.space.search_space import STRIDES, Operator

IMAGE = "image"


class Geometry(NamedTuple):
    """What an architecture leaves open: the image's size and the number of classes."""

    size: Size
    classes: int


class CellChoice(BaseModel):
    """What a branch takes at a layer; `expansion` is that of the cell's output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operator: Operator
    down: bool = False
    expansion: int = Field(ge=1)


class Branch(BaseModel):
    """A path from the stem to one output stride."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stride: int
    cells: tuple[CellChoice, ...]

    def strides(self) -> tuple[int, ...]:
        """The output stride at which each cell reads."""
        found = [8]
        for cell in self.cells:
            found.append(found[-1] * (2 if cell.down else 1))
        return tuple(found[:-1])

    @property
    def end(self) -> int:
        """The stride at which the last cell writes."""
        return 8 << sum(cell.down for cell in self.cells)


class Architecture(Artifact):
    """One network of the space (DARTS: genotype); JSON that a person can read, edit and draw.

    A file without `fusion_expansion` means the head's.
    """

    schema_tag: ClassVar[str] = "fasterseg/architecture/1"
    sealed: ClassVar[bool] = False

    stem_expansion: int = Field(ge=1)
    head_expansion: int = Field(ge=1)
    fusion_expansion: int = Field(default_factory=lambda known: known["head_expansion"], ge=1)
    branches: tuple[Branch, ...]

    @model_serializer(mode="wrap")
    def _leaves_out_a_tied_fusion(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = write(self)
        if self.fusion_expansion == self.head_expansion:
            del content["fusion_expansion"]
        return content

    @property
    def outer_widths(self) -> dict[str, int]:
        """The expansions of stem, fusion and head, by these names."""
        return {
            STEM: self.stem_expansion,
            FUSION: self.fusion_expansion,
            HEAD: self.head_expansion,
        }

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        ends = tuple(branch.stride for branch in self.branches)
        if not ends or ends != tuple(sorted(set(ends), reverse=True)):
            raise ValueError("branches are listed once each, from the coarsest to the finest")
        for branch in self.branches:
            if branch.stride not in STRIDES or branch.end != branch.stride:
                raise ValueError(f"branch {branch.stride} ends at output stride {branch.end}")
            if not branch.cells or branch.cells[-1].expansion != self.fusion_expansion:
                raise ValueError(f"branch {branch.stride} must end at the fusion's expansion")
        return self


@dataclass(frozen=True, slots=True)
class Step:
    """One block of a wiring and the names of the steps whose outputs it reads."""

    name: str
    spec: BlockSpec
    inputs: tuple[str, ...]


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
    return _Wirer(architecture, geometry).wiring()


class _Wirer:
    """Walks an architecture once, collecting steps; cells that branches share come once."""

    def __init__(self, architecture: Architecture, geometry: Geometry) -> None:
        self.architecture = architecture
        self.geometry = geometry
        self.steps: dict[str, Step] = {}
        # a cell and everything upstream of it -> its name, to tell a shared cell from a namesake
        self.names: dict[tuple[CellChoice, ...], str] = {}
        # (branch, stride) -> the branch's last step at that stride, and its channels
        self.last: dict[tuple[int, int], tuple[str, Channels]] = {}
        self.cells: list[tuple[str, ...]] = []

    def wiring(self) -> Wiring:
        stem = self._stem()
        for branch in self.architecture.branches:
            self._branch(branch, stem)
        joined = tuple(self._fuse(branch.stride) for branch in self.architecture.branches)
        fuse, head = join_slots(len(joined), self.geometry.classes)
        self._add(head, (self._add(fuse, joined),))
        first, last = border_slots(self.geometry.classes)
        border = (self._step(first, (IMAGE,)), self._step(last, (head.name,)))
        return Wiring(
            tuple(self.steps.values()), tuple(self._auxiliary()), border, tuple(self.cells)
        )

    def _stem(self) -> str:
        source = IMAGE
        for slot in stem_slots():
            source = self._add(slot, (source,))
        return source

    def _branch(self, branch: Branch, source: str) -> None:
        width, names = Channels(STEM, 8), []
        self.last[branch.stride, 8] = (source, width)
        for layer, (stride, cell) in enumerate(zip(branch.strides(), branch.cells, strict=True)):
            out_stride = stride * (2 if cell.down else 1)
            out = Channels(None, cell.expansion * out_stride)
            slot = Slot(
                name=self._cell_name(branch, layer, stride),
                kinds=(cell.operator,),
                inputs=(width,),
                output=out,
                in_stride=stride,
                out_stride=out_stride,
                stride=2 if cell.down else 1,
            )
            source, width = self._add(slot, (source,)), out
            self.last[branch.stride, out_stride] = (source, width)
            names.append(source)
        self.cells.append(tuple(names))

    def _cell_name(self, branch: Branch, layer: int, stride: int) -> str:
        """The cell's name; a namesake that is not the same cell gets the branch's stride."""
        history = branch.cells[: layer + 1]
        if history not in self.names:
            name = cell_name(layer, stride, down=history[-1].down)
            self.names[history] = f"{name}.{branch.stride}" if name in self.steps else name
        return self.names[history]

    def _fuse(self, branch: int) -> str:
        source = self.last[branch, branch][0]
        for stride in laterals(branch):
            source = self._add(arm_slot(branch, stride), (source,))
            lateral, channels = self.last[branch, stride]
            source = self._add(refine_slot(branch, stride, channels), (source, lateral))
        return source

    def _auxiliary(self) -> list[Step]:
        found = []
        for stride in reversed(STRIDES[1:]):
            ends = [b.stride for b in self.architecture.branches if b.stride >= stride]
            sources = [self.last[end, stride] for end in ends]
            if sources:
                channels = tuple(width for _, width in sources)
                slot = auxiliary_slot(stride, channels, self.geometry.classes)
                found.append(self._step(slot, tuple(name for name, _ in sources)))
        return found

    def _add(self, slot: Slot, inputs: tuple[str, ...]) -> str:
        self.steps.setdefault(slot.name, self._step(slot, inputs))
        return slot.name

    def _step(self, slot: Slot, inputs: tuple[str, ...]) -> Step:
        spec = slot.spec(slot.kinds[0], self.architecture.outer_widths, self.geometry.size)
        return Step(slot.name, spec, inputs)
