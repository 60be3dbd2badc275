"""Files of weights in installed packages: found without importing, known by digest, read by hand.

Nothing of such a package is run, and its file is read as the authors' are (`network.pickled`).
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from torch import Tensor

from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.foreign.opened_files import opened
from fasterseg.network.pickled.torch_files import tensors_of
from fasterseg.network.pickled.values import PickleFault

MOST_BYTES = 64 << 20


def packaged_file(package: str, file: str, *, next_step: str) -> Path:
    """Where a file of an installed package lies.

    Raises `EnvironmentFault` with that `next_step` where the package is absent, or without it.
    """
    try:
        found = Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError as error:
        raise EnvironmentFault(
            f"the weights of {package} are not installed",
            where=package,
            why="pre-trained encoders are packages of their own, and this one is absent",
            next_step=next_step,
        ) from error
    if not found.is_file():
        raise EnvironmentFault(
            f"the weights of {package} are not where that package has them",
            where=str(found),
            why="another release of it may be installed, or it was damaged",
            next_step=next_step,
        )
    return found


def known_tensors(path: Path, *, sha256: str, next_step: str) -> dict[str, Tensor]:
    """The tensors by name of a ``torch.save`` file with that SHA-256, on the CPU.

    Raises `FileError` with that `next_step` for another file, of which nothing is read then but its
    digest.
    """
    with opened(path, most_bytes=MOST_BYTES) as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != sha256:
            raise _other(path, f"its SHA-256 is {found}, that of the known one {sha256}", next_step)
        stream.seek(0)
        try:
            values = tensors_of(stream)
        except PickleFault as error:
            raise _other(path, str(error), next_step) from error
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def _other(path: Path, why: str, next_step: str) -> FileError:
    return FileError(
        "this is not the file of weights that is known here",
        where=str(path),
        why=why,
        next_step=next_step,
    )
