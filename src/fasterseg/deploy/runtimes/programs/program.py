"""An exported program as it is run here: known operators one after another, and no other code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from torch import Tensor

from fasterseg.deploy.runtimes.programs.graph import (
    DEVICE,
    MOST_NODES,
    Argument,
    Name,
    Named,
    Node,
    Scope,
    Slot,
    Step,
    Unreadable,
    Written,
    shown,
    steps_of,
)
from fasterseg.deploy.runtimes.programs.records import Length, ProgramRecords, TensorMeta
from fasterseg.space.blocks import Size

_ARGMAX, _CAST = "torch.ops.aten.argmax.default", "torch.ops.aten.to.dtype"
_PICK = "torch.ops.aten.index_select.default"


class TensorInput(Written):
    """An input that is a weight, a buffer or a constant of the program; one of the names is set."""

    arg: Named
    parameter_name: Name | None = None
    buffer_name: Name | None = None
    tensor_constant_name: Name | None = None


class UserValue(Written):
    """What whoever runs the program gives or gets."""

    arg: Argument

    @property
    def name(self) -> str:
        """The one tensor that it is."""
        form, said = self.arg.form()
        if form != "as_tensor":
            raise Unreadable("what goes in or comes out is no tensor")
        return str(said.name)


class Input(Written):
    """An input of the graph: exactly one of these."""

    parameter: TensorInput | None = None
    buffer: TensorInput | None = None
    tensor_constant: TensorInput | None = None
    user_input: UserValue | None = None


class Output(Written):
    """An output of the graph."""

    user_output: UserValue


class Signature(Written):
    """What goes into the graph and what comes out."""

    input_specs: list[Input] = Field(max_length=MOST_NODES, fail_fast=True)
    output_specs: list[Output] = Field(min_length=1, max_length=1, fail_fast=True)


class Graph(Written):
    """The graph's nodes, and how its tensors are said to lie."""

    nodes: list[Node] = Field(max_length=MOST_NODES, fail_fast=True)
    tensor_values: dict[str, Any]


class GraphModule(Written):
    """A graph with its signature."""

    graph: Graph
    signature: Signature


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """Steps over numbered values.

    The device is value 0; `tensors` are the values that there are before anything runs, by their
    numbers, `image` and `output` the numbers of what goes in and comes out, `count` how many there
    are.  `size` is the one that images must have, None for any.  `logits` is the value whose
    largest entries the labels are, None for a program that does not end so.
    """

    steps: tuple[Step, ...]
    tensors: Mapping[int, Tensor]
    image: int
    output: int
    count: int
    size: Size | None
    logits: int | None

    def __call__(self, images: Tensor) -> Tensor:
        """What comes out for (1, height, width, 3) uint8 images on the processor."""
        values = self.values(self.tensors, images)
        for step in self.steps:
            keep(step, call(step, values), values)
        found: Tensor = values[self.output]
        return found

    def values(self, tensors: Mapping[int, Tensor], images: Tensor) -> list[Any]:
        """All values before the first step, on the images' device."""
        values: list[Any] = [None] * self.count
        values[DEVICE.number], values[self.image] = images.device, images
        for number, tensor in tensors.items():
            values[number] = tensor
        return values


def call(step: Step, values: Sequence[Any]) -> tuple[Any, ...]:
    """What a step's operator gives for the values that there are."""
    arguments, named = filled(step.arguments, values), filled(step.by_name, values)
    found = step.operator.call(*arguments, **dict(named))
    return tuple(found) if step.several else (found,)


def keep(step: Step, found: Sequence[Any], values: list[Any]) -> None:
    """Keep what a step gave, and let go of what nothing reads any more."""
    for number, one in zip(step.gives, found, strict=True):
        values[number] = one
    for number in step.last:
        values[number] = None


def filled(argument: Any, values: Sequence[Any]) -> Any:
    """An argument with values in the place of slots."""
    if isinstance(argument, Slot):
        return values[argument.number]
    if isinstance(argument, tuple):
        return [filled(one, values) for one in argument]
    return argument


def program_of(records: ProgramRecords) -> Program:
    """The program that a file holds; raises `Unreadable`, pydantic's errors included as its own."""
    module = GraphModule.model_validate(records.graph_module)
    scope, tensors, images = Scope(), {}, []
    for one in module.signature.input_specs:
        if one.user_input is not None:
            images.append(one.user_input.name)
            scope.give(images[-1])
            continue
        name, tensor = _tensor_of(one, records)
        tensors[scope.give(name)] = tensor
    if len(images) != 1:
        raise Unreadable(f"it takes {len(images)} inputs, and an image is one")
    output = module.signature.output_specs[0].user_output.name
    steps = steps_of(module.graph.nodes, scope, output=output)
    wanted = scope.read(output).number
    return Program(
        steps=steps,
        tensors=tensors,
        image=scope.read(images[0]).number,
        output=wanted,
        count=len(scope),
        size=_size_of(images[0], module.graph.tensor_values),
        logits=_logits_of(steps, wanted),
    )


def _tensor_of(one: Input, records: ProgramRecords) -> tuple[str, Tensor]:
    given = one.parameter or one.buffer or one.tensor_constant
    if given is None:
        raise Unreadable("an input is neither the image nor a tensor of the program")
    known, name = (
        (records.constants, given.tensor_constant_name)
        if one.tensor_constant
        else (records.weights, given.parameter_name or given.buffer_name)
    )
    if name is None or name not in known:
        raise Unreadable(f"it has no numbers for {shown(given.arg.name)}")
    return given.arg.name, known[name]


def _size_of(image: str, values: Mapping[str, Any]) -> Size | None:
    """The size of images that the graph was made for; None where it says any."""
    meta = TensorMeta.model_validate(values.get(image))
    batch, height, width, channels = meta.sizes if len(meta.sizes) == 4 else [Length()] * 4
    if meta.dtype != 1 or batch.as_int != 1 or channels.as_int != 3:
        raise Unreadable("it does not take images of one byte for each of three channels")
    if height.as_int is None or width.as_int is None:
        if height.as_int is not width.as_int:
            raise Unreadable("of height and width it fixes one")
        return None
    return Size(height.as_int, width.as_int)


def _logits_of(steps: Sequence[Step], output: int) -> int | None:
    """The value of which the output is the number of the largest entry along the classes."""
    makers = {step.gives[0]: step for step in steps if not step.several}
    largest = makers.get(output)
    if largest is None or largest.operator.name != _CAST:
        return None
    # Where the image was resized, its labels are brought back: rows and columns of them are taken.
    while largest is not None and largest.operator.name in (_CAST, _PICK):
        first = largest.arguments[0]
        largest = makers.get(first.number) if isinstance(first, Slot) else None
    if largest is None or largest.operator.name != _ARGMAX:
        return None
    read, axis, kept = largest.arguments
    return read.number if isinstance(read, Slot) and axis == 1 and kept is False else None
