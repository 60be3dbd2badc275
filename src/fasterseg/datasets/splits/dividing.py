"""Dividing images into train, val and test, so that the scores of one tell something of the next.

Whole recordings go together.  Where that leaves a split empty or far from its share, the longest
recordings are cut into stretches, and of two neighbours at a cut one is in no split.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt

from fasterseg.datasets.sources.splitting import in_time
from fasterseg.datasets.splits.balancing import Places, Units, Wanted, balanced, is_as_wanted
from fasterseg.datasets.splits.split_file import SPLITS, UNUSED
from fasterseg.errors import DataError

USUAL_SHARES = (0.7, 0.15, 0.15)
LEAST = (2, 1, 1)
"""Images of train, which a search divides into two, of val and of test."""
_STRETCH, _SHORTEST = 0.05, 2
"""A stretch of a recording that is cut: of all images, and in images at least."""
_GAP = 0.1
"""Of a stretch, an image at least: what is left out where stretches of different splits meet."""


@dataclass(frozen=True, slots=True)
class Counted:
    """An image as a division sees it: its name, its recording, and its pixels of each class."""

    name: str
    recording: str
    pixels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Division:
    """The split of each image by its name, `UNUSED` among them, and why some are in none.

    ``cut`` are the recordings that do not lie in one split, ``apart`` the images that are left out
    beside a cut, ``unlabelled`` those of which no pixel counts.
    """

    splits: Mapping[str, str]
    cut: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    def count(self, split: str) -> int:
        """How many images a split has."""
        return sum(one == split for one in self.splits.values())


def divide(
    images: Sequence[Counted],
    *,
    shares: Sequence[float] = USUAL_SHARES,
    seed: int = 0,
    may_cut: bool = True,
) -> Division:
    """Return the division of images, whose names are different and tell their order in time.

    It is a pure function of the images and the seed, whatever order they come in.  `may_cut` says
    that recordings may be cut.  Raises DataError where training or val would have none.
    """
    useful = sorted((one for one in images if one.pixels.any()), key=lambda one: in_time(one.name))
    wanted = Wanted(tuple(shares), LEAST[: len(shares)])
    recordings: dict[str, list[Counted]] = {}
    for one in useful:
        recordings.setdefault(one.recording, []).append(one)
    if len(useful) < sum(LEAST[:2]):
        raise _too_few(len(useful), len(recordings), may_cut=may_cut)
    places, stretches = _placed(recordings, wanted, seed=seed, may_cut=may_cut)
    splits = {
        one.name: SPLITS[place]
        for stretch, place in zip(stretches, places, strict=True)
        for one in stretch.images
    }
    cut = {stretch.recording for stretch in stretches if stretch.number}
    apart = [
        name
        for recording in sorted(cut)
        for name in _left_out(
            [one.name for one in recordings[recording]], splits, wanted, gap=_gap(len(useful))
        )
    ]
    held = Counter(splits.values())
    if any(held[split] < least for split, least in zip(SPLITS[:2], LEAST, strict=False)):
        raise _too_few(len(useful), len(recordings), may_cut=may_cut)
    unlabelled = [one.name for one in images if not one.pixels.any()]
    return Division(
        {one.name: splits.get(one.name, UNUSED) for one in images},
        tuple(sorted(cut)),
        tuple(apart),
        tuple(sorted(unlabelled)),
    )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Images of a recording that follow one another; its first, or only, one has number 0."""

    recording: str
    number: int
    images: Sequence[Counted]


def _placed(
    recordings: Mapping[str, Sequence[Counted]], wanted: Wanted, *, seed: int, may_cut: bool
) -> tuple[Places, list[_Stretch]]:
    """The splits of stretches; only as many recordings are cut as have to be, the longest first."""
    total = sum(map(len, recordings.values()))
    long = [name for name, images in recordings.items() if may_cut and len(images) >= 2 * _SHORTEST]
    uncut, cut = sorted(long, key=lambda name: (-len(recordings[name]), name)), set[str]()
    while True:
        stretches = [
            stretch
            for name in sorted(recordings)
            for stretch in _stretches(name, recordings[name], total, cut=name in cut)
        ]
        units = _units(stretches, gap=_gap(total))
        places = balanced(units, wanted, seed=seed)
        if not uncut or is_as_wanted(units, places, wanted):
            return places, stretches
        cut.add(uncut.pop(0))


def _stretches(
    name: str, images: Sequence[Counted], total: int, *, cut: bool
) -> Iterator[_Stretch]:
    count = max(1, len(images) // _length(total)) if cut else 1
    ends = np.linspace(0, len(images), count + 1).round().astype(int).tolist()
    for number, (first, end) in enumerate(pairwise(ends)):
        yield _Stretch(name, number, images[first:end])


def _length(total: int) -> int:
    return max(_SHORTEST, round(_STRETCH * total))


def _gap(total: int) -> int:
    return max(1, int(_GAP * _length(total)))


def _units(stretches: Sequence[_Stretch], *, gap: int) -> Units:
    pixels = [np.stack([one.pixels for one in stretch.images]) for stretch in stretches]
    joined = [
        (index, index + 1)
        for index, (one, other) in enumerate(pairwise(stretches))
        if one.recording == other.recording
    ]
    return Units(
        images=np.array([len(one) for one in pixels]),
        pixels=np.stack([one.sum(axis=0) for one in pixels]),
        shown=np.stack([(one > 0).sum(axis=0) for one in pixels]),
        joined=tuple(joined),
        gap=gap,
    )


def _left_out(
    names: Sequence[str], splits: dict[str, str], wanted: Wanted, *, gap: int
) -> Iterator[str]:
    """Take images that lie beside a cut out of `splits`, from the side that can spare them.

    Afterwards no two images that follow one another lie in two splits.
    """
    for index, (one, other) in enumerate(pairwise(names)):
        if one not in splits or other not in splits or splits[one] == splits[other]:
            continue
        backwards = _spare(splits[one], splits, wanted) >= _spare(splits[other], splits, wanted)
        side = reversed(names[: index + 1]) if backwards else iter(names[index + 1 :])
        split = splits[one] if backwards else splits[other]
        for number, name in enumerate(islice(side, gap)):
            if splits.get(name) != split or (number and _spare(split, splits, wanted) < -1):
                break
            del splits[name]
            yield name


def _spare(split: str, splits: Mapping[str, str], wanted: Wanted) -> float:
    """How much more than its share of the images a split has; none can be spared of its least."""
    place = SPLITS.index(split)
    count = sum(one == split for one in splits.values())
    if count <= wanted.least[place]:
        return -math.inf
    return count / len(splits) - wanted.shares[place]


def _too_few(useful: int, recordings: int, *, may_cut: bool) -> DataError:
    why = "train needs two images, and val one"
    if may_cut:
        why += (
            "; of neighbours in one recording, one is left out where they would lie in two splits"
        )
        advice = "where they have nothing to do with one another, say so: --by image"
    else:
        why += "; by 'groups', images of one recording stay together"
        advice = "take 'groups' out of data.yaml, so that recordings may be cut"
    return DataError(
        "these are too few images to divide",
        where=f"{useful} images with labels, in {recordings} recordings",
        why=why,
        next_step=f"add images; {advice}",
    )
