"""From a picture's file to a loaded image of Pillow's: looked at before it is read."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.pictures.limits import DEFAULT_LIMIT, HIGHEST_LIMIT, PixelLimit, TooLarge
from fasterseg.datasets.pictures.other_kinds import told_by_start
from fasterseg.datasets.pictures.pixels import (
    Opened,
    has_spare_band,
    is_one_of_several,
    raw_mode_of,
    turn_of,
)
from fasterseg.datasets.pictures.png_rows import has_all_rows, may_lack_rows
from fasterseg.datasets.pictures.quiet import quiet
from fasterseg.datasets.pictures.streams import Stream, kind_of, stream_of
from fasterseg.datasets.pictures.tiff_directories import require_bounded
from fasterseg.datasets.pictures.tiff_forms import LeftOut, TiffForm, as_meant, plain_tiff
from fasterseg.datasets.pictures.webp_chunks import is_lossless
from fasterseg.errors import DataError, EnvironmentFault
from fasterseg.foreign.opened_files import bytes_of, what_it_is

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
LOSSY_FORMATS = ("JPEG", "WEBP")
"""WebP is of two kinds, of which one is lossless: `webp_chunks`."""
PLAIN_MASKS = "save masks as PNG: ids as grey of 8 or 16 bits, colours as RGB of 8 bits"
_RAW_PROFILE = "Raw profile type exif"
_BITS_PER_SAMPLE_TAG = 258
# Pillow keeps the upper byte of 16-bit colours; told that the bytes are swapped, the lower one.
_NATIVE_SWAPPED = "16B" if sys.byteorder == "little" else "16L"
_SWAPPED: Mapping[str, str] = {"16L": "16B", "16B": "16L", "16N": _NATIVE_SWAPPED}
_GREY_WITH_ALPHA = "LA;16B"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file should hold: one of Pillow's formats, an image or a mask, within a limit.

    With ``deep`` the lower bytes of 16-bit colours are read too.
    """

    formats: tuple[str, ...] = IMAGE_FORMATS
    is_mask: bool = False
    deep: bool = False
    limit: PixelLimit = DEFAULT_LIMIT

    @property
    def is_no_lossy_mask(self) -> bool:
        """Whether it is to be a mask, and none in a lossy format."""
        return self.is_mask and "JPEG" not in self.formats

    def fault(self, name: str, reason: str, next_step: str = "") -> FileFault:
        """What is said of a file that cannot be read."""
        kind = FaultKind.UNREADABLE_MASK if self.is_mask else FaultKind.UNREADABLE_IMAGE
        return FileFault(Fault(kind, name, reason, next_step))

    def refusal(self, name: str, error: TooLarge) -> FileFault:
        """What is said of a file that is beyond a limit, which may be one that can be raised."""
        if not error.next_step:
            return self.fault(name, str(error))
        kind = FaultKind.LARGE_MASK if self.is_mask else FaultKind.LARGE_IMAGE
        return FileFault(Fault(kind, name, str(error), error.next_step))

    def damage(self, name: str, reason: str) -> FileFault:
        """What is said of a file that is not whole."""
        kind = FaultKind.TRUNCATED_MASK if self.is_mask else FaultKind.TRUNCATED_IMAGE
        return FileFault(Fault(kind, name, reason))


_OF_A_FOLDER = "name a picture in it; fasterseg.predict(model, FOLDER) segments all that it holds"


def file_bytes(path: Path, name: str, wanted: Wanted) -> bytes:
    """Return the bytes of a picture's file; raises FileFault for what is none, or too large."""
    if special := what_it_is(path):
        step = _OF_A_FOLDER if special == "a folder" else ""
        raise wanted.fault(name, f"it is {special}, and no file", step)
    try:
        data = bytes_of(path, most_bytes=wanted.limit.most_bytes, fault=DataError)
    except DataError as error:
        raise wanted.fault(name, error.why) from error
    except EnvironmentFault as error:
        raise wanted.fault(name, error.why) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise wanted.fault(name, reason) from error
    if not data:
        raise wanted.fault(name, "the file is empty")
    if wanted.is_no_lossy_mask and kind_of(data) in LOSSY_FORMATS and not is_lossless(data):
        raise FileFault(Fault(FaultKind.LOSSY_MASK, name, "JPEG or lossy WebP inside"))
    return data


