"""From any picture (a file, a Pillow image, an array) to pixels: one function for all of them.

Images become RGB, 8 bits: orientation tags applied, 16 bits scaled by their range, transparency
put on black, CMYK and Lab converted, colour profiles left aside, the first frame of several.
What that means for a picture's values is in `pixels`; masks are read by `mask_reading`.  How much
is read of a picture at most is in `limits`.
"""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.pictures.array_advice import advice_for, advice_for_tensor
from fasterseg.datasets.pictures.deep_pixels import OutOfRange
from fasterseg.datasets.pictures.limits import DEFAULT_LIMIT, PixelLimit, TooLarge
from fasterseg.datasets.pictures.listing import printable
from fasterseg.datasets.pictures.picture_opening import (
    IMAGE_FORMATS,
    Wanted,
    file_bytes,
    low_bytes,
    opened_bytes,
    tags_of,
)
from fasterseg.datasets.pictures.pixels import (
    Decoded,
    Opened,
    has_spare_band,
    interpret,
    is_one_of_several,
    raw_mode_of,
    turn_of,
    without_colour,
)
from fasterseg.datasets.pictures.quiet import quiet
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading, range_text
from fasterseg.datasets.pictures.streams import head_of, stream_of
from fasterseg.datasets.pictures.tiff_directories import require_bounded
from fasterseg.datasets.pictures.tiff_forms import LeftOut, TiffForm, as_meant
from fasterseg.datasets.pictures.webp_chunks import is_lossless
from fasterseg.datasets.sample import ImageSize, Pixels
from fasterseg.errors import DataError
from fasterseg.foreign.opened_files import head_of as start_of
from fasterseg.foreign.opened_files import opened as opened_file
from fasterseg.paths import user_path

__all__ = ["Picture", "decode", "pixels_in_header", "read_image", "size_of"]

Picture = Path | str | Image.Image | npt.NDArray[Any]
"""An image as a file, a Pillow image, or an array: (height, width, 3) RGB, or grey.

Arrays are of uint8, or of what Pillow gives for deep images: uint16, and for grey int32 or floats.
Of 16-bit colours Pillow keeps 8 bits once it has loaded an image: their lower ones, which matter
where a range is declared, are in files alone.
"""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
FOREIGN_SUFFIXES = frozenset(
    {".gif", ".heic", ".heif", ".avif", ".jp2", ".tga", ".exr", ".ppm", ".pgm", ".jfif", ".npy"}
)
"""How names of pictures end that are not read."""
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts"}
    | {".m2ts", ".flv", ".ogv", ".wmv"}
)
MASK_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp", ".gif", ".webp"})
"""How names of masks may end: those of WebP where it is of the kind that is not `is_lossy`."""
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".webp"})
"""How names of pictures end in which pixels may be other than they were: see `is_lossy`."""

_ORIENTATION_TAG = 0x0112
_HEAD_BYTES = (1 << 16, 1 << 20)
"""So much is read of a file to find its header: nearly always the first is enough."""
_TURNED = frozenset({5, 6, 7, 8})


