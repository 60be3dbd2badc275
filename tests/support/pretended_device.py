"""A device of its own kind, for machines without one: what CUDA refuses, it refuses.

Its tensors hold their values on the CPU and say that they are elsewhere, under the name of a
device that torch knows everywhere.  Whatever is computed passes here, the backward pass too, and
raises where CUDA would: tensors of both kinds in one operator, but for a CPU tensor without
dimensions among pointwise operands and for indices; an update in place on the CPU by what is on
the device; a generator of the CPU for numbers on the device.  What only asks for values (`item`,
`tolist`, `cpu`) works as it does there, and `numpy` does not.

    with PretendedDevice():
        network.to(PRETENDED)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

PRETENDED = torch.device("meta")

ATEN = torch.ops.aten
_CROSSING = {ATEN._to_copy.default, ATEN.copy_.default}
_INDEXED = {ATEN.index.Tensor, ATEN.index_put.default, ATEN.index_put_.default}


class OnDevice(Tensor):
    """A tensor on the pretended device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnDevice:
        """Around values on the CPU."""
        made = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=PRETENDED,
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Whatever is computed with one."""
        return _computed(func, args, kwargs or {})

    def __repr__(self) -> str:  # type: ignore[override]
        return f"OnDevice({self.held!r})"


class _Values(TorchFunctionMode):
    """`torch.tensor` makes its values below every dispatch mode; lists have no operator."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.tensor and _is_pretended(kwargs.get("device")):
            del kwargs["device"]
            return func(*args, **kwargs).to(PRETENDED)
        if func is Tensor.tolist and isinstance(args[0], OnDevice):
            return args[0].held.tolist()
        return func(*args, **kwargs)


class _Operators(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


@contextmanager
def pretended_device() -> Iterator[None]:
    """Let tensors be made on the pretended device, and moved there."""
    with _Values(), _Operators():
        yield


def _is_pretended(device: Any) -> bool:
    return device is not None and torch.device(device).type == PRETENDED.type


def _computed(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    there = any(isinstance(leaf, OnDevice) for leaf in leaves)
    if there:
        _refuse_mixtures(func, args, leaves)
    wanted = kwargs.get("device")
    if "device" in kwargs and wanted is not None:
        there = _is_pretended(wanted)
        kwargs = {**kwargs, "device": torch.device("cpu")} if there else kwargs
    if there and any(isinstance(leaf, torch.Generator) for leaf in tree_leaves((args, kwargs))):
        raise RuntimeError(f"{func}: expected a generator of the device, found one of the CPU")
    found = func(*tree_map(_held, tuple(args)), **tree_map(_held, kwargs))
    if func._schema.is_mutable:
        return _as_given(func, args, kwargs, found)
    return tree_map(_wrapped, found) if there else found


def _refuse_mixtures(func: Any, args: Sequence[Any], leaves: list[Tensor]) -> None:
    strangers = [leaf for leaf in leaves if not isinstance(leaf, OnDevice)]
    if not strangers or func in _CROSSING:
        return
    if func in _INDEXED and isinstance(args[0], OnDevice):
        strangers = [leaf for leaf in tree_leaves(args[2:]) if leaf in strangers]
    written = func._schema.is_mutable and not isinstance(args[0], OnDevice)
    scalars = torch.Tag.pointwise in func.tags and all(one.dim() == 0 for one in strangers)
    if written or (strangers and not scalars):
        raise RuntimeError(f"{func}: expected all tensors to be on the same device")


def _as_given(func: Any, args: Sequence[Any], kwargs: dict[str, Any], found: Any) -> Any:
    """What an operator that writes gives back: the tensors it was given to write to."""
    written = []
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            written.append(args[place] if place < len(args) else kwargs.get(argument.name))
    if isinstance(found, Tensor):
        return written[0]
    if not isinstance(found, tuple):
        return found
    given = {id(_held(tensor)): tensor for tensor in written if isinstance(tensor, Tensor)}
    there = any(isinstance(tensor, OnDevice) for tensor in written)
    return tuple(given.get(id(one), _wrapped(one) if there else one) for one in found)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnDevice) else value


def _wrapped(value: Any) -> Any:
    if type(value) is not Tensor:
        return value
    # Views of what was made outside inference mode need a version, which its own tensors lack.
    with torch.inference_mode(False):
        return OnDevice(value)
