"""Reading other people's pickles: numbers come in, and no unpickler is anywhere near.

The few opcodes that such files need are read by hand (`pickled`); no object is made of a name, and
PyTorch and NumPy get bytes that were looked at.  Whatever is wrong with a file, it is told in one
`FileError`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from fasterseg.errors import FileError
from fasterseg.foreign.opened_files import bytes_of, opened
from fasterseg.foreign.strict_zip import NotAStrictZip
from fasterseg.network.pickled.numpy_values import named_values, number_of
from fasterseg.network.pickled.torch_files import tensors_of
from fasterseg.network.pickled.torch_values import MOST_BYTES
from fasterseg.network.pickled.values import PickleFault, kind_of

MOST_TENSOR_BYTES = MOST_BYTES + (32 << 20)
MOST_TABLE_BYTES = 16 << 20
"""The authors' table has 50 kB."""


def read_tensors(path: Path) -> dict[str, Tensor | float | int]:
    """The tensors and numbers of a ``torch.save`` file, old or new, by name, on the CPU.

    Raises `FileError` for anything else: another form, another content, a name that would run
    code.
    """
    with (
        _told(path, "a file of PyTorch tensors"),
        opened(path, most_bytes=MOST_TENSOR_BYTES) as stream,
    ):
        return tensors_of(stream)


def read_numbers(path: Path) -> dict[str, float]:
    """The numbers by name of a pickled dictionary in a ``.npy`` file; `FileError` otherwise."""
    with _told(path, "a NumPy file of named numbers"):
        content = named_values(bytes_of(path, most_bytes=MOST_TABLE_BYTES))
        return {key: _number(key, value) for key, value in content.items()}


def _number(key: str, value: object) -> float:
    number = number_of(value)
    if number is None:
        raise PickleFault(f"{key[:80]!r} is {kind_of(value)}, no number")
    if not math.isfinite(number):
        raise PickleFault(f"{key[:80]!r} is no finite number")
    return float(number)


@contextmanager
def _told(path: Path, wanted: str) -> Iterator[None]:
    """Any fault of a file as one `FileError`, in one sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileError(
            "no such file",
            where=str(path),
            why="nothing of this name is there",
            next_step="look at the name",
        ) from error
    except (PickleFault, NotAStrictZip) as error:
        raise FileError(
            f"this is not {wanted}",
            where=str(path),
            why=str(error),
            next_step="name a file as the authors of FasterSeg released it",
        ) from error
