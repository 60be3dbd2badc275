"""A quick exporter of what a space is made of, for the many graphs that are only timed.

A module's own forward runs once, on tensors without numbers, and every call that it makes is
written down as the node that `export` gives for it.  So no block is described a second time; a
call that has no writer here is an error.  A test holds the graph of every kind of block and of a
whole network against `export`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fasterseg.deploy.exporting.export import IR_VERSION, OPSET, require_onnx
from fasterseg.deploy.exporting.folding import folded

if TYPE_CHECKING:
    from onnx import NodeProto, ValueInfoProto

Numbers = np.ndarray[Any, Any]
Pair = int | tuple[int, int]

TO_THE_END = 2**63 - 1
# Aligned corners, and what the exporter says besides.
RESIZE: Mapping[str, Any] = {
    "mode": "linear",
    "coordinate_transformation_mode": "align_corners",
    "antialias": 0,
    "cubic_coeff_a": -0.75,
    "exclude_outside": 0,
    "extrapolation_value": 0.0,
    "keep_aspect_ratio_policy": "stretch",
    "nearest_mode": "floor",
}


def traced(module: nn.Module, example: Sequence[Tensor]) -> bytes:
    """The ONNX model of a module's evaluation form: inputs ``in0``.., output ``out``.

    Only the example's shapes and types count.  Raises `EnvironmentFault` where the extra ``onnx``
    is not installed, and `NotImplementedError` for a call that cannot be written down.
    """
    require_onnx()
    from onnx import helper, numpy_helper

    form, inputs, trace = folded(module), [x.to("meta") for x in example], _Trace()
    for index, x in enumerate(inputs):
        trace.name(x, f"in{index}")
    with torch.no_grad(), trace:
        output = form(*inputs)
    trace.nodes[-1].output[:] = ["out"]
    graph = helper.make_graph(
        trace.nodes,
        "traced",
        [_described(x, f"in{index}") for index, x in enumerate(inputs)],
        [_described(output, "out")],
        [numpy_helper.from_array(numbers, name) for name, numbers in trace.numbers.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def _described(x: Tensor, name: str) -> ValueInfoProto:
    from onnx import helper

    return helper.make_tensor_value_info(name, _type(x.dtype), x.shape)


def _type(kind: torch.dtype) -> int:
    """ONNX's number for a type."""
    from onnx import TensorProto

    known = {
        torch.float32: TensorProto.FLOAT,
        torch.float16: TensorProto.FLOAT16,
        torch.uint8: TensorProto.UINT8,
        torch.int32: TensorProto.INT32,
    }
    return int(known[kind])


