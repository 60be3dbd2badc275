"""Looking at all of a data set before anything is computed on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from fasterseg.amounts import first_few, number_of
from fasterseg.datasets.checking.alike_names import notes_on_alike_names
from fasterseg.datasets.checking.checked_files import CheckedFiles, Stamp, stamp_of
from fasterseg.datasets.checking.data_report import DataReport, LabelCounts, SplitReport, Tally
from fasterseg.datasets.checking.looking import Look, look_at
from fasterseg.datasets.checking.one_class import notes_on_one_class
from fasterseg.datasets.checking.palettes import SeenColours
from fasterseg.datasets.checking.seen import KeptLook
from fasterseg.datasets.checking.sharing import (
    Place,
    Places,
    notes_on_repeats,
    shared_groups,
    shared_images,
)
from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.data_files.remedies import lines, written
from fasterseg.datasets.decoding import pixels_in_header
from fasterseg.datasets.faults import Fault, FaultKind, error_of_faults
from fasterseg.datasets.layouts.classes.colour_table import palette_beside
from fasterseg.datasets.layouts.known import STREET
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.pairing.pairs import OnDisk, Tree
from fasterseg.datasets.pictures.pixel_notes import PixelTally
from fasterseg.datasets.pictures.room import Room
from fasterseg.datasets.sample import UNLABELLED, ImageSize
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.serving import notes_on_use
from fasterseg.datasets.sources.source import DataSource
from fasterseg.events import Progress, silent

_READERS = 4
_NAMED = 8
_MOST_PIXELS_AT_ONCE = 8_000_000
_BYTES_PER_PIXEL = 4
# So many different values are remembered of all masks that hold what is no class.
_REMEMBERED = 1 << 16
_UNREADABLE = frozenset({FaultKind.UNREADABLE_IMAGE, FaultKind.UNREADABLE_MASK})
_TWO_VALUES = frozenset({0, 255})
_LEAVE_OUT = frozenset(
    {
        FaultKind.UNPAIRED_IMAGE,
        FaultKind.UNPAIRED_MASK,
        FaultKind.OUTSIDE,
        FaultKind.LINKED_FOLDER,
        FaultKind.CLOSED_FOLDER,
        FaultKind.UNSUPPORTED,
        FaultKind.MISSING_FOLDER,
        FaultKind.BAD_LIST,
        FaultKind.BAD_LABELS,
        FaultKind.LOST_IMAGE,
    }
)
"""The faults by which samples are missing: that a split has none is told by them."""

T = TypeVar("T")


def check_data(
    data: DataSource | str | Path,
    *,
    layout: str = "auto",
    outside: bool = False,
    progress: Progress = silent,
    remember: bool = False,
    anew: bool = False,
    seen: Callable[[Look], None] = lambda _: None,
) -> DataReport:
    """Read every image and mask of every split, and return what they hold.

    With ``remember`` what was found in a large data set is kept, and only what changed is read
    again; ``anew`` reads all of it once more.  Raises one DataError that names every kind of fault
    found, each with its total and at most five examples.  ``progress`` is told the samples done
    and their number, and ``seen`` gets what was found in each pair of files.
    """
    if isinstance(data, str | Path):
        is_street = str(data) == STREET and layout in ("auto", STREET)
        data = (
            open_data(data)
            if is_street
            else open_files(data, layout=layout, outside=outside, progress=progress)
        )
    if data.files is not None:
        known = CheckedFiles.of(data.files, anew=anew) if remember else None
        return _check_files(data.files, progress, known, seen)
    return _check_samples(data, progress)


def _check_samples(source: DataSource, progress: Progress) -> DataReport:
    tallies = {split: Tally(source.label_space) for split in source.splits()}
    jobs = [(split, index) for split in tallies for index in range(source.length(split))]
    for done, (split, index) in enumerate(jobs, start=1):
        labels = source.sample(split, index).labels
        tallies[split].add(LabelCounts.of(labels, source.label_space))
        progress(done, len(jobs), "")
    splits = {split: tally.report() for split, tally in tallies.items()}
    # They are made as the others are, and have no labels that could be counted.
    sizes = Counter(source.image_size(UNLABELLED, index) for index in range(source.unlabelled))
    return DataReport.of(source, splits, lone_sizes=sizes)


@dataclass(slots=True)
class _Findings:
    """What the walk over all files has found so far."""

    faults: list[Fault]
    # Pixels by their integer, and by the included data set that they are from.
    raw_values: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    unknown_pixels: defaultdict[str, Counter[int]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    unknown_files: Counter[tuple[str, int]] = field(default_factory=Counter)
    # By the hash of an image's pixels: the (split, file) places where it lies.
    places: defaultdict[str, Places] = field(default_factory=lambda: defaultdict(list))
    listed: frozenset[tuple[FaultKind, str]] = frozenset()
    lone_sizes: Counter[ImageSize] = field(default_factory=Counter)
    colours: defaultdict[str, SeenColours] = field(default_factory=lambda: defaultdict(SeenColours))
    pixels: PixelTally = field(default_factory=PixelTally)

    def take_in(self, split: str, look: Look) -> None:
        """Remember what one sample's files held."""
        self.faults += [one for one in look.faults if not self._is_told(one)]
        _count(self.raw_values[look.part], look.raw_values)
        _count(self.unknown_pixels[look.part], look.unknown)
        _count(self.unknown_files, {(look.part, value): 1 for value in look.unknown})
        self.colours[look.part].add(look.shown, look.colours)
        if look.remarks is not None:
            self.pixels.add(look.remarks)
        if look.image_hash:
            self.places[look.image_hash].append(Place(split, look.shown, look.mask_hash))
        if look.lone and look.size is not None:
            self.lone_sizes[look.size] += 1

    def _is_told(self, fault: Fault) -> bool:
        """Whether the listing told it; what is of a type that is not read cannot be read either."""
        unread = fault.kind in _UNREADABLE and (FaultKind.UNSUPPORTED, fault.file) in self.listed
        return unread or (fault.kind, fault.file) in self.listed


