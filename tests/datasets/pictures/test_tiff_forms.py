"""TIFFs that Pillow takes for others: bands one after another, bands that nobody names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from written_tiffs import Written

from fasterseg.datasets.decoding import decode, size_of
from fasterseg.datasets.faults import FaultKind, FileFault
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.datasets.pictures.pixels import Interpretation
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading

Array = npt.NDArray[Any]
ROWS, COLUMNS = np.mgrid[:37, :45]
BANDS = np.stack([(3 + band) * ROWS + (2 + band) * COLUMNS for band in range(6)], axis=-1) % 251
DEEP = (BANDS * 257 + COLUMNS[..., None] % 7).astype(np.uint16)
PLANES = Written(planar=True)
WHOLE = Reading(range=(0, 65535))


def saved(folder: Path, form: Written, values: Array) -> Path:
    path = folder / "a.tif"
    path.write_bytes(form.file(values))
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packing", ["raw", "lzw", "deflate"])
@pytest.mark.parametrize("parts", [{}, {"rows": 7}, {"tile": 16}])
@pytest.mark.parametrize("large", [False, True])
def test_planar_colours_are_read_as_those_that_lie_together(
    order: str, packing: str, parts: dict[str, int], large: bool, tmp_path: Path
) -> None:
    form = Written(order=order, packing=packing, large=large, planar=True, **parts)
    for bands, extra in ((3, ()), (5, (0, 0))):
        written = Written(**{**vars(form), "extra": extra})
        path = saved(tmp_path, written, DEEP[..., :bands])
        assert np.array_equal(decode(path).pixels, DEEP[..., :3] >> 8)
        fine = np.rint(DEEP[..., :3] * (255 / 65535))
        assert np.array_equal(decode(path, WHOLE).pixels, fine)
        path = saved(tmp_path, written, BANDS[..., :bands].astype(np.uint8))
        assert np.array_equal(decode(path).pixels, BANDS[..., :3])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize(
    ("kind", "scale"), [("u1", 1), ("u2", 257), ("i2", 100), ("i4", 257), ("f4", 1 / 255)]
)
def test_one_band_is_the_same_planar_or_not(
    order: str, planar: bool, kind: str, scale: float, tmp_path: Path
) -> None:
    values = (BANDS[..., 0] * scale).astype(kind)
    path = saved(tmp_path, Written(order=order, planar=planar), values)
    wanted = decode(values.astype(np.int32) if kind == "i2" else values)
    assert np.array_equal(decode(path).pixels, wanted.pixels)


def test_a_planar_picture_is_turned_as_its_tag_says(tmp_path: Path) -> None:
    path = saved(tmp_path, Written(planar=True, orientation=6), DEEP[..., :3])
    found = decode(path)
    assert np.array_equal(found.pixels, np.rot90(DEEP[..., :3] >> 8, -1))
    assert Interpretation.ORIENTATION in found.remarks.interpreted
    assert size_of(path, DEFAULT_READING, shown_as="") == (45, 37)


def test_a_planar_picture_that_pillow_opened_is_read_and_one_it_loaded_is_not(
    tmp_path: Path,
) -> None:
    path = saved(tmp_path, PLANES, DEEP[..., :3])
    with Image.open(path) as image:
        assert np.array_equal(decode(image).pixels, DEEP[..., :3] >> 8)
    with Image.open(path) as image:
        image.load()
        with pytest.raises(FileFault, match="one after another") as caught:
            decode(image)
    assert "give the file's path" in caught.value.next_step


def test_planes_that_are_not_there_are_a_fault(tmp_path: Path) -> None:
    bands = b"\x15\x01\x04\0\1\0\0\0"
    whole = Written(planar=True, extra=(0,)).file(DEEP[..., :4])
    (tmp_path / "a.tif").write_bytes(whole.replace(bands + b"\4", bands + b"\3"))
    with pytest.raises(FileFault, match="cut short") as caught:
        decode(tmp_path / "a.tif")
    assert "4 parts cannot be those of 3 bands" in caught.value.why


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("parts", [{}, {"rows": 7}, {"tile": 16}])
def test_rows_that_no_strip_has_are_not_black(
    planar: bool, parts: dict[str, int], tmp_path: Path
) -> None:
    whole = Written(planar=planar, **parts).file(BANDS[..., :3].astype(np.uint8))
    rows = b"\x01\x01\x04\0\1\0\0\0"
    (tmp_path / "a.tif").write_bytes(whole.replace(rows + b"\x25", rows + b"\x4a"))
    with pytest.raises(FileFault, match="cut short") as caught:
        decode(tmp_path / "a.tif")
    assert "fewer strips or tiles" in caught.value.why
    with Image.open(tmp_path / "a.tif") as image, pytest.raises(FileFault, match="cut short"):
        decode(image)


@pytest.mark.parametrize("parts", [{"rows": 7}, {"tile": 16}])
def test_a_part_that_is_left_out_is_not_what_a_file_begins_with(
    parts: dict[str, int], tmp_path: Path
) -> None:
    values = BANDS[..., :3].astype(np.uint8)
    values[:16] = 0
    (tmp_path / "a.tif").write_bytes(Written(sparse=True, **parts).file(values))
    with pytest.raises(FileFault, match="left out") as caught:
        decode(tmp_path / "a.tif")
    assert "SPARSE_OK=FALSE" in caught.value.next_step
    with Image.open(tmp_path / "a.tif") as image, pytest.raises(FileFault, match="left out"):
        decode(image)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("packing", ["raw", "lzw"])
@pytest.mark.parametrize("values", [BANDS.astype(np.uint8), DEEP])
@pytest.mark.parametrize("extra", [(), (0,)])
def test_a_fourth_band_that_no_tag_calls_transparency_is_left_out_and_told(
    planar: bool, packing: str, values: Array, extra: tuple[int, ...], tmp_path: Path
) -> None:
    form = Written(planar=planar, packing=packing, extra=extra)
    path = saved(tmp_path, form, values[..., :4])
    found = decode(path)
    wanted = values[..., :3] if values.dtype == np.uint8 else values[..., :3] >> 8
    assert np.array_equal(found.pixels, wanted)
    assert Interpretation.FOURTH_BAND in found.remarks.interpreted
    assert Interpretation.TRANSPARENT not in found.remarks.interpreted
    if not planar:
        with Image.open(path) as image:
            image.load()
            assert np.array_equal(decode(image).pixels, wanted)


@pytest.mark.parametrize("planar", [False, True])
def test_a_fourth_band_that_is_called_transparency_is_that(planar: bool, tmp_path: Path) -> None:
    path = saved(tmp_path, Written(planar=planar, extra=(2,)), BANDS[..., :4].astype(np.uint8))
    remarks = decode(path).remarks.interpreted
    assert remarks == {Interpretation.TRANSPARENT}


@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_of_16_bits_whose_0_is_white_is_no_negative(order: str, tmp_path: Path) -> None:
    path = saved(tmp_path, Written(order=order, meaning=0), (65535 - DEEP[..., 0]))
    assert np.array_equal(decode(path).pixels, decode(DEEP[..., 0]).pixels)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("packing", ["raw", "lzw"])
def test_the_ids_of_a_mask_are_its_numbers_even_where_0_is_white(
    kind: str, packing: str, tmp_path: Path
) -> None:
    ids = (BANDS[..., 0] % 12).astype(kind)
    path = saved(tmp_path, Written(meaning=0, packing=packing), ids)
    assert np.array_equal(read_mask(path), ids)


@pytest.mark.parametrize(
    ("form", "values", "said"),
    [
        (Written(meaning=1), BANDS[..., :4].astype(np.uint8), "4 bands of 8 bits, which it calls"),
        (Written(meaning=1, extra=(0, 0, 0)), DEEP[..., :4], "4 bands of 16 bits"),
        (Written(meaning=1, extra=(0, 0), planar=True), DEEP[..., :3], "calls grey"),
        (Written(meaning=1, extra=(0, 0), planar=True, packing="lzw"), DEEP[..., :3], "grey"),
        (Written(), (BANDS[..., :3] / 255).astype(np.float32), "floating-point numbers"),
        (Written(extra=(0, 0, 0)), DEEP, "6 bands"),
        (Written(), BANDS[..., 0].astype(np.float64), "1 band of 64 bits"),
    ],
)
def test_bands_that_are_not_read_are_told_with_what_makes_a_picture_of_them(
    form: Written, values: Array, said: str, tmp_path: Path
) -> None:
    path = saved(tmp_path, form, values)
    with pytest.raises(FileFault) as caught:
        decode(path)
    assert caught.value.fault.kind is FaultKind.UNREADABLE_IMAGE
    assert said in caught.value.why
    assert "gdal_translate -of PNG" in caught.value.next_step
    with pytest.raises(FileFault) as caught:
        read_mask(path)
    assert caught.value.next_step.startswith("save masks as PNG")


def test_a_mask_of_ids_beside_something_else_is_refused(tmp_path: Path) -> None:
    ids = (BANDS[..., :2] % 3).astype(np.uint8)
    for planar in (False, True):
        path = saved(tmp_path, Written(extra=(0,), planar=planar), ids)
        with pytest.raises(FileFault, match="a mask that cannot be read") as caught:
            read_mask(path)
        assert "bands beside" in caught.value.why


def test_planar_masks_are_read(tmp_path: Path) -> None:
    ids = (BANDS % 3)[..., :1]
    for values in (ids.astype(np.uint8), ids.astype(np.uint16), ids.repeat(3, 2).astype(np.uint8)):
        assert np.array_equal(read_mask(saved(tmp_path, PLANES, values)), ids[..., 0])
