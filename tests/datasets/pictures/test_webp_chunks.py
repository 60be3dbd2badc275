"""Which WebP files keep pixels as they were."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fasterseg.datasets.decoding import is_lossy
from fasterseg.datasets.pictures.webp_chunks import is_lossless

PIXELS = np.random.default_rng(0).integers(0, 255, (9, 7, 3), dtype=np.uint8)
PROFILE = bytes(301)


def webp(**settings: Any) -> bytes:
    """A file of these pixels."""
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "WEBP", **settings)
    return stream.getvalue()


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"icc_profile": PROFILE},
        {"exif": PROFILE},
        {"save_all": True, "append_images": [Image.fromarray(PIXELS[::-1].copy())]},
    ],
    ids=["plain", "with a profile", "with tags", "moving"],
)
def test_the_first_picture_tells_the_kind(
    settings: dict[str, Any], lossless: bool, tmp_path: Path
) -> None:
    data = webp(lossless=lossless, **settings)
    assert is_lossless(data) == lossless
    file = tmp_path / "a.webp"
    file.write_bytes(data)
    assert is_lossy(file) != lossless


@pytest.mark.parametrize("length", [0, 3, 12, 15, 20])
def test_what_is_cut_before_it_tells_is_taken_for_lossy(length: int, tmp_path: Path) -> None:
    file = tmp_path / "a.webp"
    file.write_bytes(webp(lossless=True, icc_profile=PROFILE)[:length])
    assert is_lossy(file)
    assert is_lossy(tmp_path / "gone.webp")


def test_chunks_without_end_are_not_looked_at() -> None:
    head, picture = b"RIFF" + bytes(4) + b"WEBP", b"VP8L" + bytes(4)
    assert is_lossless(head + (b"JUNK" + bytes(4)) * 63 + picture)
    assert not is_lossless(head + (b"JUNK" + bytes(4)) * 64 + picture)


def test_a_name_tells_of_other_types(tmp_path: Path) -> None:
    assert is_lossy(tmp_path / "a.JPG") and not is_lossy(tmp_path / "a.png")
    assert not is_lossless(b"RIFF" + bytes(4) + b"WAVE" + b"VP8L")
