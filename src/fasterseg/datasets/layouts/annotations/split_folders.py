"""Splits by the folders that files lie in: ``train``, ``valid``, ``test``, as tools name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from fasterseg.datasets.drawing.kept import is_drawn
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.pairing.pairs import Pair, Pairing, Tree
from fasterseg.datasets.pairing.splits import usual_name

USUAL = ("train", "val", "test")


def by_folders(tree: Tree, home: Path, pairs: Mapping[Path, Pair]) -> dict[str, Pairing]:
    """Return pairs by the split in whose folder their labels lie; else all as ``train``.

    They are divided only where each lies in the folder of a split.  A sample's name has no split.
    """
    split_of = {file: usual_name(_first(file, home)) for file in pairs}
    divided = bool(pairs) and all(split in USUAL for split in split_of.values())
    splits: dict[str, list[Pair]] = {}
    for file, pair in pairs.items():
        own = pair.name.partition("/")[2] if divided else pair.name
        split = split_of[file] if divided else USUAL[0]
        splits.setdefault(split, []).append(replace(pair, name=own))
    ordered = sorted(splits, key=USUAL.index)
    return sorted_pairings(tree, {split: splits[split] for split in ordered} or {USUAL[0]: []})


def sorted_pairings(tree: Tree, splits: Mapping[str, list[Pair]]) -> dict[str, Pairing]:
    """Return each split's pairs by name; two of one name are a fault, as are those of ``tree``."""
    found: dict[str, Pairing] = {}
    for split, pairs in splits.items():
        # What could not be drawn is told once, as that.
        drawn = [one for one in pairs if is_drawn(one.mask)] if tree.faults else pairs
        ordered = sorted(drawn, key=lambda pair: pair.name)
        twice = [
            Fault(
                FaultKind.DUPLICATE_NAME, tree.shown(later.image), f"also {tree.shown(one.image)}"
            )
            for one, later in pairwise(ordered)
            if one.name == later.name
        ]
        unique = {pair.name: pair for pair in reversed(ordered)}
        faults = (*(tree.faults if not found else ()), *twice)
        found[split] = Pairing(tuple(unique[name] for name in sorted(unique)), tuple(faults))
    tree.faults.clear()
    return found


def _first(file: Path, home: Path) -> str:
    parts = file.relative_to(home).parts
    return parts[0] if len(parts) > 1 else ""
