"""Pictures by what they are called: those of one folder whose names begin or end alike.

Nobody has to know what folders are called: images and masks that belong together have the same
names, but for what these begin with or end in.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

from fasterseg.datasets.data_files.written_paths import composed
from fasterseg.datasets.decoding import LOSSY_SUFFIXES, is_lossy
from fasterseg.datasets.pairing.pairs import PICTURES
from fasterseg.datasets.pairing.splits import split_in
from fasterseg.datasets.pictures.listing import is_passed_over, is_picture, printable

_DEEPEST = 6
_MOST_FOLDERS = 10_000
_MOST_PICTURES = 1_000_000
_SEPARATOR = re.compile(r"[._\- ]")
_NUMBER = re.compile(r"\d")
_MOST_PARTS = 3
"""Of a name that a start or an ending may be made of."""
_FEWEST = 2
"""So many pictures have one; what a single one has is its name."""
_MOST_AFFIXES = 64
_MOST_LISTED = 500_000
"""So many names all series of a folder have together: of a large one fewer are looked at."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Series:
    """The pictures right in a folder whose names have a start and an ending; both may be empty.

    ``files`` has them by what their names have between these, in order.
    """

    root: Path
    folder: Path
    start: str
    ending: str
    files: Mapping[str, Path]

    @cached_property
    def place(self) -> str:
        """Its folder, as seen from the root."""
        return printable(self.folder.relative_to(self.root).as_posix())

    @cached_property
    def split(self) -> str:
        """The split that its folder names; empty where it names none."""
        return split_in(self.place)

    @cached_property
    def parts(self) -> frozenset[str]:
        """The names of its folders."""
        return frozenset(PurePosixPath(self.place).parts)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words that its folders' names and its ending are made of, in small letters."""
        return words_in(f"{self.place}/{self.start}/{self.ending}")

    @cached_property
    def is_lossy(self) -> bool:
        """Whether all are of types that masks cannot be of; of WebP the first one tells."""
        files = [*self.files.values()]
        return all(path.suffix.lower() in LOSSY_SUFFIXES for path in files) and is_lossy(files[0])

    @property
    def shown(self) -> str:
        """Its folder, with what its names begin with and end in."""
        if not (self.start or self.ending):
            return self.place
        return f"{'' if self.place == '.' else f'{self.place}/'}{self.start}*{self.ending}"

    def name_of(self, path: Path) -> str | None:
        """What a picture's name has between start and ending; None for one of no such name."""
        stem = composed(path.stem)
        if not _has(stem, self.start, self.ending):
            return None
        return stem.removeprefix(self.start).removesuffix(self.ending)

    def some(self, count: int) -> list[str]:
        """So many of its names, from all over it."""
        names = list(self.files)
        return names[:: max(1, -(-len(names) // count))]


def words_in(text: str) -> frozenset[str]:
    """Return the words that a name or a path is made of, in small letters."""
    return frozenset(word.casefold() for word in _WORD.findall(text))


def folders_of_pictures(root: Path) -> dict[Path, list[str]]:
    """Return the names of the pictures right in each folder of a tree; links are not followed.

    Nothing of a tree that is deeper or larger than data sets of this kind are.
    """
    found: dict[Path, list[str]] = {}
    pictures = 0
    for folders, (place, below, files) in enumerate(os.walk(root)):
        below[:] = sorted(name for name in below if not is_passed_over(place, name))
        names = sorted(name for name in files if is_picture(name, PICTURES))
        pictures += len(names)
        if folders >= _MOST_FOLDERS or pictures > _MOST_PICTURES:
            return {}
        if names:
            found[Path(place)] = names
        if len(Path(place).relative_to(root).parts) >= _DEEPEST:
            below.clear()
    return found


def series_in(
    root: Path, folder: Path, names: Sequence[str], *, both_ends: bool = False
) -> Iterator[Series]:
    """Yield the series of a folder: of all its pictures, and of those with each usual part.

    With ``both_ends`` these are of a start and an ending together, too.
    """
    files = {composed(Path(name).stem): folder / name for name in reversed(names)}
    yield Series(root, folder, "", "", dict(sorted(files.items())))
    affixes = [*(("", end) for end in _endings(files)), *((start, "") for start in _starts(files))]
    for start, end in [*affixes, *(_both_ends(files) if both_ends else ())]:
        own = {
            stem[len(start) : len(stem) - len(end)]: path
            for stem, path in files.items()
            if _has(stem, start, end)
        }
        yield Series(root, folder, start, end, dict(sorted(own.items())))


def _has(stem: str, start: str, ending: str) -> bool:
    """Whether a name has both, and something between."""
    is_longer = len(stem) > len(start) + len(ending)
    return is_longer and stem.startswith(start) and stem.endswith(ending)


def _endings(stems: Collection[str]) -> list[str]:
    """What several names end in, from one of their parts on, the most usual first."""
    counts = Counter(end for stem in stems for end in _ends_of(stem))
    return _usual(counts, stems)


def _starts(stems: Collection[str]) -> list[str]:
    """What several names begin with, up to one of their parts or to a number."""
    counts = Counter(start for stem in stems for start in _starts_of(stem))
    return _usual(counts, stems)


def _both_ends(stems: Collection[str]) -> list[tuple[str, str]]:
    """What several names begin with and end in."""
    starts, ends = {*_starts(stems)}, {*_endings(stems)}
    counts = Counter(
        (start, end)
        for stem in stems
        for start in starts.intersection(_starts_of(stem))
        for end in ends.intersection(_ends_of(stem))
        if _has(stem, start, end)
    )
    least = min(_FEWEST, len(stems) // 2)
    return [both for both, count in counts.most_common(_MOST_AFFIXES) if count >= least]


def _ends_of(stem: str) -> list[str]:
    places = [found.start() for found in _SEPARATOR.finditer(stem) if found.start()]
    return [stem[place:] for place in places[-_MOST_PARTS:]]


def _starts_of(stem: str) -> set[str]:
    places = [found.end() for found in _SEPARATOR.finditer(stem)][:_MOST_PARTS]
    numbers = [found.start() for found in _NUMBER.finditer(stem)][:1]
    return {stem[:place] for place in (*places, *numbers) if place}


def _usual(counts: Counter[str], stems: Collection[str]) -> list[str]:
    usual = (
        part
        for part, count in counts.most_common()
        if count >= min(_FEWEST, len(stems) // 2) and re.search(r"[^\W\d_]", part)
    )
    most = min(_MOST_AFFIXES, max(_FEWEST, _MOST_LISTED // max(1, len(stems))))
    return list(islice(usual, most))
