"""How large a data set's images are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from fasterseg.datasets.checking.checked_files import CheckedFiles, stamp_of
from fasterseg.datasets.sample import ImageSize
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.joining import parts_of
from fasterseg.datasets.sources.source import DataSource

_READERS, _AT_ONCE = 8, 512


def image_sizes(source: DataSource, splits: Iterable[str]) -> Counter[ImageSize]:
    """How many images of the splits have each size; a split that is named twice counts once.

    Splits that the data do not have are passed over.  Raises `FileFault` for an image that cannot
    be opened.
    """
    named = set(chain.from_iterable(parts_of(split) for split in splits))
    known = None if source.files is None else CheckedFiles.of(source.files)
    found: Counter[ImageSize] = Counter()
    for split in sorted(named.intersection(source.splits())):
        if source.files is None or known is None:
            found.update(source.image_size(split, index) for index in range(source.length(split)))
        else:
            found.update(_sizes_of_files(source.files, split, known))
    if known is not None:
        known.write()
    return found


def _sizes_of_files(source: FileSource, split: str, known: CheckedFiles) -> Iterator[ImageSize]:
    """The sizes in a large split: those that are not kept are read from headers, and kept."""
    pairs = source.pairs(split)

    def size(index: int) -> ImageSize:
        return source.image_size(split, index)

    with ThreadPoolExecutor(_READERS) as readers:
        for start in range(0, len(pairs), _AT_ONCE):
            portion = range(start, min(start + _AT_ONCE, len(pairs)))
            kept = {index: known.size(pairs[index]) for index in portion}
            unread = [index for index in portion if kept[index] is None]
            stamps = [stamp_of(pairs[index]) for index in unread]
            for index, stamp, one in zip(unread, stamps, readers.map(size, unread), strict=True):
                kept[index] = one
                known.keep(pairs[index], stamp, one, None)
            yield from (one for one in kept.values() if one is not None)
