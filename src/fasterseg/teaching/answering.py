"""What a teacher is to a student: something that gives logits for any picture."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import Pixels

__all__ = ["Answering", "Logits"]

Logits = npt.NDArray[np.float32]
"""(classes, small height, small width), the corners of the map on the corners of the picture."""


class Answering(Protocol):
    """A source of answers: one network, several averaged, a file of ours or of others.

    `digest` tells it from all others, its mapping of classes, scales and flips included.  `stride`
    is that of its finest head: so many pixels of a picture for one of its map, along each side.
    """

    @property
    def classes(self) -> int:
        """How many classes it knows: those of the data, in their order."""
        ...

    @property
    def digest(self) -> str:
        """What its answers depend on beside the picture, as one digest."""
        ...

    @property
    def stride(self) -> int:
        """Pixels of a picture, along each side, for one of the map."""
        ...

    def logits(self, image: Pixels) -> Logits:
        """Return the answer for a (height, width, 3) uint8 picture, at the head's own size."""
        ...
