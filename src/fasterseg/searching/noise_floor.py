"""What chance alone does to architecture parameters: the entropy that it leaves of each choice.

Adam divides each gradient by its size, so that pure noise too moves a logit by about the learning
rate in every step: an even random walk, which decides a little by itself.  An entropy says
something of a search only where it lies below the *noise floor*, what that walk leaves.  It is
computed by walking: rows of logits whose loss is nothing but noise, under the optimiser's own rule.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fasterseg.config import SearchSettings
from fasterseg.space.choices import Section
from fasterseg.supernet.parameters import INITIAL_DEVIATION

Floats = npt.NDArray[np.float64]

ADAM_BETAS = (0.5, 0.999)
ADAM_EPSILON = 1e-8
WALKERS = 1024
SEARCHES, FALSE_ALARMS = 2000, 0.005
LEAST_DISTANCE = 1e-4

# Chance's share stays the same whatever the number of steps, and what a gradient has of a direction
# grows with their root.  The constant is camvid-cpu's, 0.02 in 800 steps.
_WALK = 0.02 * math.sqrt(800)
HIGHEST_RATE = 0.05


def architecture_rate(settings: SearchSettings, steps: int) -> float:
    """The learning rate that a search of so many steps has for its architecture parameters."""
    given = settings.architecture_lr
    return matched_rate(steps) if given is None else given


def matched_rate(steps: int) -> float:
    """The rate at which chance leaves 90 % of five operators' entropy after so many steps."""
    return min(HIGHEST_RATE, _WALK / math.sqrt(max(1, steps)))


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """The mean entropy that chance leaves of some choices, a share of one.

    `lowest` is what that mean is below in one search of two hundred on noise alone.
    """

    entropy: float
    lowest: float


class NoiseWalk:
    """Rows of logits that Adam moves by a loss which is noise; each has so many options.

    The loss of a row is its softmax times fresh normal numbers, whatever their scale: Adam divides
    it out.  The walk is the same in every process.
    """

    def __init__(self, options: int, *, rate: float) -> None:
        self.rate = rate
        self.steps = 0
        self._dice = np.random.default_rng([options, WALKERS])
        self._logits = INITIAL_DEVIATION * self._dice.standard_normal((WALKERS, options))
        self._mean = np.zeros_like(self._logits)
        self._square = np.zeros_like(self._logits)

    def after(self, steps: int) -> Floats:
        """The entropies of all rows after so many steps, shares of the greatest.

        A walk goes forwards only: raises `ValueError` for a step that lies behind it.
        """
        if steps < self.steps:
            raise ValueError(f"the walk is at step {self.steps}, beyond {steps}")
        while self.steps < steps:
            self._step()
        weights = _softmax(self._logits)
        logs = np.log(np.maximum(weights, np.finfo(float).tiny))
        shares: Floats = -(weights * logs).sum(axis=1) / math.log(weights.shape[1])
        return shares

    def _step(self) -> None:
        self.steps += 1
        weights = _softmax(self._logits)
        noise = self._dice.standard_normal(weights.shape)
        gradient = weights * (noise - (weights * noise).sum(axis=1, keepdims=True))
        first, second = ADAM_BETAS
        self._mean += (1 - first) * (gradient - self._mean)
        self._square += (1 - second) * (gradient**2 - self._square)
        mean = self._mean / (1 - first**self.steps)
        root = np.sqrt(self._square / (1 - second**self.steps))
        self._logits -= self.rate * mean / (root + ADAM_EPSILON)


@dataclass(slots=True)
class NoiseFloors:
    """The floors of each section's choices along a search; asked in the order of its steps."""

    rate: float
    _walks: dict[int, NoiseWalk] = field(default_factory=dict)

    def after(
        self, steps: int, choices: Mapping[Section, Sequence[int]]
    ) -> dict[Section, NoiseFloor]:
        """The floor of each section that leaves something to choose.

        `choices` has the number of options of each choice, by section.
        """
        counted = {s: Counter(one for one in all_ if one > 1) for s, all_ in choices.items()}
        return {s: self._mean(steps, counts) for s, counts in counted.items() if counts}

    def _mean(self, steps: int, counts: Counter[int]) -> NoiseFloor:
        """The floor of the mean over choices, so many of each number of options."""
        dice, total, entropy = np.random.default_rng(SEARCHES), counts.total(), 0.0
        means = np.zeros(SEARCHES)
        for number, count in sorted(counts.items()):
            rows = self._walk(number, steps).after(steps)
            entropy += count / total * float(rows.mean())
            for _ in range(count):
                means += dice.choice(rows, SEARCHES) / total
        lowest = float(np.quantile(means, FALSE_ALARMS))
        return NoiseFloor(entropy, min(lowest, entropy - LEAST_DISTANCE))

    def _walk(self, options: int, steps: int) -> NoiseWalk:
        known = self._walks.get(options)
        if known is None or known.steps > steps:
            known = self._walks[options] = NoiseWalk(options, rate=self.rate)
        return known


def _softmax(logits: Floats) -> Floats:
    raised: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    raised /= raised.sum(axis=1, keepdims=True)
    return raised
