"""Several data sets of the same classes as one: a data file's ``include``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fasterseg.datasets.pairing.pairs import Pairing
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError


def mixed(source: FileSource, included: Sequence[FileSource], *, where: str) -> FileSource:
    """Return a source with the included ones' samples in its splits of the same names.

    Those are called ``data set/name`` and keep their own reading of masks; normalisation, class
    weights and what is ignored are the first one's.  Raises DataError where classes differ.
    """
    parts = {_part(index, other, included): other for index, other in enumerate(included)}
    for part, other in parts.items():
        _require_same_classes(source, other, part, where)
    layouts = {part: other.layout for part, other in parts.items()}
    terms = [one.terms for one in (source, *included) if one.terms]
    layout = replace(
        source.layout,
        terms="; ".join(dict.fromkeys(terms)),
        notes=(
            *source.layout.notes,
            *(note for one in included for note in one.layout.notes),
            *(note for part, other in parts.items() for note in _passed_over(source, other, part)),
        ),
    )
    names = dict.fromkeys(name for one in (source, *included) for name in one.splits())
    pairings = {name: _joined(name, source, parts) for name in names}
    return FileSource(layout, pairings, layouts)


def _passed_over(source: FileSource, other: FileSource, part: str) -> Iterator[str]:
    """What an included data set says that counts for the whole, where the first one says it."""
    first, its = source.layout, other.layout
    settings = {
        "normalize": (first.normalisation, its.normalisation),
        "class_weights": (first.class_weights, its.class_weights),
    }
    for key, (counting, included) in settings.items():
        if included is not None and included != counting:
            yield f"{key} of {part} is passed over: that of the data file which includes it counts"


def _part(index: int, other: FileSource, included: Sequence[FileSource]) -> str:
    """A data set's name; with its number where two have the same."""
    alike = [one.name for one in included].count(other.name) > 1
    return f"{other.name}-{index + 1}" if alike else other.name


def _require_same_classes(source: FileSource, other: FileSource, part: str, where: str) -> None:
    if other.label_space.names != source.label_space.names:
        raise DataError(
            "an included data set has other classes",
            where=where,
            why=f"{part} has {', '.join(other.label_space.names)}; "
            f"here they are {', '.join(source.label_space.names)}",
            next_step="give both files the same names, and map ids under label_mapping",
        )
    own, theirs = source.layout.reading, other.layout.reading
    if own != theirs:
        raise DataError(
            "an included data set reads its images otherwise",
            where=where,
            why=f"{part} has {theirs.describe()}; here it is {own.describe()}, and one network "
            "reads all its images in one way",
            next_step=f"write the same into both files:{own.lines(indent=11)}",
        )
    if other.label_space.ignore != source.label_space.ignore:
        raise DataError(
            "an included data set ignores another value",
            where=where,
            why=f"{part} ignores {other.label_space.ignore}, not {source.label_space.ignore}",
            next_step="include data sets whose masks hold as many bits",
        )


def _joined(split: str, source: FileSource, parts: dict[str, FileSource]) -> Pairing:
    own = source.pairings.get(split, Pairing(()))
    pairs, faults = list(own.pairs), list(own.faults)
    for part, other in parts.items():
        theirs = other.pairings.get(split, Pairing(()))
        pairs += [replace(p, name=f"{part}/{p.name}", part=part) for p in theirs.pairs]
        faults += theirs.faults
    return Pairing(tuple(sorted(pairs, key=lambda pair: pair.name)), tuple(faults))
