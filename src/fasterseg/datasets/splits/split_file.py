"""The file that says which split each image of a data set is in: ``splits:`` of a ``data.yaml``.

It is a table that people read and change, with a line for each image: ``train,images/0001.jpg``,
the image as seen from the data folder.  ``unused`` stands for no split.  The first line names the
columns, in any order; others than these, such as the recording that `fasterseg split` writes, are
for people.
"""

from __future__ import annotations

import csv
import io
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.datasets.data_files.written_paths import composed, slashed
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.pairing.named_files import Naming, named_file
from fasterseg.datasets.pairing.pairs import Pair, Pairing
from fasterseg.datasets.pairing.splits import ONE_SPLIT
from fasterseg.datasets.sources.files import FileSource
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import text_of
from fasterseg.foreign.strict_json import shortened

SPLITS = ("train", "val", "test")
UNUSED = "unused"
"""What stands in the file for an image that is in no split."""
COLUMNS = ("split", "image", "recording")
_MARKS = ",;\t"


@dataclass(frozen=True, slots=True)
class Line:
    """One image's line: its split, or `UNUSED`, and the image as seen from the data folder."""

    split: str
    image: str
    recording: str = ""


def written_lines(lines: Iterable[Line]) -> bytes:
    """Return the file's content."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((line.split, line.image, line.recording) for line in lines)
    return stream.getvalue().encode()


def read_split_file(path: Path) -> tuple[Line, ...]:
    """Return a file's lines; raises DataError, naming the line, for what is none."""
    text = _text_of(path)
    head = text.partition("\n")[0].strip()
    mark = next((mark for mark in _MARKS if mark in head), ",")
    table = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    found: list[Line] = []
    try:
        columns = [name.strip().lower() for name in next(table, [])]
        if any(columns.count(name) != 1 for name in COLUMNS[:2]):
            why = f"its first line is {shortened(head)!r}: it names no columns split and image"
            raise _unreadable(f"{path}:1", why)
        for row in filter(any, table):
            named = dict(zip(columns, map(str.strip, row), strict=False))
            found.append(_line(named, f"{path}:{table.line_num}"))
    except csv.Error as error:
        raise _unreadable(f"{path}:{table.line_num}", str(error)) from error
    return tuple(found)


def _text_of(path: Path) -> str:
    step = "save it as CSV in UTF-8"
    return text_of(path, called="the file of splits", next_step=step, fault=DataError)


def _line(row: Mapping[str, str], where: str) -> Line:
    split, image = row.get("split", ""), row.get("image", "")
    if split not in (*SPLITS, UNUSED):
        raise _unreadable(where, f"{shortened(split)!r} is no split")
    if not image:
        raise _unreadable(where, "it names no image")
    return Line(split, image, row.get("recording", ""))


def _unreadable(where: str, why: str) -> DataError:
    return DataError(
        "the file of splits cannot be read",
        where=where,
        why=why,
        next_step=f"write {','.join(COLUMNS[:2])} into the first line, and below it lines such as "
        f"train,images/0001.jpg; the splits are {', '.join(SPLITS)}, and {UNUSED} is none",
    )


_NAMED = Naming(
    "splits",
    "file of splits",
    inside="put it beside the data file",
    restore="restore it, take 'splits' out, or divide the images again: fasterseg split DATA",
)


def split_file_of(named: str, data_file: Path, *, outside: bool) -> Path:
    """Return the file that a data file names as seen from its own folder; raises DataError."""
    return named_file(named, data_file, _NAMED, outside=outside)


def pooled(source: FileSource, *, name: str = SPLITS[0]) -> FileSource:
    """Return a data set's images as one split; those whose labels are withheld are left aside.

    Where two splits have samples of one name, samples are called ``split/name``.
    """
    parts = {split: one for split, one in source.pairings.items() if split not in source.withheld}
    known = Counter(pair.name for one in parts.values() for pair in one.pairs)
    clash = any(count > 1 for count in known.values())
    pairs = [
        replace(pair, name=f"{split}/{pair.name}") if clash else pair
        for split, one in parts.items()
        for pair in one.pairs
    ]
    faults = tuple(fault for one in parts.values() for fault in one.faults)
    layout = replace(source.layout, withheld=(), scored="")
    return replace(source, layout=layout, pairings={name: _pairing(pairs, faults)})


def divided_by_lines(
    source: FileSource, lines: Sequence[Line], *, shown: str, data_file: Path
) -> FileSource:
    """Return a data set with its images in the splits that these lines say, and in no others.

    An image without a line, a line without an image and one image in several lines are faults of
    the source; `shown` is what messages call the file that `data_file` names.
    """
    (pool,) = pooled(source).pairings.values()
    pairs: dict[str, list[Pair]] = {}
    for pair in pool.pairs:
        pairs.setdefault(composed(source.shown(pair.image)), []).append(pair)
    lines = [replace(line, image=composed(slashed(line.image))) for line in lines]
    splits = {line.image: line.split for line in lines}
    faults = (*pool.faults, *_faults(pairs, lines, shown, data_file))
    found: dict[str, list[Pair]] = {split: [] for split in SPLITS if split in splits.values()}
    for image, several in pairs.items():
        if (split := splits.get(image, UNUSED)) != UNUSED:
            found[split] += several
    first = next(iter(found), SPLITS[0])
    pairings = {split: _pairing(some) for split, some in found.items()}
    pairings[first] = _pairing(found.get(first, []), faults)
    notes = tuple(note for note in source.layout.notes if note != ONE_SPLIT)
    layout = replace(source.layout, withheld=(), scored="", notes=notes)
    return replace(source, layout=layout, pairings=pairings)


def _pairing(pairs: Iterable[Pair], faults: tuple[Fault, ...] = ()) -> Pairing:
    return Pairing(tuple(sorted(pairs, key=lambda pair: pair.name)), faults)


def _faults(
    images: Mapping[str, object], lines: Sequence[Line], shown: str, data_file: Path
) -> list[Fault]:
    again = f"or divide the images again: fasterseg split {shlex.quote(str(data_file))} --again"
    times = Counter(line.image for line in lines)
    faults = [
        Fault(FaultKind.UNDIVIDED, image, "", f"add a line for each, {again}")
        for image in images
        if image not in times
    ]
    faults += [
        Fault(FaultKind.NOTHING_DIVIDED, image, shown, f"take these lines out, {again}")
        for image in times
        if image not in images
    ]
    faults += [
        Fault(FaultKind.DIVIDED_TWICE, image, f"{times[image]} lines of {shown}")
        for image in times
        if times[image] > 1
    ]
    return faults
