"""What a graph gave, looked at before it is taken for labels or logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def fault_of(
    found: npt.NDArray[Any], size: tuple[int, int], *, output: str, classes: int
) -> str | None:
    """Why this is no `output` for one image of a size (height, width); None where it is.

    Labels are (1, height, width) class ids, logits (1, classes, height, width) numbers, at a size
    of their own where they are of low resolution.
    """
    if output == "labels":
        return _fault_of_labels(found, size, classes)
    if found.dtype != np.float32 or found.ndim != 4 or found.shape[:2] != (1, classes):
        return f"its logits are {found.dtype} {found.shape}, for {classes} classes"
    rows, columns = found.shape[2:]
    fits = 0 < rows <= size[0] and 0 < columns <= size[1]
    if not fits or (output == "logits" and (rows, columns) != size):
        return f"its logits are {rows}x{columns} for an image of {size[0]}x{size[1]}"
    return None if np.isfinite(found).all() else "its logits are not all numbers"


def _fault_of_labels(found: npt.NDArray[Any], size: tuple[int, int], classes: int) -> str | None:
    if found.dtype.kind not in "iu" or found.shape != (1, *size):
        return f"its labels are {found.dtype} {found.shape} for an image of {size[0]}x{size[1]}"
    if found.size and not 0 <= int(found.min()) <= int(found.max()) < classes:
        return f"it gives labels from {found.min()} to {found.max()}, and has {classes} classes"
    return None
