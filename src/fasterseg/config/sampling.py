"""What a pass of a search samples, and at which temperature."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fasterseg.config.sections import Section
from fasterseg.foreign.bounds import MOST


class SamplingSettings(Section):
    """How many options of a choice a pass of a sampled search runs.

    ``one`` and ``two`` are sampled by the contender's probabilities; two are run as something
    between both, all as the weighted sum that an exact search runs.  Weight steps take one parent
    of each fork and one width of each feature.
    """

    weight_operators: Literal["one", "two"] = "two"
    """Kinds that a weight step runs at each place; `one` takes less time and memory."""
    weight_kinds: Literal["even", "probable", "even-until-decided"] = "even-until-decided"
    """How weight steps sample kinds: `even`, each alike; `probable`, by the contender's
    probabilities; `even-until-decided`, evenly until these are decided beyond what noise alone
    does, so that what learns fastest does not get all passes."""
    weight_updates: Literal["each", "together"] = "each"
    """Whether a step's passes are an update `each`, on a batch of its own, or one `together`, by
    the mean gradient on one batch."""
    architecture_operators: Literal["one", "two", "all"] = "all"
    """Kinds that an architecture step runs at each place."""
    architecture_parents: Literal["one", "two", "all"] = "two"
    """Parents of each fork of the lattice that an architecture step runs."""
    architecture_widths: Literal["one", "two"] = "two"
    """Widths of each feature that an architecture step runs."""


class TemperatureSettings(Section):
    """Gumbel-softmax temperature, geometric from `start` to `end`.

    That of an exact search's widths that learn straight through, and of choices that a sampled
    search takes as ``one``.
    """

    start: float = Field(1.0, gt=0, le=MOST)
    """The temperature of the first step; 1 is the paper's."""
    end: float = Field(1.0, gt=0, le=MOST)
    """The temperature of the last step; 1 is the paper's, which keeps it."""