def decode(
    picture: Picture,
    reading: Reading = DEFAULT_READING,
    *,
    shown_as: str = "",
    measured: bool = False,
    limit: PixelLimit = DEFAULT_LIMIT,
) -> Decoded:
    """Return the pixels of any picture, and what was interpreted on the way to them.

    A file, the same opened by Pillow, and an array of its values give the same pixels.  With
    `measured` the depth of 16-bit colours is looked at even where no range asks for it.  Raises
    FileFault for a picture that cannot be read or is beyond the `limit`, DataError for an array
    that is none.
    """
    name, wanted = shown_as, Wanted(deep=measured or reading.range is not None, limit=limit)
    if isinstance(picture, str | Path):
        name = name or printable(picture)
        file = user_path(picture) if isinstance(picture, str) else picture
        opened = opened_bytes(file_bytes(file, name, wanted), name, wanted)
    elif isinstance(picture, Image.Image):
        name = name or printable(getattr(picture, "filename", "")) or "a Pillow image"
        opened = _of_pillow(picture, name, wanted)
    else:
        values = _values_of(picture)
        name = name or "an array"
        _require_few_pixels(values, name, wanted)
        if values.dtype == np.uint8 and values.ndim == 3 and values.shape[2] == 3 and values.size:
            return Decoded(without_colour(values) if reading.is_grey else values)
        opened = _of_array(values, picture)
    try:
        return interpret(opened, reading)
    except OutOfRange as error:
        ends = range_text((error.depth.lowest, error.depth.highest))
        advice = f"declare what the values may be in data.yaml, as in 'range: {ends}', and train"
        fault = Fault(FaultKind.UNREADABLE_IMAGE, name, str(error), advice)
        raise FileFault(fault) from error
    except Exception as error:  # Pillow's conversions raise nearly every type, too.
        reason = str(error) or type(error).__name__
        raise FileFault(Fault(FaultKind.UNREADABLE_IMAGE, name, reason)) from error


def read_image(
    path: Path,
    *,
    reading: Reading = DEFAULT_READING,
    shown_as: str = "",
    limit: PixelLimit = DEFAULT_LIMIT,
) -> Pixels:
    """Return a file as (height, width, 3) uint8 RGB; raises FileFault where it cannot be."""
    return decode(path, reading, shown_as=shown_as, limit=limit).pixels


def size_of(
    path: Path, reading: Reading, *, shown_as: str, limit: PixelLimit = DEFAULT_LIMIT
) -> ImageSize:
    """Return the height and width that `decode` gives, by the header where it can be trusted."""
    try:
        size = _size_in_header(path, limit)
    except Exception:  # Pillow raises nearly every type; the reader says which fault it is.
        size = None
    if size is not None:
        return size
    height, width = decode(path, reading, shown_as=shown_as, limit=limit).pixels.shape[:2]
    return height, width


def pixels_in_header(path: Path) -> int | None:
    """Return how many pixels a file says that it has; None where that cannot be told."""
    try:
        size = _size_in_header(path, DEFAULT_LIMIT)
    except Exception:  # as above
        return None
    return None if size is None else size[0] * size[1]


def _size_in_header(path: Path, limit: PixelLimit) -> ImageSize | None:
    """The size that a header tells; None where only the pixels do.

    Raises where the reader would refuse what the header says, too.
    """
    with opened_file(path, most_bytes=limit.most_bytes) as file:
        data, head = b"", None
        for wanted in _HEAD_BYTES:
            data += file.read(wanted - len(data))
            with suppress(ValueError):  # cut short, where it has more to come
                head = head_of(data)
            if head is not None:
                break
        if head is None:
            head = stream_of(data + file.read(), limit).data
    with quiet():
        return _size_of_head(head, limit, path.stat().st_size)


def is_lossy(path: Path) -> bool:
    """Whether pixels may be other than they were, as in JPEG, and in WebP of the one kind."""
    if path.suffix.lower() not in LOSSY_SUFFIXES:
        return False
    if path.suffix.lower() != ".webp":
        return True
    return not is_lossless(start_of(path, _HEAD_BYTES[0]))


def _size_of_head(head: bytes, limit: PixelLimit, packed: int) -> ImageSize | None:
    with Image.open(io.BytesIO(head), formats=IMAGE_FORMATS) as image:
        width, height = image.size
        limit.require(width, height, kind=image.format or "", packed=packed)
        require_bounded(tags_of(image))
        # A PNG would be decoded whole for a tag behind its pixels.
        has_tags = image.format != "PNG" or "exif" in image.info
        turned = has_tags and image.getexif().get(_ORIENTATION_TAG) in _TURNED
        if turned and image.format == "TIFF":
            return None  # turned already, or not, by Pillow's version
    return (width, height) if turned else (height, width)


