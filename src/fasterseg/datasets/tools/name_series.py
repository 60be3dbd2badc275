"""Pictures by what they are called: those of one folder whose names end alike.

Nobody has to know what folders are called: images and masks that belong together have the same
names, but for what these end in.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fasterseg.datasets.decoding import LOSSY_SUFFIXES
from fasterseg.datasets.listing import is_hidden, is_picture, printable
from fasterseg.datasets.pairing import PICTURES
from fasterseg.datasets.written_paths import composed

_DEEPEST = 6
_MOST_FOLDERS = 2000
_MOST_PICTURES = 1_000_000
_SEPARATOR = re.compile(r"[._\- ]")
_MOST_PARTS = 3
"""Of a name that an ending may be made of."""
_FEWEST = 2
"""So many pictures have an ending; what one has is its name."""
_MOST_ENDINGS = 64
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Series:
    """The pictures right in a folder whose names have an ending, which may be empty.

    ``files`` has them by their names without it, in order.
    """

    root: Path
    folder: Path
    ending: str
    files: Mapping[str, Path]

    @cached_property
    def place(self) -> str:
        """Its folder, as seen from the root."""
        return printable(self.folder.relative_to(self.root).as_posix())

    @cached_property
    def words(self) -> Counter[str]:
        """The words that its folders' names and its ending are made of, in small letters."""
        return Counter(word.casefold() for word in _WORD.findall(f"{self.place}/{self.ending}"))

    @cached_property
    def is_lossy(self) -> bool:
        """Whether all its pictures are of types that masks cannot be of."""
        return all(path.suffix.lower() in LOSSY_SUFFIXES for path in self.files.values())

    def some(self, count: int) -> list[str]:
        """So many of its names, from all over it."""
        names = list(self.files)
        return names[:: max(1, -(-len(names) // count))]


def folders_of_pictures(root: Path) -> dict[Path, list[str]]:
    """Return the names of the pictures right in each folder of a tree; links are not followed.

    Nothing of a tree that is deeper or larger than data sets of this kind are.
    """
    found: dict[Path, list[str]] = {}
    pictures = 0
    for folders, (place, below, files) in enumerate(os.walk(root)):
        below[:] = sorted(name for name in below if not is_hidden(name))
        names = sorted(name for name in files if is_picture(name, PICTURES))
        pictures += len(names)
        if folders >= _MOST_FOLDERS or pictures > _MOST_PICTURES:
            return {}
        if names:
            found[Path(place)] = names
        if len(Path(place).relative_to(root).parts) >= _DEEPEST:
            below.clear()
    return found


def series_in(root: Path, folder: Path, names: Sequence[str]) -> Iterator[Series]:
    """Yield the series of a folder: of all its pictures, and of those with each usual ending."""
    files = {composed(Path(name).stem): folder / name for name in reversed(names)}
    yield Series(root, folder, "", dict(sorted(files.items())))
    for ending in _endings(list(files)):
        own = {stem.removesuffix(ending): files[stem] for stem in files if stem.endswith(ending)}
        yield Series(root, folder, ending, dict(sorted(own.items())))


def _endings(stems: Sequence[str]) -> list[str]:
    """What several names end in, from one of their parts on, the most usual first."""
    counts: Counter[str] = Counter()
    for stem in stems:
        places = [found.start() for found in _SEPARATOR.finditer(stem) if found.start()]
        counts.update(stem[place:] for place in places[-_MOST_PARTS:])
    usual = (
        ending
        for ending, count in counts.most_common()
        if count >= min(_FEWEST, len(stems) // 2) and re.search(r"[^\W\d_]", ending)
    )
    return [ending for ending, _ in zip(usual, range(_MOST_ENDINGS), strict=False)]
