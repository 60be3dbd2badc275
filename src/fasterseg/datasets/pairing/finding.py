"""Where in a folder a data set lies: right in it, a folder or two deeper, or in two.

Downloads are unpacked as they come: into the folder that is named, into one of their own in it, or
images and masks each into their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fasterseg.datasets.pictures.listing import is_folder, is_passed_over

_MOST_LOOKED_INTO = 50


@dataclass(frozen=True, slots=True)
class Form:
    """The folders of images and of masks by which a published data set is told.

    ``apart`` says that their names are the data set's own, so that the two may be found in
    different folders: where each was unpacked by itself.
    """

    images: str
    masks: str
    apart: bool = True

    def place_in(self, folder: Path) -> Place:
        """Return where they lie if they lie right in a folder."""
        return Place(folder / self.images, folder / self.masks)

    def is_in(self, folder: Path) -> bool:
        """Whether both lie right in a folder."""
        return is_folder(folder / self.images) and is_folder(folder / self.masks)


@dataclass(frozen=True, slots=True)
class ToolForm:
    """What a labelling tool's export is told by: a look at the folder that it lies in.

    ``is_in`` opens no more than the tool's own small files, and raises nothing.  ``joined`` says
    that what lies in several folders is one data set: one of several recordings, or splits.
    """

    is_in: Callable[[Path], bool]
    joined: bool = False

    def place_in(self, folder: Path) -> Place:
        """Return where it lies if it lies right in a folder."""
        return Place(folder, folder)


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of a data set's images and of its masks; for a tool's export, its own folder."""

    images: Path
    masks: Path

    def seen_from(self, root: Path) -> str:
        """Return where it is, as messages print it."""
        images, masks = (path.relative_to(root).as_posix() for path in (self.images, self.masks))
        return f"in {images}" if images == masks else f"images in {images}, masks in {masks}"


def places_of(form: Form | ToolForm, root: Path) -> list[Place]:
    """Return each place of a form: the one right in the folder, else all those deeper in it."""
    if form.is_in(root):
        return [form.place_in(root)]
    below = list(folders_below(root))
    held = [folder for folder in below if form.is_in(folder)]
    # A tool's folder may hold another that looks like one: a split, or its annotations alone.
    outer = [folder for folder in held if folder.parent not in held]
    if isinstance(form, ToolForm) and form.joined and len(outer) > 1:
        return [form.place_in(root)]
    whole = [form.place_in(folder) for folder in outer]
    if whole or isinstance(form, ToolForm) or not form.apart:
        return whole
    homes = [root, *below]
    images = [home / form.images for home in homes if is_folder(home / form.images)]
    masks = [home / form.masks for home in homes if is_folder(home / form.masks)]
    return [Place(images[0], masks[0])] if len(images) == len(masks) == 1 else []


def folders_below(root: Path) -> Iterator[Path]:
    """Yield the folders in a folder, and those in them; links are not followed."""
    for folder in _folders_in(root):
        yield folder
        yield from _folders_in(folder)


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = (one.name for one in entries if one.is_dir(follow_symlinks=False))
            wanted = (name for name in found if not is_passed_over(folder, name))
            names = list(islice(wanted, _MOST_LOOKED_INTO))
    except OSError:
        return []  # told where its files are listed
    return [folder / name for name in sorted(names)]
