"""Reading other people's pickles: numbers come in, code never runs.

Tensors are read by PyTorch's own restricted loader, NumPy objects by an unpickler that knows a
handful of names and refuses every other.  Whatever is wrong with a file, it is told in one
`FileError`.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from fasterseg.errors import FileError

LARGEST_BYTES = 1 << 30
NUMPY_MAGIC = b"\x93NUMPY"
LONGEST_REASON = 200

_SCALARS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
    (np._core.multiarray.scalar, "numpy._core.multiarray.scalar"),  # type: ignore[attr-defined]
    np.dtype,
    *(type(np.dtype(name)) for name in ("float16", "float32", "float64", "int32", "int64")),
]


def read_tensors(path: Path) -> dict[str, Tensor | float | int]:
    """The tensors and numbers of a ``torch.save`` file, old or new, by name, on the CPU.

    Raises `FileError` for anything else: another form, another content, a name that would run
    code.
    """
    with _told(path, "a file of PyTorch tensors"):
        content = _bytes_of(path)
        with torch.serialization.safe_globals(_SCALARS):
            found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}, not names with tensors")
        return {_name(key): _tensor_or_number(key, value) for key, value in found.items()}


def read_numbers(path: Path) -> dict[str, float]:
    """The numbers by name of a pickled dictionary in a ``.npy`` file; `FileError` otherwise."""
    with _told(path, "a NumPy file of named numbers"):
        stream = io.BytesIO(_bytes_of(path))
        if stream.read(len(NUMPY_MAGIC)) != NUMPY_MAGIC:
            raise ValueError("it does not begin as a NumPy file does")
        stream.seek(0)
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"its format is {version}")
        read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
        shape, _, kind = read(stream)
        if shape != () or not kind.hasobject:
            raise ValueError(f"it holds an array {shape} of {kind}, not a dictionary")
        found = _NumbersOnly(stream).load()
        content = found.item() if isinstance(found, np.ndarray) and found.shape == () else found
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}, not a dictionary")
        return {_name(key): _number(key, value) for key, value in content.items()}


class _NumbersOnly(pickle.Unpickler):
    """An unpickler that finds what a NumPy scalar is made of, and nothing else."""

    KNOWN: Mapping[tuple[str, str], Any] = {
        (f"numpy.{core}.multiarray", name): getattr(np._core.multiarray, name)  # type: ignore[attr-defined]
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    } | {("numpy", "dtype"): np.dtype, ("numpy", "ndarray"): np.ndarray}

    def find_class(self, module: str, name: str) -> Any:
        """The few names that are known; ValueError for any other, before anything is imported."""
        if (module, name) == ("_codecs", "encode"):
            return _latin_bytes
        if (module, name) not in self.KNOWN:
            raise ValueError(f"it asks for {module}.{name}, which no file of numbers needs")
        return self.KNOWN[module, name]

    def persistent_load(self, pid: object) -> NoReturn:
        """No file of numbers refers to other files."""
        raise ValueError("it refers to something outside")


def _latin_bytes(text: object, encoding: object = "latin1") -> bytes:
    """What Python 2 files need of ``_codecs.encode``: text to bytes, by one encoding."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("it asks for an encoding that no file of numbers needs")
    return text.encode("latin1")


def _bytes_of(path: Path) -> bytes:
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise ValueError(f"it has {size} bytes; {LARGEST_BYTES} are the most that is read")
    return path.read_bytes()


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"one of its names is a {type(key).__name__}")
    return key


def _tensor_or_number(key: str, value: object) -> Tensor | float | int:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, np.number):
        return value.item()  # type: ignore[no-any-return]
    if isinstance(value, int | float):
        return value
    raise ValueError(f"{key!r} is a {type(value).__name__}, neither tensor nor number")


def _number(key: object, value: object) -> float:
    if isinstance(value, np.number | int | float) and np.isfinite(value):
        return float(value)
    raise ValueError(f"{key!r} is no number")


@contextmanager
def _told(path: Path, wanted: str) -> Iterator[None]:
    """Any fault of a file as one `FileError`, in one sentence."""
    try:
        yield
    except OSError as error:
        raise FileError(
            "cannot read the file", where=str(path), why=error.strerror or str(error)
        ) from error
    except (Exception, MemoryError, RecursionError) as error:
        raise FileError(
            f"this is not {wanted}",
            where=str(path),
            why=_reason(error),
            next_step="name a file as the authors of FasterSeg released it",
        ) from error


def _reason(error: BaseException) -> str:
    """What is wrong with a file, in one short sentence, without a library's advice."""
    text = " ".join(str(error).split())
    asked = re.search(r"GLOBAL (\S+)", text)
    if asked is not None:
        return f"it asks for {asked.group(1)}, which no file of tensors needs"
    if isinstance(error, EOFError) or "EOF" in text or "ran out of input" in text.lower():
        return "it ends too early"
    if isinstance(error, ValueError) and "eights only" not in text:
        return text[:LONGEST_REASON]
    if isinstance(error, MemoryError) or "allocate" in text:
        return "it claims to hold more numbers than fit into memory"
    return "it is damaged, or something else wrote it"
