"""A network's answers to a data set's images, in memory and in half precision."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from fasterseg.datasets.answers_at import Answer
from fasterseg.datasets.source import DataSource


@dataclass(frozen=True)
class AnswersOf:
    """Implements `KnownAnswers` by asking a network that takes normalised images."""

    network: nn.Module
    source: DataSource
    split: str = "train"
    stride: int = 8
    asked: list[int] = field(default_factory=list, compare=False)

    def answer(self, index: int) -> Answer:
        """A whole image's logits, as a file of answers has them."""
        self.asked.append(index)
        image = self.source.sample(self.split, index).image
        pixels = torch.from_numpy(self.source.normalisation.apply(image))[None]
        with torch.no_grad():
            logits = self.network.eval().low_resolution(pixels)[0].numpy()  # type: ignore[operator]
        return logits.astype(np.float16).astype(np.float32)
