"""Which series of pictures are the images of a data set, and which their masks.

Two series belong together where one has the names of the other.  Which of them is of masks is told
by the words in which their folders and endings differ, else by what is in them; of several that
fit, those lie together whose paths are most alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from heapq import nlargest
from pathlib import Path, PurePosixPath

from fasterseg.datasets.data_files.affixes import NO_AFFIXES, Affixes
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.layouts.folders.name_series import Series, folders_of_pictures, series_in
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.datasets.masks.mask_values import TooManyValues, counts_of


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


MASKS = _set_of(
    "mask masks label labels lbl lbls lab labs labelids annotation annotations annot annots ann "
    "anns anno gt groundtruth truth seg segs segmentation segmentations segmentationclass semantic "
    "target targets trimap trimaps manual"
)
"""Words that folders and files of masks are called by."""

IMAGES = _set_of(
    "image images img imgs photo photos picture pictures frame frames rgb original originals input "
    "inputs raw sat source jpegimages"
)
"""Words that folders and files of images are called by."""

_NEITHER = _set_of("instance instances instanceids panoptic depth depths disparity disparities")
"""Of images too, and neither these nor their masks, where there are others."""
_LOOKED_AT, _MANY = 32, 200
_MOST_NEAR = 16
"""So many folders are looked at closer: recordings may all have the same names."""
_LEAST_SHARE = 0.9
"""So many names of one series, or of the other, are names of both."""
_MOST_COLOURS = 64
"""More are in no mask of a data set that does not say so."""


@dataclass(frozen=True, slots=True)
class Match:
    """Images, and the series of masks that go with them: several where one is of each class."""

    images: Series
    masks: tuple[Series, ...]

    @property
    def masks_are_mixed(self) -> bool:
        """Whether several series of masks lie in one folder."""
        return len({one.folder for one in self.masks}) < len(self.masks)


@dataclass(frozen=True, slots=True)
class Matches:
    """What goes together in a folder, and the folders of pictures with which nothing does."""

    found: tuple[Match, ...]
    alone: tuple[Path, ...]

    @property
    def folders(self) -> list[Path]:
        """All folders of pictures."""
        series = (one for match in self.found for one in (match.images, *match.masks))
        return sorted({*self.alone, *(one.folder for one in series)})


def matches_in(
    root: Path,
    *,
    masks_in: str = "",
    of_images: Affixes = NO_AFFIXES,
    of_masks: Affixes = NO_AFFIXES,
) -> Matches:
    """Return what goes together below a folder, in the order of its paths.

    `masks_in` is a folder, or the end of the paths of several, that all masks lie in; the affixes
    are those of all images and of all masks.  Each where it is given.  Names that have more at both
    ends are looked at where no others go together, or none but masks with masks.
    """
    folders = folders_of_pictures(root)
    found: tuple[Match, ...] = ()
    for both_ends in (False, True):
        every = [
            one
            for folder, names in folders.items()
            for one in series_in(root, folder, names, both_ends=both_ends)
        ]
        images = [one for one in every if _is_called(one, of_images)]
        masks = [
            one
            for one in every
            if _is_called(one, of_masks) and (not masks_in or lies_in(one, masks_in))
        ]
        closer = _without_other_labels(list(_nearest(list(_fitting(images, masks)))))
        found = found or closer
        if closer and not all(_is_called_as_masks(one.images) for one in closer):
            found = closer
            break
    used = {one.folder for match in found for one in (match.images, *match.masks)}
    return Matches(found, tuple(folder for folder in folders if folder not in used))


def _is_called(series: Series, affixes: Affixes) -> bool:
    return affixes.prefix in ("", series.start) and affixes.suffix in ("", series.ending)


def lies_in(series: Series, folder: str) -> bool:
    """Whether a series lies in a folder that is called so, or whose path has these parts."""
    wanted, parts = PurePosixPath(folder).parts, PurePosixPath(series.place).parts
    ends = range(len(wanted), len(parts) + 1)
    return any(parts[end - len(wanted) : end] == wanted for end in ends)


def _fitting(images: Sequence[Series], masks: Sequence[Series]) -> Iterator[tuple[Series, Series]]:
    """All series of images with each of masks that has their names."""
    having: defaultdict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(masks):
        for name in one.files:
            having[name].append(number)
    looked_at = _LOOKED_AT if len(masks) < _MANY else _LOOKED_AT // 4
    for series in images:
        hits = {number for name in series.some(looked_at) for number in having[name]}
        others = (masks[number] for number in sorted(hits))
        fit = [
            one for one in others if _are_of_one_split(one, series) and _is_of_masks(one, series)
        ]
        for other in _near(series, fit):
            if share_names(series, other):
                yield series, other


def _near(series: Series, others: Sequence[Series]) -> list[Series]:
    """Those in the folders whose paths have most in common with its own."""
    shared = {one.folder: len(series.parts & one.parts) for one in others}
    nearest = {*nlargest(_MOST_NEAR, shared, key=shared.__getitem__)}
    return [one for one in others if one.folder in nearest]


def _are_of_one_split(one: Series, other: Series) -> bool:
    return not (one.split and other.split) or one.split == other.split


def share_names(one: Series, other: Series) -> bool:
    """Whether nearly all names of one series are names of the other."""
    if one.shown == other.shown:
        return False
    both = one.files.keys() & other.files.keys()
    return any(
        len(both) >= _LEAST_SHARE * len(series.files) and series.files for series in (one, other)
    )


def _is_of_masks(series: Series, images: Series) -> bool:
    """Whether a series is of masks, where it is of masks or of images and the other one of both."""
    own, others = series.words - images.words, images.words - series.words
    says_masks, says_images = bool(own & MASKS), bool(others & IMAGES)
    if others & (MASKS | _NEITHER) or (own & IMAGES and not says_masks):
        return False
    if says_masks and (says_images or images.is_lossy or images.folder != series.folder):
        return True
    if series.is_lossy or not (says_masks or _has_few_colours(series)):
        return False
    return images.is_lossy or not _has_few_colours(images)


def _has_few_colours(series: Series) -> bool:
    return _are_few(next(iter(series.files.values())))


@lru_cache(maxsize=4096)
def _are_few(path: Path) -> bool:
    try:
        return len(counts_of(read_mask(path, in_colour=True))) <= _MOST_COLOURS
    except (FileFault, TooManyValues):
        return False


def _nearest(fitting: Sequence[tuple[Series, Series]]) -> Iterator[Match]:
    """Each series of images with the masks whose path is most like its own.

    A folder has one part in this, but where images and masks lie together.  Masks that are left
    over go with the images that they fit, beside the masks that these have.
    """
    order = sorted(fitting, key=_unlikeness)
    images_in: dict[Path, Series] = {}
    masks_in: dict[Path, Series] = {}
    for images, masks in order:
        is_new = images.folder not in images_in and masks.folder not in masks_in
        is_two = images.folder in masks_in or masks.folder in images_in
        if is_new and (not is_two or images.folder == masks.folder):
            images_in[images.folder] = masks_in[masks.folder] = images
    together: dict[Path, list[Series]] = {folder: [] for folder in sorted(images_in)}
    for images, masks in order:
        is_left = masks.folder not in masks_in and masks.folder not in images_in
        if images_in.get(images.folder) is images and (
            is_left or masks_in.get(masks.folder) is images
        ):
            together[images.folder].append(masks)
    for folder, of_masks in together.items():
        meant = [one for one in of_masks if not one.words & _NEITHER] or of_masks
        if len(meant) > 1:  # what is laid over photographs has their names, too
            meant = [one for one in meant if _has_few_colours(one)] or meant
        yield Match(images_in[folder], tuple(sorted(meant, key=_place)))


def _without_other_labels(found: Sequence[Match]) -> tuple[Match, ...]:
    """Those whose images are none: instances, or other labels of what others have as images."""
    images = [one.images for one in found if _may_be_images(one.images)]
    if len(images) == len(found):
        return tuple(found)
    having: defaultdict[str, list[Series]] = defaultdict(list)
    for one in images:
        for name in one.files:
            having[name].append(one)
    return tuple(
        one for one in found if _may_be_images(one.images) or not _are_labels(one.images, having)
    )


def _are_labels(series: Series, having: Mapping[str, Sequence[Series]]) -> bool:
    """Whether a series has the names of one that may be images, and is of no other split."""
    others = (other for name in series.some(_LOOKED_AT) for other in having.get(name, ()))
    return any(_are_of_one_split(series, one) and share_names(series, one) for one in others)


def _may_be_images(series: Series) -> bool:
    return bool(series.words & IMAGES) or series.is_lossy or not _has_few_colours(series)


def _is_called_as_masks(series: Series) -> bool:
    return bool(series.words & MASKS) and not series.words & IMAGES


def _place(series: Series) -> tuple[str, str, str]:
    return series.place, series.start, series.ending


def _unlikeness(pair: tuple[Series, Series]) -> tuple[bool, bool, float, int, str, str]:
    images, masks = pair
    are_masks = _is_called_as_masks(images)
    is_other = bool((masks.words - images.words) & _NEITHER)
    alike = SequenceMatcher(None, images.place, masks.place, autojunk=False).ratio()
    affixes = (images.start, images.ending, masks.start, masks.ending)
    return are_masks, is_other, -alike, sum(map(len, affixes)), images.shown, masks.shown
