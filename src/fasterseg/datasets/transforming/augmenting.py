"""What a training does to its images: the settings, and the transforms that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasterseg.datasets.transforming.crops import Crop, ScaledCrop
from fasterseg.datasets.transforming.disturbances import Blur, ColourJitter, CutOut, Noise
from fasterseg.datasets.transforming.own_function import OwnFunction
from fasterseg.datasets.transforming.transforms import Flip, JointTransform, Rotation, Scale
from fasterseg.errors import UsageError


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The settings of the training transforms; the defaults change nothing.

    ``crop`` is (height, width), placed around a class's pixel with the probability
    ``rare_classes``; ``scale`` the bounds of the factor before the crop, unless it is one of
    ``scales``.  ``rotation`` is in degrees, ``blur`` in pixels, ``noise`` a share of the range of
    values, ``cutout`` of the crop.  ``function`` is called last.
    """

    crop: tuple[int, int] | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    scales: tuple[float, ...] = ()
    rotation: float = 0.0
    rare_classes: float = 0.0
    flip: float = 0.0
    colour: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0
    function: OwnFunction | None = None

    def __post_init__(self) -> None:
        """Raise UsageError for settings that no transform can follow."""
        lowest, highest = self.scale
        if not 0 < lowest <= highest < np.inf:
            raise UsageError(f"the scale must be two factors in rising order, not {self.scale}")
        if not all(0 < factor < np.inf for factor in self.scales):
            raise UsageError(f"scales are factors above 0, not {self.scales}")
        if self.crop is not None and min(self.crop) < 1:
            raise UsageError(f"the crop must be at least one pixel high and wide, not {self.crop}")
        for name in ("flip", "colour", "rare_classes", "noise", "cutout"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must lie between 0 and 1")
        if not (0 <= self.rotation <= 180 and 0 <= self.blur < np.inf):
            raise UsageError("rotation is 0 to 180 degrees, blur 0 pixels or more")

    def transforms(self, *, ignore: int) -> tuple[JointTransform, ...]:
        """Return the transforms in order, leaving out those that change nothing.

        The user's own function, which comes after them, is none of these.
        """
        chosen = [*self._of_place(ignore)]
        chosen += [Flip(self.flip)] if self.flip else []
        chosen += [ColourJitter(self.colour)] if self.colour else []
        chosen += [Blur(self.blur)] if self.blur else []
        chosen += [Noise(self.noise)] if self.noise else []
        chosen += [CutOut(self.cutout, ignore)] if self.cutout else []
        return tuple(chosen)

    def _of_place(self, ignore: int) -> list[JointTransform]:
        """Scale, rotation and crop; without a rotation a large image is scaled as a crop only."""
        changes = set(self.scales or self.scale) != {1.0}
        scale = Scale(*self.scale, self.scales) if changes else None
        crop = Crop(self.crop, ignore, self.rare_classes) if self.crop else None
        if scale is not None and crop is not None and not self.rotation:
            return [ScaledCrop(scale, crop)]
        rotation = Rotation(self.rotation, ignore) if self.rotation else None
        return [one for one in (scale, rotation, crop) if one is not None]
