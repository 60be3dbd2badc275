"""The operators that a program may ask for: a list, and no way from a name to anything else.

They are those that exporting the networks of this package gives, all of which only compute: none
writes to what it reads, asks for chance, a file or another device, or takes a function.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch

_ATEN = (
    "add.Tensor",
    "alias.default",
    "arange.default",
    "argmax.default",
    "avg_pool2d.default",
    "batch_norm.default",
    "__and__.Tensor",
    "cat.default",
    "conv2d.default",
    "conv_transpose2d.input",
    "detach_.default",
    "div.Tensor",
    "dropout.default",
    "eq.Tensor",
    "feature_dropout.default",
    "floor.default",
    "gt.Tensor",
    "lift_fresh_copy.default",
    "lt.Tensor",
    "matmul.default",
    "max_pool2d.default",
    "mean.dim",
    "mul.Tensor",
    "numpy_T.default",
    "pad.default",
    "permute.default",
    "prelu.default",
    "relu.default",
    "remainder.Scalar",
    "rsub.Scalar",
    "sigmoid.default",
    "slice.Tensor",
    "split.Tensor",
    "split_with_sizes.default",
    "sub.Tensor",
    "sum.dim_IntList",
    "sym_size.int",
    "to.dtype",
    "unsqueeze.default",
    "upsample_bilinear2d.vec",
    "upsample_nearest2d.vec",
)
_STAND_INS = {"detach_.default": "detach.default"}
"""What is called in place of an operator that would change what it reads, with the same result."""
_WHOLE_NUMBERS = ("add", "floordiv", "mod", "mul", "sub")

CHECKS = ("torch.ops.aten._assert_tensor_metadata.default",)
"""What computes nothing: what it would check is known of every tensor before anything runs."""

_NUMBERS = frozenset({"as_int", "as_float", "as_sym_int"})
_KINDS: Mapping[str, frozenset[str]] = {
    "Tensor": _NUMBERS | {"as_tensor"},
    "List[Tensor]": frozenset({"as_tensors"}),
    "number": _NUMBERS | {"as_bool"},
    "int": frozenset({"as_int", "as_sym_int"}),
    "List[int]": frozenset({"as_ints", "as_sym_ints"}),
    "float": frozenset({"as_float", "as_int"}),
    "List[float]": frozenset({"as_floats"}),
    "bool": frozenset({"as_bool"}),
    "str": frozenset({"as_string"}),
    "ScalarType": frozenset({"as_scalar_type"}),
    "Layout": frozenset({"as_layout"}),
    "Device": frozenset({"as_device"}),
    "MemoryFormat": frozenset({"as_memory_format"}),
}
"""The forms in which a file writes an argument, for each type in an operator's schema."""

_FIXED: Mapping[str, Mapping[str, bool]] = {
    "batch_norm": {"training": False},
    "dropout": {"train": False},
    "feature_dropout": {"train": False},
}
"""What would make an operator write to what it reads, or draw at random."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of an operator: the forms in which it is written, and what it is if it is not.

    `fixed` is the one value that it may have; None for any.
    """

    name: str
    forms: frozenset[str]
    optional: bool
    default: Any = None
    by_name: bool = False
    fixed: bool | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """What is called for a name, and how many numbers it looks at for each that it writes."""

    name: str
    call: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    window: Callable[..., int] = field(default=lambda *_, **__: 1)


def _conv(_: Any, weight: Any, *__: Any, **___: Any) -> int:
    return int(prod(weight.shape[1:]))


def _conv_transpose(_: Any, weight: Any, *__: Any, **___: Any) -> int:
    return int(prod(weight.shape) // max(1, min(weight.shape[:2])))


def _matmul(first: Any, *_: Any) -> int:
    return int(first.shape[-1]) if first.ndim else 1


def _pool(_: Any, kernel: tuple[int, ...], *__: Any, **___: Any) -> int:
    return prod(kernel) ** (2 if len(kernel) == 1 else 1)


_WINDOWS: Mapping[str, Callable[..., int]] = {
    "conv2d": _conv,
    "conv_transpose2d": _conv_transpose,
    "matmul": _matmul,
    "max_pool2d": _pool,
    "avg_pool2d": _pool,
}


def _aten(name: str) -> Operator:
    packet, overload = _STAND_INS.get(name, name).split(".")
    call = getattr(getattr(torch.ops.aten, packet), overload)
    fixed = _FIXED.get(packet, {})
    return Operator(
        f"torch.ops.aten.{name}",
        call,
        tuple(_parameter(one, fixed.get(one.name)) for one in call._schema.arguments),
        _WINDOWS.get(packet, lambda *_, **__: 1),
    )


def _parameter(argument: Any, fixed: bool | None) -> Parameter:
    kind = str(argument.real_type)
    optional = kind.startswith("Optional[")
    forms = _KINDS[kind.removeprefix("Optional[").removesuffix("]" if optional else "")]
    return Parameter(
        argument.name,
        forms | {"as_none"} if optional else forms,
        optional=argument.has_default_value(),
        default=argument.default_value if argument.has_default_value() else None,
        by_name=argument.kwarg_only,
        fixed=fixed,
    )


def _whole(name: str) -> Operator:
    forms = _KINDS["int"]
    parameters = tuple(Parameter(one, forms, optional=False) for one in ("a", "b"))
    return Operator(f"_operator.{name}", getattr(operator, name), parameters)


OPERATORS: Mapping[str, Operator] = {
    row.name: row for row in (*map(_aten, _ATEN), *map(_whole, _WHOLE_NUMBERS))
}
"""Every operator that is ever called for a program, by its name in the file."""
