from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from fasterseg.datasets.decoding import decode, read_image, size_of
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.pictures.reading import Reading
from fasterseg.errors import DataError

Array = npt.NDArray[Any]


def scene(height: int = 24, width: int = 40) -> Array:
    """A smooth picture, so that lossy formats stay close to it."""
    rows, columns = np.mgrid[:height, :width]
    red = 255 * columns / (width - 1)
    green = 255 * rows / (height - 1)
    return np.stack([red, green, (red + green) / 2], axis=-1).astype(np.uint8)


def grey_scene() -> Array:
    return scene()[..., 0]


def save(path: Path, pixels: Array | Image.Image, **settings: Any) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **settings)
    return path


def as_rgb(grey: Array) -> Array:
    return np.repeat(grey[..., None], 3, axis=-1)


def chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + crc


LOSSLESS: dict[str, Callable[[Path], tuple[Path, Array]]] = {
    "png": lambda d: (save(d / "a.png", scene()), scene()),
    "bmp": lambda d: (save(d / "a.bmp", scene()), scene()),
    "tiff": lambda d: (save(d / "a.tif", scene()), scene()),
    "tiff lzw": lambda d: (save(d / "a.tif", scene(), compression="tiff_lzw"), scene()),
    "tiff deflate": lambda d: (save(d / "a.tif", scene(), compression="tiff_deflate"), scene()),
    "webp lossless": lambda d: (save(d / "a.webp", scene(), lossless=True), scene()),
    "grey png": lambda d: (save(d / "a.png", grey_scene()), as_rgb(grey_scene())),
    "grey bmp": lambda d: (save(d / "a.bmp", grey_scene()), as_rgb(grey_scene())),
    "1 bit": lambda d: (
        save(d / "a.png", Image.fromarray(grey_scene() > 99)),
        as_rgb((grey_scene() > 99) * np.uint8(255)),
    ),
    "palette": lambda d: (
        save(d / "a.png", Image.fromarray(grey_scene()).convert("P")),
        as_rgb(grey_scene()),
    ),
    "16 bit png": lambda d: (
        save(d / "a.png", grey_scene().astype(np.uint16) * 257),
        as_rgb(grey_scene()),
    ),
    "16 bit tiff": lambda d: (
        save(d / "a.tif", grey_scene().astype(np.uint16) * 257),
        as_rgb(grey_scene()),
    ),
    "float tiff": lambda d: (
        save(d / "a.tif", (grey_scene() / 255).astype(np.float32)),
        as_rgb(grey_scene()),
    ),
    "opaque rgba": lambda d: (
        save(d / "a.png", np.dstack([scene(), np.full(scene().shape[:2], 255, np.uint8)])),
        scene(),
    ),
    "clear rgba": lambda d: (
        save(d / "a.png", np.dstack([scene(), np.zeros(scene().shape[:2], np.uint8)])),
        np.zeros_like(scene()),
    ),
    "grey with alpha": lambda d: (
        save(d / "a.png", Image.merge("LA", [Image.fromarray(grey_scene())] * 2)),
        as_rgb((grey_scene().astype(float) ** 2 / 255).round().astype(np.uint8)),
    ),
    "icc": lambda d: (save(d / "a.png", scene(), icc_profile=b"anything"), scene()),
    "animated": lambda d: (
        save(
            d / "a.png",
            scene(),
            save_all=True,
            append_images=[Image.fromarray(255 - scene())],
        ),
        scene(),
    ),
    "multi-page tiff": lambda d: (
        save(d / "a.tif", scene(), save_all=True, append_images=[Image.fromarray(255 - scene())]),
        scene(),
    ),
}


