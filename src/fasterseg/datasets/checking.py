"""Looking at all of a data set before anything is computed on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from fasterseg.datasets.data_report import DataReport, SplitReport, Tally
from fasterseg.datasets.faults import Fault, FaultKind, error_of_faults
from fasterseg.datasets.files import FileSource, Layout
from fasterseg.datasets.joining import JoinedSplits
from fasterseg.datasets.looking import Look, look_at
from fasterseg.datasets.opening import STREET, open_data, open_files
from fasterseg.datasets.source import DataSource

Progress = Callable[[int, int], None]

_READERS = 4
_NAMED = 8
_TWO_VALUES = frozenset({0, 255})


def check_data(
    data: DataSource | str | Path,
    *,
    layout: str = "auto",
    outside: bool = False,
    progress: Progress | None = None,
) -> DataReport:
    """Read every image and mask of every split, and return what they hold.

    Raises one DataError that names every kind of fault found, each with its total and at most
    five examples.  ``progress`` is called with the samples done and their number.
    """
    if isinstance(data, str | Path):
        is_street = str(data) == STREET and layout in ("auto", STREET)
        data = open_data(data) if is_street else open_files(data, layout=layout, outside=outside)
    source = data.source if isinstance(data, JoinedSplits) else data
    if isinstance(source, FileSource):
        return _check_files(source, progress)
    return _check_samples(source, progress)


def _check_samples(source: DataSource, progress: Progress | None) -> DataReport:
    tallies = {split: Tally(source.label_space) for split in source.splits()}
    jobs = [(split, index) for split in tallies for index in range(source.length(split))]
    for done, (split, index) in enumerate(jobs, start=1):
        tallies[split].add(source.sample(split, index).labels)
        if progress is not None:
            progress(done, len(jobs))
    return DataReport.of(source, {split: tally.report() for split, tally in tallies.items()})


@dataclass(slots=True)
class _Findings:
    """What the walk over all files has found so far."""

    faults: list[Fault]
    # By the included data set that they are from.
    raw_values: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    # By the integer, or the colour, as messages print it.
    unknown_pixels: Counter[str] = field(default_factory=Counter)
    unknown_files: Counter[str] = field(default_factory=Counter)
    # By the hash of an image's pixels: the (split, file) places where it lies.
    places: defaultdict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def take_in(self, split: str, look: Look, layout: Layout) -> None:
        """Remember what one pair of files held, read as ``layout`` says."""
        self.faults += look.faults
        self.raw_values[look.part] |= look.raw_values
        for value, pixels in look.unknown.items():
            self.unknown_pixels[layout.shown_value(value)] += pixels
            self.unknown_files[layout.shown_value(value)] += 1
        if look.image_hash:
            self.places[look.image_hash].append((split, look.shown))


def _check_files(source: FileSource, progress: Progress | None) -> DataReport:
    findings = _Findings(list(source.faults))
    tallies = {split: Tally(source.label_space) for split in source.splits()}
    total = sum(source.length(split) for split in source.splits())
    for done, (split, look) in enumerate(_looks(source), start=1):
        findings.take_in(split, look, source.parts()[look.part])
        if look.labels is not None:
            tallies[split].add(look.labels)
        if progress is not None:
            progress(done, total)
    splits = {split: tally.report() for split, tally in tallies.items()}
    faults = findings.faults + _faults_of_the_whole(findings, source, splits)
    if faults:
        summaries = {FaultKind.UNKNOWN_LABEL: _summary_of_unknown(findings)}
        raise error_of_faults(faults, str(source.layout.root), summaries=summaries)
    notes = [*source.layout.notes, *_notes_on_repeats(findings)]
    return DataReport.of(source, splits, notes=notes)


def _looks(source: FileSource) -> Iterator[tuple[str, Look]]:
    jobs = [(split, pair) for split in source.splits() for pair in source.pairs(split)]
    with ThreadPoolExecutor(_READERS) as readers:
        # In portions, so that label maps do not pile up faster than they are counted.
        for start in range(0, len(jobs), 16 * _READERS):
            portion = jobs[start : start + 16 * _READERS]
            looks = readers.map(lambda job: look_at(source, job[1]), portion)
            yield from ((job[0], look) for job, look in zip(portion, looks, strict=True))


def _faults_of_the_whole(
    findings: _Findings, source: FileSource, splits: Mapping[str, SplitReport]
) -> list[Fault]:
    faults = [*_shared_images(findings), *_shared_groups(source)]
    for part, layout in source.parts().items():
        values = findings.raw_values[part]
        if layout.ambiguous and values == _TWO_VALUES:
            faults += _ambiguous(source, part)
        if layout.object_value in values and 1 in values:
            faults.append(Fault(FaultKind.MIXED_BINARY, layout.name))
    for name, split in splits.items():
        if source.length(name) == 0:
            faults.append(Fault(FaultKind.EMPTY_SPLIT, name))
        elif not split.labelled_pixels and split.images and name not in source.layout.withheld:
            faults.append(Fault(FaultKind.UNLABELLED_SPLIT, name))
    return faults


def _shared_images(findings: _Findings) -> list[Fault]:
    faults: list[Fault] = []
    for places in findings.places.values():
        if len({split for split, _ in places}) > 1:
            (_, first), *others = places
            same = ", ".join(f"{file} in {split}" for split, file in others)
            faults.append(Fault(FaultKind.SHARED_IMAGE, first, f"the same as {same}"))
    return faults


def _shared_groups(source: FileSource) -> Iterator[Fault]:
    """Recordings, by the data file's ``groups``, of which several splits hold images."""
    if not any(layout.groups for layout in source.parts().values()):
        return
    splits: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for split in source.splits():
        for pair in source.pairs(split):
            splits[source.group_of(pair)].setdefault(split, pair.name)
    for group, examples in sorted(splits.items()):
        if len(examples) > 1:
            places = ", ".join(f"{name} in {split}" for split, name in examples.items())
            yield Fault(FaultKind.SHARED_GROUP, group, places)


def _ambiguous(source: FileSource, part: str) -> list[Fault]:
    is_class = "background: class" if source.label_space.classes <= 2 else _MAPPED_TO_CLASS
    settling = (
        "255 may be a class or what is ignored: add one of these two lines to data.yaml\n"
        f"           {is_class:35} # 255 is a class, and so is 0\n"
        f"           {'ignore: 255':35} # 255 never counts"
    )
    pairs = [pair for split in source.splits() for pair in source.pairs(split)]
    masks = [pair.mask for pair in pairs if pair.part == part]
    return [Fault(FaultKind.AMBIGUOUS_MASKS, source.shown(mask), "", settling) for mask in masks]


_MAPPED_TO_CLASS = "label_mapping: {0: 0, 255: 1}"


def _summary_of_unknown(findings: _Findings) -> str:
    common = findings.unknown_pixels.most_common(_NAMED)
    listed = [
        f"{value} ({pixels} pixels in {findings.unknown_files[value]} files)"
        for value, pixels in common
    ]
    rest = len(findings.unknown_pixels) - len(common)
    return "namely " + ", ".join(listed) + (f" and {rest} more ids" if rest else "")


def _notes_on_repeats(findings: _Findings) -> list[str]:
    repeats = sum(len(places) - 1 for places in findings.places.values())
    return [f"{repeats} images are in their split more than once"] if repeats else []
