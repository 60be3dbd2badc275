"""Where in a folder a published data set lies: right in it, a folder or two deeper, or in two.

Downloads are unpacked as they come: into the folder that is named, into one of their own in it, or
images and masks each into their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fasterseg.datasets.listing import is_folder, is_hidden

_MOST_LOOKED_INTO = 50


@dataclass(frozen=True, slots=True)
class Form:
    """The folders of images and of masks by which a data set is told.

    ``apart`` says that their names are the data set's own, so that the two may be found in
    different folders: where each was unpacked by itself.
    """

    images: str
    masks: str
    apart: bool = True

    def right_in(self, folder: Path) -> Place:
        """Return where they lie if they lie right in a folder."""
        return Place(folder / self.images, folder / self.masks)


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of a data set's images and of its masks."""

    images: Path
    masks: Path

    def is_there(self) -> bool:
        """Whether both are folders."""
        return is_folder(self.images) and is_folder(self.masks)


def places_of(form: Form, root: Path) -> list[Place]:
    """Return each place of a form: the one right in the folder, else all those deeper in it."""
    right = form.right_in(root)
    if right.is_there():
        return [right]
    below = list(_folders_below(root))
    whole = [place for folder in below if (place := form.right_in(folder)).is_there()]
    if whole or not form.apart:
        return whole
    homes = [root, *below]
    images = [home / form.images for home in homes if is_folder(home / form.images)]
    masks = [home / form.masks for home in homes if is_folder(home / form.masks)]
    return [Place(images[0], masks[0])] if len(images) == len(masks) == 1 else []


def _folders_below(root: Path) -> Iterator[Path]:
    """The folders in a folder, and those in them; links are not followed."""
    for folder in _folders_in(root):
        yield folder
        yield from _folders_in(folder)


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = (one.name for one in entries if one.is_dir(follow_symlinks=False))
            names = list(islice((name for name in found if not is_hidden(name)), _MOST_LOOKED_INTO))
    except OSError:
        return []  # told where its files are listed
    return [folder / name for name in sorted(names)]
