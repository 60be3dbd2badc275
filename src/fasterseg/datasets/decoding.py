"""From any picture (a file, a Pillow image, an array) to pixels: one function for all of them.

Images become RGB, 8 bits: orientation tags applied, 16 bits scaled by their range, transparency
put on black, CMYK and Lab converted, colour profiles left aside, the first frame of several.
What that means for a picture's values is in `pixels`; masks are read by `mask_reading`.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.listing import printable
from fasterseg.datasets.pixels import (
    WIDE_MODES,
    Decoded,
    Opened,
    OutOfRange,
    interpret,
    is_one_of_several,
    is_turned,
    raw_mode_of,
    without_colour,
)
from fasterseg.datasets.png_rows import has_all_rows, may_lack_rows
from fasterseg.datasets.reading import DEFAULT_READING, Reading, range_text
from fasterseg.datasets.sample import ImageSize, Pixels
from fasterseg.datasets.streams import reaches_its_end
from fasterseg.errors import DataError
from fasterseg.opened_files import what_it_is

__all__ = ["WIDE_MODES", "Picture", "decode", "decoded", "read_image"]

Picture = Path | str | Image.Image | npt.NDArray[Any]
"""An image as a file, a Pillow image, or an array: (height, width, 3) RGB, or grey.

Arrays are of uint8, or of what Pillow gives for deep images: uint16, and for grey int32 or floats.
Of 16-bit colours Pillow keeps 8 bits once it has loaded an image: their lower ones, which matter
where a range is declared, are in files alone.
"""

MOST_PIXELS = 64_000_000
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
MASK_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp"})
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".webp"})

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
_BITS_PER_SAMPLE_TAG, _ORIENTATION_TAG = 258, 0x0112
_TURNED = frozenset({5, 6, 7, 8})
BITS_KEY, SEVERAL_KEY = "fasterseg-bits-per-sample", "fasterseg-several-pictures"
# Pillow keeps the upper byte of 16-bit colours; told that the bytes are swapped, the lower one.
_NATIVE_SWAPPED = "16B" if sys.byteorder == "little" else "16L"
_SWAPPED: Mapping[str, str] = {"16L": "16B", "16B": "16L", "16N": _NATIVE_SWAPPED}
_GREY_WITH_ALPHA = "LA;16B"


def decode(
    picture: Picture,
    reading: Reading = DEFAULT_READING,
    *,
    shown_as: str = "",
    measured: bool = False,
) -> Decoded:
    """Return the pixels of any picture, and what was interpreted on the way to them.

    A file, the same opened by Pillow, and an array of its values give the same pixels.  With
    `measured` the depth of 16-bit colours is looked at even where no range asks for it.  Raises
    FileFault for a picture that cannot be read, DataError for an array that is none.
    """
    name, whole = shown_as, measured or reading.range is not None
    if isinstance(picture, str | Path):
        name = name or printable(picture)
        opened = _of_file(Path(picture), name, whole=whole)
    elif isinstance(picture, Image.Image):
        name = name or printable(getattr(picture, "filename", "")) or "a Pillow image"
        opened = _of_pillow(picture, name, whole=whole)
    else:
        values = np.asarray(picture)
        if values.dtype == np.uint8 and values.ndim == 3 and values.shape[2] == 3 and values.size:
            return Decoded(without_colour(values) if reading.is_grey else values)
        name, opened = name or "an array", _of_array(values)
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


def read_image(path: Path, *, reading: Reading = DEFAULT_READING, shown_as: str = "") -> Pixels:
    """Return a file as (height, width, 3) uint8 RGB; raises FileFault where it cannot be."""
    return decode(path, reading, shown_as=shown_as).pixels


def size_of(path: Path, reading: Reading, *, shown_as: str) -> ImageSize:
    """Return the height and width that `decode` gives, by the header where it can be trusted."""
    try:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            width, height = image.size
            # A PNG would be decoded whole for a tag behind its pixels.
            tags = image.getexif() if image.format != "PNG" or "exif" in image.info else {}
            turned = tags.get(_ORIENTATION_TAG) in _TURNED
            told = not (turned and image.format == "TIFF")  # turned already, or not, by version
    except Exception:  # Pillow raises nearly every type; the reader says which fault it is.
        told = False
    if not told:
        height, width = decode(path, reading, shown_as=shown_as).pixels.shape[:2]
        return height, width
    return (width, height) if turned else (height, width)


def decoded(path: Path, name: str, *, formats: tuple[str, ...], mask: bool) -> Image.Image:
    """Return a picture with all its pixels, of one of the formats; raises FileFault.

    Its ``info`` has, under `BITS_KEY`, how many bits the file gives to a channel, and under
    `SEVERAL_KEY` whether it is the first of several pictures.
    """
    data = _data_of(path, name, mask=mask)
    return _guarded(data, name, formats, mask=mask, whole=False).image


def _of_file(path: Path, name: str, *, whole: bool) -> Opened:
    data = _data_of(path, name, mask=False)
    return _guarded(data, name, IMAGE_FORMATS, mask=False, whole=whole)


def _data_of(path: Path, name: str, *, mask: bool) -> bytes:
    unreadable = FaultKind.UNREADABLE_MASK if mask else FaultKind.UNREADABLE_IMAGE
    if special := what_it_is(path):
        raise FileFault(Fault(unreadable, name, f"it is {special}, and no file"))
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileFault(Fault(unreadable, name, reason)) from error
    if not data:
        raise FileFault(Fault(unreadable, name, "the file is empty"))
    if mask and _is_lossy(data):
        raise FileFault(Fault(FaultKind.LOSSY_MASK, name, "JPEG or WebP inside"))
    return data


def _guarded(
    data: bytes, name: str, formats: tuple[str, ...], *, mask: bool, whole: bool
) -> Opened:
    unreadable = FaultKind.UNREADABLE_MASK if mask else FaultKind.UNREADABLE_IMAGE
    truncated = FaultKind.TRUNCATED_MASK if mask else FaultKind.TRUNCATED_IMAGE
    try:
        return _opened(data, formats, whole=whole)
    except _Refused as error:
        raise FileFault(Fault(unreadable, name, str(error))) from error
    except UnidentifiedImageError as error:
        detail = f"no {', '.join(formats)} data in its {len(data):,} bytes"
        raise FileFault(Fault(unreadable, name, detail)) from error
    except Exception as error:  # Pillow's decoders raise nearly every type on damaged files.
        detail = f"{len(data):,} bytes: {error}"
        raise FileFault(Fault(truncated, name, detail)) from error


class _Refused(Exception):
    """The file asks for more than any picture needs: pixels or scans."""


def _opened(data: bytes, formats: tuple[str, ...], *, whole: bool) -> Opened:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
        except Image.DecompressionBombError as error:
            raise _Refused(f"it has more than {MOST_PIXELS:,} pixels") from error
        _require_possible(image)
        _require_whole(data, image.format or "")
        bits, raw_mode, turned = _bits_per_sample(image, data), raw_mode_of(image), is_turned(image)
        several, whole = is_one_of_several(image), whole or "transparency" in image.info
        image.load()
        if may_lack_rows(image) and not has_all_rows(data):
            raise EOFError("the file has fewer pixels than it says")
        image.info |= {BITS_KEY: bits, SEVERAL_KEY: several}
        low = _low_bytes(data, formats, raw_mode) if whole else None
    return Opened(image, raw_mode, turned, several, low)


def _require_possible(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise _Refused(f"{image.width} x {image.height} is more than {MOST_PIXELS:,} pixels")
    if not image.width * image.height:
        raise _Refused("it has no pixel")


def _require_whole(data: bytes, kind: str) -> None:
    try:
        whole = reaches_its_end(data, kind)
    except ValueError as error:
        raise _Refused(str(error)) from error
    if not whole:
        raise EOFError("the file ends before its end mark")


def _low_bytes(data: bytes, formats: tuple[str, ...], raw_mode: str) -> Image.Image | None:
    """The lower bytes of 16-bit colours; None where there are none, or they cannot be had."""
    model, _, order = raw_mode.partition(";")
    if model not in ("RGB", "RGBA", "RGBX", "LA") or order not in _SWAPPED:
        return None
    image = Image.open(io.BytesIO(data), formats=formats)
    # As four plain bytes, grey and alpha lie there upper byte first.
    wanted = "RGBA" if raw_mode == _GREY_WITH_ALPHA else f"{model};{_SWAPPED[order]}"
    image.tile = [_with_raw_mode(tile, wanted) for tile in image.tile]
    image.load()
    if raw_mode == _GREY_WITH_ALPHA:
        return Image.fromarray(np.asarray(image)[..., [1, 1, 1, 3]])
    return image


def _with_raw_mode(tile: Any, raw_mode: str) -> Any:
    """A tile of Pillow's (a plain tuple in older versions) whose bytes are taken otherwise."""
    arguments = tile[3]
    wanted = (raw_mode, *arguments[1:]) if isinstance(arguments, tuple) else raw_mode
    return tile._replace(args=wanted) if hasattr(tile, "_replace") else (*tile[:3], wanted)


