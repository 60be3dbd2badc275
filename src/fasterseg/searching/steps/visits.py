"""How often the weights of each kind were trained: what a pass did not run learns nothing.

A pass *visits* a kind at a place where the kind has a weight and some branch runs through the
place.  Sampled evenly, the kinds that may stand at one place are visited alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fasterseg.space.choices import Option, section
from fasterseg.space.lattice import Lattice
from fasterseg.space.options import Options
from fasterseg.space.variants import united
from fasterseg.supernet.paths import taken_blocks
from fasterseg.supernet.relaxation import Relaxation
from fasterseg.supernet.variants import variant_of

VISITS, EVEN_VISITS = "visits", "even_visits"
"""Under these names, each with a kind behind it, an event holds what has been counted so far."""


class Visits:
    """Passes that ran each kind, by the name of the choice that leaves it open.

    `contenders` say what may be taken; a choice at which none of them has two kinds is not counted.
    With `all_heads` a pass runs the branches of all sets.
    """

    def __init__(self, contenders: Sequence[Options], *, all_heads: bool = False) -> None:
        self._lattice = contenders[0].lattice
        space = self._lattice.space
        self._all = Lattice(united(space, space.input_scale[0])) if all_heads else None
        self.counts: dict[str, dict[str, int]] = {
            name: dict.fromkeys(map(str, kinds), 0)
            for name, kinds in _open_kinds(contenders).items()
        }
        self._cells = _blocks_of_cells(self._lattice)

    def add(self, relaxations: Iterable[Relaxation]) -> None:
        """Count what some passes run."""
        for relaxation in relaxations:
            run = self._all or variant_of(self._lattice, relaxation)
            running, known = taken_blocks(run, relaxation), run.choices
            for name, counts in self.counts.items():
                runs = name not in self._cells or not running.isdisjoint(self._cells[name])
                if runs and name in known:
                    for kind in self._weighted(name, relaxation):
                        counts[kind] += 1

    def _weighted(self, name: str, relaxation: Relaxation) -> list[str]:
        offered = self._lattice.choices[name]
        values = relaxation[name].tolist()
        return [str(kind) for kind, value in zip(offered, values, strict=True) if value > 0]

    @property
    def by_kind(self) -> dict[str, tuple[int, float]]:
        """For each kind its visits at all places, and what they were if each place were even."""
        visits, even = defaultdict[str, int](int), defaultdict[str, float](float)
        for counts in self.counts.values():
            for kind, count in counts.items():
                visits[kind] += count
                even[kind] += sum(counts.values()) / len(counts)
        return {kind: (visits[kind], even[kind]) for kind in visits}

    def values(self) -> dict[str, float]:
        """For the log."""
        told: dict[str, float] = {}
        for kind, (visits, even) in self.by_kind.items():
            told |= {f"{VISITS}/{kind}": visits, f"{EVEN_VISITS}/{kind}": round(even, 1)}
        return told

    def restore(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Go back to what was counted."""
        self.counts = {name: dict(kinds) for name, kinds in counts.items()}


def last_visits(events: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, float]]:
    """What the last of a stage's events that tells it says of each kind, as `Visits.by_kind`."""
    found: dict[str, tuple[int, float]] = {}
    for event in events:
        kinds = [key.partition("/")[2] for key in event if key.startswith(f"{VISITS}/")]
        found |= {k: (event[f"{VISITS}/{k}"], event[f"{EVEN_VISITS}/{k}"]) for k in kinds}
    return found


def _open_kinds(contenders: Sequence[Options]) -> dict[str, tuple[Option, ...]]:
    """What some contender may take of each choice that leaves more than one kind to them."""
    found: dict[str, tuple[Option, ...]] = {}
    for name, offered in contenders[0].lattice.choices.items():
        taken = {kind for options in contenders for kind in options.choices[name]}
        if section(name) == "kinds" and len(taken) > 1:
            found[name] = tuple(kind for kind in offered if kind in taken)
    return found


def _blocks_of_cells(lattice: Lattice) -> dict[str, set[str]]:
    """The blocks of each cell, by the name of the choice of its kind."""
    found: dict[str, set[str]] = defaultdict(set)
    for edge in lattice.edges:
        found[edge.node.kind_choice].add(edge.name)
    return dict(found)
