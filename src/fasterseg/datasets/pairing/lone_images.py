"""The images without labels of a data set, and what may not be among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.pairing.pairs import Lone, Pair

_NAME_ONCE = "name each folder once, and each image of a list once"


@dataclass(frozen=True, slots=True)
class LoneImages:
    """Images without labels, sorted by name; what was wrong with others, and what is to be said."""

    images: tuple[Lone, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    def and_those(self, others: LoneImages) -> LoneImages:
        """Return these and others."""
        images = sorted((*self.images, *others.images), key=lambda one: one.name)
        return LoneImages(
            tuple(images), (*self.faults, *others.faults), (*self.notes, *others.notes)
        )

    def in_part(self, part: str) -> LoneImages:
        """Return them as those of an included data set; of the data set's own for no name."""
        if not part:
            return self
        named = (replace(one, name=f"{part}/{one.name}", part=part) for one in self.images)
        return replace(self, images=tuple(named))


def told_twice(images: Iterable[Lone], pairs: Iterable[tuple[str, Pair]]) -> Iterator[Fault]:
    """Yield a fault for each file that is there twice: labelled too, a mask, or named twice.

    The pairs are those of all splits, each with its split.
    """
    taken: dict[tuple[int, int], str] = {}
    for split, pair in pairs:
        taken |= dict.fromkeys(_identity(pair.mask), f"it is the mask of {pair.name} in {split}")
        taken |= dict.fromkeys(_identity(pair.image), f"it is {pair.name} in {split}")
    first: dict[tuple[int, int], str] = {}
    for lone in images:
        for known in _identity(lone.image):
            if known in taken:
                yield Fault(FaultKind.LABELLED_TOO, lone.name, taken[known])
            elif known in first:
                detail = f"the same file as {first[known]}"
                yield Fault(FaultKind.DUPLICATE_NAME, lone.name, detail, _NAME_ONCE)
            first.setdefault(known, lone.name)


def _identity(path: Path) -> tuple[tuple[int, int], ...]:
    """What tells a file from others whatever it is called; nothing of one that is gone."""
    try:
        found = path.stat()
    except OSError:
        return ()  # told where it is read
    return ((found.st_dev, found.st_ino),)
