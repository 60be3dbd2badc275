"""The operators that a program may ask for: a list, and no way from a name to anything else.

They are those that exporting the networks of this package gives, all of which only compute: none
writes to what it reads, asks for chance, a file or another device, or takes a function.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
    "div.Tensor_mode",
    "dropout.default",
    "eq.Tensor",
    "feature_dropout.default",
    "floor.default",
    "gt.Tensor",
    "index_select.default",
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
    "relu6.default",
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
    "_upsample_bilinear2d_aa.vec",
    "upsample_bilinear2d.vec",
    "upsample_nearest2d.vec",
)
_STAND_INS = {"detach_.default": "detach.default", "numpy_T.default": "t.default"}
"""What is called instead, with the same result: one changes what it reads, one warns of itself."""
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
    """What is called for a name.

    For what it reads, `window` is how many numbers it looks at for each that it writes; for that
    and what it gives, `aside` is how many it may hold besides.
    """

    name: str
    call: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    window: Callable[[Sequence[Any]], int]
    aside: Callable[[Sequence[Any], Any], int]


def _nothing(_read: Sequence[Any], _given: Any) -> int:
    return 0


def _one(_read: Sequence[Any]) -> int:
    return 1


def _conv(read: Sequence[Any]) -> int:
    return int(prod(read[1].shape[1:]))


def _conv_transpose(read: Sequence[Any]) -> int:
    return int(prod(read[1].shape) // max(1, min(read[1].shape[:2])))


def _side_by_side(read: Sequence[Any], given: Any) -> int:
    """What a convolution reads for each pixel, as a kernel writes it that has no better way."""
    return int(read[0].shape[1] * prod(read[1].shape[2:]) * prod(given.shape[2:]))


def _side_by_side_transposed(read: Sequence[Any], given: Any) -> int:
    return _side_by_side([given, read[1]], read[0])


def _matmul(read: Sequence[Any]) -> int:
    return int(read[0].shape[-1]) if read[0].ndim else 1


def _repeated(read: Sequence[Any], given: Any) -> int:
    """Both matrices of a product, once for each of the products that are made."""
    count = prod(given.shape[:-2])
    return int(sum(count * prod(one.shape[-2:]) for one in read))


def _pool(read: Sequence[Any]) -> int:
    return int(prod(read[1])) ** (2 if len(read[1]) == 1 else 1)


_WINDOWS: Mapping[str, Callable[[Sequence[Any]], int]] = {
    "conv2d": _conv,
    "conv_transpose2d": _conv_transpose,
    "matmul": _matmul,
    "max_pool2d": _pool,
    "avg_pool2d": _pool,
}
_ASIDE: Mapping[str, Callable[[Sequence[Any], Any], int]] = {
    "conv2d": _side_by_side,
    "conv_transpose2d": _side_by_side_transposed,
    "matmul": _repeated,
}


def _aten(name: str) -> Operator:
    packet, overload = _STAND_INS.get(name, name).split(".")
    call = getattr(getattr(torch.ops.aten, packet), overload)
    fixed = _FIXED.get(packet, {})
    return Operator(
        f"torch.ops.aten.{name}",
        call,
        tuple(_parameter(one, fixed.get(one.name)) for one in call._schema.arguments),
        _WINDOWS.get(packet, _one),
        _ASIDE.get(packet, _nothing),
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
    return Operator(f"_operator.{name}", getattr(operator, name), parameters, _one, _nothing)


OPERATORS: Mapping[str, Operator] = {
    row.name: row for row in (*map(_aten, _ATEN), *map(_whole, _WHOLE_NUMBERS))
}
"""Every operator that is ever called for a program, by its name in the file."""
