"""A zoo of odd images and masks: each as a file, with the pixels that it holds or none.

What a lossless file holds is known from what was written into it; of lossy ones Pillow's own
decoding is taken.
"""

from __future__ import annotations

import zoo_broken
import zoo_hostile
import zoo_images
import zoo_masks
from zoo_animals import Animal


def zoo() -> list[Animal]:
    """Every animal, under a name of its own; the hostile ones are the last."""
    animals = [*zoo_images.animals(), *zoo_broken.animals(), *zoo_masks.animals(), *hostile()]
    assert len({animal.name for animal in animals}) == len(animals)
    return animals


def hostile() -> list[Animal]:
    """Those that want to be dear."""
    return list(zoo_hostile.animals())
