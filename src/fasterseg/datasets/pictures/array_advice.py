"""What to give in place of values that are no image: other libraries', or no picture's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_BANDS_FIRST, _OF_ONE_BAND = (1, 3), (1, 3, 4)
_MOST_LOOKED_AT = 1 << 20
_OF_TENSOR = "image.numpy(force=True)"
_ANY = "give the file's path, or the Pillow image"


def advice_for(picture: Any, values: npt.NDArray[Any]) -> str:
    """Return what to give instead; `values` are what an array of the picture holds."""
    if picture is None:
        return "look where it is from: cv2.imread gives None for a file that it cannot read"
    if isinstance(picture, bytes | bytearray | memoryview):
        return "give what they hold as a Pillow image, opened from io.BytesIO(data)"
    if hasattr(picture, "read"):
        return "give what it holds as a Pillow image, opened from this file"
    if values.dtype.kind not in "biuf":
        return _ANY
    if not values.size:
        return "look where it is from: it has no pixel"
    if isinstance(picture, list | tuple) or (values.ndim == 4 and len(values) > 1):
        return "give one image at a time"
    return _written(values, _OF_TENSOR if _is_tensor(picture) else "image") or _ANY


def advice_for_tensor(picture: Any) -> str:
    """As `advice_for`, of a tensor that is no array by itself; empty for anything else."""
    if not _is_tensor(picture):
        return ""
    values = picture.numpy(force=True)
    plain = values.ndim in (2, 3) and values.dtype == np.uint8
    return f"give {_OF_TENSOR}" if plain else advice_for(picture, values)


def _is_tensor(picture: Any) -> bool:
    return hasattr(picture, "permute") and hasattr(picture, "numpy")


def _written(values: npt.NDArray[Any], text: str) -> str:
    """The array as it could be given, as Python writes it; empty where no change is enough."""
    image = values
    if image.ndim == 4:
        text, image = f"{text}[0]", image[0]
    if image.ndim == 2:
        image = image[..., None]
        text = f"{text}[..., None]"
    if image.ndim != 3:
        return ""
    if image.shape[0] in _BANDS_FIRST and image.shape[2] not in _OF_ONE_BAND:
        text, image = f"{text}.transpose(1, 2, 0)", image.transpose(1, 2, 0)
    if image.shape[2] == 1:
        text, image = f"{text}[..., 0]".replace("[..., None][..., 0]", ""), image[..., 0]
    elif image.shape[2] != 3:
        return ""
    if image.dtype in (np.uint8, np.uint16):
        return f"give {text}"
    some = image.reshape(-1)[:_MOST_LOOKED_AT]
    low, high = (float(some.min()), float(some.max())) if image.dtype != np.bool_ else (0.0, 1.0)
    if not np.isfinite([low, high]).all():
        return "look where it is from: not all of its values are numbers"
    if low < 0 or high > 255:
        return "give the values as they were read, 0 to 255: the model normalises them itself"
    rounded = f"{text}.round()" if image.dtype.kind == "f" else text
    if high <= 1:
        rounded = f"({text} * 255).round()" if image.dtype.kind == "f" else f"({text} * 255)"
    return f"give {rounded}.astype('uint8')"