def _require_few_pixels(values: npt.NDArray[Any], name: str, wanted: Wanted) -> None:
    if values.ndim in (2, 3) and values.size:
        try:
            wanted.limit.require(values.shape[1], values.shape[0])
        except TooLarge as error:
            raise wanted.refusal(name, error) from error


def _of_pillow(image: Image.Image, name: str, wanted: Wanted) -> Opened:
    """A Pillow image, loaded or not; one that was opened is read to its end here."""
    form = TiffForm.of_pillow(getattr(image, "tag_v2", {}))
    try:
        if not image.width * image.height:
            raise TooLarge("it has no pixel")
        wanted.limit.require(image.width, image.height)
        with quiet():
            form.require_all_parts()
            raw_mode = raw_mode_of(image)
            # First of all: to look for tags may load an image, and close its file.
            data = _data_behind(image, wanted)
            if form.is_planar and data is not None and not image.tell():
                return opened_bytes(data, name, wanted)
            deep = wanted.deep or "transparency" in image.info
            low = None
            if data is not None:
                stream = stream_of(data, wanted.limit)
                stream.require_few_scans(image.width * image.height)
                low = low_bytes(data, image.format or "", raw_mode) if deep else None
            require_bounded(tags_of(image))
            tag, several = turn_of(image), is_one_of_several(image)
            if data is not None and image.format == "TIFF":
                several = stream.several
            image.load()
    except TooLarge as error:
        raise wanted.refusal(name, error) from error
    except LeftOut as error:
        raise wanted.fault(name, str(error), error.next_step) from error
    except FileFault:
        raise
    except Exception as error:  # Pillow's decoders raise nearly every type on damaged files.
        raise wanted.damage(name, str(error)) from error
    if form.is_taken_apart:
        step = "give the file's path: Pillow may have made noise of such bands when it loaded them"
        raise wanted.fault(name, f"it is {form.describe()}, one after another", step)
    turn, spare = turn_of(image), form.spare or has_spare_band(image, raw_mode)
    return Opened(as_meant(image, form), raw_mode, tag, several, low, turn=turn, spare=spare)


def _data_behind(image: Image.Image, wanted: Wanted) -> bytes | None:
    """What lies in the file of an image that was opened and not loaded; None without one."""
    stream = getattr(image, "fp", None)
    if stream is None:
        return None
    place = stream.tell()
    stream.seek(0)
    data: bytes = stream.read(wanted.limit.most_bytes + 1)
    stream.seek(place)
    if len(data) > wanted.limit.most_bytes:
        raise TooLarge(f"its file has more than {wanted.limit.most_bytes:,} bytes")
    return data


def _values_of(picture: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(picture)
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor of a GPU, rows of any length
        raise DataError(
            "this is no image",
            where=type(picture).__name__,
            why=str(error),
            next_step=advice_for_tensor(picture)
            or "give the file's path, the Pillow image, or a NumPy array",
        ) from error


def _of_array(values: npt.NDArray[Any], given: Any) -> Opened:
    kind, has_three = values.dtype, values.ndim == 3 and values.shape[2] == 3
    if values.size and has_three and kind.kind == "u" and kind.itemsize == 2:
        parts = [Image.fromarray(part.astype(np.uint8)) for part in (values >> 8, values & 255)]
        return Opened(parts[0], "RGB;16", low=parts[1])
    if values.size and values.ndim == 2:
        if kind in (np.uint8, np.bool_):
            return Opened(Image.fromarray(values))
        if kind.kind == "u" and kind.itemsize == 2:
            return Opened(Image.fromarray(values.astype(np.uint16)))
        if kind == np.int32 or kind.kind == "f":
            return Opened(
                Image.fromarray(values.astype(np.int32 if kind.kind == "i" else np.float32))
            )
    raise DataError(
        "an image must be (height, width, 3) or (height, width), of uint8 or uint16",
        where=f"{values.dtype} {values.shape}",
        why="grey ones may be of int32 or of floats too; what a fourth band means is not in an "
        "array",
        next_step=advice_for(given, values),
    )
