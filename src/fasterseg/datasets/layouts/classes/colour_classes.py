"""Classes of masks in colours that no file names: one to a colour, called after its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.faults import FaultKind, FileFault
from fasterseg.datasets.labels import Colour
from fasterseg.datasets.layouts.classes.id_classes import some_masks
from fasterseg.datasets.layouts.classes.tool_classes import ToolClasses
from fasterseg.datasets.masks.mask_reading import read_mask, unpacked
from fasterseg.datasets.masks.mask_values import TooManyValues, counts_of
from fasterseg.datasets.masks.smoothed import main_colours
from fasterseg.datasets.pairing.pairs import Pairing, Tree

_MOST = 64


def colours_in(pairings: Mapping[str, Pairing]) -> tuple[Colour, ...]:
    """Return the colours in some of the masks, dark ones first.

    None where masks hold ids, or more colours than there can be classes, or where they were
    smoothed: that is told of each of them where they are read.
    """
    some = some_masks(pairings)
    if not any(map(_is_in_colour, some[:1] + some[-1:])):
        return ()
    found: Counter[int] = Counter()
    for path in some:
        try:
            found.update(counts_of(read_mask(path, in_colour=True)))
        except (FileFault, TooManyValues):
            continue  # told where all of them are looked at
        if len(found) > _MOST:
            return ()
    if main_colours(found):
        return ()
    return tuple(map(unpacked, sorted(found)))


def _is_in_colour(mask: Path) -> bool:
    try:
        read_mask(mask)
    except FileFault as error:
        return error.fault.kind is FaultKind.COLOUR_MASK
    return False


def by_colours(
    form: str,
    tree: Tree,
    home: Path,
    said: DataFile,
    colours: Sequence[Colour],
    *,
    notes: Sequence[str] = (),
) -> Layout:
    """Return how masks in colours are read: by a data file's palette, else a class to a colour."""
    if said.palette is not None:
        named = said.colours_by_name
        return ToolClasses(tuple(said.names), home, colours=named).layout(tree, said, notes=notes)
    names = [f"class{label}" for label, _ in enumerate(colours)]
    given = {name: (colour,) for name, colour in zip(names, colours, strict=True)}
    palette = {name: list(colour) for name, colour in zip(names, colours, strict=True)}
    note = (
        f"no file names the classes: they are called {names[0]} to {names[-1]}, one to a colour of "
        f"the masks; name them in a data.yaml, with layout: {form}, names and palette"
    )
    found = ToolClasses(tuple(names), home, colours=given).layout(tree, said, notes=(*notes, note))
    return replace(found, made_up={"names": names, "palette": palette})
