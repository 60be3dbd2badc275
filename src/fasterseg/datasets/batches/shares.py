"""Who computes on which places of a batch: ranks share all of it, labelled and unlabelled alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from fasterseg.errors import UsageError


@dataclass(frozen=True, slots=True)
class Share:
    """One rank's part of every batch: rank ``rank`` of ``world_size``."""

    rank: int = 0
    world_size: int = 1

    def within(self, count: int) -> range:
        """Which of so many things in a row are this part's; the first parts have one more."""
        each, left = divmod(count, self.world_size)
        first = self.rank * each + min(self.rank, left)
        return range(first, first + each + (self.rank < left))

    def turns(self, count: int) -> range:
        """Which of so many things in a row are this rank's, where ranks take turns."""
        return range(self.rank, count, self.world_size)


WHOLE = Share()
"""All of every batch: the share of a process alone."""


@dataclass(frozen=True, slots=True)
class Places:
    """A rank's part of a batch: which of the batch's labelled and of its unlabelled images."""

    labelled: range
    unlabelled: range

    @classmethod
    def of(cls, share: Share, batch_size: int, unlabelled: int) -> Places:
        """The part of a rank, as large as without unlabelled images.

        Labelled images are shared out first, so that each rank has one as long as there are as many
        as ranks; unlabelled ones fill the parts up.
        """
        all_of_it, labelled = share.within(batch_size), share.within(batch_size - unlabelled)
        return cls(
            labelled,
            range(all_of_it.start - labelled.start, all_of_it.stop - labelled.stop),
        )

    def mixed(self) -> list[bool]:
        """Whether the image of each place, in order, is labelled.

        Unlabelled ones lie at equal distances, and never first, so that each part of a part (of a
        batch that is accumulated) has about its share of both.
        """
        total, lone = len(self.labelled) + len(self.unlabelled), len(self.unlabelled)
        before = [place * lone // total for place in range(total + 1)]
        return [one == other for one, other in pairwise(before)]


def require_shareable(
    batch_size: int, *, ranks: int, parts: int = 1, where: str = "batch_size"
) -> None:
    """Raise `UsageError` unless each rank gets an image of every batch for each of its parts."""
    if batch_size >= max(1, ranks * parts):
        return
    each = f" with {parts} parts each" if parts > 1 else ""
    what = f"{ranks} processes{each}" if ranks > 1 else f"{parts} parts"
    raise UsageError(
        f"a batch of {batch_size} images cannot be shared by {what}",
        where=where,
        why="each computes on one image of every batch at least",
        next_step=f"take a batch of {max(1, ranks * parts)} images or more, or fewer processes"
        + (", or fewer parts (accumulate)" if parts > 1 else ""),
    )
