"""Candidates at a student's budget: as the parameters find them probable, and drawn evenly.

The paper hands over the most probable network.  Where a search leaves much undecided, that is one
of many that are nearly as probable; which of them is good, the supernet's weights can tell better
than the last hundredths of a probability can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

import torch
from torch import Tensor

from fasterseg.errors import BudgetError
from fasterseg.runtime import derived_seed, torch_generator
from fasterseg.searching.derivation import assign_within
from fasterseg.searching.landing.breeding import Breeding, Window
from fasterseg.space.architecture import Architecture
from fasterseg.space.assignment import Assignment, architecture_of
from fasterseg.space.choices import SECTIONS, VARIANT
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import assignment_near
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.sampling import SMALLEST, resampled

TRIES = 4
"""So many attempts for each network that is wanted: two may come to the same one."""
MOST_FAILURES = 3
"""After so many attempts in a row that fit no network, for each variant, there are none."""

Origin = Literal["most probable", "probable", "even", "another student", "known", "child"]
"""How a candidate came about."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that a student may be, what it is derived from, and how it came about."""

    assignment: Assignment
    architecture: Architecture
    origin: Origin


@dataclass(frozen=True, slots=True)
class Source:
    """Where a student's candidates come from; a function of the run's seed and its name.

    `probabilities` are those that the search ended with.
    """

    name: str
    seed: int
    options: Options
    probabilities: Relaxation
    pricing: Pricing

    def candidate(self, assignment: Assignment, origin: Origin) -> Candidate:
        """The candidate that an assignment stands for."""
        return Candidate(assignment, architecture_of(self.options.lattice, assignment), origin)

    def breeding(self, window: Window) -> Breeding:
        """What makes candidates of known ones."""
        return Breeding(self.options, self.price_ms, window)

    def price_ms(self, assignment: Assignment) -> float:
        """The estimate of an assignment's network, in milliseconds."""
        return self.pricing(architecture_of(self.options.lattice, assignment))

    def dice(self, *words: object) -> Random:
        """Chance of its own for each purpose."""
        return Random(derived_seed(self.seed, "selection", self.name, *words))

    def probable(self, window: Window, count: int) -> Iterator[Candidate]:
        """Different samples by probability, each fitted to the window as derivation does.

        They come one by one; for `count` of them enough is tried.  Of several variants the most
        probable network of each comes first.
        """
        variants = self.options.variants if len(self.options.variants) > 1 else ()

        def sample(number: int) -> Assignment:
            options, rows = self.options, self.probabilities
            if number <= len(variants):
                options = variants[number - 1]
            else:
                generator = torch_generator(self.seed, "draws", self.name, number)
                rows = gumbel(self.probabilities, generator)
            return assign_within(
                options,
                rows,
                self.pricing,
                lowest_ms=window.low_ms,
                highest_ms=window.high_ms,
            )

        return self._different("probable", sample, count)

    def even(self, window: Window, count: int) -> Iterator[Candidate]:
        """Different random networks: every choice even, given that they lie in the window.

        They come one by one; for `count` of them enough is tried.
        """

        def sample(number: int) -> Assignment:
            return assignment_near(
                self.options,
                window.middle_ms,
                estimate_ms=self.pricing,
                generator=self.dice("even", number),
                tolerance=window.tolerance,
            )

        return self._different("even", sample, count)

    def _different(
        self, origin: Origin, sample: Callable[[int], Assignment], count: int
    ) -> Iterator[Candidate]:
        """Samples 1, 2, .. of which no two are alike; they end where none is found any more."""
        known, failures = set[Architecture](), 0
        for number in range(1, TRIES * count + 1):
            try:
                one = self.candidate(sample(number), origin)
            except BudgetError:
                failures += 1
                if failures == MOST_FAILURES * len(self.options.variants):
                    return
                continue
            failures = 0
            if one.architecture not in known:
                known.add(one.architecture)
                yield one


def gumbel(probabilities: Relaxation, generator: torch.Generator) -> Relaxation:
    """The relaxation with Gumbel noise on its logits.

    Of each choice the option that is then the most probable one is a sample by the probabilities.
    """

    def noisy(rows: Tensor) -> Tensor:
        known = rows.detach().double().cpu()
        uniform = torch.rand(known.shape, generator=generator, dtype=torch.float64)
        noise = -(-uniform.clamp_min(SMALLEST).log()).log()
        logits = known.clamp_min(SMALLEST).log() + noise
        return logits.softmax(dim=1).to(rows)

    return resampled(probabilities, dict.fromkeys((*SECTIONS, *VARIANT), noisy))
