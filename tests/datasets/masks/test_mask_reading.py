"""Mask files: integers as they are stored, colours for a palette, and what is neither."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fasterseg.datasets.faults import FaultKind, FileFault
from fasterseg.datasets.masks.mask_reading import read_mask

Array = npt.NDArray[Any]
COLOURS = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 9]], dtype=np.uint8)


def save(path: Path, pixels: Array | Image.Image, **settings: Any) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **settings)
    return path


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = value
    return exif


def chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + crc


def grey_png(values: Array, *, bits: int) -> bytes:
    """A grey PNG of few bits, which Pillow itself cannot write."""
    height, width = values.shape
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([bits, 0, 0, 0, 0])
    spread = (values[..., None] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(spread.reshape(height, -1), axis=1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def rgb16_png(values: Array) -> bytes:
    """An RGB PNG of 16 bits to a channel, which Pillow itself cannot write."""
    height, width, _ = values.shape
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])
    data = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in values))
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


IDS = np.array([[0, 1, 2, 3], [3, 2, 1, 0]], dtype=np.uint8)


def with_palette(ids: Array) -> Image.Image:
    image = Image.frombytes("P", (ids.shape[1], ids.shape[0]), ids.astype(np.uint8).tobytes())
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    return image


MASKS: dict[str, Callable[[Path], Path]] = {
    "8 bits": lambda d: save(d / "a.png", IDS),
    "palette": lambda d: save(d / "a.png", with_palette(IDS)),
    "palette of 4 bits": lambda d: save(d / "a.png", with_palette(IDS), bits=4),
    "palette of 2 bits": lambda d: save(d / "a.png", with_palette(IDS), bits=2),
    "16 bits": lambda d: save(d / "a.png", IDS.astype(np.uint16)),
    "tiff": lambda d: save(d / "a.tif", IDS),
    "16 bit tiff": lambda d: save(d / "a.tif", IDS.astype(np.uint16)),
    "32 bit tiff": lambda d: save(d / "a.tif", IDS.astype(np.int32)),
    "bmp": lambda d: save(d / "a.bmp", IDS),
    "lossless webp": lambda d: save(d / "a.webp", np.dstack([IDS] * 3), lossless=True),
    "lossless webp, opaque, with a tag": lambda d: save(
        d / "a.webp", Image.fromarray(IDS).convert("RGBA"), lossless=True, exif=orientation(1)
    ),
    "palette bmp": lambda d: save(d / "a.bmp", with_palette(IDS)),
    "opaque alpha": lambda d: save(
        d / "a.png",
        Image.merge("LA", [Image.fromarray(IDS), Image.new("L", (4, 2), 255)]),
    ),
    "three equal channels": lambda d: save(d / "a.png", np.dstack([IDS] * 3)),
    "three equal channels in a tiff": lambda d: save(d / "a.tif", np.dstack([IDS] * 3)),
    "three equal channels, opaque": lambda d: save(
        d / "a.png", Image.fromarray(IDS).convert("RGBA")
    ),
    "mirrored, with the tag that says so": lambda d: save(
        d / "a.png", np.ascontiguousarray(IDS[:, ::-1]), exif=orientation(2)
    ),
}


@pytest.mark.parametrize("form", MASKS)
def test_masks_are_read_as_the_integers_in_the_file(form: str, tmp_path: Path) -> None:
    assert np.array_equal(read_mask(MASKS[form](tmp_path)), IDS)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_masks_of_few_bits_are_not_stretched(bits: int, tmp_path: Path) -> None:
    ids = IDS & ((1 << bits) - 1)
    (tmp_path / "a.png").write_bytes(grey_png(ids, bits=bits))

    assert np.array_equal(read_mask(tmp_path / "a.png"), ids)


def test_a_palette_read_as_grey_would_give_other_ids(tmp_path: Path) -> None:
    path = MASKS["palette"](tmp_path)

    assert not np.array_equal(np.asarray(Image.open(path).convert("L")), IDS)
    assert np.array_equal(read_mask(path), IDS)


def test_ids_beyond_8_bits_survive(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[256, 26001, 65535]], dtype=np.uint16))

    assert read_mask(path).tolist() == [[256, 26001, 65535]]


GREY_AS_COLOUR = np.array([[0, 128, 255]], dtype=np.uint8)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_a_mask_of_grey_colours_is_one_of_colours_whatever_it_was_saved_as(
    mode: str, tmp_path: Path
) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(GREY_AS_COLOUR).convert(mode))

    assert read_mask(path, in_colour=True).tolist() == [[0, 0x808080, 0xFFFFFF]]


def test_a_black_and_white_mask_of_one_bit_is_one_of_colours(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(GREY_AS_COLOUR > 128))

    assert read_mask(path, in_colour=True).tolist() == [[0, 0, 0xFFFFFF]]


def test_colours_without_a_palette_are_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.dstack([COLOURS[IDS]]))

    with pytest.raises(FileFault) as caught:
        read_mask(path)

    assert caught.value.why == "[0, 0, 0], [0, 0, 9], [0, 200, 0], [200, 0, 0]"


def test_colours_are_packed_where_a_palette_is_declared(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[[1, 2, 3], [255, 0, 128]]], dtype=np.uint8))

    assert read_mask(path, in_colour=True).tolist() == [[0x010203, 0xFF0080]]


REFUSED: dict[str, tuple[Callable[[Path], Path], FaultKind]] = {
    "jpeg": (lambda d: save(d / "a.jpg", IDS), FaultKind.LOSSY_MASK),
    "jpeg called png": (lambda d: save(d / "a.png", IDS, format="JPEG"), FaultKind.LOSSY_MASK),
    "webp": (lambda d: save(d / "a.webp", IDS), FaultKind.LOSSY_MASK),
    "colours": (lambda d: save(d / "a.png", COLOURS[IDS]), FaultKind.COLOUR_MASK),
    "ids in three channels, half clear": (
        lambda d: save(d / "a.png", np.dstack([IDS] * 3 + [IDS * 80])),
        FaultKind.UNREADABLE_MASK,
    ),
    "ids in three channels of 16 bits": (
        lambda d: write(d / "a.png", rgb16_png(np.stack([IDS.astype(np.uint16)] * 3, -1))),
        FaultKind.UNREADABLE_MASK,
    ),
    "float": (
        lambda d: save(d / "a.tif", IDS.astype(np.float32)),
        FaultKind.UNREADABLE_MASK,
    ),
    "transparent": (
        lambda d: save(d / "a.png", Image.merge("LA", [Image.fromarray(IDS)] * 2)),
        FaultKind.UNREADABLE_MASK,
    ),
}


@pytest.mark.parametrize("form", REFUSED)
def test_masks_that_hold_no_ids_are_refused(form: str, tmp_path: Path) -> None:
    make, kind = REFUSED[form]

    with pytest.raises(FileFault) as caught:
        read_mask(make(tmp_path))

    assert caught.value.fault.kind is kind
    assert "restore" not in caught.value.next_step  # the file is what was meant to be written


def test_a_cut_mask_is_refused_as_a_mask(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", IDS)
    path.write_bytes(path.read_bytes()[:-8])

    with pytest.raises(FileFault, match="a mask that is cut short"):
        read_mask(path)


def test_a_mask_of_several_pictures_is_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(IDS), Image.fromarray(IDS + 1)]
    for name in ("a.tif", "a.png"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        with pytest.raises(FileFault, match="a mask that cannot be read") as caught:
            read_mask(tmp_path / name)
        assert "several pictures" in caught.value.why
