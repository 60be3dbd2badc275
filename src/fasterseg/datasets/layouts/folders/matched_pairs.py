"""Images and masks in folders that are called in any way: put together by their files' names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path, PurePosixPath

from fasterseg.amounts import first_few
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.remedies import lines, written
from fasterseg.datasets.layouts.annotations.split_folders import USUAL
from fasterseg.datasets.layouts.folders.matched_series import (
    IMAGES,
    Match,
    Matches,
    lies_in,
    matches_in,
    share_names,
)
from fasterseg.datasets.layouts.folders.name_series import Series, words_in
from fasterseg.datasets.pairing.name_endings import shared_words
from fasterseg.datasets.pairing.pairs import Pairing, Tree, keyed
from fasterseg.datasets.pairing.splits import (
    ONE_SPLIT,
    Divided,
    notes_on_rest,
    paired,
    split_in,
    without_empty,
)
from fasterseg.errors import DataError

_NAMED = 3
_COMPARED = 16
"""So many folders of images are compared with each other."""


def matches_of(home: Path, said: DataFile) -> Matches:
    """Return which folders of pictures go together, as far as a data file leaves that open.

    Raises DataError where no masks lie where it says that they do.
    """
    if isinstance(said.masks_dir, dict):
        raise DataError(
            "masks_dir names a folder for each split",
            where="data.yaml, masks_dir",
            why="by layout: pairs the splits are words of the folders themselves",
            next_step="write what the masks' folders have in common, as in  masks_dir: masks",
        )
    folder = said.masks_dir or ""
    found = matches_in(home, masks_in=folder, of_images=said.of_images, of_masks=said.of_masks)
    if folder and not found.found:
        raise DataError(
            f"no masks that go with images lie in {folder!r}",
            where="data.yaml, masks_dir",
            why="no folder of this name has pictures that are called as others are",
            next_step="leave it out to be told what goes together, or name the masks' folder",
        )
    return found


def divided_by_names(tree: Tree, home: Path, matches: Matches) -> Divided:
    """Return the pairs by the splits that folders are called after, else all as ``train``.

    Raises DataError where several masks go with the same images, or with each other's.
    """
    several = [match for match in matches.found if len(match.masks) > 1]
    if several:
        raise _ambiguous(tree, several)
    for of_split in by_splits(matches.found).values():
        for first, second in combinations(of_split[:_COMPARED], 2):
            if _might_be_swapped(first, second):
                raise _crossed(tree, first, second)
    below = defaultdict[Path, list[Path]](list)
    for path in tree.pictures(home):
        below[path.parent].append(path)
    pairings: dict[str, Pairing] = {}
    notes: list[str] = []
    for split, of_split in by_splits(matches.found).items():
        images: dict[str, list[Path]] = {}
        masks: dict[str, list[Path]] = {}
        for start, match in beginnings(of_split).items():
            own, of_masks = files_of(match, below)
            images |= {f"{start}{name}": files for name, files in own.items()}
            masks |= {f"{start}{name}": files for name, files in of_masks.items()}
        pairings[split] = paired(tree, sorted(images), images, masks)
        notes += [f"{split}: {note}" for note in notes_on_rest(set(images), images, masks)]
    told = without_empty(
        pairings, (*notes_of(tree, matches), *_told_unnamed(matches.found), *notes)
    )
    one = (ONE_SPLIT,) if [*told.pairings] == ["train"] else ()
    return Divided(told.pairings, (*told.notes, *one))


def by_splits(found: Iterable[Match]) -> dict[str, list[Match]]:
    """Return matches by their split, in the usual order; what names none is for training."""
    splits: defaultdict[str, list[Match]] = defaultdict(list)
    for match in found:
        splits[_split_of(match) or USUAL[0]].append(match)
    return {split: splits[split] for split in USUAL if split in splits}


def _split_of(match: Match) -> str:
    """The split that a match's folders name; empty where they name none."""
    return split_in(match.images.place) or split_in(match.masks[0].place)


def _told_unnamed(found: Sequence[Match]) -> list[str]:
    """A word on folders that name no split where others do: their images are trained on."""
    unnamed = [match.images.shown for match in found if not _split_of(match)]
    if not 0 < len(unnamed) < len(found):
        return []
    names = "names" if len(unnamed) == 1 else "name"
    return [f"{' and '.join(unnamed)} {names} no split: these images are trained on"]


def beginnings(found: Sequence[Match]) -> dict[str, Match]:
    """Return the matches of one split by what samples' names begin with: where folders differ."""
    if len(found) == 1:
        return {"": found[0]}
    parts = [PurePosixPath(match.images.place).parts for match in found]
    if len({len(of_one) for of_one in parts}) == 1:
        differ = [
            place for place, names in enumerate(zip(*parts, strict=True)) if len({*names}) > 1
        ]
        parts = [tuple(of_one[place] for place in differ) for of_one in parts]
    return {f"{'/'.join(of_one)}/": match for of_one, match in zip(parts, found, strict=True)}