def _count(counter: Counter[T], found: Mapping[T, int]) -> None:
    """Add what was found; of what is new, no more than can be remembered."""
    if len(counter) + len(found) > _REMEMBERED:
        new = islice((key for key in found if key not in counter), _REMEMBERED - len(counter))
        known = {*new, *(key for key in found if key in counter)}
        found = {key: found[key] for key in known}
    counter.update(found)


def _check_files(
    source: FileSource,
    progress: Progress,
    known: CheckedFiles | None,
    seen: Callable[[Look], None],
) -> DataReport:
    known_faults = frozenset((one.kind, one.file) for one in source.faults)
    findings = _Findings(list(source.faults), listed=known_faults)
    tallies = {split: Tally(source.label_space) for split in source.splits()}
    total = sum(source.length(split) for split in source.splits()) + source.unlabelled
    for done, (split, look) in enumerate(_looks(source, known), start=1):
        findings.take_in(split, look)
        if not look.lone:
            seen(look)
        if look.labels is not None:
            tallies[split].add(look.labels)
        progress(done, total, "")
    if known is not None:
        known.write()
    splits = {split: tally.report() for split, tally in tallies.items()}
    faults = findings.faults + _faults_of_the_whole(findings, source, splits)
    if faults:
        raise error_of_faults(
            faults,
            str(source.layout.root),
            summaries={FaultKind.UNKNOWN_LABEL: _summary_of_unknown(findings, source)},
            remedies={
                FaultKind.UNKNOWN_LABEL: _remedy_for_unknown(findings, source),
                FaultKind.COLOUR_MASK: _remedy_for_colours(faults, source),
            },
        )
    notes = [
        *source.layout.notes,
        *findings.pixels.notes(source.layout.reading, proposing=True),
        *_notes_on_unnamed_ids(findings, source),
        *notes_on_alike_names(source.label_space.names),
        *notes_on_one_class(source.layout, splits, sorted(findings.raw_values[""])),
        *notes_on_repeats(findings.places.values()),
        *notes_on_use(source),
        *(known.notes(total) if known is not None else ()),
    ]
    return DataReport.of(source, splits, notes=notes, lone_sizes=findings.lone_sizes)


def _looks(source: FileSource, known: CheckedFiles | None) -> Iterator[tuple[str, Look]]:
    kinds = (*source.splits(), UNLABELLED)
    jobs = [(split, one) for split in kinds for one in source.on_disk(split)]
    room = Room(_MOST_PIXELS_AT_ONCE)

    def look(pair: OnDisk) -> tuple[Look, Stamp | None]:
        stamp = stamp_of(pair)
        # A header that tells no size may be that of any picture.
        with room.taken(_pixels_of(pair)):
            return look_at(source, pair), stamp

    with ThreadPoolExecutor(_READERS) as readers:
        for start in range(0, len(jobs), 16 * _READERS):
            portion = jobs[start : start + 16 * _READERS]
            kept = list(readers.map(lambda job: _kept_look(source, job[1], known), portion))
            if known is not None:
                known.reused += sum(one is not None for one in kept)
            unread = [pair for (_, pair), one in zip(portion, kept, strict=True) if one is None]
            looks = readers.map(look, unread)
            for (split, pair), known_look in zip(portion, kept, strict=True):
                found, stamp = (known_look, None) if known_look else next(looks)
                _keep(known, pair, stamp, found)
                yield split, found


def _kept_look(source: FileSource, pair: OnDisk, known: CheckedFiles | None) -> Look | None:
    """What a look at a pair found, where that is known."""
    found = None if known is None else known.seen(pair)
    return None if found is None else found[0].as_look(source, pair, found[1])


