"""Where a picture ends: what lies behind it does no harm, what it lacks is told."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fasterseg.datasets.decoding import decode, read_image
from fasterseg.datasets.faults import FaultKind, FileFault
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.datasets.pictures.limits import MOST_SCANS
from fasterseg.datasets.pictures.pixels import Interpretation

DICE = np.random.default_rng(0)
PHOTO = Image.fromarray(DICE.integers(0, 256, (40, 56, 3), dtype=np.uint8))
FILM = b"\0\0\0\x18ftypmp42"


def encoded(kind: str, **settings: object) -> bytes:
    """The photo in a format."""
    buffer = io.BytesIO()
    PHOTO.save(buffer, kind, **settings)
    return buffer.getvalue()


def pixels_of(data: bytes, folder: Path) -> np.ndarray:
    """What is read of some bytes as a file."""
    (folder / "photo").write_bytes(data)
    return read_image(folder / "photo")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_whatever_lies_behind_a_picture_does_no_harm(kind: str, tmp_path: Path) -> None:
    whole = encoded(kind)
    wanted = pixels_of(whole, tmp_path)
    dice = np.random.default_rng(1)
    for _ in range(20):
        behind = FILM + dice.bytes(20_000) + b"\xff\xda\0\x02" + b"\xff\xd8\xff\xe0"
        assert (pixels_of(whole + behind, tmp_path) == wanted).all()


def paged(kind: int) -> bytes:
    """A TIFF of ids whose second page is half as large, and is of that kind."""
    first = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    second = first.resize((2, 2))
    second.encoderinfo = {"tiffinfo": {254: kind}}
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=[second])
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "several"), [(0, True), (1, False), (4, False), (2, True)])
def test_smaller_copies_of_a_page_are_no_further_pictures(
    kind: int, several: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(paged(kind))
    told = {Interpretation.SEVERAL} if several else set()
    assert decode(path).remarks.interpreted == told
    with Image.open(path) as image:
        assert decode(image).remarks.interpreted == told
    if several:
        with pytest.raises(FileFault, match="several pictures"):
            read_mask(path)
    else:
        assert read_mask(path).shape == (3, 4)


def test_a_mask_with_jpeg_in_a_tiff_is_lossy_as_a_jpeg_is(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(encoded("TIFF", compression="jpeg"))
    decode(path)
    with pytest.raises(FileFault) as caught:
        read_mask(path)
    assert caught.value.fault.kind is FaultKind.LOSSY_MASK
    assert read_mask(path, lossy=True).shape == (40, 56)


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_of_any_form_ends_where_its_segments_say(
    settings: dict[str, object], tmp_path: Path
) -> None:
    whole = encoded("JPEG", quality=95, **settings)
    wanted = pixels_of(whole, tmp_path)
    assert (pixels_of(whole + FILM + b"\xff\xda" * 9, tmp_path) == wanted).all()
    for length in (len(whole) - 1, len(whole) - 2, len(whole) // 2):
        with pytest.raises(FileFault, match="cut short"):
            pixels_of(whole[:length], tmp_path)


def test_an_end_inside_a_thumbnail_or_a_comment_is_no_end(tmp_path: Path) -> None:
    whole = encoded("JPEG", comment=b"\xff\xd9 as if it ended here", exif=b"Exif\0\0\xff\xd9")
    pixels_of(whole, tmp_path)
    with pytest.raises(FileFault, match="cut short"):
        pixels_of(whole[: len(whole) * 2 // 3], tmp_path)


def test_a_second_picture_behind_does_not_make_a_cut_one_whole(tmp_path: Path) -> None:
    """Its end mark is another picture's: chunks and sizes lead past it."""
    for kind in ("PNG", "WEBP"):
        whole = encoded(kind)
        with pytest.raises(FileFault):
            pixels_of(whole[: len(whole) // 2] + whole[-20:], tmp_path)


def test_a_bitmap_that_does_not_say_its_size_is_read(tmp_path: Path) -> None:
    whole = encoded("BMP")
    unsaid = whole[:2] + bytes(4) + whole[6:]
    overstated = whole[:2] + (len(whole) + 2).to_bytes(4, "little") + whole[6:]
    for data in (unsaid, overstated):
        assert (pixels_of(data, tmp_path) == np.asarray(PHOTO)).all()
    with pytest.raises(FileFault, match="cut short"):
        pixels_of(unsaid[:-1], tmp_path)


def test_a_jpeg_of_endless_scans_is_refused(tmp_path: Path) -> None:
    whole = encoded("JPEG", progressive=True)
    scan = whole.rindex(b"\xff\xda")
    bomb = whole[:scan] + whole[scan:-2] * (MOST_SCANS + 1) + whole[-2:]
    with pytest.raises(FileFault, match="more than 200 scans"):
        pixels_of(bomb, tmp_path)
