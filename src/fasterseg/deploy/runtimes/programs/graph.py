"""The graph of an exported program, as its file writes it, and the steps that it comes to.

The file's JSON has some thirty kinds of entries from which PyTorch's own reader evaluates, imports
or compiles something: symbolic sizes, guards, kinds of containers, names of operators and values,
notes on where a node came from.  Here a graph is nodes alone: each names an operator of a fixed
list, and what it reads by number.  Everything else in the file is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field

from fasterseg.deploy.runtimes.programs.operators import CHECKS, OPERATORS, Operator, Parameter

MOST_NODES = 4_000
DTYPES: Mapping[int, torch.dtype] = {
    1: torch.uint8,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    12: torch.bool,
    13: torch.bfloat16,
}
"""The types of numbers that a program may hold, by their numbers in the file."""

_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
_LAYOUTS = {7: torch.strided}
_WORDS = {"constant": "constant", "floor": "floor"}
"""How a pad is filled, and a quotient rounded."""

K = TypeVar("K")
T = TypeVar("T")
Name = Annotated[str, Field(min_length=1, max_length=1000)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Extent = Annotated[int, Field(ge=-(2**20), le=2**20)]
"""A size, a stride or a step: what kernels multiply without looking whether it overflows."""
Number = float | Literal["Infinity", "-Infinity"]


class Unreadable(ValueError):
    """A file that is no program of this package; ``str()`` is the reason, in one line."""


class Written(BaseModel):
    """A part of the file's JSON, of which only the fields that are named are read.

    Of a list the first fault is told: a file may have as many as there are entries.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Named(Written):
    """A tensor that a node reads or gives."""

    name: Name


class MaybeNamed(Written):
    """A whole number: one that a node gives, or a constant."""

    model_config = ConfigDict(extra="forbid")

    as_name: Name | None = None
    as_int: Whole | None = None


class Device(Written):
    """Where a tensor lies: on the processor, which every program here is written for."""

    type: Literal["cpu"]
    index: None = None


class Argument(Written):
    """What a node reads or gives, in exactly one of these forms; all others are refused."""

    model_config = ConfigDict(extra="forbid")

    as_none: bool | None = None
    as_tensor: Named | None = None
    as_tensors: list[Named] = Field([], fail_fast=True)
    as_int: Whole | None = None
    as_ints: list[Extent] = Field([], fail_fast=True)
    as_float: Number | None = None
    as_floats: list[Number] = Field([], fail_fast=True)
    as_bool: bool | None = None
    as_string: str | None = None
    as_sym_int: MaybeNamed | None = None
    as_sym_ints: list[MaybeNamed] = Field([], fail_fast=True)
    as_scalar_type: int | None = None
    as_memory_format: int | None = None
    as_layout: int | None = None
    as_device: Device | None = None

    def form(self) -> tuple[str, Any]:
        """Its one form, and what it says."""
        if len(self.model_fields_set) != 1:
            raise Unreadable("an argument does not have one value")
        (form,) = self.model_fields_set
        return form, getattr(self, form)


class NamedArgument(Written):
    """An argument under the name that the operator gives it."""

    name: Name
    arg: Argument


class Node(Written):
    """A call of an operator."""

    target: Name
    inputs: list[NamedArgument] = Field(fail_fast=True)
    outputs: list[Argument] = Field(fail_fast=True)


@dataclass(frozen=True, slots=True)
class Slot:
    """A value that a step gave or that there was before; number 0 is the device."""

    number: int


DEVICE = Slot(0)


@dataclass(frozen=True, slots=True)
class Step:
    """A call: its arguments, in which slots stand for values, and the slots of what it gives.

    `several` says that it gives a list; `last` are the slots that nothing reads after it.
    """

    operator: Operator
    arguments: tuple[Any, ...]
    by_name: tuple[tuple[str, Any], ...]
    gives: tuple[int, ...]
    several: bool
    last: tuple[int, ...]


class Scope:
    """The names of values by their slots: each is given once, and read only after that."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        """How many slots there are, the device's included."""
        return len(self._numbers) + 1

    def give(self, name: str) -> int:
        """A new slot under a name."""
        if name in self._numbers:
            raise Unreadable(f"two values are called {shown(name)}")
        self._numbers[name] = len(self)
        return self._numbers[name]

    def read(self, name: str) -> Slot:
        """The slot of a name that was given before."""
        if name not in self._numbers:
            raise Unreadable(f"it reads {shown(name)}, which nothing gave before")
        return Slot(self._numbers[name])


def steps_of(nodes: Sequence[Node], scope: Scope, *, output: str) -> tuple[Step, ...]:
    """The steps that nodes come to, and in `scope` all that they give.

    `output` is the name of the value that is wanted at last.  Raises `Unreadable`.
    """
    steps = [_step(node, scope) for node in nodes if node.target not in CHECKS]
    wanted = {scope.read(output).number, DEVICE.number}
    return tuple(_with_ends(steps, wanted))


