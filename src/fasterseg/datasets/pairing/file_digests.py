"""What a split's digest has of its files: names and sizes of all, and the content of some."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fasterseg.datasets.pairing.pairs import OnDisk, Pair
from fasterseg.foreign.opened_files import what_it_is

# How many samples of a split have their content in its digest.
_DIGESTED = 32


def told_by_files(
    samples: Sequence[OnDisk], most_bytes: Callable[[OnDisk], int]
) -> tuple[list[Any], list[Any]]:
    """Return names and sizes of all samples, and digests of some that are spread over them.

    ``most_bytes`` is how large a file of a sample may be.  Raises OSError for a file that is not
    there, cannot be read or is larger.
    """
    step = max(1, -(-len(samples) // _DIGESTED))
    sizes = [[one.name, *_sizes(one)] for one in samples]
    contents = [[_hash(path, most_bytes(one)) for path in _read_of(one)] for one in samples[::step]]
    return sizes, contents


def _sizes(sample: OnDisk) -> list[int | str]:
    """The size of each file; a drawn mask is told by what it was drawn from."""
    image = sample.image.stat().st_size
    if isinstance(sample, Pair):
        return [image, sample.content or sample.mask.stat().st_size]
    return [image]


def _read_of(sample: OnDisk) -> tuple[Path, ...]:
    """The files of which a digest has the content; a drawn mask's is in it whole."""
    drawn = isinstance(sample, Pair) and sample.content
    return (sample.image,) if drawn else sample.files


def _hash(path: Path, most_bytes: int) -> str:
    if what_it_is(path) or path.stat().st_size > most_bytes:
        reason = f"it is no file of up to {most_bytes:,} bytes"
        raise OSError(errno.EFBIG, reason, str(path))
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
