"""Label maps as text: what a runner writes, and how much of it is inflated at most."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from fasterseg.kit.manifest import PackedImage

Labels = np.ndarray[Any, np.dtype[np.uint8]]


class NotLabels(ValueError):
    """A text that holds no labels of an image; ``str()`` is the reason."""


def packed_labels(labels: np.ndarray[Any, Any]) -> str:
    """Labels (height, width) below 256 as text."""
    return base64.b64encode(zlib.compress(labels.astype(np.uint8).tobytes(), 9)).decode()


def inflated_labels(text: str, image: PackedImage) -> Labels:
    """The labels in a text; raises `NotLabels`, having inflated one byte too much at the most."""
    wanted = image.height * image.width
    inflating = zlib.decompressobj()
    try:
        data = inflating.decompress(base64.b64decode(text, validate=True), wanted + 1)
    except (ValueError, zlib.error) as error:
        raise NotLabels(str(error)) from error
    if len(data) != wanted or not inflating.eof or inflating.unused_data:
        raise NotLabels(f"they are not {image.height}x{image.width} bytes")
    return np.frombuffer(data, np.uint8).reshape(image.height, image.width)