def _with_ends(steps: Iterable[Step], wanted: set[int]) -> list[Step]:
    """The steps, each with the slots that are read or given for the last time there."""
    read_later, found = set(wanted), []
    for step in reversed(list(steps)):
        touched = {*slots_in((step.arguments, step.by_name)), *step.gives}
        last = tuple(sorted(touched - read_later))
        read_later |= touched
        found.append(
            Step(step.operator, step.arguments, step.by_name, step.gives, step.several, last)
        )
    return found[::-1]


def slots_in(value: Any) -> Iterator[int]:
    """The numbers of the slots in an argument."""
    if isinstance(value, Slot):
        yield value.number
    elif isinstance(value, tuple):
        for one in value:
            yield from slots_in(one)


def _step(node: Node, scope: Scope) -> Step:
    operator = OPERATORS.get(node.target)
    if operator is None:
        raise Unreadable(f"it asks for {shown(node.target)}, which is not run here")
    written = {one.name: one.arg for one in node.inputs}
    unknown = written.keys() - {one.name for one in operator.parameters}
    if unknown or len(written) < len(node.inputs):
        raise Unreadable(f"{operator.name} has arguments that it does not take, or one twice")
    values = [
        (one, _value(operator, one, written.get(one.name), scope)) for one in operator.parameters
    ]
    gives, several = _given(node, scope)
    return Step(
        operator,
        tuple(value for one, value in values if not one.by_name),
        tuple((one.name, value) for one, value in values if one.by_name),
        gives,
        several,
        (),
    )


def _value(operator: Operator, one: Parameter, written: Argument | None, scope: Scope) -> Any:
    value = one.default
    if written is not None:
        form, said = written.form()
        if form not in one.forms:
            raise Unreadable(f"{operator.name} takes no {one.name} of the kind {form}")
        value = _MEANINGS.get(form, _as_it_is)(said, scope)
    elif not one.optional:
        raise Unreadable(f"{operator.name} has no {one.name}")
    if one.fixed is not None and value is not one.fixed:
        raise Unreadable(f"{operator.name} is run with {one.name}={one.fixed} alone")
    return DEVICE if "as_device" in one.forms else value


def _whole(written: MaybeNamed, scope: Scope) -> Any:
    if (written.as_name is None) == (written.as_int is None):
        raise Unreadable("a size is neither a number nor one that was computed")
    return written.as_int if written.as_name is None else scope.read(written.as_name)


def dtype_of(number: int) -> torch.dtype:
    """The type of numbers that a file means."""
    return _known(DTYPES, number, "type of numbers")


def _known(table: Mapping[K, T], key: K, what: str) -> T:
    if key not in table:
        raise Unreadable(f"it asks for a {what} that is not used here: {shown(str(key))}")
    return table[key]


def _as_it_is(said: Any, _scope: Scope) -> Any:
    """A number, a yes or no."""
    return said


_MEANINGS: Mapping[str, Callable[[Any, Scope], Any]] = {
    "as_none": lambda _, __: None,
    "as_tensor": lambda said, scope: scope.read(said.name),
    "as_tensors": lambda said, scope: tuple(scope.read(one.name) for one in said),
    "as_sym_int": _whole,
    "as_sym_ints": lambda said, scope: tuple(_whole(one, scope) for one in said),
    "as_ints": lambda said, _: tuple(said),
    "as_float": lambda said, _: float(said),
    "as_floats": lambda said, _: tuple(map(float, said)),
    "as_string": lambda said, _: _known(_WORDS, said, "word"),
    "as_scalar_type": lambda said, _: dtype_of(said),
    "as_memory_format": lambda said, _: _known(_FORMATS, said, "order of memory"),
    "as_layout": lambda said, _: _known(_LAYOUTS, said, "layout"),
}
"""What a form of argument comes to."""


def _given(node: Node, scope: Scope) -> tuple[tuple[int, ...], bool]:
    if len(node.outputs) != 1:
        raise Unreadable(f"{shown(node.target)} gives {len(node.outputs)} values")
    form, said = node.outputs[0].form()
    if form == "as_tensor":
        return (scope.give(said.name),), False
    if form == "as_tensors":
        return tuple(scope.give(one.name) for one in said), True
    if form == "as_sym_int" and said.as_name is not None:
        return (scope.give(said.as_name),), False
    raise Unreadable(f"{shown(node.target)} gives a value of the kind {form}")


def shown(name: str) -> str:
    """A foreign name, as a message may hold it."""
    return ascii(name if len(name) <= 60 else f"{name[:57]}...")
