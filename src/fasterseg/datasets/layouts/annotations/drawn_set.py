"""What the openings of all forms that hold polygons have in common."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.written_paths import composed
from fasterseg.datasets.decoding import IMAGE_SUFFIXES, size_of
from fasterseg.datasets.drawing.kept import KeptMasks
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.pictures.limits import IN_A_DATA_FILE, PixelLimit
from fasterseg.datasets.pictures.listing import is_file, list_pictures
from fasterseg.datasets.pictures.reading import DEFAULT_READING
from fasterseg.datasets.sample import ImageSize


class DrawnSet:
    """A tool's files in a folder, on their way to a data source whose masks are drawn.

    What is kept of them is kept by `form`, with a number that counts how they are read.
    """

    def __init__(self, tree: Tree, home: Path, said: DataFile, *, form: str) -> None:
        self.tree, self.home, self.said = tree, home, said
        self.kept = KeptMasks(home, form)
        self._by_case: dict[str, str] | None = None
        self.limit = PixelLimit(said.most_pixels, IN_A_DATA_FILE)

    def size_of(self, image: Path) -> ImageSize:
        """An image's height and width, from its head; raises FileFault."""
        shown = self.tree.shown(image)
        return size_of(image, DEFAULT_READING, shown_as=shown, limit=self.limit)

    def image_among(
        self, there: Iterable[Path], shown: str, name: str, *, instead: Path | None = None
    ) -> Path | None:
        """The first of some pictures that may be read, else the one `instead` of them.

        None where there is neither, which is a fault of the file that is `shown` and has it as
        `name`.
        """
        outside: Path | None = None
        for one in there:
            if self.tree.reaches(one):
                return Path(os.path.normpath(one))
            outside = outside or one
        if instead is not None:
            return instead
        if outside is not None:
            self.tree.is_inside(outside)
        else:
            near = self._in_other_case(name)
            detail = f"names {name}" + (f"; {near} differs in case alone" if near else "")
            self.tree.faults.append(Fault(FaultKind.LOST_IMAGE, shown, detail))
        return None

    def _in_other_case(self, name: str) -> str:
        """A picture below the folder that is called so, but for upper and lower case."""
        if self._by_case is None:
            there = list_pictures(self.home, IMAGE_SUFFIXES).pictures
            self._by_case = {composed(one.name).casefold(): self.tree.shown(one) for one in there}
        return self._by_case.get(composed(Path(name).name).casefold(), "")

    def not_among(self, images: Collection[Path]) -> int:
        """How many pictures lie in the folder that are none of these."""
        return len(set(list_pictures(self.home, IMAGE_SUFFIXES).pictures) - {*images})

    @property
    def note(self) -> str:
        """Where the masks are that were drawn."""
        return f"the masks that were drawn lie in {self.kept.folder}, and may be deleted"


def is_picture(path: Path) -> bool:
    """Whether a path leads to a file that is called as pictures are."""
    return path.suffix.lower() in IMAGE_SUFFIXES and is_file(path)
