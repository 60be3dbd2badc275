"""The recipe's joint transforms of image and labels."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from fasterseg.config.sections import LEAST_SCALE, Section
from fasterseg.errors import UsageError
from fasterseg.foreign.bounds import LONGEST_SIDE, MOST, MOST_NAMED

MOST_BLUR, MOST_OF_A_NAME = 100.0, 300

Factor = Annotated[float, Field(ge=LEAST_SCALE, le=1 / LEAST_SCALE)]


class AugmentationSettings(Section):
    """Joint transforms of image and labels, in training and search.

    What is done to a sample depends on seed, epoch and sample alone.
    """

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
    rotation: float = Field(0, ge=0, le=180)
    """Degrees by which an image is turned at most, either way; what comes into view never
    counts."""
    rare_classes: float = Field(0, ge=0, le=1)
    """How often a crop is placed around a pixel of a class that is drawn first, each class of the
    image equally likely; the other crops lie anywhere."""
    flip: bool = True
    """Whether half of the images are mirrored, left to right."""
    colour: float = Field(0.2, ge=0, le=MOST)
    """How far brightness, contrast and saturation are changed, each by a factor within 1 plus or
    minus this; 0, the authors', leaves colours alone."""
    blur: float = Field(0, ge=0, le=MOST_BLUR)
    """The largest standard deviation, in pixels, of a Gaussian blur."""
    noise: float = Field(0, ge=0, le=1)
    """The largest standard deviation of Gaussian noise, as a share of the range of values."""
    cutout: float = Field(0, ge=0, le=1)
    """The largest share of a crop that a hole takes: a grey rectangle that never counts."""
    function: str = Field("", max_length=MOST_OF_A_NAME, pattern=r"^([\w.]+:[\w.]+)?$")
    """A function of your own, called last, as module:function: it takes an image and its labels,
    and a generator if it draws.  Who starts a command names it with --set: no file can."""

    @field_validator("function", mode="before")
    @classmethod
    def _takes_a_function_by_its_name(cls, given: Any) -> Any:
        """A function of Python is told by its name, by which other processes find it too."""
        if not callable(given):
            return given
        module, name = getattr(given, "__module__", ""), getattr(given, "__qualname__", "")
        if not module or not name or "<" in name:
            raise ValueError("a function is found by its name: define it in a module, with def")
        return f"{module}:{name}"

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
