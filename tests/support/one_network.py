"""One network of a space as a relaxation."""

from __future__ import annotations

from fasterseg.space.lattice import Lattice
from fasterseg.space.selection import Selection
from fasterseg.supernet.relaxation import Relaxation, one_option


def from_selection(lattice: Lattice, selection: Selection) -> Relaxation:
    """The one-hot relaxation of one network."""
    open_ = (name for name in selection if name not in lattice.settled)
    return Relaxation({name: one_option(lattice, name, selection[name]) for name in open_})
