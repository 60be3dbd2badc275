"""What every baseline offers: logits at its own output stride, and those of auxiliary heads."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from fasterseg.errors import UsageError
from fasterseg.layers.resizing import map_size, resize


class Baseline(nn.Module, ABC):
    """A hand-made network for a number of classes; takes images of any size.

    `name` is what it is called in messages.  One that averages whole maps and normalises the means
    `needs_pairs`: in training it takes batches of two images or more.
    """

    name: str
    needs_pairs = False

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, height, width) normalised images to class logits at the same size."""
        return resize(self.low_resolution(images), map_size(images))

    @abstractmethod
    def low_resolution(self, images: Tensor) -> Tensor:
        """Class logits at the network's own output stride."""

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """The main logits and those of the auxiliary heads by output stride, all at input size."""
        main, auxiliary = self.heads(images)
        size = map_size(images)
        return resize(main, size), {s: resize(logits, size) for s, logits in auxiliary.items()}

    @abstractmethod
    def heads(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """As `with_auxiliary`, each head's logits at its own output stride."""

    def require_pairs(self, images: Tensor) -> None:
        """Raise `UsageError` for a training batch of one image where that cannot be normalised."""
        if self.needs_pairs and self.training and len(images) == 1:
            raise UsageError(
                f"{self.name} cannot learn from batches of one image",
                where="batch_size",
                why="its pooling normalises a map of one pixel, which takes two images",
                next_step="--set student.batch_size=2",
            )