@pytest.mark.parametrize("form", LOSSLESS)
def test_lossless_forms_are_read_to_the_pixel(form: str, tmp_path: Path) -> None:
    path, expected = LOSSLESS[form](tmp_path)

    pixels = read_image(path)

    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - expected).max() <= (1 if "alpha" in form else 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"quality": 98, "subsampling": 0},
        {"quality": 98, "subsampling": 0, "progressive": True},
    ],
)
def test_jpeg_stays_within_three_levels(settings: dict[str, Any], tmp_path: Path) -> None:
    pixels = read_image(save(tmp_path / "a.jpg", scene(), **settings))

    assert np.abs(pixels.astype(int) - scene()).max() <= 3


def test_cmyk_and_ycbcr_jpeg_become_rgb(tmp_path: Path) -> None:
    cmyk = save(tmp_path / "a.jpg", Image.fromarray(scene()).convert("CMYK"), quality=98)
    ycbcr = save(
        tmp_path / "b.jpg", Image.fromarray(scene()).convert("YCbCr"), quality=98, subsampling=0
    )

    assert np.abs(read_image(cmyk).astype(int) - scene()).max() <= 6
    assert np.abs(read_image(ycbcr).astype(int) - scene()).max() <= 4


def test_lab_becomes_rgb(tmp_path: Path) -> None:
    lab = np.zeros((2, 2, 3), dtype=np.uint8)
    lab[:, 0, 0] = 255
    path = save(tmp_path / "a.tif", Image.frombytes("LAB", (2, 2), lab.tobytes()))

    pixels = read_image(path)

    assert (pixels[:, 0] > 245).all()
    assert (pixels[:, 1] < 10).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_same_pixels(orientation: int, tmp_path: Path) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = Image.fromarray(scene())
    stored = stored.transpose(undo[orientation]) if orientation in undo else stored
    tags = Image.Exif()
    tags[0x0112] = orientation

    path = save(tmp_path / "a.png", stored, exif=tags)

    assert np.array_equal(read_image(path), scene())


def test_damaged_tags_warn_of_nothing(tmp_path: Path) -> None:
    damaged = b"Exif\0\0II*\0\x08\0\0\0\1\0\x0f\x01\x02\0\xff\xff\0\0\0\0\0\0"
    path = save(tmp_path / "a.jpg", scene(), exif=damaged)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert size_of(path, Reading(), shown_as="") == decode(path).pixels.shape[:2]
    assert not told


def test_grey_reading_makes_all_channels_equal(tmp_path: Path) -> None:
    pixels = read_image(save(tmp_path / "a.png", scene()), reading=Reading(channels=1))

    assert (pixels[..., 0] == pixels[..., 1]).all()
    assert (pixels[..., 0] == np.asarray(Image.fromarray(scene()).convert("L"))).all()


