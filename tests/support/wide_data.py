"""A data set whose images are fed in double precision, so that only the order of sums is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.sources.source import SourceOver
from fasterseg.datasets.transforming.transforms import Normalisation


class _Wide(Normalisation):
    def apply(self, image: Pixels) -> npt.NDArray[Any]:
        return super().apply(image).astype(np.float64)


@dataclass(frozen=True, slots=True)
class WideSource(SourceOver):
    """Another source, its images normalised in float64."""

    @property
    def normalisation(self) -> Normalisation:
        return _Wide()