def opened_bytes(data: bytes, name: str, wanted: Wanted) -> Opened:
    """Return a picture with all its pixels; raises FileFault."""
    try:
        if wanted.is_no_lossy_mask and kind_of(data) == "TIFF" and TiffForm.of(data).is_lossy:
            raise FileFault(Fault(FaultKind.LOSSY_MASK, name, "a TIFF with JPEG or WebP inside"))
        return _opened(data, wanted)
    except FileFault:
        raise
    except TooLarge as error:
        raise wanted.refusal(name, error) from error
    except LeftOut as error:
        raise wanted.fault(name, str(error), error.next_step) from error
    except UnidentifiedImageError as error:
        raise _unidentified(data, name, wanted) from error
    except Exception as error:  # Pillow's decoders raise nearly every type on damaged files.
        raise wanted.damage(name, f"{len(data):,} bytes: {error}") from error


def _unidentified(data: bytes, name: str, wanted: Wanted) -> FileFault:
    """The fault of what is no picture of a format, or of a TIFF that is none of those known."""
    form = TiffForm.of(data) if kind_of(data) == "TIFF" else TiffForm({})
    if not form.tags:
        words, step = told_by_start(data)
        found = f": it holds {words}" if words else ""
        reason = f"no {', '.join(wanted.formats)} data in its {len(data):,} bytes{found}"
        return wanted.fault(name, reason, step)
    step = PLAIN_MASKS if wanted.is_mask else form.advice
    return wanted.fault(name, f"it is {form.describe()}: that is not read", step)


def _opened(data: bytes, wanted: Wanted) -> Opened:
    packed = None if wanted.is_mask else len(data)
    stream = stream_of(data, wanted.limit)
    if stream.kind not in wanted.formats:
        raise UnidentifiedImageError
    form = TiffForm.of(data)
    del data  # what is left of it may be a tenth
    with quiet():
        if stream.kind == "TIFF":
            plain = plain_tiff(
                stream.data, form, wanted.limit, packed=packed, as_numbers=wanted.is_mask
            )
            stream = replace(stream, data=plain)
        return _loaded(_identified(stream, wanted.limit, packed), stream, form, wanted)


def _loaded(image: Image.Image, stream: Stream, form: TiffForm, wanted: Wanted) -> Opened:
    bits, raw_mode = _bits_per_sample(image, stream.data), raw_mode_of(image)
    tag, deep = turn_of(image), wanted.deep or "transparency" in image.info
    image.load()
    if may_lack_rows(image) and not has_all_rows(stream.data):
        raise EOFError("the file has fewer pixels than it says")
    low = low_bytes(stream.data, stream.kind, raw_mode) if deep else None
    several = is_one_of_several(image) if stream.kind == "WEBP" else stream.several
    spare, turn = form.spare or has_spare_band(image, raw_mode), turn_of(image)
    # Of masks the very numbers are wanted, and a fourth band is looked at.
    image = image if wanted.is_mask else as_meant(image, form)
    return Opened(image, raw_mode, tag, several, low, bits=bits, turn=turn, spare=spare)


def _identified(stream: Stream, limit: PixelLimit, packed: int | None) -> Image.Image:
    """An image by its header, of which all is known to be within limits but its pixels."""
    try:
        image = Image.open(io.BytesIO(stream.data), formats=(stream.kind,))
    except Image.DecompressionBombError as error:
        raise TooLarge(f"it has more than {HIGHEST_LIMIT:,} pixels") from error
    if not image.width * image.height:
        raise TooLarge("it has no pixel")
    limit.require(image.width, image.height, kind=stream.kind, packed=packed)
    if not stream.whole:
        raise EOFError("the file ends before its end mark")
    stream.require_few_scans(image.width * image.height)
    require_bounded(tags_of(image))
    return image


def tags_of(image: Image.Image) -> bytes:
    """Return the Exif tags that came with an image which was opened; empty without any."""
    tags = image.info.get("exif") or b""
    if not tags and isinstance(profile := image.info.get(_RAW_PROFILE), str):
        tags = bytes.fromhex("".join(profile.split("\n")[3:]))
    return bytes(tags).removeprefix(b"Exif\0\0")


def low_bytes(data: bytes, kind: str, raw_mode: str) -> Image.Image | None:
    """Return the lower bytes of 16-bit colours; None where there are none, or they are not had."""
    model, _, order = raw_mode.partition(";")
    if model not in ("RGB", "RGBA", "RGBX", "LA") or order not in _SWAPPED:
        return None
    image = Image.open(io.BytesIO(data), formats=(kind,))
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


def _bits_per_sample(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG":
        return data[24] if len(data) > 24 else 8
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(_BITS_PER_SAMPLE_TAG, (8,))[0])
