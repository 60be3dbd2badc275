"""How large a data set's images are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from fasterseg.datasets.joining import parts_of
from fasterseg.datasets.sample import ImageSize
from fasterseg.datasets.source import DataSource


def image_sizes(source: DataSource, splits: Iterable[str]) -> Counter[ImageSize]:
    """How many images of the splits have each size; a split that is named twice counts once.

    Splits that the data do not have are passed over.  Raises `FileFault` for an image that cannot
    be opened.
    """
    named = set(chain.from_iterable(parts_of(split) for split in splits))
    found: Counter[ImageSize] = Counter()
    for split in sorted(named.intersection(source.splits())):
        found.update(source.image_size(split, index) for index in range(source.length(split)))
    return found
