"""How a batch is cut up: by several processes, and in parts that are computed one by one."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from fasterseg.config.sections import Section
from fasterseg.foreign.bounds import MOST_AT_ONCE


class BatchSection(Section):
    """A part of the recipe with batches."""

    few_images: ClassVar[int] = 4

    batch_size: int = Field(ge=1, le=MOST_AT_ONCE)
    """Images of a step, on all processes together."""
    accumulate: int = Field(1, ge=1, le=MOST_AT_ONCE)
    """Cuts what a process has of a batch into so many parts, which go through the network one by
    one: memory is that of one part, losses and gradients are those of the whole batch, and batch
    norms see the images of a part."""
    synchronise_norms: Literal["auto", True, False] = "auto"
    """Whether batch norms see the images of all processes at once; `auto` where a process alone
    would show them fewer than 4."""

    @model_validator(mode="after")
    def _has_an_image_for_every_part(self) -> Self:
        if self.accumulate > self.batch_size:
            raise ValueError(
                f"a batch of {self.batch_size} images cannot go through in {self.accumulate} "
                "parts; lower accumulate, or raise batch_size"
            )
        return self

    def most_images(self, *, ranks: int) -> int:
        """The most images that one of so many processes has of a batch."""
        return -(-self.batch_size // ranks)

    def images_alone(self, *, ranks: int) -> int:
        """The images on which one of so many processes does its part of a step without the others.

        They are what it has of a batch; where norms see the images of all, two in each part at
        least: less is nothing to normalise where a map has one pixel.
        """
        least = 2 * self.accumulate if self.synchronises(ranks=ranks) else 1
        return max(self.most_images(ranks=ranks), least)

    def normalised_images(self, *, ranks: int) -> int:
        """The fewest images that a batch norm sees at once."""
        alone = self.batch_size // ranks // self.accumulate
        return ranks * alone if self.synchronises(ranks=ranks) else alone

    def synchronises(self, *, ranks: int) -> bool:
        """Whether batch norms see the images of so many processes at once."""
        if ranks == 1:
            return False
        if self.synchronise_norms == "auto":
            return self.batch_size // ranks // self.accumulate < self.few_images
        return self.synchronise_norms
