"""From a ``data.yaml`` to the data that it describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fasterseg.amounts import first_few, number_of
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.groups import is_found_in
from fasterseg.datasets.data_files.reading import read_data_file
from fasterseg.datasets.data_files.remedies import lines, written
from fasterseg.datasets.layouts.annotations import yolo
from fasterseg.datasets.layouts.known import (
    FOLDER,
    layout_named,
    name_of_layout_in,
    open_named,
    zipped_whole,
)
from fasterseg.datasets.masks.smoothed import LEAST_APART, nearest_two
from fasterseg.datasets.pairing.named_files import Naming, named_file
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.folder import class_weights, data_root, notes_on_keys, open_folder
from fasterseg.datasets.sources.mixing import mixed
from fasterseg.datasets.sources.unpacking import is_zip, open_zip
from fasterseg.datasets.splits.split_file import divided_by_lines, read_split_file, split_file_of
from fasterseg.errors import DataError, UsageError
from fasterseg.events import Progress, silent
from fasterseg.foreign.strict_json import shortened

# The keys that go with a layout that is named; it says itself what the others would.
_WITH_ANY_LAYOUT = (
    *("path", "splits", "layout", "format", "include", "terms", "passed_over"),
    *("channels", "range", "normalize", "groups", "class_weights", "most_pixels"),
    *("unlabelled", "unlabelled_every"),
)


_INCLUDED = Naming(
    "include",
    "included data file",
    inside="put both data sets below one data.yaml",
    restore="write the path of another data.yaml, as seen from this one",
)


_NAMED = 3


def open_described(
    file: Path, *, outside: bool, divided: bool = True, progress: Progress = silent
) -> FileSource:
    """Return the data set of a data file, with those that it includes; raises DataError.

    Not `divided`, its own images are as without its file of splits.  ``progress`` is told what
    takes long, such as masks that are drawn.
    """
    data = read_data_file(file)
    opening = _open_own if divided else _open_undivided
    source = opening(data, file, outside=outside, progress=progress)
    if not data.include:
        return source
    _require_each_once(data.include, file)
    included = [
        _open_included(name, file, outside=outside, progress=progress) for name in data.include
    ]
    return mixed(source, included, where=str(file))


def _require_each_once(names: Sequence[str], file: Path) -> None:
    known: set[Path] = set()
    for name in names:
        if (place := (file.parent / name).resolve()) in known:
            raise DataError(
                "a data file is included twice",
                where=f"{file}, include",
                why=f"{name} leads to {place}, which is included already",
                next_step="name each data file once",
            )
        known.add(place)


def _open_included(name: str, file: Path, *, outside: bool, progress: Progress) -> FileSource:
    """One of a data file's ``include``, named as seen from its folder; it includes no others."""
    other = named_file(name, file, _INCLUDED, outside=outside)
    data = read_data_file(other)
    if data.include:
        raise DataError(
            "an included data file includes others",
            where=str(other),
            why="one level is read",
            next_step=f"name them all in {file.name}",
        )
    return _open_own(data, other, outside=outside, progress=progress)


def _open_own(data: DataFile, file: Path, *, outside: bool, progress: Progress) -> FileSource:
    """A data file's own images, divided as its file of splits says, where it names one."""
    source = _open_undivided(data, file, outside=outside, progress=progress)
    if not data.splits:
        return source
    path = split_file_of(data.splits, file, outside=outside)
    return divided_by_lines(source, read_split_file(path), shown=data.splits, data_file=file)


def _open_undivided(data: DataFile, file: Path, *, outside: bool, progress: Progress) -> FileSource:
    place = data_root(data, file, outside=outside)
    if is_zip(place):
        return open_zip(
            place,
            lambda inside: _open_in(Tree(zipped_whole(inside), progress=progress), data, file),
        )
    return _open_in(Tree(place, may_leave=outside, progress=progress), data, file)


