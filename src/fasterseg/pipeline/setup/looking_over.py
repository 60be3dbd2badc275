"""A data set of one's own looked over, image by image, and divided by what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fasterseg.amounts import number_of
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.datasets.checking.looking import Look
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.serving import TEST, TRAIN, VAL
from fasterseg.datasets.splits.dividing import USUAL_SHARES, Counted, divide
from fasterseg.datasets.splits.division_report import DivisionReport
from fasterseg.datasets.splits.recordings import By, Recordings, recordings_of
from fasterseg.datasets.splits.split_file import SPLITS, UNUSED, Line, pooled
from fasterseg.stopping import Show


@dataclass(frozen=True, slots=True)
class LookedOver:
    """What lies in a data set's files, all of them as one split.

    ``images`` are named as the file of splits names them; ``copies`` repeat one of these to the
    pixel, and are none of them.  ``kept`` are images of splits that stay as they are.
    """

    report: DataReport
    recordings: Recordings
    images: tuple[Counted, ...]
    copies: tuple[str, ...]
    kept: tuple[Line, ...]
    may_cut: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Divided:
    """The lines of a file of splits, and the report of the division.

    ``pattern`` tells recordings in names, where they lie in one split each; else it is empty.
    """

    lines: tuple[Line, ...]
    report: DivisionReport
    pattern: str


def look_over(
    source: FileSource, show: Show, *, by: By = "auto", keeping: Sequence[str] = ()
) -> LookedOver:
    """Read every image and mask that is to be divided; raises DataError for what is wrong in any.

    The splits of `keeping` are left as they are.
    """
    rest = {split: one for split, one in source.pairings.items() if split not in keeping}
    pool = pooled(replace(source, pairings=rest))
    looks: list[Look] = []
    total = sum(map(pool.length, pool.splits()))
    with show("Looking at the images", total=total, unit="images") as step:
        report = check_data(pool, progress=step, remember=True, seen=looks.append)
    own = {source.shown(pair.image): pair.name for one in rest.values() for pair in one.pairs}
    layout = source.layout
    found = recordings_of(
        [own[look.shown] for look in looks],
        by=by,
        pattern=layout.groups,
        known=layout.recordings,
    )
    images, copies = _counted(looks, found.of)
    kept = tuple(
        Line(split, source.shown(pair.image)) for split in keeping for pair in source.pairs(split)
    )
    may_cut = not layout.groups or by == "image"
    notes = tuple(_notes_on_splits(source, keeping))
    return LookedOver(report, found, images, copies, kept, may_cut, notes)


def _notes_on_splits(source: FileSource, keeping: Sequence[str]) -> Iterator[str]:
    """What becomes of the splits that there were."""
    known = [split for split in source.splits() if split not in source.withheld]
    again = [split for split in known if split not in keeping]
    for split in keeping:
        yield f"{split} stays as it is: {number_of(source.length(split), 'image')}"
    if again != [TRAIN]:
        yield f"what was in {' and '.join(again)} is divided anew"


def splits_to_keep(source: FileSource) -> tuple[str, ...]:
    """The splits that a division leaves as they are: a test, where only val is missing."""
    splits = [split for split in source.splits() if split not in source.withheld]
    return (TEST,) if TRAIN in splits and TEST in splits and VAL not in splits else ()


def shares_beside(kept: Sequence[str], shares: Sequence[float]) -> tuple[float, ...]:
    """Return what of `shares` is left for other splits than those that are kept."""
    left = shares[:2] if kept else shares
    return tuple(share / sum(left) for share in left)


def _counted(
    looks: Sequence[Look], recordings: Sequence[str]
) -> tuple[tuple[Counted, ...], tuple[str, ...]]:
    """The images, and those that are an earlier one's copies."""
    images: list[Counted] = []
    copies: list[str] = []
    known: set[str] = set()
    for look, recording in sorted(
        zip(looks, recordings, strict=True), key=lambda one: one[0].shown
    ):
        if look.image_hash in known:
            copies.append(look.shown)
        elif look.labels is not None:
            known.add(look.image_hash)
            images.append(Counted(look.shown, recording, look.labels.pixels))
    return tuple(images), tuple(copies)


def divided_by(
    looked: LookedOver, *, shares: Sequence[float] = USUAL_SHARES, seed: int = 0
) -> Divided:
    """Divide what was looked over; raises DataError where that cannot be."""
    division = divide(looked.images, shares=shares, seed=seed, may_cut=looked.may_cut)
    lines = [
        Line(
            division.splits[one.name], one.name, one.recording if looked.recordings.together else ""
        )
        for one in looked.images
    ]
    lines += [Line(UNUSED, name) for name in looked.copies]
    order = (*SPLITS, UNUSED)
    lines = sorted((*lines, *looked.kept), key=lambda line: (order.index(line.split), line.image))
    report = DivisionReport.of(
        looked.images,
        division,
        looked.recordings,
        looked.report.names,
        copies=len(looked.copies),
    )
    report = report.model_copy(update={"notes": (*looked.notes, *report.notes)})
    whole = not division.cut and looked.recordings.together
    return Divided(tuple(lines), report, looked.recordings.pattern if whole else "")
