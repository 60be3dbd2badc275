"""Tensors as PyTorch pickles them: which numbers of which storage each is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from fasterseg.network.pickled.numpy_values import SCALAR_NAMES, number_of
from fasterseg.network.pickled.reading import ORDERED
from fasterseg.network.pickled.values import (
    Dictionary,
    Made,
    Name,
    PickleFault,
    Reference,
    kind_of,
)

_TENSOR, _PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"
_TYPES = {
    f"torch.{name}Storage": kind
    for name, kind in {
        "Double": torch.float64,
        "Float": torch.float32,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32,
        "Short": torch.int16,
        "Char": torch.int8,
        "Byte": torch.uint8,
        "Bool": torch.bool,
    }.items()
}
TENSOR_NAMES = SCALAR_NAMES | _TYPES.keys() | {_TENSOR, _PARAMETER, ORDERED}
"""What a pickled dictionary of tensors asks for."""

MOST_DIMENSIONS = 8
MOST_BYTES = 160 << 20
"""Of all tensors: the weights of the authors' teacher have 97 million. Twice that is held once."""

MOST_TENSORS = 20_000


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers of one type that lie in a file under a key."""

    key: str
    type: torch.dtype
    count: int

    @property
    def bytes(self) -> int:
        """How many bytes it takes."""
        return self.count * self.type.itemsize


@dataclass(frozen=True, slots=True)
class Part:
    """The numbers of a storage that make a tensor: all that follow each other from `offset` on.

    `order` are its dimensions from the one whose steps are longest to the one whose neighbours lie
    side by side: 0, 1, 2... where they lie row by row.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    order: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


def parts_of(content: object) -> dict[str, Part | float | int]:
    """Return the tensors and numbers of what was pickled, by name.

    Raises `PickleFault` for anything else in it, for a tensor that is not wholly in its storage or
    shares some of its numbers with another, and for more than `MOST_BYTES`.
    """
    if not isinstance(content, dict):
        raise PickleFault(f"it holds {kind_of(content)}, not names with tensors")
    if len(content) > MOST_TENSORS:
        raise PickleFault(f"it has {len(content)} names; {MOST_TENSORS} are the most")
    found = {key: _value(key, value) for key, value in content.items()}
    parts = [part for part in found.values() if isinstance(part, Part)]
    _require_room(parts)
    _require_apart(parts)
    return found


def storages_of(values: Mapping[str, Part | float | int]) -> dict[str, Storage]:
    """Return the storages of some tensors by key; each is described in one way."""
    found: dict[str, Storage] = {}
    for part in values.values():
        if isinstance(part, Part) and found.setdefault(part.storage.key, part.storage) != (
            part.storage
        ):
            raise PickleFault("one of its storages is described in two ways")
    return found


def _value(key: str, value: Any) -> Part | float | int:
    if isinstance(value, Made) and value.name in (_TENSOR, _PARAMETER):
        return _tensor(key, value)
    number = number_of(value)
    if number is None:
        raise PickleFault(f"{key[:80]!r} is {kind_of(value)}, neither tensor nor number")
    return number


def _tensor(key: str, made: Made) -> Part:
    match made:
        case Made("torch._utils._rebuild_parameter", (Made() as inner, bool(), Dictionary()), None):
            if inner.name == _TENSOR:
                return _tensor(key, inner)
        case Made(
            "torch._utils._rebuild_tensor_v2",
            (Reference(parts), int() as offset, tuple() as shape, tuple() as strides, *rest),
            None,
        ):
            if _is_plain(rest):
                return _part(key, _storage(parts), offset, shape, strides)
    raise PickleFault(f"the tensor {key[:80]!r} is not described as PyTorch does")


def _is_plain(rest: list[Any]) -> bool:
    """Whether a tensor has no more than whether it is trained."""
    match rest:
        case [bool(), Dictionary() as hooks]:
            return not hooks
        case [bool(), Dictionary() as hooks, None]:
            return not hooks
    return False


def _storage(parts: tuple[Any, ...]) -> Storage:
    match parts:
        case ("storage", Name(kind), str() as key, str(), int() as count) | (
            "storage",
            Name(kind),
            str() as key,
            str(),
            int() as count,
            None,
        ):
            plain = key.isascii() and key.isdecimal() and len(key) <= 20
            if plain and kind in _TYPES and not isinstance(count, bool) and count >= 0:
                return Storage(str(key), _TYPES[kind], count)
    raise PickleFault("one of its storages is not described as PyTorch does")


def _part(
    key: str, storage: Storage, offset: int, shape: tuple[Any, ...], strides: tuple[Any, ...]
) -> Part:
    sizes = all(isinstance(n, int) and not isinstance(n, bool) for n in (*shape, *strides, offset))
    odd = not sizes or min((0, offset, *shape)) < 0 or max((0, *shape)) > MOST_BYTES
    if odd or len(shape) > MOST_DIMENSIONS:
        raise PickleFault(f"the tensor {key[:80]!r} has an odd shape")
    part = Part(storage, offset, shape, _order(shape, strides))
    if part.count and not _follow_each_other(part, strides):
        raise PickleFault(f"the numbers of {key[:80]!r} do not follow each other")
    if offset + part.count > storage.count:
        raise PickleFault(f"{key[:80]!r} has more numbers than its storage")
    return part


def _order(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions by how long their steps are; that of a dimension of one means nothing."""
    steps = dict(enumerate(strides))
    long = sorted((n for n, size in enumerate(shape) if size != 1), key=lambda n: -steps.get(n, 0))
    return (*(n for n, size in enumerate(shape) if size == 1), *long)


def _follow_each_other(part: Part, strides: tuple[int, ...]) -> bool:
    """Whether the numbers of a tensor lie side by side, in some order of its dimensions."""
    if len(part.shape) != len(strides):
        return False
    step = 1
    for dimension in reversed(part.order):
        if part.shape[dimension] != 1 and strides[dimension] != step:
            return False
        step *= part.shape[dimension]
    return True


def _require_room(parts: list[Part]) -> None:
    storages = {part.storage.key: part.storage for part in parts}.values()
    total = max(
        sum(one.bytes for one in storages),
        sum(part.count * part.storage.type.itemsize for part in parts),
    )
    if total > MOST_BYTES:
        raise PickleFault(f"its tensors claim {total} bytes; {MOST_BYTES} are the most")


def _require_apart(parts: list[Part]) -> None:
    """Two tensors are the same numbers, as those of shared cells are, or share none."""
    ranges = sorted({(p.storage.key, p.offset, p.offset + p.count) for p in parts if p.count})
    for (key, _, end), (other, start, _) in pairwise(ranges):
        if key == other and start < end:
            raise PickleFault("two of its tensors share some of their numbers")
