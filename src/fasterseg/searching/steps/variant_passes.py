"""Passes through a space of several variants: each runs one set of branches at one input scale.

The branches of two sets are one topology of paths at a time, and a scale is the size of all maps:
neither can be mixed, nor is either learned.  A pass takes one of the variants that its contender
may, evenly, so that the weights they share learn from each alike.  A supernet with all heads runs
all sets of branches in each pass, at one scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from fasterseg.runtime import torch_generator
from fasterseg.searching.steps.contenders import Contender
from fasterseg.searching.steps.passes import Passes
from fasterseg.space.choices import INPUT_SCALE, VARIANT
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.variants import in_one_variant


class VariantPasses(Passes):
    """The passes of another, each in one variant: a function of the seed and the index alone."""

    def __init__(self, passes: Passes) -> None:
        super().__init__(passes.settings, passes.contenders, seed=passes.seed)
        self.mixed = passes

    def pretraining(self, index: int) -> Iterator[Relaxation]:
        """See `Passes`."""
        return self._each(self.mixed.pretraining(index), "pretraining", index)

    def weights(self, index: int, **how: Any) -> Iterator[Relaxation]:
        """See `Passes`."""
        return self._each(self.mixed.weights(index, **how), "weights", index)

    def architecture(self, contender: Contender, index: int, **how: Any) -> Relaxation:
        """See `Passes`."""
        one = self.mixed.architecture(contender, index, **how)
        return next(self._each([one], "architecture", contender.name, index))

    def _each(self, relaxations: Iterable[Relaxation], *words: object) -> Iterator[Relaxation]:
        generator = torch_generator(self.seed, "variants", *words)
        names = VARIANT if self.settings.heads == "one" else (INPUT_SCALE,)
        return (in_one_variant(one, generator, names) for one in relaxations)
