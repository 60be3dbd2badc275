"""Palettes of masks that give one id several colours: then either ids or colours mean classes.

Programs that make palettes themselves number colours as they come, so that an id is another class
in each file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from fasterseg.amounts import first_few, number_of
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.remedies import IGNORE, lines, palette_line, written
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.labels import Colour, distinct_colours
from fasterseg.datasets.layouts.folders.pairs import NAME as PAIRS
from fasterseg.datasets.masks.mask_reading import shown_colour, unpacked

_NAMED = 3
_OF_INTEGERS = ("label_mapping", "reduce_zero_label", "ignore", "background")
_REMEMBERED = 64
"""So many colours of an id: nobody has more classes under one."""


class SeenColours:
    """The colours of each id in the palettes of a data set's masks, by the files that have them."""

    def __init__(self) -> None:
        self._files: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self._examples: dict[tuple[int, int], str] = {}

    def add(self, image: str, colours: Mapping[int, int]) -> None:
        """Take in what the palette of an image's mask gives to the ids that are in it."""
        for value, colour in colours.items():
            known = self._files[value]
            if colour in known or len(known) < _REMEMBERED:
                known[colour] += 1
                self._examples.setdefault((value, colour), image)

    def faults(self, layout: Layout) -> Iterator[Fault]:
        """Yield a fault for each id of several colours, where nothing says that ids count."""
        meaning, ignore = layout.labelling.meaning, layout.label_space.ignore
        several = sorted(
            value
            for value, found in self._files.items()
            if len(found) > 1 and meaning.get(value, ignore) != ignore
        )
        if layout.by_ids or layout.described is None or not several:
            return
        settling = self._settling(layout, layout.described)
        for value in several:
            shown = [
                f"{shown_colour(colour)} in {number_of(files, 'mask')}, as in that of "
                f"{self._examples[value, colour]}"
                for colour, files in self._files[value].most_common()
            ]
            detail = first_few(shown, _NAMED)
            yield Fault(FaultKind.SEVERAL_COLOURS, f"id {value}", detail, settling)

    def _settling(self, layout: Layout, data: DataFile) -> str:
        names = [written("names", list(layout.label_space.names))] if layout.form else []
        ways = [f"{_ids_that_count(layout)}  # ids count, whatever colour they have"]
        if layout.form in ("", PAIRS):
            colours = palette_line(self._colours_by_name(layout))
            ways.insert(0, f"{colours}  # colours count: correct which is whose")
        said = "one of these two lines" if len(ways) > 1 else "this line"
        others = [] if layout.form else [key for key in _OF_INTEGERS if key in data.given]
        where = f" beside layout: {layout.form}" if layout.form else ""
        where += f", in place of {' and '.join(others)}" if others else ""
        return f"say in data.yaml what counts, by {said}{where}:{lines(*names, *ways)}"

    def _colours_by_name(self, layout: Layout) -> dict[str, tuple[Colour, ...]]:
        """The colours of each class: of an id, those that are found under no other more often."""
        space = layout.label_space
        found: dict[str, list[Colour]] = {name: [] for name in space.names}
        for colour, value in self._places().items():
            label = layout.labelling.meaning.get(value, space.ignore)
            name = IGNORE if label == space.ignore else space.names[label]
            found.setdefault(name, []).append(unpacked(colour))
        taken = {colour for of_name in found.values() for colour in of_name}
        free = (one for one in distinct_colours(len(taken) + len(found)) if one not in taken)
        return {name: tuple(of_name) or (next(free),) for name, of_name in found.items()}

    def _places(self) -> dict[int, int]:
        """The id under which each colour lies most often."""
        files: defaultdict[int, Counter[int]] = defaultdict(Counter)
        for value, found in sorted(self._files.items()):
            for colour, count in found.items():
                files[colour][value] += count
        return {colour: found.most_common(1)[0][0] for colour, found in files.items()}


def _ids_that_count(layout: Layout) -> str:
    """The mapping that leads to every class as the masks are read now."""
    ignore = layout.label_space.ignore
    meaning = {
        value: "ignore_label" if label == ignore else label
        for value, label in layout.labelling.meaning.items()
        if value != ignore or label != ignore
    }
    return written("label_mapping", meaning)