def _of_pillow(image: Image.Image, name: str, *, whole: bool) -> Opened:
    """A Pillow image, loaded or not; one that was opened is read to its end here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _require_possible(image)
            raw_mode = raw_mode_of(image)
            # First of all: to look for tags may load an image, and close its file.
            whole = whole or "transparency" in image.info
            data = _data_behind(image) if whole and ";16" in raw_mode else None
            low = None if data is None else _low_bytes(data, (image.format or "",), raw_mode)
            turned, several = is_turned(image), is_one_of_several(image)
            image.load()
    except _Refused as error:
        raise FileFault(Fault(FaultKind.UNREADABLE_IMAGE, name, str(error))) from error
    except Exception as error:  # as above
        raise FileFault(Fault(FaultKind.TRUNCATED_IMAGE, name, str(error))) from error
    return Opened(image, raw_mode, turned, several, low)


def _data_behind(image: Image.Image) -> bytes | None:
    """What lies in the file of an image that was opened and not loaded."""
    stream = getattr(image, "fp", None)
    if stream is None:
        return None
    place = stream.tell()
    stream.seek(0)
    data: bytes = stream.read()
    stream.seek(place)
    return data


def _of_array(values: npt.NDArray[Any]) -> Opened:
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
        next_step="give the file's path, or the Pillow image",
    )


def _is_lossy(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8\xff") or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def _bits_per_sample(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG":
        return data[24] if len(data) > 24 else 8
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(_BITS_PER_SAMPLE_TAG, (8,))[0])
