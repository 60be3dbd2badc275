"""One function from any picture to pixels, and what it says of what it interpreted."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.decoding import decode
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.pictures.pixels import Interpretation
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading
from fasterseg.errors import DataError

Array = npt.NDArray[Any]
MakeFolder = Callable[..., Path]
DICE = np.random.default_rng(3)
RGB = DICE.integers(0, 256, (12, 20, 3), dtype=np.uint8)
GREY = RGB[..., 0]
HALF = np.where(np.arange(20) < 10, 255, 40)[None].repeat(12, 0).astype(np.uint8)
TWELVE = Reading(range=(0, 4095))


def turned(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(values: Array, colour_type: int) -> bytes:
    """A PNG of 16 bits a channel, which Pillow writes of grey only."""
    height, width = values.shape[:2]
    rows = values.astype(">u2").reshape(height, -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def deep_tiff(values: Array, *, order: str, packed: bool, meaning: int = 2) -> bytes:
    """A TIFF of 16 bits a channel, in either byte order, plain or deflated."""
    height, width, bands = values.shape
    data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packed else data
    bits_at = 8 + len(data)
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, bands, bits_at),
        (259, 3, 1, 8 if packed else 1), (262, 3, 1, meaning), (273, 4, 1, 8), (277, 3, 1, bands),
        (278, 4, 1, height), (279, 4, 1, len(data)),
    ]  # fmt: skip
    directory = struct.pack(f"{order}H", len(tags))
    for tag, kind, count, value in tags:
        form = "H2x" if kind == 3 and count == 1 else "I"
        directory += struct.pack(f"{order}HHI{form}", tag, kind, count, value)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", bits_at + 2 * bands)
    return head + data + struct.pack(f"{order}{bands}H", *[16] * bands) + directory + bytes(4)


def saved(path: Path, picture: Array | Image.Image, **settings: Any) -> Path:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **settings)
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


PICTURES: dict[str, Callable[[Path], Path]] = {
    "rgb": lambda d: saved(d / "a.png", RGB),
    "grey of 16 bits": lambda d: saved(d / "a.png", GREY.astype(np.uint16) * 257),
    "grey of 16 bits, big end first": lambda d: saved(
        d / "a.tif", Image.fromarray(GREY.astype(np.uint16) * 257).convert("I;16B")
    ),
    "grey of 32 bits": lambda d: saved(d / "a.tif", GREY.astype(np.int32) * 250),
    "floats": lambda d: saved(d / "a.tif", (GREY / 255).astype(np.float32)),
    "turned jpeg": lambda d: saved(d / "a.jpg", RGB, exif=turned(6), quality=95),
    "turned tiff": lambda d: saved(d / "a.tif", RGB, exif=turned(8)),
    "turned grey of 16 bits": lambda d: saved(
        d / "a.png", GREY.astype(np.uint16) * 257, exif=turned(5)
    ),
    "rgba": lambda d: saved(d / "a.png", np.dstack([RGB, HALF])),
    "grey and alpha": lambda d: saved(d / "a.png", np.dstack([GREY, HALF])),
    "transparent palette": lambda d: saved(
        d / "a.png", Image.fromarray(RGB).quantize(64), transparency=5
    ),
    "transparent colour": lambda d: saved(
        d / "a.png", Image.fromarray(RGB), transparency=tuple(RGB[0, 0].tolist())
    ),
    "cmyk": lambda d: saved(d / "a.jpg", Image.fromarray(RGB).convert("CMYK"), quality=95),
    "spare band": lambda d: saved(d / "a.tif", Image.fromarray(RGB).convert("RGBX")),
    "lab": lambda d: saved(d / "a.tif", Image.frombytes("LAB", (20, 12), RGB.tobytes())),
    "one bit": lambda d: saved(d / "a.png", Image.fromarray(GREY > 99)),
    "colour of 16 bits": lambda d: written(d / "a.png", deep_png(RGB.astype(int) * 250, 2)),
    "webp": lambda d: saved(d / "a.webp", np.dstack([RGB, HALF]), lossless=True),
}  # fmt: skip
ARRAYS = ("rgb", "grey of 16 bits", "grey of 32 bits", "floats", "one bit")


@pytest.mark.parametrize("form", PICTURES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_and_the_same_opened_by_pillow_give_the_same_pixels(
    form: str, channels: Any, tmp_path: Path
) -> None:
    path, reading = PICTURES[form](tmp_path), Reading(channels=channels)
    by_path = decode(path, reading)
    with Image.open(path) as opened, Image.open(path) as loaded:
        loaded.load()
        by_pillow = decode(opened, reading)
        assert np.array_equal(by_pillow.pixels, by_path.pixels)
        assert by_pillow.remarks == by_path.remarks
        for picture in (loaded, loaded.copy()):
            assert np.array_equal(decode(picture, reading).pixels, by_path.pixels)
        values = np.asarray(loaded)
    if form in ARRAYS:
        by_array = decode(values, reading)
        assert np.array_equal(by_array.pixels, by_path.pixels)


def test_pillows_own_image_is_not_changed(tmp_path: Path) -> None:
    with Image.open(PICTURES["turned jpeg"](tmp_path)) as image:
        decode(image)
        assert image.size == (20, 12)
        assert image.getexif()[0x0112] == 6


REMARKED = {
    "rgb": set(),
    "grey of 16 bits": {Interpretation.DEEP},
    "floats": {Interpretation.DEEP},
    "turned jpeg": {Interpretation.ORIENTATION},
    "turned tiff": {Interpretation.ORIENTATION},
    "turned grey of 16 bits": {Interpretation.DEEP, Interpretation.ORIENTATION},
    "rgba": {Interpretation.TRANSPARENT},
    "grey and alpha": {Interpretation.TRANSPARENT},
    "transparent palette": {Interpretation.TRANSPARENT},
    "cmyk": {Interpretation.INKS},
    "spare band": {Interpretation.FOURTH_BAND},
    "colour of 16 bits": {Interpretation.DEEP},
    "one bit": set(),
}


@pytest.mark.parametrize("form", REMARKED)
def test_what_was_interpreted_is_remarked(form: str, tmp_path: Path) -> None:
    assert decode(PICTURES[form](tmp_path)).remarks.interpreted == REMARKED[form]


def test_an_opaque_alpha_channel_interprets_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", np.dstack([RGB, np.full_like(GREY, 255)]))
    assert decode(path).remarks.interpreted == frozenset()


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0, 4095, 240).reshape(12, 20).astype(np.uint16),
        np.linspace(0, 4095, 240).reshape(12, 20).astype(np.int32),
        np.linspace(0, 4095, 240).reshape(12, 20).astype(np.float32),
    ],
)
def test_a_declared_range_becomes_all_of_0_to_255(values: Array, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", values)
    wanted = np.rint(values.astype(float) * 255 / 4095)
    with Image.open(path) as image:
        for picture in (path, image, values):
            found = decode(picture, TWELVE)
            assert np.array_equal(found.pixels[..., 0], wanted)
            assert Interpretation.CLIPPED not in found.remarks.interpreted
    assert len(np.unique(found.pixels)) > 200


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rgb.png", lambda v: deep_png(v, 2)),
        ("little.tif", lambda v: deep_tiff(v, order="<", packed=False)),
        ("big.tif", lambda v: deep_tiff(v, order=">", packed=False)),
        ("little-deflated.tif", lambda v: deep_tiff(v, order="<", packed=True)),
        ("big-deflated.tif", lambda v: deep_tiff(v, order=">", packed=True)),
    ],
)
def test_colours_of_16_bits_are_read_whole_where_a_range_is_declared(
    name: str, data: Callable[[Array], bytes], tmp_path: Path
) -> None:
    values = DICE.integers(0, 4096, (12, 20, 3)).astype(np.uint16)
    path = written(tmp_path / name, data(values))
    assert np.array_equal(decode(path).pixels, values >> 8)
    wanted = np.rint(values * (255 / 4095))
    with Image.open(path) as image:
        for picture in (path, image, values):
            assert np.array_equal(decode(picture, TWELVE).pixels, wanted)
    assert np.array_equal(decode(values).pixels, values >> 8)
    depth = decode(path, measured=True).remarks.depth
    assert depth is not None
    assert (depth.lowest, depth.highest) == (values.min(), values.max())


@pytest.mark.parametrize("colour_type", [4, 6])
def test_deep_colours_with_alpha_are_put_on_black(colour_type: int, tmp_path: Path) -> None:
    bands = 2 if colour_type == 4 else 4
    values = DICE.integers(0, 4096, (12, 20, bands)).astype(np.uint16)
    values[..., -1] = HALF.astype(np.uint16) * 257
    path = written(tmp_path / "a.png", deep_png(values, colour_type))
    found = decode(path, TWELVE)
    colours = np.rint(values[..., :-1] * (255 / 4095)) * HALF[..., None] / 255
    assert np.abs(found.pixels - colours).max() <= 1
    assert found.remarks.interpreted >= {Interpretation.TRANSPARENT, Interpretation.DEEP}
    with Image.open(path) as image:
        assert np.array_equal(decode(image, TWELVE).pixels, found.pixels)


def test_deep_inks_of_which_8_bits_can_be_had_are_refused_with_a_range(tmp_path: Path) -> None:
    values = np.dstack([RGB, GREY]).astype(np.uint16) * 16
    data = deep_tiff(values, order="<", packed=False, meaning=5)
    path = written(tmp_path / "a.tif", data)
    assert Interpretation.INKS in decode(path).remarks.interpreted
    with pytest.raises(FileFault, match="upper 8 bits"):
        decode(path, TWELVE)


def test_values_outside_the_range_are_cut_off_and_remarked() -> None:
    found = decode(np.array([[0, 100, 200, 300]], dtype=np.uint16), Reading(range=(100, 200)))
    assert found.pixels[0, :, 0].tolist() == [0, 0, 255, 255]
    assert Interpretation.CLIPPED in found.remarks.interpreted


def test_8_bits_are_what_they_are_whatever_range_is_declared() -> None:
    assert np.array_equal(decode(RGB, TWELVE).pixels, RGB)
    assert np.array_equal(decode(GREY, TWELVE).pixels[..., 1], GREY)


@pytest.mark.parametrize(
    "wrong",
    [np.full((4, 4), np.nan, np.float32), np.full((4, 4), 7.5), np.full((4, 4), 70000, np.int32)],
)
def test_values_that_no_rule_scales_are_refused(wrong: Array) -> None:
    with pytest.raises(FileFault, match="an array"):
        decode(wrong)


def test_damaged_tags_turn_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", RGB, exif=b"Exif\0\0II*\0garbage that is no directory")
    assert decode(path).pixels.shape == RGB.shape
    with pytest.warns(UserWarning, match="EXIF"):
        image = Image.open(path)
    with image:
        assert decode(image).remarks.interpreted == frozenset()


def test_a_cut_file_opened_by_pillow_is_refused_as_a_cut_file_is(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.png", RGB).read_bytes()
    path = written(tmp_path / "cut.png", whole[: len(whole) // 2])
    with Image.open(path) as image, pytest.raises(FileFault, match="cut short"):
        decode(image)


def deep_folder(make_folder: MakeFolder, lowest: int, highest: int, extra: str = "") -> Path:
    """A data set of 16-bit grey images with values between two ends."""
    root = make_folder()
    (root / "data.yaml").write_text((root / "data.yaml").read_text() + extra)
    for number, path in enumerate(sorted(root.glob("images/*/*.jpg"))):
        values = np.random.default_rng(number).integers(lowest, highest, (20, 30))
        values.flat[:2] = lowest, highest
        saved(path.with_suffix(".png"), values.astype(np.uint16))
        path.unlink()
    return root


@pytest.mark.parametrize(
    ("ends", "line"),
    [((51241, 52181), "range: [51241, 52181]"), ((3, 4090), "range: [0, 4095]")],
)
def test_a_small_part_of_the_range_is_told_and_the_line_that_is_proposed_mends_it(
    ends: tuple[int, int], line: str, make_folder: MakeFolder
) -> None:
    root = deep_folder(make_folder, *ends)
    (note,) = (note for note in check_data(root).notes if "8 bits" in note)
    assert f"from {ends[0]} to {ends[1]}" in note
    assert note.startswith("9 of 9 images are")
    assert f"'{line}'" in note
    (root / "data.yaml").write_text((root / "data.yaml").read_text() + line + "\n")
    (mended,) = (note for note in check_data(root).notes if "8 bits" in note)
    assert "write" not in mended
    image = open_data(root).sample("train", 0).image
    assert len(np.unique(image)) > 180


def test_what_is_interpreted_in_a_data_set_is_counted(make_folder: MakeFolder) -> None:
    root = make_folder()
    first, second, *_ = sorted(root.glob("images/train/*.jpg"))
    for path, bands in ((first, [RGB, HALF]), (second, [RGB, 255 - HALF])):
        large = np.dstack(bands).repeat(2, 0).repeat(2, 1)[:20, :30]
        saved(path.with_suffix(".png"), large)
        path.unlink()
    assert "2 of 9 images are put on black where transparent" in check_data(root).notes


def test_a_range_that_no_image_needs_is_told(make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "data.yaml").write_text((root / "data.yaml").read_text() + "range: [0, 4095]\n")
    assert any("it does nothing" in note for note in check_data(root).notes)


@pytest.mark.parametrize("wrong", ["[5, 5]", "[9, 1]", "7", "[0, .inf]", "[yes, 9]", "[1, 2, 3]"])
def test_a_range_that_is_none_is_refused_by_its_key(wrong: str, make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "data.yaml").write_text((root / "data.yaml").read_text() + f"range: {wrong}\n")
    with pytest.raises(DataError, match="range"):
        open_data(root)


@pytest.mark.parametrize("line", ["channels: 1\n", "range: [0, 4095]\n"])
def test_the_reading_is_part_of_the_datas_digest_and_can_be_a_models(
    line: str, make_folder: MakeFolder
) -> None:
    root = make_folder()
    plain = open_data(root)
    (root / "data.yaml").write_text((root / "data.yaml").read_text() + line)
    other = open_data(root)
    assert other.digest("train") != plain.digest("train")
    assert plain.reading == DEFAULT_READING
    assert plain.read_as(other.reading).digest("train") == other.digest("train")
    assert other.read_as(DEFAULT_READING).digest("train") == plain.digest("train")


def test_one_data_set_reads_all_its_images_in_one_way(make_folder: MakeFolder) -> None:
    root = make_folder()
    text = (root / "data.yaml").read_text()
    (root / "other.yaml").write_text(text + "channels: 1\n")
    (root / "data.yaml").write_text(text + "include: [other.yaml]\n")
    with pytest.raises(DataError, match="reads its images otherwise") as refused:
        open_data(root)
    lines = [line.strip() for line in refused.value.next_step.splitlines()[1:]]
    own = (root / "other.yaml").read_text().replace("channels: 1\n", "")
    (root / "other.yaml").write_text(own + "\n".join(lines) + "\n")
    assert open_data(root).length("train") == 12


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.webp"])
def test_that_only_the_first_of_several_pictures_is_read_is_remarked(
    name: str, tmp_path: Path
) -> None:
    first, second = Image.fromarray(RGB), Image.fromarray(RGB[::-1])
    first.save(tmp_path / name, save_all=True, append_images=[second], lossless=True)
    found = decode(tmp_path / name)
    assert np.array_equal(found.pixels, RGB)
    assert found.remarks.interpreted == {Interpretation.SEVERAL}
    with Image.open(tmp_path / name) as image:
        assert decode(image).remarks.interpreted == {Interpretation.SEVERAL}


@pytest.mark.parametrize("reading", [Reading(), TWELVE])
@pytest.mark.parametrize("bands", [1, 3])
def test_the_transparent_value_of_a_deep_picture_is_put_on_black(
    bands: int, reading: Reading, tmp_path: Path
) -> None:
    values = DICE.integers(1000, 4096, (12, 20, bands)).astype(np.uint16)
    values[0, 0], values[0, 1] = 2049, 2048
    key = chunk(b"tRNS", struct.pack(">H", 2049) * bands)
    path = written(tmp_path / "a.png", deep_png(values, 2 if bands == 3 else 0))
    data = path.read_bytes()
    path.write_bytes(data[:33] + key + data[33:])
    found = decode(path, reading)
    assert not found.pixels[0, 0].any()
    assert found.pixels[0, 1].all()
    assert Interpretation.TRANSPARENT in found.remarks.interpreted
    with Image.open(path) as image:
        assert np.array_equal(decode(image, reading).pixels, found.pixels)


def test_an_image_without_a_pixel_is_refused() -> None:
    with pytest.raises(FileFault, match="cannot be read") as caught:
        decode(Image.new("RGB", (0, 5)))
    assert caught.value.why == "it has no pixel"