def _open_in(tree: Tree, data: DataFile, file: Path) -> FileSource:
    named = bool(data.layout or data.format)
    if data.layout_name == FOLDER and yolo.is_meant(tree, data):
        data = data.model_copy(update={"layout": yolo.NAME})
    elif not (data.layout or data.format or data.names_splits):
        # A file that only adds something to what lies there.
        data = data.model_copy(update={"layout": name_of_layout_in(tree.root)})
    tree.takes_lossy_masks = data.smoothed
    if data.layout_name == FOLDER:
        return _checked(open_folder(tree, data, file), file)
    try:
        source = open_named(data.layout_name, tree, file, data)
    except UsageError as error:
        raise DataError(
            error.what, where=f"{file}, layout", why=error.why, next_step=error.next_step
        ) from error
    _require_nothing_that_the_layout_says(data, source, file, named=named)
    return _with_settings(source, data, file)


def _require_nothing_that_the_layout_says(
    data: DataFile, source: FileSource, file: Path, *, named: bool
) -> None:
    layout = layout_named(data.layout_name)
    takes = {*_WITH_ANY_LAYOUT, *(layout.takes if layout else ())}
    given = [key for key in data.given if key not in takes]
    if data.names == source.label_space.names:  # said twice, and alike
        given = [key for key in given if key not in ("names", "nc")]
    if given:
        keys = ", ".join(given)
        where_named = f"layout: {data.layout_name}" if named else f"the layout {data.layout_name}"
        raise DataError(
            f"{keys}: not beside {where_named}",
            where=str(file),
            why="a layout that is named says itself where the splits lie and what masks mean"
            if named
            else "what lies there is in that layout, which says itself what labels mean",
            next_step=f"take {' and '.join(given)} out" + (", or layout" if named else ""),
        )


def _with_settings(source: FileSource, data: DataFile, file: Path) -> FileSource:
    """The source with what a data file may say of any layout."""
    layout = source.layout
    own = replace(
        layout,
        terms="; ".join(filter(None, (layout.terms, data.terms))),
        reading=data.reading,
        normalisation=data.normalize,
        groups=data.groups,
        most_pixels=data.most_pixels,
        smoothed=data.smoothed and not _are_drawn(source),  # those are read where they are drawn
        unlabelled=data.unlabelled,
        unlabelled_every=data.unlabelled_every,
        class_weights=class_weights(data, layout.label_space, file),
        notes=(*layout.notes, *notes_on_keys(data)),
    )
    return _checked(replace(source, layout=own), file)


def _are_drawn(source: FileSource) -> bool:
    return any(one.labels for pairing in source.pairings.values() for one in pairing.pairs)


def _require_groups_found(source: FileSource, file: Path) -> None:
    """Raise DataError where the pattern of groups is found in no name: each would be its own."""
    pattern = source.layout.groups
    pairs = [pair for pairing in source.pairings.values() for pair in pairing.pairs]
    if not pattern or not pairs or source.layout.unlabelled:
        return
    if not any(is_found_in(pattern, pair.name) for pair in pairs):
        names = first_few([pair.name for pair in pairs], _NAMED)
        raise DataError(
            "the pattern of groups is found in no image's name",
            where=f"{file}, groups",
            why=f"{shortened(pattern)} finds nothing in {number_of(len(pairs), 'name')}, such as "
            f"{names}: each image would be a recording by itself",
            next_step="write a pattern that is found in them, as groups: '^(drive[0-9]+)_', or "
            "take groups out",
        )


def _checked(source: FileSource, file: Path) -> FileSource:
    """The source; raises DataError for groups that are nowhere found, and for smoothed masks whose
    integers lie too near together.
    """
    _require_groups_found(source, file)
    layout = source.layout
    if not layout.smoothed:
        return source
    found = nearest_two(layout.declared, in_colour=layout.masks_in_colour)
    if found is not None and found[2] < LEAST_APART:
        one, other = map(layout.shown_value, found[:2])
        raise DataError(
            "smoothed masks of these values cannot be told apart",
            where=f"{file}, smoothed",
            why=f"{one} and {other} both mean something, and lie less than {LEAST_APART:g} apart",
            next_step="declare the palette, or in label_mapping a class for each integer that "
            "masks hold, as in" + lines(written("label_mapping", {0: 0, 255: 1}), "smoothed: true"),
        )
    return source
