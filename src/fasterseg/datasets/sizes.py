"""How large a data set's images are, from their headers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain

from PIL import Image

from fasterseg.datasets.decoding import IMAGE_FORMATS
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.joining import JoinedSplits, parts_of
from fasterseg.datasets.pairing import Pair
from fasterseg.datasets.source import DataSource
from fasterseg.datasets.street import StreetScenes

_ORIENTATION = 0x0112
_TURNED = frozenset({5, 6, 7, 8})

ImageSize = tuple[int, int]
"""Height and width, as the network sees the image."""


def image_sizes(source: DataSource, splits: Iterable[str]) -> Counter[ImageSize]:
    """How many images of the splits have each size; a split that is named twice counts once.

    Splits that the data do not have are passed over.  Raises `FileFault` for an image that cannot
    be opened.
    """
    named = set(chain.from_iterable(parts_of(split) for split in splits))
    found: Counter[ImageSize] = Counter()
    for split in sorted(named.intersection(source.splits())):
        found.update(_sizes_of(source, split))
    return found


def _sizes_of(source: DataSource, split: str) -> Iterable[ImageSize]:
    inner = source.source if isinstance(source, JoinedSplits) else source
    if isinstance(inner, StreetScenes):
        return [inner.size] * inner.length(split)
    if isinstance(inner, FileSource):
        return (_size_of(inner, pair) for pair in inner.pairs(split))
    samples = (source.sample(split, index) for index in range(source.length(split)))
    return ((one.image.shape[0], one.image.shape[1]) for one in samples)


def _size_of(source: FileSource, pair: Pair) -> ImageSize:
    try:
        with Image.open(pair.image, formats=IMAGE_FORMATS) as image:
            width, height = image.size
            # A PNG would be decoded whole for a tag behind its pixels.
            tags = image.getexif() if image.format != "PNG" or "exif" in image.info else {}
            turned = tags.get(_ORIENTATION) in _TURNED
        if turned and image.format == "TIFF":  # its size is turned already, or not, by version
            height, width, turned = *source.image(pair).shape[:2], False
    except Exception:  # Pillow raises nearly every type; the reader says which fault it is.
        height, width = source.image(pair).shape[:2]
        turned = False
    return (width, height) if turned else (height, width)
