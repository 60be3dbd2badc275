"""One labelled image, the only form in which images and labels leave a data source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
LabelMap = npt.NDArray[np.unsignedinteger[Any]]

ImageSize = tuple[int, int]
"""Height and width, as the network sees the image."""

UNLABELLED = "unlabelled"
"""What the images without labels of a data set are called where splits are: they are none."""

MEMORY_BYTES = 1 << 28
"""So many bytes of samples a training keeps in memory."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recording that a sample is from, and the sample's name in it."""

    recording: str
    name: str


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and the class id of each of its pixels.

    ``image`` is (height, width, 3) uint8 RGB.  ``labels`` is (height, width), uint8 (uint16 where
    a label space has more classes than uint8 holds): class ids and the space's one ignore value.
    Of a sample to score, the image may have another size than its labels: the one that networks
    see (`DataSource.to_score`).
    """

    image: Pixels
    labels: LabelMap
    name: str
