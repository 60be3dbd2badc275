"""Which images belong together, found from their names where nobody has said it.

Frames of one recording look alike, so that a network which has learned one of them has all but
seen its neighbours: splits have to keep them apart.  What is found is a regular expression, as
``groups:`` of a data file has one, and a sentence that says what was taken for a recording.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from fasterseg.datasets.data_files.groups import found_in

By = Literal["auto", "folder", "name", "image"]
"""What tells a recording: whatever is found, the images' folders, their names; or nothing."""

_ENOUGH = 3
"""Folders of one depth that are told apart; where there are fewer, deeper ones are looked at."""
_DEEPEST = 8
_ALIKE = 2.0
"""So many images to a recording, in the mean, are no accident of names."""
_MANY = 3
# Roboflow calls what it has changed from one photo NAME_jpg.rf.DIGEST, and there may be several.
_COPIES = r"^(.+?)_(?:jpe?g|png|bmp|webp|tiff?)\.rf\.[0-9A-Za-z]+$"
# All before the last number: 0016E5 of 0016E5_00390, Seq05VD of Seq05VD_f00000.
_NUMBERED = r"^(.*?)(?i:[-_. ]+(?:f|fr|frame|i|img|image|n|no|nr|p|photo|pic))?[-_. ]*\d+[^0-9/]*$"
_PLAIN = (r"^([^_/]+)_", r"^([^-/]+)-", r"^(.+)_", r"^(.+)-")
"""What says the same more shortly, for most names."""
_TIME_DIGITS = 7
"""Before a last number, and without a letter: a time, and no recording's number."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """What tells the recordings of some images.

    ``of`` has each image's recording.  ``pattern`` finds it in a name; empty where the images
    are all of one or each is alone, ``together`` says which.
    """

    of: tuple[str, ...]
    how: str
    pattern: str = ""
    together: bool = True

    @property
    def count(self) -> int:
        """How many recordings there are."""
        return len({*self.of})


def recordings_of(
    names: Sequence[str], *, by: By = "auto", pattern: str = "", known: str = ""
) -> Recordings:
    """Return the recordings of images: by a `pattern` of the data's own, or as their names tell.

    `known` is what a published data set is known for.  Where names tell nothing, numbered ones
    are one recording, and others are each alone.
    """
    if by == "image":
        return Recordings(tuple(names), "each image by itself", together=False)
    if pattern or known:
        how = "by the data's own 'groups'" if pattern else "by what the data set is known for"
        return _found(names, pattern or known, how)
    found = _by_folder(names) if by != "name" else None
    if found is not None or by == "folder":
        return found or Recordings(("",) * len(names), "all images lie in one folder")
    return _by_name(names)


def _found(names: Sequence[str], pattern: str, how: str) -> Recordings:
    return Recordings(tuple(found_in(pattern, name) for name in names), how, pattern)


def _by_folder(names: Sequence[str]) -> Recordings | None:
    """By the folders nearest to the top that tell at least three apart, else two."""
    best = None
    for depth in range(1, 1 + min(_DEEPEST, max((name.count("/") for name in names), default=0))):
        pattern = f"^((?:[^/]+/){{{depth}}})" if depth > 1 else "^([^/]+/)"
        found = _found(names, pattern, "by the images' folders")
        if _says_something(found.of):
            best = found
            if found.count >= _ENOUGH:
                return found
    return best


def _by_name(names: Sequence[str]) -> Recordings:
    copies = _found(names, _COPIES, "copies of one photo belong together, by their names")
    if copies.of == tuple(names):
        return _by_number(names)
    photos = _by_number([*dict.fromkeys(copies.of)])
    if not photos.together:
        return copies
    if not photos.pattern:
        return Recordings(("",) * len(names), photos.how)
    # What is found in the photo's part of a name is found in the whole of it.
    inside = photos.pattern
    if inside == _NUMBERED:
        inside = inside.removesuffix("$") + _COPIES.removeprefix("^(.+?)")
    return _found(names, inside, photos.how)


def _by_number(names: Sequence[str]) -> Recordings:
    found = _found(names, _NUMBERED, "by what stands before the last number in their names")
    if _says_something(found.of) and not any(map(_is_time, {*found.of})):
        plain = (_found(names, pattern, found.how) for pattern in _PLAIN)
        return next((one for one in plain if one.of == found.of), found)
    if _are_one_sequence(names):
        return Recordings(("",) * len(names), "all images are numbered as of one recording")
    return Recordings(
        tuple(names), "each image by itself: names tell no recordings", together=False
    )


def _is_time(recording: str) -> bool:
    digits = sum(sign.isdecimal() for sign in recording)
    return digits >= _TIME_DIGITS and not any(sign.isalpha() for sign in recording)


def _says_something(recordings: Iterable[str]) -> bool:
    """Whether there are several recordings, each of several images in the mean."""
    sizes = Counter(recordings)
    return len(sizes) > 1 and sizes.total() >= _ALIKE * len(sizes)


def _are_one_sequence(names: Sequence[str]) -> bool:
    """Whether most names differ in their numbers only: several of each of a few forms."""
    forms = Counter(re.sub(r"\d+", "#", name) for name in names if any(map(str.isdecimal, name)))
    few = len(forms) == 1 or forms.total() >= _MANY * len(forms)
    return len(names) > 1 and few and 2 * forms.total() > len(names)
