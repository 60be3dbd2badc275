"""Putting units of images into splits so that each class is spread as the images are.

Units that hold much of a rare class come first (iterative stratification, Sechidis et al. 2011,
over pixels and over images with a class); then units are moved and exchanged as long as that
brings the splits nearer to what is wanted.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_TRIES_EACH, _MOST_TRIES = 100, 4000
_NOTHING = 1e-9
# What is worse than any spread of classes, the worst first: no image to learn from or to choose by,
# too few of them, no image in another split, a class that nobody learns, a split far from its
# share, a class that is not scored.
_EMPTY, _FEW, _NONE, _UNLEARNT, _FAR, _UNSCORED = 1e5, 5e4, 1e4, 1e3, 1e2, 10.0
_CUT = 0.5
"""What an image that is left out at a cut costs, beside one that is in the wrong split."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What each split is to have: its share of everything, and of images at least so many.

    The first split is the one that is learned from; it and the second cannot be done without.
    """

    shares: tuple[float, ...]
    least: tuple[int, ...]

    def bounds(self) -> tuple[Matrix, Matrix]:
        """The least and the largest share of images with which a split is still as wanted."""
        shares = np.array(self.shares)
        least, most = shares / 2, 2 * shares
        least[0], most[0] = shares[0] - 0.2, 1.0
        return least, most


@dataclass(frozen=True, slots=True)
class Units:
    """What is put into one split as a whole.

    ``images`` is how many each has, ``pixels`` and ``shown`` (units, classes) are pixels and
    images of each class.  ``joined`` are pairs of units that follow one another in a recording,
    and `gap` images are left out where such a pair is parted.
    """

    images: Places
    pixels: Places
    shown: Places
    joined: tuple[tuple[int, int], ...] = ()
    gap: int = 0


def balanced(units: Units, wanted: Wanted, *, seed: int) -> Places:
    """Return the split of each unit, as its number."""
    scale = _Scale(units, wanted)
    places = _by_need(scale)
    return _exchanged(scale, places, random.Random(seed))


def is_as_wanted(units: Units, places: Places, wanted: Wanted) -> bool:
    """Whether every split has its least images, and about its share of them."""
    held = np.array([units.images[places == split].sum() for split in range(len(wanted.shares))])
    least, most = wanted.bounds()
    shares = held / max(1, held.sum())
    enough = held >= np.array(wanted.least)
    return bool(np.all(enough & (shares >= least) & (shares <= most)))


class _Scale:
    """Weighs a division: the less, the nearer it is to what is wanted."""

    def __init__(self, units: Units, wanted: Wanted) -> None:
        known = units.pixels.sum(axis=0) > 0
        self.classes = int(known.sum())
        self.images = int(units.images.sum())
        columns = [units.images[:, None], units.pixels[:, known], units.shown[:, known]]
        held = np.concatenate(columns, axis=1).astype(np.float64)
        self.held: Matrix = held / np.maximum(held.sum(axis=0), 1)
        # Images count as much as all classes together; a class by its pixels and by its images.
        self.weights: Matrix = np.concatenate(
            [[max(1, self.classes)], np.full(2 * self.classes, 0.5)]
        )
        self.shares: Matrix = np.array(wanted.shares)
        self.least: Matrix = np.array(wanted.least, dtype=np.float64)
        self.bounds = wanted.bounds()
        pairs = np.array(units.joined, dtype=np.int64).reshape(-1, 2)
        self.before, self.after = pairs[:, 0], pairs[:, 1]
        self.lost = _CUT * max(1, self.classes) * units.gap / max(1, self.images)

    def sums(self, places: Places) -> Matrix:
        """What each split holds: (splits, columns), shares of the whole."""
        return np.stack(
            [self.held[places == split].sum(axis=0) for split in range(len(self.shares))]
        )

    def weight(self, sums: Matrix, places: Places) -> float:
        """Return how far a division is from what is wanted."""
        away = (sums - self.shares[:, None]) ** 2 / self.shares[:, None]
        images = sums[:, 0] * self.images
        low, high = self.bounds
        far = np.maximum(low - sums[:, 0], 0) + np.maximum(sums[:, 0] - high, 0)
        missing = (sums[:, 1 + self.classes :] < _NOTHING).sum(axis=1)
        return float(
            (away * self.weights).sum()
            + _EMPTY * (images < 0.5)[:2].sum()
            + _FEW * (images < self.least - 0.5)[:2].sum()
            + _NONE * (images < 0.5)[2:].sum()
            + _UNLEARNT * missing[0]
            + _FAR * (far > _NOTHING).sum()
            + _FAR * far.sum()
            + _UNSCORED * missing[1:].sum()
            + self.lost * (places[self.before] != places[self.after]).sum()
        )


def _by_need(scale: _Scale) -> Places:
    """Each unit, those with much of a rare class first, to the split that lacks most of it."""
    count = len(scale.held)
    places = np.zeros(count, dtype=np.int64)
    left = np.repeat(scale.shares[:, None], scale.held.shape[1], axis=1)
    for unit in np.argsort(-scale.held.max(axis=1), kind="stable"):
        need = np.maximum(left, 0) / scale.shares[:, None]
        split = int(np.argmax((need * scale.weights) @ scale.held[unit]))
        places[unit] = split
        left[split] -= scale.held[unit]
    return places


def _exchanged(scale: _Scale, places: Places, dice: random.Random) -> Places:
    """Move one unit, or exchange two, as long as that brings a division nearer."""
    count, splits = len(places), len(scale.shares)
    sums = scale.sums(places)
    weight = scale.weight(sums, places)
    for _ in range(min(_MOST_TRIES, _TRIES_EACH * count)):
        one, other = dice.randrange(count), dice.randrange(count)
        changes = [(one, dice.randrange(splits))]
        if dice.random() < 0.5:
            changes = [(one, int(places[other])), (other, int(places[one]))]
        tried, moved = sums.copy(), places.copy()
        for unit, split in changes:
            tried[moved[unit]] -= scale.held[unit]
            tried[split] += scale.held[unit]
            moved[unit] = split
        if (now := scale.weight(tried, moved)) < weight - _NOTHING:
            sums, places, weight = tried, moved, now
    return places
