"""Reading one image file, and opening any picture: the decoder's settings are in here.

Images become RGB, 8 bits: orientation tags applied, 16 bits scaled by their range, transparency
put on black, CMYK and Lab converted, colour profiles left aside, the first frame of several.
Masks are read by `mask_reading`.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from fasterseg.datasets.faults import Fault, FaultKind, FileFault
from fasterseg.datasets.sample import Pixels

MOST_PIXELS = 64_000_000
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
MASK_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp"})
LOSSY_SUFFIXES = frozenset({".jpg", ".jpeg", ".webp"})

_IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
_LOSSY_FORMATS = ("JPEG", "WEBP")
WIDE_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
_BITS_PER_SAMPLE_TAG = 258
BITS_KEY = "fasterseg-bits-per-sample"


def read_image(path: Path, *, grey: bool = False, shown_as: str = "") -> Pixels:
    """Return a file as (height, width, 3) uint8 RGB; raises FileFault where it cannot be.

    With ``grey`` the three channels are all the image's brightness.
    """
    name = shown_as or str(path)
    image = decoded(path, name, formats=_IMAGE_FORMATS, mask=False)
    try:
        pixels = _as_rgb(ImageOps.exif_transpose(image))
        return _without_colour(pixels) if grey else pixels
    except (ValueError, OSError, ImageCms.PyCMSError) as error:
        raise FileFault(Fault(FaultKind.UNREADABLE_IMAGE, name, str(error))) from error


def decoded(path: Path, name: str, *, formats: tuple[str, ...], mask: bool) -> Image.Image:
    """Return a picture with all its pixels, of one of the formats; raises FileFault.

    Its ``info`` has, under `BITS_KEY`, how many bits the file gives to a channel.
    """
    unreadable = FaultKind.UNREADABLE_MASK if mask else FaultKind.UNREADABLE_IMAGE
    truncated = FaultKind.TRUNCATED_MASK if mask else FaultKind.TRUNCATED_IMAGE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileFault(Fault(unreadable, name, error.strerror or str(error))) from error
    if not data:
        raise FileFault(Fault(unreadable, name, "the file is empty"))
    if mask and _is_lossy(data):
        raise FileFault(Fault(FaultKind.LOSSY_MASK, name, "JPEG or WebP inside"))
    try:
        return _opened(data, formats)
    except _TooLarge as error:
        raise FileFault(Fault(unreadable, name, str(error))) from error
    except UnidentifiedImageError as error:
        detail = f"no {', '.join(formats)} data in its {len(data):,} bytes"
        raise FileFault(Fault(unreadable, name, detail)) from error
    except Exception as error:  # Pillow's decoders raise nearly every type on damaged files.
        detail = f"{len(data):,} bytes: {error}"
        raise FileFault(Fault(truncated, name, detail)) from error


class _TooLarge(Exception):
    """The header promises more pixels than are allowed."""


def _opened(data: bytes, formats: tuple[str, ...]) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=formats)
        except Image.DecompressionBombError as error:
            raise _TooLarge(f"it has more than {MOST_PIXELS:,} pixels") from error
        if image.width * image.height > MOST_PIXELS:
            raise _TooLarge(f"{image.width} x {image.height} is more than {MOST_PIXELS:,} pixels")
        if not _reaches_its_end(data, image.format or ""):
            raise EOFError("the file ends before its end mark")
        bits = _bits_per_sample(image, data)
        image.load()
        image.info[BITS_KEY] = bits
    return image


def _reaches_its_end(data: bytes, kind: str) -> bool:
    # Pillow fills in what a file lacks when only its last bytes are missing.
    if kind in ("JPEG", "MPO"):
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if kind == "PNG":
        return b"IEND\xaeB`\x82" in data
    if kind == "WEBP":
        return len(data) >= int.from_bytes(data[4:8], "little") + 8
    if kind == "BMP":
        return len(data) >= int.from_bytes(data[2:6], "little")
    return True


def _is_lossy(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8\xff") or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def _as_rgb(image: Image.Image) -> Pixels:
    if image.mode in WIDE_MODES:
        return _grey_to_rgb(_scaled_to_8_bits(np.asarray(image)))
    if image.mode == "F":
        return _grey_to_rgb(_float_to_8_bits(np.asarray(image)))
    if image.mode == "LAB":
        return np.array(_lab_to_rgb(image))
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        black = Image.new("RGBA", layered.size, (0, 0, 0, 255))
        return np.array(Image.alpha_composite(black, layered).convert("RGB"))
    return np.array(image.convert("RGB"))


def _without_colour(pixels: Pixels) -> Pixels:
    return np.array(Image.fromarray(pixels).convert("L").convert("RGB"))


def _grey_to_rgb(grey: npt.NDArray[np.uint8]) -> Pixels:
    return np.repeat(grey[..., None], 3, axis=-1)


def _scaled_to_8_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    wide = values.astype(np.int64)
    if wide.min() < 0 or wide.max() > 65535:
        raise ValueError(f"values from {wide.min()} to {wide.max()} do not fit 16 bits")
    return ((wide * 255 + 32767) // 65535).astype(np.uint8)


def _float_to_8_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    real = values.astype(np.float64)
    if not np.isfinite(real).all() or real.min() < 0 or real.max() > 1:
        raise ValueError("floating-point values must lie between 0 and 1")
    return np.rint(real * 255).astype(np.uint8)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
    if converted is None:
        raise ValueError("the Lab colours could not be converted")
    return converted


def _bits_per_sample(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG":
        return data[24] if len(data) > 24 else 8
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(_BITS_PER_SAMPLE_TAG, (8,))[0])
