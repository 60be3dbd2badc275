"""The tensors of an ONNX model: their numbers in the file, as many as they say, and all numbers."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from fasterseg.deploy.runtimes.untrusted.plain_graphs import Array
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain

if TYPE_CHECKING:
    from onnx import TensorProto

# Where a type's numbers stand that are not raw, and the bytes of each that is.
_KINDS = {
    "FLOAT": ("float_data", 4),
    "UINT8": ("int32_data", 1),
    "INT8": ("int32_data", 1),
    "UINT16": ("int32_data", 2),
    "INT16": ("int32_data", 2),
    "INT32": ("int32_data", 4),
    "INT64": ("int64_data", 8),
    "BOOL": ("int32_data", 1),
    "FLOAT16": ("int32_data", 2),
    "DOUBLE": ("double_data", 8),
    "UINT32": ("uint64_data", 4),
    "UINT64": ("uint64_data", 8),
    "BFLOAT16": ("int32_data", 2),
}
_TYPED = frozenset(field for field, _ in _KINDS.values()) | {"string_data"}
_FLOATS = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")


def type_name(data_type: int) -> str:
    """The name of a type as NumPy has it; raises `NotPlain` for one that is not of numbers."""
    name = _name(data_type)
    return {"FLOAT": "float32", "DOUBLE": "float64"}.get(name, name.lower())


def require_tensor(tensor: TensorProto) -> None:
    """Raise `NotPlain` unless all of its numbers lie in it, and each is one."""
    from onnx import TensorProto

    called = ascii(tensor.name)[:60]
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise NotPlain("its weights lie in other files, which are never opened")
    name = _name(tensor.data_type)
    typed, width = _KINDS[name]
    others = [other for other in _TYPED - {typed} if getattr(tensor, other)]
    counts = [len(getattr(tensor, typed)), len(tensor.raw_data) / width]
    if min(tensor.dims, default=0) < 0 or tensor.HasField("segment") or others:
        raise NotPlain(f"its tensor {called} is not one of plain numbers")
    if sorted(counts) != [0, prod(tensor.dims)]:
        raise NotPlain(f"its tensor {called} does not have as many numbers as it says")
    if name in _FLOATS and not _is_finite(numbers_of(tensor)):
        raise NotPlain(f"its tensor {called} holds what is no number")


def numbers_of(tensor: TensorProto) -> Array:
    """A tensor's numbers, once it is known to have all that it says."""
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


def _is_finite(numbers: Array) -> bool:
    """Whether all are numbers; a single one may be infinite, as the bounds of operators are."""
    values = numbers.astype(np.float32) if numbers.dtype.kind == "V" else numbers
    bad = np.isnan(values) if values.size == 1 else ~np.isfinite(values)
    return not bad.any()


def _name(data_type: int) -> str:
    from onnx import TensorProto

    names = {TensorProto.DataType.Value(name): name for name in _KINDS}
    if data_type not in names:
        raise NotPlain("it holds something other than whole and floating-point numbers")
    return names[data_type]
