"""Logits as scenes have them, for timing: how long a tail takes depends on what it is given.

A network with random weights sees one class everywhere, and its tail fills the whole map at once:
half the time that the same network takes once it has learnt to tell classes apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fasterseg.deploy.tail.label_maps import Tail

if TYPE_CHECKING:
    from fasterseg.deploy.tail.arrays import Labels

PATCH = 6
"""Low-resolution pixels along the side of a patch of one class."""

Shape = tuple[int, int, int]


def scene_logits(shape: Shape) -> npt.NDArray[np.float32]:
    """(classes, height, width) logits: patches of a class, rough at the edges."""
    generator = np.random.default_rng(0)
    classes, height, width = shape
    patches = (classes, -(-height // PATCH), -(-width // PATCH))
    coarse = generator.standard_normal(patches, dtype=np.float32)
    wide = np.kron(coarse, np.ones((1, PATCH, PATCH), dtype=np.float32))[:, :height, :width]
    logits: npt.NDArray[np.float32] = wide + 0.1 * generator.standard_normal(
        wide.shape, dtype=np.float32
    )
    return logits


@dataclass(frozen=True)
class SceneTail:
    """A tail that takes what it takes for a scene, whatever logits it is given."""

    tail: Tail
    _kept: dict[Shape, npt.NDArray[np.float32]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The tail's own."""
        return self.tail.name

    def __call__(
        self, logits: npt.NDArray[Any], size: tuple[int, int], *, out: Labels | None = None
    ) -> Labels:
        """The labels of a scene in the logits' place; made at the first call of their size."""
        classes, height, width = logits.shape
        shape = (classes, height, width)
        if shape not in self._kept:
            self._kept[shape] = scene_logits(shape)
        return self.tail(self._kept[shape], size, out=out)

    def close(self) -> None:
        """See `Tail`."""
        self.tail.close()
