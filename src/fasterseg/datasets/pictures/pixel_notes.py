"""What was interpreted in a set of pictures, with counts: for whoever checks or predicts."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from fasterseg.datasets.pictures.deep_pixels import Depth
from fasterseg.datasets.pictures.pixels import Interpretation, Remarks
from fasterseg.datasets.pictures.reading import Reading, range_text

SMALL_SHARE, LEAST_SHARE = 0.5, 0.25
"""Deep images that use less than this lose more than one of 8 bits, or two, to their range.

A declared range is questioned from the second on: it is to hold what other images have, too.
"""


@dataclass(slots=True)
class PixelTally:
    """Counts interpretations, and the values of deep pictures, over the pictures of a set."""

    pictures: int = 0
    counts: Counter[Interpretation] = field(default_factory=Counter)
    depth: Depth | None = None

    def add(self, remarks: Remarks) -> None:
        """Count one picture."""
        self.pictures += 1
        self.counts.update(remarks.interpreted)
        if remarks.depth is not None:
            self.depth = remarks.depth if self.depth is None else self.depth.joined(remarks.depth)

    def notes(self, reading: Reading, *, proposing: bool = False) -> list[str]:
        """Return a sentence for each interpretation that was met.

        With `proposing` they say how much of their range deep images use, and what line of
        data.yaml would bring more of it through.
        """
        notes = [
            f"{count} of {self.pictures} image{'' if self.pictures == 1 else 's'} "
            f"{'is' if count == 1 else 'are'} {kind.value}"
            + (self._of_depth(reading, proposing=proposing) if kind is Interpretation.DEEP else "")
            for kind in Interpretation
            if (count := self.counts[kind])
        ]
        if proposing and reading.range is not None and not self.counts[Interpretation.DEEP]:
            notes.append("'range' is declared, but no image has more than 8 bits: it does nothing")
        return notes

    def _of_depth(self, reading: Reading, *, proposing: bool) -> str:
        if self.depth is None:
            return " by leaving out the lower ones"
        ends = reading.range or (0.0, self.depth.most)
        text = f": {range_text(ends)} became 0..255"
        if not proposing:
            return text
        share = self.depth.share_of(ends)
        text += (
            f"; their values go from {self.depth.lowest:.6g} to {self.depth.highest:.6g}, "
            f"{100 * share:.1f} % of that"
        )
        enough = SMALL_SHARE if reading.range is None else LEAST_SHARE
        if share >= enough or self.depth.lowest == self.depth.highest:
            return text
        return (
            f"{text}, so that about {max(1, round(256 * share))} of 256 levels remain: write "
            f"'range: {range_text(proposed_range(self.depth))}' into data.yaml"
        )


def proposed_range(depth: Depth) -> tuple[float, float]:
    """Return ends that hold all values: of so many bits where those are used, else the values'."""
    lowest, highest = depth.lowest, depth.highest
    if depth.most > 1:
        top = float((1 << max(1, int(highest)).bit_length()) - 1)
        fits = lowest >= 0 and (highest - lowest) / top >= LEAST_SHARE
        return (0.0, top) if fits else (lowest, highest)
    step = 10.0 ** (math.floor(math.log10(highest - lowest)) - 3)
    return math.floor(lowest / step) * step, math.ceil(highest / step) * step
