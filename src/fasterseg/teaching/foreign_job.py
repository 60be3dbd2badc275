"""What is done with a foreign file's graph: from a picture to what it is fed, from what it gives to
logits.

Plain NumPy, and little is imported: the process that tries such a file does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]
Run = Callable[[Numbers], Numbers]
Layout = Literal["nchw", "nhwc"]
Triple = tuple[float, float, float]

MOST_BYTES = 1 << 30
"""Of a file that is read: the largest segmentation networks have half of that."""

_OFF = 0.02
"""By so much the probabilities of a pixel may miss 1: those in half precision do."""
_ALL_BUT_ONE = 1e-3


class Unfit(ValueError):
    """What a graph gives is not what its card says; ``str()`` is the reason.

    `form` is what it gives in place of the form that the card says, empty where that is not it.
    """

    def __init__(self, why: str, *, form: str = "") -> None:
        super().__init__(why)
        self.form = form


@dataclass(frozen=True, slots=True)
class ForeignJob:
    """How a graph is fed, and how what it gives is read.  Every field is a plain value.

    `mean` and `deviation`, of values from 0 to 1, are those of the channels in the order in which
    they are fed; None where the graph takes the bytes themselves.
    """

    classes: int
    form: Literal["logits", "probabilities"]
    mean: Triple | None
    deviation: Triple | None
    is_bgr: bool
    layout: Layout
    output_layout: Layout
    number: str
    image_name: str
    output_name: str

    def fed(self, image: npt.NDArray[np.uint8]) -> Numbers:
        """(1, 3, height, width), or with the channels last, of a (height, width, 3) picture."""
        values: Numbers = image[..., ::-1] if self.is_bgr else image
        if self.mean is not None and self.deviation is not None:
            mean, deviation = (np.array(one, np.float32) for one in (self.mean, self.deviation))
            values = (values.astype(np.float32) / np.float32(255) - mean) / deviation
        values = values.transpose(2, 0, 1) if self.layout == "nchw" else values
        return np.ascontiguousarray(values[None], dtype=self.number)

    def given(self, found: Numbers, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        """(classes, height, width) logits or probabilities from what a graph gave for one picture.

        Raises `Unfit` for anything else: other shapes, labels, what is no number, and for
        probabilities that are none.
        """
        if found.dtype.kind != "f":
            raise Unfit(f"it gives {found.dtype} {found.shape}: labels, and no logits")
        if found.ndim != 4 or found.shape[0] != 1:
            raise Unfit(f"it gives {found.shape}, and (1, classes, height, width) is wanted")
        planes: npt.NDArray[np.float32] = found[0].astype(np.float32)
        planes = planes if self.output_layout == "nchw" else planes.transpose(2, 0, 1)
        classes, *map_size = planes.shape
        if classes != self.classes:
            raise Unfit(f"it tells {classes} classes apart, and its card names {self.classes}")
        if not all(0 < own <= most for own, most in zip(map_size, size, strict=True)):
            raise Unfit(f"its map is {map_size} for a picture of {[*size]}: larger than that")
        if not np.isfinite(planes).all():
            raise Unfit("what it gives are not all numbers")
        if self.form == "probabilities":
            _require_probabilities(planes)
        return planes

    def tried(self, run: Run, image: npt.NDArray[np.uint8]) -> None:
        """Run a graph on a picture; raises `Unfit` as `given` does, and for probabilities that the
        card takes for logits."""
        planes = self.given(run(self.fed(image)), (image.shape[0], image.shape[1]))
        if self.form == "logits" and _are_probabilities(planes, off=_ALL_BUT_ONE):
            raise Unfit(
                "all it gives is from 0 to 1, and sums to 1 at every place: these are "
                "probabilities already",
                form="probabilities",
            )


def _are_probabilities(planes: npt.NDArray[np.float32], *, off: float) -> bool:
    sums = planes.sum(axis=0)
    return bool(planes.min() >= -off and np.abs(sums - 1).max() <= off)


def _require_probabilities(planes: npt.NDArray[np.float32]) -> None:
    if not _are_probabilities(planes, off=_OFF):
        sums = planes.sum(axis=0)
        raise Unfit(
            f"what it gives are no probabilities: from {planes.min():.3g} to {planes.max():.3g}, "
            f"summing to {sums.min():.3g} to {sums.max():.3g} over the classes",
            form="logits",
        )