class _Trace(TorchFunctionMode):
    """Writes down the calls that are made while it is entered, and the numbers that they read.

    What a call gives has a shape and a type, but no numbers: it lies on the device "meta".
    """

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[NodeProto] = []
        self.numbers: dict[str, Numbers] = {}
        # By identity; the tensors are kept, so that none takes the place of one that is gone.
        self._names: dict[int, tuple[Tensor, str]] = {}
        # Equal matrices stand in the graph once.
        self._matrices: dict[tuple[torch.Size, bytes], str] = {}
        self._padded: dict[int, tuple[Tensor, Tensor, Sequence[int]]] = {}

    def __torch_function__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What the call gives, written down if it is a tensor that depends on the inputs.

        Numbers that do not are computed: they become constants, as in `export`.
        """
        del types
        given = kwargs or {}
        reads = _has_no_numbers((*args, *given.values()))
        if reads and call in _WRITERS:
            return _WRITERS[call](self, *args, **given)
        result = call(*args, **(given if reads else _with_numbers(given)))
        if reads and _has_no_numbers([result]):
            raise NotImplementedError(f"no ONNX node is known for {call}")
        return result

    def name(self, x: Tensor, name: str) -> None:
        """Call a tensor so in the graph."""
        self._names[id(x)] = (x, name)

    def name_of(self, x: Tensor) -> str:
        """What a tensor is called in the graph; one that no call gave is put among its numbers."""
        if id(x) not in self._names:
            numbers = x.numpy()
            name = f"numbers{len(self.numbers)}"
            if x.ndim == 2:  # no kernel, which its norm changes
                name = self._matrices.setdefault((x.shape, numbers.tobytes()), name)
            self.name(x, self.constant(name, numbers))
        return self._names[id(x)][1]

    def constant(self, name: str, numbers: Numbers) -> str:
        """The name of numbers that are put into the graph."""
        self.numbers[name] = numbers
        return name

    def counts(self, *counts: int) -> str:
        """The name of whole numbers; equal ones stand in the graph once."""
        return self.constant(f"counts{counts}", np.array(counts, dtype=np.int64))

    def node(
        self, operator: str, inputs: Sequence[Tensor | str], result: Tensor, **attributes: Any
    ) -> Tensor:
        """The result, written down as what an operator makes of the inputs."""
        from onnx import helper

        read = [x if isinstance(x, str) else self.name_of(x) for x in inputs]
        name = f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, read, [name], name, **attributes))
        self.name(result, name)
        return result

    def convolution(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
    ) -> Tensor:
        """A convolution, with the zeros that were put around its input before."""
        height, width = _pair(padding)
        _, source, (left, right, above, below) = self._padded.get(id(x), (x, x, (0, 0, 0, 0)))
        return self.node(
            "Conv",
            [source, weight] if bias is None else [source, weight, bias],
            F.conv2d(x, weight.to("meta"), None, stride, padding, dilation, groups),
            auto_pad="NOTSET",
            dilations=_pair(dilation),
            group=groups,
            kernel_shape=weight.shape[2:],
            pads=(above + height, left + width, below + height, right + width),
            strides=_pair(stride),
        )

    def pad(self, x: Tensor, pad: Sequence[int], mode: str, value: float | None) -> Tensor:
        """Zeros around a map: they become part of the convolution that reads it."""
        assert (mode, value) == ("constant", None)
        result = F.pad(x, pad)
        self._padded[id(result)] = (result, x, pad)
        return result

    def norm(
        self,
        x: Tensor,
        mean: Tensor,
        variance: Tensor,
        weight: Tensor,
        bias: Tensor,
        *,
        eps: float,
        **_training: Any,
    ) -> Tensor:
        """A batch norm: it becomes part of the convolution before it, which has no bias."""
        node = self.nodes[-1]
        assert [node.op_type, *node.output] == ["Conv", self.name_of(x)]
        _, kernel = node.input
        scale = weight * torch.rsqrt(variance + eps)
        self.numbers[kernel] = self.numbers[kernel] * scale.reshape(-1, 1, 1, 1).numpy()
        node.input.append(self.constant(f"{kernel}.bias", (bias - mean * scale).numpy()))
        return x

    def resize(self, x: Tensor, *, size: Sequence[int], **how: Any) -> Tensor:
        """A bilinear resize with aligned corners."""
        assert (how["mode"], how["align_corners"]) == ("bilinear", True)
        result = x.new_empty((*x.shape[:2], *size))
        return self.node("Resize", [x, "", "", self.counts(*result.shape)], result, **RESIZE)

    def part(self, x: Tensor, where: tuple[EllipsisType | slice, ...]) -> Tensor:
        """Rows and columns from some on, one node for each axis."""
        first, *cuts = where
        assert first is Ellipsis
        for axis, cut in enumerate(cuts, x.ndim - len(cuts)):
            assert isinstance(cut, slice) and (cut.stop, cut.step) == (None, None)
            ends = [self.counts(n) for n in (cut.start, TO_THE_END, axis, 1)]
            x = self.node("Slice", [x, *ends], x.narrow(axis, cut.start, x.shape[axis] - cut.start))
        return x

    def cast(self, x: Tensor, kind: torch.dtype) -> Tensor:
        """The same numbers as another type."""
        return x if x.dtype == kind else self.node("Cast", [x], x.to(kind), to=_type(kind))

    def join(self, parts: Sequence[Tensor], *, dim: int) -> Tensor:
        """Tensors side by side."""
        return self.node("Concat", parts, torch.cat([*parts], dim=dim), axis=dim)

    def split(self, x: Tensor, counts: Sequence[int], *, dim: int) -> tuple[Tensor, ...]:
        """A tensor's parts of so many entries along an axis."""
        from onnx import helper

        results: tuple[Tensor, ...] = x.split(counts, dim=dim)
        name = f"Split{len(self.nodes)}"
        names = [f"{name}.{index}" for index in range(len(results))]
        read = [self.name_of(x), self.counts(*counts)]
        self.nodes.append(helper.make_node("Split", read, names, name, axis=dim))
        for result, own in zip(results, names, strict=True):
            self.name(result, own)
        return results

    def largest(self, x: Tensor, *, dim: int) -> Tensor:
        """Where the largest number along an axis stands."""
        result = x.argmax(dim=dim)
        return self.node("ArgMax", [x], result, axis=dim, keepdims=0, select_last_index=0)

    def relu(self, x: Tensor, inplace: bool) -> Tensor:
        """Numbers below zero become zero."""
        assert not inplace
        return self.node("Relu", [x], F.relu(x))

    def permuted(self, x: Tensor, *axes: int) -> Tensor:
        """Axes in another order."""
        return self.node("Transpose", [x], x.permute(*axes), perm=axes)

    def product(self, x: Tensor, other: Tensor) -> Tensor:
        """Numbers times others."""
        return self.node("Mul", [x, other], x * other.to("meta"))

    def matrix_product(self, x: Tensor, other: Tensor) -> Tensor:
        """Matrices times others, one of which is constant."""
        return self.node("MatMul", [x, other], x.to("meta") @ other.to("meta"))

    def total(self, x: Tensor, other: Tensor) -> Tensor:
        """Numbers and others added."""
        return self.node("Add", [x, other], x + other.to("meta"))


def _has_no_numbers(given: Iterable[Any]) -> bool:
    """Whether a tensor among what is given to a call lies on the device "meta"."""
    return any(
        _has_no_numbers(one)
        if isinstance(one, (list, tuple))
        else isinstance(one, Tensor) and one.is_meta
        for one in given
    )


def _with_numbers(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keywords of a call that makes a tensor, which is to have numbers."""
    return {**given, "device": "cpu"} if "device" in given else given


def _pair(lengths: Pair) -> tuple[int, int]:
    return lengths if isinstance(lengths, tuple) else (lengths, lengths)


_WRITERS: Mapping[Any, Callable[..., Tensor | tuple[Tensor, ...]]] = {
    torch.conv2d: _Trace.convolution,
    torch.cat: _Trace.join,
    F.batch_norm: _Trace.norm,
    F.relu: _Trace.relu,
    F.interpolate: _Trace.resize,
    F.pad: _Trace.pad,
    Tensor.__getitem__: _Trace.part,
    Tensor.split: _Trace.split,
    Tensor.permute: _Trace.permuted,
    Tensor.to: _Trace.cast,
    Tensor.argmax: _Trace.largest,
    Tensor.mul: _Trace.product,
    Tensor.add: _Trace.total,
    torch.add: _Trace.total,
    Tensor.matmul: _Trace.matrix_product,
}
