"""Which variant of the space a forward runs: it is one, never a mixture.

A space with several sets of branches or several input scales has a weight for each in a
relaxation, like any other choice; a forward takes one set at one scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from fasterseg.space.choices import VARIANT
from fasterseg.space.lattice import Lattice
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.sampling import one_of


def variant_of(lattice: Lattice, relaxation: Relaxation) -> Lattice:
    """The lattice of the variant with the greatest weight; of equals the first."""
    names = (name for name in VARIANT if name in lattice.choices)
    return lattice.variant(
        {name: lattice.choices[name][int(relaxation[name].argmax())] for name in names}
    )


def in_one_variant(
    relaxation: Relaxation, generator: torch.Generator, names: Sequence[str] = VARIANT
) -> Relaxation:
    """The relaxation with one variant, sampled by its weights; the same where it has one alone.

    Of what makes a variant what is not among the names stays open.
    """
    known = [name for name in names if name in relaxation]
    return relaxation | {name: one_of(relaxation[name][None], generator)[0] for name in known}
