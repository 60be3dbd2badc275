"""The classes that a tool's own file names, with what a data file adds: how masks are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.reading import wrong_value
from fasterseg.datasets.data_files.remedies import IGNORE
from fasterseg.datasets.labels import Colour, LabelSpace
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.sources.folder import layout_from
from fasterseg.errors import DataError

OF_COLOURS = frozenset({"names", "nc", "background", "palette", "smoothed"})
"""The keys of a data file that mean something beside a tool's colours."""

OF_IDS = frozenset({"names", "nc", "background", "ignore", "label_mapping", "smoothed"})
"""The keys that mean something beside a tool's ids."""

_UNLABELLED = 255
_NAMED = 12


@dataclass(frozen=True, slots=True)
class ToolClasses:
    """What a tool's own file says of its masks; `where` is that file.

    `names` are the classes in their order.  Masks hold `colours`, or `ids` where these are given:
    of each class, and under ``ignore`` what never counts.  `background` is the class of pixels
    that nobody labelled, where there is one; `shown` are the colours in which classes of ids are
    drawn.
    """

    names: tuple[str, ...]
    where: Path
    colours: Mapping[str, tuple[Colour, ...]] = field(default_factory=dict)
    ids: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    background: str = ""
    shown: Mapping[str, Colour] = field(default_factory=dict)

    def layout(self, tree: Tree, said: DataFile, *, notes: Sequence[str] = ()) -> Layout:
        """Return how the masks are read.

        A data file's ``names`` choose some of the classes, or their order: what it leaves out
        never counts.  Its ``background: ignore`` leaves the background out.  Raises DataError.
        """
        names = self._chosen(said)
        keys = self._by_ids(names, said) if self.ids else self._by_colours(names, said)
        try:
            data = DataFile.model_validate({"names": list(names), **keys})
        except ValidationError as error:
            raise wrong_value(error, keys, self.where) from error
        found = layout_from(tree, data, self.where)
        chosen = {*names}
        left = [name for name in self.names if name not in chosen]
        told = [f"{first_few(left, _NAMED)} never counts: data.yaml leaves it out"] if left else []
        told += self._of_background(names)
        return replace(
            found,
            by_ids={*range(len(names))} <= {*said.label_mapping.values()},
            label_space=self._drawn(found.label_space),
            notes=(*notes, *told, *found.notes),
        )

    def _chosen(self, said: DataFile) -> tuple[str, ...]:
        names = said.names or self.names
        if said.background == "ignore" and not said.names:
            names = tuple(name for name in names if name != self.background)
        added = {*(said.palette if isinstance(said.palette, dict) else ())}
        targets = {*said.label_mapping.values()}
        added |= {name for label, name in enumerate(names) if label in targets}
        known = {*self.names, *added}
        strange = [name for name in names if name not in known]
        if strange:
            near = get_close_matches(strange[0], self.names, n=1)
            raise DataError(
                f"there is no class {strange[0]!r}",
                where="data.yaml, names",
                why=f"the classes of {self.where.name} are {first_few(self.names, _NAMED)}",
                next_step=f"did you mean {near[0]!r}?" if near else "name some of these",
            )
        return names

    def _by_colours(self, names: Sequence[str], said: DataFile) -> dict[str, Any]:
        """The palette: a colour of a class that is left out is one of those that never count."""
        palette: dict[str, list[list[int]]] = {name: [] for name in names}
        more = said.palette if isinstance(said.palette, dict) else {}
        given = {value for of_name in more.values() for value in of_name}
        chosen = {*names}
        for name, values in self.colours.items():
            kept = [list(value) for value in values if value not in given]
            palette.setdefault(name if name in chosen else IGNORE, []).extend(kept)
        for name, values in more.items():
            palette.setdefault(name, []).extend(map(list, values))
        return {"palette": {name: values for name, values in palette.items() if values}}

    def _by_ids(self, names: Sequence[str], said: DataFile) -> dict[str, Any]:
        """The whole table of ids: one that is left out is one of those that never count."""
        mapping: dict[int, int | str] = {}
        labels = {name: label for label, name in enumerate(names)}
        # Of smoothed masks only what is said of them: other integers would lie between.
        says_all = said.smoothed and {*labels.values()} <= {*said.label_mapping.values()}
        for name, values in self.ids.items() if not says_all else ():
            mapping.update(dict.fromkeys(values, labels.get(name, "ignore_label")))
        mapping |= said.label_mapping
        free = _UNLABELLED not in mapping and len(names) <= _UNLABELLED and not said.smoothed
        unlabelled = _UNLABELLED if free else None
        ignore = unlabelled if said.ignore is None else said.ignore
        if ignore is not None:
            mapping[ignore] = "ignore_label"
        return {"label_mapping": mapping, "ignore": ignore}

    def _of_background(self, names: Sequence[str]) -> list[str]:
        if self.background not in names:
            return []
        return [
            f"{self.background} is a class, as {self.where.absolute().name} has it: pixels that "
            "nobody labelled count as that (background: ignore in a data.yaml leaves them out)"
        ]

    def _drawn(self, space: LabelSpace) -> LabelSpace:
        if not all(name in self.shown for name in space.names):
            return space
        colours = tuple(self.shown[name] for name in space.names)
        return LabelSpace(names=space.names, colours=colours, ignore=space.ignore)