def _keep(known: CheckedFiles | None, pair: OnDisk, stamp: Stamp | None, look: Look) -> None:
    if known is None or stamp is None or look.size is None:
        return
    if seen := KeptLook.of(look):
        known.keep(pair, stamp, look.size, seen)


def _pixels_of(pair: OnDisk) -> int:
    """How many pixels the larger of a sample's pictures has; its file's bytes count as some too."""
    return max(
        max(pixels_in_header(path) or _MOST_PIXELS_AT_ONCE, _bytes_of(path) // _BYTES_PER_PIXEL)
        for path in pair.files
    )


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # told where it is read


def _faults_of_the_whole(
    findings: _Findings, source: FileSource, splits: Mapping[str, SplitReport]
) -> list[Fault]:
    faults = [*shared_images(findings.places.values()), *shared_groups(source)]
    for part, layout in source.parts().items():
        values = findings.raw_values[part]
        faults += findings.colours[part].faults(layout)
        if layout.ambiguous and set(values) == _TWO_VALUES:
            faults += _ambiguous(source, part)
        if layout.object_value in values and 1 in values:
            faults.append(Fault(FaultKind.MIXED_BINARY, layout.name, "", _both_map(layout)))
    is_explained = any(fault.kind in _LEAVE_OUT for fault in source.faults)
    for name, split in splits.items():
        if source.length(name) == 0:
            faults += [] if is_explained else [Fault(FaultKind.EMPTY_SPLIT, name)]
        elif not split.labelled_pixels and split.images and name not in source.layout.withheld:
            faults.append(Fault(FaultKind.UNLABELLED_SPLIT, name))
    return faults


def _ambiguous(source: FileSource, part: str) -> list[Fault]:
    is_class = _line_in_which_255_counts(source.parts()[part])
    settling = (
        "255 may be a class or what is ignored: add one of these two lines to data.yaml\n"
        f"           {is_class:35} # 255 is a class, and so is 0\n"
        f"           {'ignore: 255':35} # 255 never counts"
    )
    pairs = [pair for split in source.splits() for pair in source.pairs(split)]
    masks = [pair.mask for pair in pairs if pair.part == part]
    return [Fault(FaultKind.AMBIGUOUS_MASKS, source.shown(mask), "", settling) for mask in masks]


def _line_in_which_255_counts(layout: Layout) -> str:
    data, classes = layout.described, layout.label_space.classes
    if classes <= 2 and (data is None or not data.label_mapping):
        return "background: class"
    mapping = {0: 0} | dict(data.label_mapping if data is not None else {})
    return written("label_mapping", mapping | {255: min(1, classes - 1)})


def _both_map(layout: Layout) -> str:
    label = layout.label_space.classes - 1
    mapping = dict(layout.described.label_mapping if layout.described is not None else {})
    line = written("label_mapping", mapping | {1: label, 255: label})
    return f"map both to it in data.yaml:{lines(line)}"


def _summary_of_unknown(findings: _Findings, source: FileSource) -> str:
    found = [
        (pixels, layout.shown_value(value), findings.unknown_files[part, value])
        for part, layout in source.parts().items()
        for value, pixels in findings.unknown_pixels[part].items()
    ]
    found.sort(key=lambda one: -one[0])
    listed = [
        f"{value} ({number_of(pixels, 'pixel')} in {number_of(files, 'file')})"
        for pixels, value, files in found
    ]
    rest = len(listed) - _NAMED
    return "namely " + ", ".join(listed[:_NAMED]) + (f" and {rest} more ids" if rest > 0 else "")


def _remedy_for_unknown(findings: _Findings, source: FileSource) -> str:
    """The lines that settle all unknown integers at once, and not those of the first file only."""
    remedies = [
        (f"{part}: " if part else "") + _remedy_of(layout, findings, part)
        for part, layout in source.parts().items()
        if findings.unknown_pixels[part]
    ]
    return "; ".join(remedies)


def _remedy_for_colours(faults: Sequence[Fault], source: FileSource) -> str:
    """The palette of a table beside masks in colours; of smoothed ones they have a step already."""
    told = [fault.next_step for fault in faults if fault.kind is FaultKind.COLOUR_MASK]
    tree = Tree(source.layout.root)
    return palette_beside(tree, source.label_space.names) if told and not any(told) else ""


def _remedy_of(layout: Layout, findings: _Findings, part: str) -> str:
    return layout.remedy_for(sorted(findings.unknown_pixels[part]), findings.raw_values[part])


def _notes_on_unnamed_ids(findings: _Findings, source: FileSource) -> Iterator[str]:
    for part, layout in source.parts().items():
        for value, others in layout.unnamed.items():
            if pixels := findings.raw_values[part][value]:
                name, where = layout.label_space.names[value], f" in {part}" if part else ""
                named = first_few([*map(str, others)], _NAMED)
                yield (
                    f"{value}, which label_mapping does not name{where}, counts as {name}, to "
                    f"which it leads {named}: {pixels:,} pixels"
                )
