"""Images and masks described by a ``data.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.remedies import written
from fasterseg.datasets.faults import ALLOWING
from fasterseg.datasets.labels import LabelSpace, usual_ignore
from fasterseg.datasets.masks.labelling import Labelling
from fasterseg.datasets.masks.mask_reading import pack
from fasterseg.datasets.pairing.named_images import NamedImages, pairing_of
from fasterseg.datasets.pairing.pairs import Tree
from fasterseg.datasets.pictures.listing import is_folder, printable
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.unpacking import is_zip
from fasterseg.errors import DataError, UsageError
from fasterseg.foreign.links import leads_outside
from fasterseg.foreign.strict_json import shortened
from fasterseg.paths import user_path, without_steps_up

_OBJECT = 255
_NAMED, _NAMED_KEYS = 8, 20


def data_root(data: DataFile, file: Path, *, outside: bool) -> Path:
    """Return the folder, or the zip, that ``path`` names, seen from the file; else its own folder.

    Ultralytics' files name the data set's own folder there; such a file may lie inside of it, or
    the data in ``datasets`` beside its folder.  Raises DataError where none of these is a folder,
    and for one elsewhere unless `outside` allows it.
    """
    home = file.parent
    if not data.path:
        return home
    where, advice = f"{file}, path", "or leave 'path' out to mean this folder"
    try:
        named = user_path(data.path)
    except UsageError as error:
        raise DataError(
            error.what,
            where=where,
            why=error.why,
            next_step=f"write the data folder's own path, {advice}",
        ) from error
    tried = [home / named, home / "datasets" / named, home.parent / "datasets" / named]
    tried += [home] if home.resolve().name == named.name else []
    found = next((place for place in tried if is_folder(place) or is_zip(place)), None)
    if found is not None and not outside:
        _require_near(found, file, where)
    if found is not None:
        return without_steps_up(found) if ".." in found.parts else found
    raise DataError(
        f"there is no folder or zip {data.path!r}",
        where=where,
        why=f"looked for {'; '.join(dict.fromkeys(map(str, tried)))}",
        next_step=f"write the data folder's own path, {advice}",
    )


def _require_near(folder: Path, file: Path, where: str) -> None:
    """Raise DataError for a folder that is neither below the file nor where such data may lie.

    A zip may lie beside the file's folder, where that is called after it.
    """
    home = file.parent
    beside = home.resolve().parent / f"{home.resolve().name}{folder.suffix}"
    if is_zip(folder) and folder.resolve() == beside:
        return
    if all(leads_outside(folder, near) for near in (home, home.resolve().parent / "datasets")):
        raise DataError(
            "the data folder lies outside of the data file's",
            where=where,
            why=f"it leads to {printable(folder.resolve())}",
            next_step=f"put the file into that folder and leave 'path' out, or {ALLOWING}",
        )


def open_folder(tree: Tree, data: DataFile, file: Path) -> FileSource:
    """Return the splits that ``data`` names; raises DataError for names that cannot be classes."""
    if not data.names:
        raise DataError(
            "there are no class names",
            where=str(file),
            next_step="add what the ids 0, 1, ... in the masks stand for:  names: [road, car]",
        )
    if not data.train and (data.val or not data.test):
        raise DataError(
            "there is no training split",
            where=str(file),
            why="nothing can be learned; data that models are scored on alone name test, and no val"
            if data.val
            else "",
            next_step="add the folder of its images, or a list of them:  train: images/train",
        )
    named = {"train": data.train, "val": data.val, "test": data.test}
    pairings = {
        split: pairing_of(tree, entries, NamedImages(tree, data, split, file))
        for split, entries in named.items()
        if entries
    }
    return FileSource(layout_from(tree, data, file), pairings)


def layout_from(tree: Tree, data: DataFile, file: Path) -> Layout:
    """Return how the masks are read that a data file describes; raises DataError."""
    space = _label_space(data, file)
    explicit = data.ignore is not None or _OBJECT in data.label_mapping
    settled = explicit or data.palette is not None or len(data.names) > _OBJECT
    binary = not settled and len(data.names) <= 2
    marks_object = binary and data.background != "auto"
    meaning = _meaning(data, space, marks_object=marks_object)
    return Layout(
        name=tree.root.resolve().name,
        root=tree.root,
        label_space=space,
        labelling=Labelling(meaning, space),
        terms=data.terms,
        masks_in_colour=data.palette is not None,
        smoothed=data.smoothed,
        by_ids=_names_every_class(data, space),
        ambiguous=not settled and not marks_object,
        object_value=_OBJECT if marks_object else None,
        reading=data.reading,
        normalisation=data.normalize,
        groups=data.groups,
        most_pixels=data.most_pixels,
        unlabelled=data.unlabelled,
        unlabelled_every=data.unlabelled_every,
        class_weights=class_weights(data, space, file),
        notes=(*notes_on_keys(data), *_notes_on_classes_without_id(data, space, meaning)),
        described=data,
        unnamed=_unnamed(data, space),
    )


def notes_on_keys(data: DataFile) -> tuple[str, ...]:
    """Return what is to be said of the keys that a data file has and that are no keys of ours."""
    if not data.passed_over:
        return ()
    one = len(data.passed_over) == 1
    keys = first_few([*map(shortened, data.passed_over)], _NAMED_KEYS)
    are = "is" if one else "are"
    runs = ", and a data file runs nothing" if "download" in data.passed_over else ""
    return (f"{keys} in the data file {are} passed over: no key{'' if one else 's'} of ours{runs}",)


def _notes_on_classes_without_id(
    data: DataFile, space: LabelSpace, meaning: Mapping[int, int]
) -> Iterator[str]:
    """Yield a note on classes that no integer means: their ids never count, or mean others."""
    none = [label for label in range(space.classes) if label not in meaning.values()]
    if not none or len(none) == space.classes:
        return
    kept = [label for label in range(space.classes) if label not in none]
    mapping = {
        raw: kept.index(label) if label in kept else "ignore_label"
        for raw, label in meaning.items()
        if raw != usual_ignore(len(kept)) or label in kept
    }
    names = written("names", [space.names[label] for label in kept])
    own = written("label_mapping", dict(sorted(mapping.items())))
    said = {f"ignore: {data.ignore}": data.ignore in none}
    said |= {"background: ignore": data.background == "ignore" and 0 in none}
    by = " and ".join(key for key, holds in said.items() if holds) or "label_mapping"
    taken = [key for key in ("ignore", "background", "nc") if key in data.given]
    yield (
        f"no pixel can be {first_few([space.names[label] for label in none], _NAMED)}, by {by}; "
        f"where that is no class, write  {names}  {own}"
        + (f", and take {' and '.join(taken)} out" if taken else "")
    )


def class_weights(
    data: DataFile, space: LabelSpace, file: Path
) -> Literal["auto"] | tuple[float, ...] | None:
    """Return the weights that a data file gives; raises DataError where they are not one each."""
    if isinstance(data.class_weights, tuple) and len(data.class_weights) != space.classes:
        raise DataError(
            "class_weights must have one number for each class",
            where=str(file),
            why=f"it has {len(data.class_weights)}, the classes are {', '.join(space.names)}",
            next_step=f"give {space.classes} numbers, or auto",
        )
    return data.class_weights


def _label_space(data: DataFile, file: Path) -> LabelSpace:
    names = data.names
    if len(names) == 1 and data.background == "class":
        names = ("background", *names)
    try:
        if data.palette is not None and len(names) <= _OBJECT:
            colours = data.colours_by_name
            return LabelSpace(names=names, colours=tuple(colours[name][0] for name in names))
        return LabelSpace.from_names(names)
    except ValidationError as error:
        reason = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise DataError(
            "these class names cannot be used",
            where=str(file),
            why=reason,
            next_step="give each class a name of its own under 'names:'",
        ) from error


def _meaning(data: DataFile, space: LabelSpace, *, marks_object: bool) -> Mapping[int, int]:
    if data.palette is not None:
        return _colour_meaning(data, space)
    first = 1 if data.reduce_zero_label else 0
    meaning = {label + first: label for label in range(space.classes)}
    if _names_every_class(data, space):
        # What a whole table of ids leaves out is no class, or 0 would be one wherever ids count
        # from 1.
        meaning.clear()
    if data.ignore is not None or not data.smoothed:
        meaning[space.ignore if data.ignore is None else data.ignore] = space.ignore
    if data.reduce_zero_label or data.background == "ignore":
        meaning[0] = space.ignore
    if marks_object:
        meaning[_OBJECT] = space.classes - 1
    for value, target in data.label_mapping.items():
        meaning[value] = space.ignore if data.never_counts(target) else int(target)
    return meaning


def _names_every_class(data: DataFile, space: LabelSpace) -> bool:
    return set(range(space.classes)) <= set(data.label_mapping.values())


def _unnamed(data: DataFile, space: LabelSpace) -> Mapping[int, tuple[int, ...]]:
    """Return ids that mean a class unmapped, with those that ``label_mapping`` leads there too."""
    if data.palette is not None or _names_every_class(data, space):
        return {}
    leading: dict[int, list[int]] = {}
    for raw, target in data.label_mapping.items():
        if target in range(space.classes) and target not in data.label_mapping:
            leading.setdefault(int(target), []).append(raw)
    return {label: tuple(leading[label]) for label in sorted(leading)}


def _colour_meaning(data: DataFile, space: LabelSpace) -> Mapping[int, int]:
    ids = {name: index for index, name in enumerate(space.names)}
    return {
        pack(colour): ids.get(name, space.ignore)
        for name, colours in data.colours_by_name.items()
        for colour in colours
    }
