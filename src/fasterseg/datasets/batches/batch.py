"""What one step learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fasterseg.datasets.transforming.answers_at import Answer
from fasterseg.datasets.transforming.views import View

Arrays = tuple[
    npt.NDArray[Any],
    npt.NDArray[Any],
    tuple[str, ...],
    npt.NDArray[np.bool_] | None,
    npt.NDArray[np.float32] | None,
]
"""A batch's fields, in their order, as a process can send them."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A sample as training sees it, and a teacher's answer to that, where one is known.

    ``taught``, (height, width), says where a teacher's word counts; None where there is none.
    """

    view: View
    name: str
    answer: Answer | None = None
    taught: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Images (N, 3, H, W) float32, normalised; labels (N, H, W) int64; the samples' names.

    With a label stride, labels are (N, H / stride, W / stride).  Where a teacher's answers are
    kept, ``answers`` are its logits for what the images show, (N, classes, h, w) float32, corner
    on corner.  ``taught``, (N, H, W) bool, says at which pixels its word counts: what is labelled,
    and of images without labels all but what was padded, turned in or cut out; None where a teacher
    that is asked at every step teaches what is labelled.
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]
    taught: Tensor | None = None
    answers: Tensor | None = None

    @classmethod
    def of(
        cls,
        images: npt.NDArray[np.float32],
        labels: npt.NDArray[Any],
        shown: Sequence[Shown],
    ) -> Batch:
        """The batch of what is shown."""
        names = tuple(one.name for one in shown)
        answers = [one.answer for one in shown if one.answer is not None]
        taught = [one.taught for one in shown if one.taught is not None]
        return cls.of_arrays(
            images,
            labels.astype(np.int64),
            names,
            np.stack(taught) if taught else None,
            np.stack(answers) if answers else None,
        )

    @classmethod
    def of_arrays(cls, *arrays: *Arrays) -> Batch:
        """The batch that `arrays` came from."""
        images, labels, names, taught, answers = arrays
        return cls(
            torch.from_numpy(images),
            torch.from_numpy(labels),
            names,
            None if taught is None else torch.from_numpy(taught),
            None if answers is None else torch.from_numpy(answers),
        )

    def arrays(self) -> Arrays:
        """All of it without tensors."""
        return (
            self.images.numpy(),
            self.labels.numpy(),
            self.names,
            None if self.taught is None else self.taught.numpy(),
            None if self.answers is None else self.answers.numpy(),
        )
