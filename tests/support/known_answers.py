"""A network's answers to a data set's images, in memory and in half precision."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.answers_at import Answer


@dataclass(frozen=True)
class AnswersOf:
    """Implements `KnownAnswers` by asking a network that takes normalised images."""

    network: nn.Module
    source: DataSource
    split: str = "train"
    stride: int = 8
    given: dict[int, Answer] = field(default_factory=dict, compare=False)

    def answer(self, index: int) -> Answer:
        """A whole image's logits, as a file of answers has them; computed once.

        A process that was forked must find them here: a network may not compute in it.
        """
        if index not in self.given:
            self.given[index] = self._computed(index)
        return self.given[index]

    def _computed(self, index: int) -> Answer:
        image = self.source.sample(self.split, index).image
        pixels = torch.from_numpy(self.source.normalisation.apply(image))[None]
        with torch.no_grad():
            logits = self.network.eval().low_resolution(pixels)[0].numpy()  # type: ignore[operator]
        return logits.astype(np.float16).astype(np.float32)