def files_of(
    match: Match, below: Mapping[Path, Sequence[Path]]
) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Return images and masks by their names, of the pictures right in each folder."""
    of_masks = match.masks[0]
    masks = keyed(below[of_masks.folder], of_masks.name_of)
    if match.images.folder != of_masks.folder:
        return keyed(below[match.images.folder], match.images.name_of), masks
    known = {path for files in masks.values() for path in files}
    others = [path for path in below[match.images.folder] if path not in known]
    return keyed(others, match.images.name_of), masks


def notes_of(tree: Tree, matches: Matches) -> list[str]:
    """Return what was put together, and the pictures with which nothing goes."""
    pairs = [
        f"{match.images.shown} with {' and '.join(one.shown for one in match.masks)}"
        for match in matches.found
    ]
    notes = [f"images and masks were put together by their names: {first_few(pairs, _NAMED)}"]
    if matches.alone:
        left = first_few([tree.shown(folder) for folder in matches.alone], _NAMED)
        notes.append(f"the pictures in {left} are not used: no masks go with them, or others do")
    return notes


def _places_in(series: Series) -> Iterator[str]:
    """The parts of a folder's path that may name it: the shortest first, its own name before."""
    parts = PurePosixPath(series.place).parts
    for length in range(1, len(parts) + 1):
        for end in range(len(parts), length - 1, -1):
            yield PurePosixPath(*parts[end - length : end]).as_posix()


def _telling_place(several: Sequence[Match]) -> str:
    """The part of a path that leaves one folder of masks to most of these images."""

    def told_apart(place: str) -> int:
        return sum(
            len({one.folder for one in match.masks if lies_in(one, place)}) == 1
            for match in several
        )

    places = [place for one in several[0].masks for place in _places_in(one)]
    # Of equals the first: `max` keeps it.
    return max(places, key=told_apart)


def _might_be_swapped(one: Match, other: Match) -> bool:
    """Whether each one's images have the names of the other's masks, and no word says whose.

    Recordings of the same names have words of their own, as those of their folders.
    """
    are_alike = one.images.folder != other.images.folder and _are_named_alike(one, other)
    return are_alike and not (_own_words(one, other) or _own_words(other, one))


def _are_named_alike(one: Match, other: Match) -> bool:
    """Whether their images have the same names, but for what all of one have at an end."""
    if share_names(one.images, other.images):
        return True
    short, long = sorted((sorted(each.images.files) for each in (one, other)), key=_signs_of)
    return len(short) == len(long) and all(
        name.startswith(part) or name.endswith(part) for part, name in zip(short, long, strict=True)
    )


def _signs_of(names: Sequence[str]) -> int:
    return sum(map(len, names))


def _own_words(match: Match, other: Match) -> frozenset[str]:
    """The words that the folders of a match share, and those of the other one have not."""
    images, masks, *theirs = (
        words_in(one.place) for one in (match.images, match.masks[0], other.images, other.masks[0])
    )
    return (images & masks).difference(*theirs)


def _crossed(tree: Tree, one: Match, other: Match) -> DataError:
    images = f"{tree.shown(one.images.folder)} and {tree.shown(other.images.folder)}"
    masks = f"{one.masks[0].shown} and {other.masks[0].shown}"
    first, second = sorted((one.images, other.images), key=_less_like_images)
    told = [written("masks_dir", _telling_place([Match(first, one.masks + other.masks)]))]
    if first.ending != second.ending and first.ending:
        told.append(written("image_suffix", first.ending))
    elif (start := first.start or shared_words([*first.files])) != second.start and start:
        told.append(written("image_prefix", start))
    return DataError(
        "several pictures have the names of several masks",
        where=images,
        why=f"each of {masks} may be the masks of either",
        next_step="say in a data.yaml which are meant, as in" + lines("layout: pairs", *told),
    )


def _less_like_images(series: Series) -> tuple[bool, bool]:
    return not series.words & IMAGES, bool(series.start or series.ending)


def _ambiguous(tree: Tree, several: Sequence[Match]) -> DataError:
    match = several[0]
    first, others = match.masks[0], match.masks[1:]
    if any(one.folder != first.folder for one in others):
        step = "say in a data.yaml which are meant, as in"
        step += lines("layout: pairs", written("masks_dir", _telling_place(several)))
    elif any(one.ending != first.ending for one in others):
        step = "say in a data.yaml which are meant, as in"
        step += lines("layout: pairs", written("mask_suffix", first.ending or others[0].ending))
    elif any(one.start != first.start for one in others):
        step = "say in a data.yaml which are meant, as in"
        step += lines("layout: pairs", written("mask_prefix", first.start or others[0].start))
    else:
        step = "put those that are meant into a folder of their own"
    return DataError(
        "several masks go with the same images",
        where=tree.shown(match.images.folder),
        why=f"masks in {', '.join(one.shown for one in match.masks)} have their names",
        next_step=step,
    )
