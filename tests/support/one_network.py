"""One network of a space as a relaxation."""

from __future__ import annotations

from fasterseg.space.assignment import Assignment
from fasterseg.space.lattice import Lattice
from fasterseg.supernet.relaxation import Relaxation, one_option


def from_assignment(lattice: Lattice, assignment: Assignment) -> Relaxation:
    """The one-hot relaxation of one network."""
    open_ = (name for name in assignment if name not in lattice.settled)
    return Relaxation({name: one_option(lattice, name, assignment[name]) for name in open_})
