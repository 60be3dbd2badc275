"""The tail as two files for the device: they lie beside a network that ends before it.

One needs NumPy, the other a C compiler, and neither needs this package.  They are the same for
every network; a network's card says by their digests which ones belong to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from fasterseg.artifacts import digest_of_bytes
from fasterseg.deploy.tail import arrays

Suffix = Literal[".tail.py", ".tail.c"]
NUMPY_SUFFIX: Suffix = ".tail.py"
C_SUFFIX: Suffix = ".tail.c"
"""What is appended to the whole name of an exported file: two formats' tails do not collide."""


def numpy_source() -> bytes:
    """The tail in one file for Python 3.8 and NumPy; `arrays.label_map` in it is called."""
    return Path(arrays.__file__).read_bytes()


def c_source() -> bytes:
    """The tail in one file of C99, which its first comment describes."""
    return Path(arrays.__file__).with_name("label_map.c").read_bytes()


@cache
def sources() -> Mapping[Suffix, bytes]:
    """What lies beside a file, by suffix."""
    return {NUMPY_SUFFIX: numpy_source(), C_SUFFIX: c_source()}


@cache
def digests() -> Mapping[Suffix, str]:
    """The SHA-256 of each, by suffix."""
    return {suffix: digest_of_bytes(source) for suffix, source in sources().items()}


def beside(path: Path, suffix: str) -> Path:
    """Where the tail of that suffix lies for an exported file."""
    return path.with_name(path.name + suffix)
