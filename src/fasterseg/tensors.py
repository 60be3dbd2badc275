"""Tensors in and out of safetensors files, durably.  Never a pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import Tensor

from fasterseg.durable import durable_write
from fasterseg.errors import Diverged, FileError
from fasterseg.foreign.opened_files import bytes_of

MOST_BYTES = 8 * 2**30
"""Of tensors in a file: a supernet with what its optimiser keeps has a fraction of it."""


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors to one safetensors file, durably.

    Raises `Diverged` naming the tensor when one holds a value that is not finite: such
    weights are never saved.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise Diverged(
                "refused to save values that are not finite",
                where=f"{name} -> {path}",
                why="the training diverged, or its input held such values",
                next_step="lower the learning rate in a new run; the last checkpoint is good",
            )
    contiguous = {k: t.detach().cpu().contiguous() for k, t in tensors.items()}
    durable_write(path, save_bytes(contiguous))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file, on the CPU; raises `FileError` otherwise."""
    try:
        return load_bytes(bytes_of(path, most_bytes=MOST_BYTES))
    except FileNotFoundError as error:
        raise FileError("no such file", where=str(path)) from error
    except (OSError, SafetensorError) as error:
        raise FileError(
            "not a readable safetensors file", where=str(path), why=str(error)
        ) from error
