"""The recipe's joint transforms of image and labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fasterseg.config.sections import LEAST_SCALE, Section
from fasterseg.errors import UsageError
from fasterseg.foreign.bounds import LONGEST_SIDE, MOST, MOST_NAMED

Factor = Annotated[float, Field(ge=LEAST_SCALE, le=1 / LEAST_SCALE)]


class AugmentationSettings(Section):
    """Joint transforms of image and labels, in training and search."""

    crop_height: int | None = Field(None, ge=8, le=LONGEST_SIDE)
    """Height in pixels of the crops that are learned from; left out, it follows from the images'
    size before a run is begun."""
    crop_width: int | None = Field(None, ge=8, le=LONGEST_SIDE)
    """Width in pixels of the crops; left out, it follows from the images' size."""
    scale_low: float = Field(0.5, ge=LEAST_SCALE, le=1 / LEAST_SCALE)
    """The least factor by which an image is scaled before it is cropped."""
    scale_high: float = Field(2.0, ge=LEAST_SCALE, le=1 / LEAST_SCALE)
    """The largest factor by which an image is scaled before it is cropped."""
    scales: tuple[Factor, ...] = Field((), max_length=MOST_NAMED)
    """Factors in place of all between `scale_low` and `scale_high`, each as likely as the others;
    the authors have 0.75, 1 and 1.25."""
    flip: bool = True
    """Whether half of the images are mirrored, left to right."""
    colour: float = Field(0.2, ge=0, le=MOST)
    """How far brightness, contrast and saturation are changed, each by a factor within 1 plus or
    minus this; 0, the authors', leaves colours alone."""

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width in pixels; raises `UsageError` where they are not known yet."""
        if self.crop_height is None or self.crop_width is None:
            raise UsageError(
                "the size of the crops is not known",
                where="augmentation.crop_height, augmentation.crop_width",
                why="the recipe names none, and no images were asked",
                next_step="say both: --set search.augmentation.crop_height=192 and the like",
            )
        return self.crop_height, self.crop_width
