"""Pictures that are embedded in a page: photographs, label maps in colour, and boxes in both."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import LabelMap, Pixels

WIDEST = 512
UNLABELLED = (38, 38, 42)
_JPEG_QUALITY = 82

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; the last two are past it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An embedded picture: `source` is a data URI, `text` what it shows."""

    caption: str
    text: str
    source: str
    width: int
    height: int
    figure: str = ""


def beside(*images: Pixels) -> bytes:
    """Images of one height side by side, as a JPEG file's content."""
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(images, axis=1)).save(
        buffer, format="JPEG", quality=_JPEG_QUALITY
    )
    return buffer.getvalue()


def painted(labels: npt.NDArray[np.integer], space: LabelSpace) -> Pixels:
    """Class ids in their colours; what has no class is dark."""
    palette = np.array([*space.colours, UNLABELLED], dtype=np.uint8)
    ids = np.where(labels < space.classes, labels, space.classes)
    colours: Pixels = palette[ids]
    return colours


def photograph(
    caption: str, text: str, image: Pixels, figure: str = "", *, marked: Box | None = None
) -> Picture:
    """A picture of pixels, as JPEG, with the box that is `marked` in it."""
    picture = _shrunk(Image.fromarray(image), Image.Resampling.LANCZOS)
    _mark(picture, marked, image.shape[1])
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    source = _data_uri("jpeg", buffer.getvalue())
    return Picture(caption, text, source, picture.width, picture.height, figure)


def map_of(
    who: str,
    labels: LabelMap,
    space: LabelSpace,
    name: str,
    figure: str = "",
    *,
    marked: Box | None = None,
) -> Picture:
    """A picture of class ids in their colours, as PNG, with the box that is `marked` in it."""
    picture = _shrunk(Image.fromarray(painted(labels, space)), Image.Resampling.NEAREST)
    _mark(picture, marked, labels.shape[1])
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    text = f"{who} for {name}: {largest_classes(labels, space)}"
    source = _data_uri("png", buffer.getvalue())
    return Picture(who, text, source, picture.width, picture.height, figure)


def largest_classes(labels: LabelMap, space: LabelSpace) -> str:
    """The classes with most pixels, and their shares, in words."""
    counts = np.bincount(np.asarray(labels).ravel(), minlength=space.classes)[: space.classes]
    order = np.argsort(-counts, kind="stable")[:3]
    return ", ".join(
        f"{space.names[i]} {100 * counts[i] / labels.size:.0f} %" for i in order if counts[i]
    )


def _shrunk(picture: Image.Image, how: Image.Resampling) -> Image.Image:
    if picture.width <= WIDEST:
        return picture
    height = max(1, round(picture.height * WIDEST / picture.width))
    return picture.resize((WIDEST, height), how)


def _mark(picture: Image.Image, box: Box | None, width: int) -> None:
    """Draw a box of the picture as it was, white within black: to be seen on any colour."""
    if box is None:
        return
    scale, pen = picture.width / width, ImageDraw.Draw(picture)
    left, top, right, bottom = (round(scale * side) for side in box)
    for grow, colour in ((0, "black"), (1, "white"), (2, "white"), (3, "black")):
        corners = (
            left - grow,
            top - grow,
            max(left, right - 1) + grow,
            max(top, bottom - 1) + grow,
        )
        pen.rectangle(corners, outline=colour)


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