@pytest.mark.parametrize(
    ("suffix", "settings"),
    [
        (".jpg", {}),
        (".jpg", {"progressive": True}),
        (".png", {}),
        (".webp", {}),
        (".webp", {"lossless": True}),
        (".tif", {}),
        (".tif", {"compression": "tiff_lzw"}),
        (".bmp", {}),
    ],
)
def test_a_file_cut_at_any_of_twenty_places_is_refused(
    suffix: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = save(tmp_path / f"whole{suffix}", scene(), **settings).read_bytes()
    cut = tmp_path / f"cut{suffix}"
    lengths = {len(whole) * part // 20 for part in range(20)} | {len(whole) - 1}

    for length in sorted(lengths):
        cut.write_bytes(whole[:length])
        with pytest.raises(FileFault):
            read_image(cut)


def test_a_jpeg_with_a_thumbnail_is_not_taken_as_whole_when_cut(tmp_path: Path) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(scene(8, 8)).save(thumbnail, "JPEG")
    tags = b"Exif\0\0" + thumbnail.getvalue()
    whole = save(tmp_path / "a.jpg", scene(), exif=tags).read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[:-2])

    with pytest.raises(FileFault, match="cut short"):
        read_image(tmp_path / "a.jpg")


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(tmp_path: Path) -> None:
    header = (50_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(data)

    with pytest.raises(FileFault, match="more than 178,956,970 pixels"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", b"GIF89a" + b"\0" * 40, b"\xff\xd8\xff"]
)
def test_what_is_no_picture_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)

    with pytest.raises(FileFault) as caught:
        read_image(tmp_path / "a.png")

    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("content", "words", "step"),
    [
        (b"\0\0\0\x18ftypheic", "HEIC", "JPEG or PNG"),
        (b"\0\0\0\x18ftypavif", "AVIF", "JPEG or PNG"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000", "JPEG or PNG"),
        (b"GIF89a", "GIF", "JPEG or PNG"),
        (b"P6\n8 8\n255\n", "PNM", "JPEG or PNG"),
        (b"\x93NUMPY", "a NumPy array", "JPEG or PNG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page", "download the files anew"),
        (bytes(100), "zeros", "never written"),
        (b"something else", "data in its 214 bytes", "restore the files"),
    ],
)
def test_what_a_file_is_in_place_of_a_picture_is_told_with_what_to_do(
    content: bytes, words: str, step: str, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(content + bytes(200))

    with pytest.raises(FileFault) as caught:
        read_image(tmp_path / "a.jpg")

    assert words in caught.value.why
    assert step in caught.value.next_step


def test_values_that_no_rule_scales_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", np.full((2, 2), 7.5, dtype=np.float32))

    with pytest.raises(FileFault, match="cannot be read"):
        read_image(path)


COLOURS = np.random.default_rng(5).integers(0, 256, (6, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "given",
    [
        COLOURS / 255,
        COLOURS.astype(np.float32),
        COLOURS.astype(np.int64),
        COLOURS > 127,
        COLOURS.transpose(2, 0, 1),
        COLOURS.transpose(2, 0, 1)[None] / np.float32(255),
        COLOURS[None],
        COLOURS[..., :1],
        COLOURS[None, ..., :1].transpose(0, 3, 1, 2),
        COLOURS[..., 0].astype(np.int64),
        torch.tensor(COLOURS).permute(2, 0, 1),
        torch.tensor(COLOURS).permute(2, 0, 1)[None] / 255,
        torch.tensor(COLOURS / 255, requires_grad=True),
    ],
    ids=lambda one: str(getattr(one, "shape", one))[:30],
)
def test_an_array_of_another_form_is_told_how_it_is_written(given: Any) -> None:
    with pytest.raises(DataError) as caught:
        decode(given)
    step = caught.value.next_step
    assert step.startswith("give ")
    advised = eval(step.removeprefix("give "), {"image": given})  # noqa: S307
    found = decode(advised).pixels
    grey = np.repeat(COLOURS[..., :1], 3, axis=2)
    dark = (COLOURS > 127).astype(np.uint8) * 255
    assert any(np.array_equal(found, wanted) for wanted in (COLOURS, grey, dark))


def test_a_folder_is_answered_with_what_takes_folders(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="cannot be read") as caught:
        decode(tmp_path)
    assert "fasterseg.predict(model, FOLDER)" in caught.value.next_step


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "cv2.imread gives None"),
        (b"\xff\xd8\xff", "opened from io.BytesIO(data)"),
        (io.BytesIO(), "opened from this file"),
        ([COLOURS, COLOURS], "one image at a time"),
        (np.stack([COLOURS, COLOURS]), "one image at a time"),
        (COLOURS[:0], "it has no pixel"),
        (COLOURS / 128.0 - 1, "the model normalises them itself"),
        (np.full((4, 4, 3), np.nan), "not all of its values are numbers"),
        (np.zeros((4, 4, 4), np.uint8), "the Pillow image"),
        (["a.jpg"], "the file's path"),
        ([[1, 2], [3]], "a NumPy array"),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_what_is_no_image_is_told_what_to_give_instead(given: Any, said: str) -> None:
    with pytest.raises(DataError) as caught:
        decode(given)
    assert said in caught.value.next_step
