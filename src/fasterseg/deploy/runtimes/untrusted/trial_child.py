"""What tries a file of unknown origin, in a process of its own with limits (`trials`).

Little is imported, and no PyTorch: this process shall begin quickly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fasterseg.deploy.runtimes.untrusted.outputs import fault_of
from fasterseg.errors import FileError
from fasterseg.foreign.opened_files import bytes_of

Run = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


def try_file(
    files: Sequence[str],
    digests: Sequence[str],
    open_files: Callable[..., Run],
    *,
    sizes: Sequence[Sequence[int]],
    output: str,
    classes: int,
) -> None:
    """Open a file and its companions, and run it on images of these sizes.

    `open_files` makes a function from image to output of the files' contents.  Raises `FileError`,
    with the runtime's reason, where it is not what it should be: the file of these digests, a
    graph that gives such an output for as many classes.
    """
    datas = [bytes_of(Path(file), most_bytes=1 << 31) for file in files]
    if [hashlib.sha256(data).hexdigest() for data in datas] != [*digests]:
        raise _refused(files[0], "it changed while it was read")
    try:
        run = open_files(*datas)
        for size in sizes:
            for image in images_of(size):
                why = fault_of(run(image), (size[0], size[1]), output=output, classes=classes)
                if why:
                    raise _refused(files[0], why)
    except (FileError, MemoryError):
        raise
    except Exception as error:  # a runtime raises what it likes
        raise _refused(files[0], reason_of(error)) from error


def reason_of(error: Exception) -> str:
    """What a runtime says of a model that it does not run, in one line."""
    lines = (line.strip() for line in str(error).splitlines())
    # OpenVINO begins with the places in its source that an error came through.
    said = next((line for line in lines if line and not line.startswith("Exception from")), "")
    return ascii(said[:200])[1:-1] or type(error).__name__


def images_of(size: Sequence[int]) -> list[npt.NDArray[Any]]:
    """Noise, black and white."""
    shape = (1, size[0], size[1], 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return [noise, np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)]


def _refused(file: str, why: str) -> FileError:
    return FileError(
        "the file does not run as what it says it is",
        where=file,
        why=why,
        next_step="export the model again, or use another file",
    )
