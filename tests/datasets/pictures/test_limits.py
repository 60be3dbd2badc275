"""How many pixels are read, and how whoever is refused raises that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from zoo_encoders import png, scene
from zoo_hostile import flat_png

from fasterseg.datasets.decoding import decode, read_image, size_of
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.pictures.limits import (
    MOST_IN_FEW_BYTES,
    MOST_PIXELS,
    PIXELS_PER_BYTE,
    PixelLimit,
    TooLarge,
    require_few_scans,
)
from fasterseg.datasets.pictures.reading import DEFAULT_READING
from fasterseg.errors import DataError

MANY = PixelLimit(64_000_000)


def test_a_photograph_of_24_megapixels_is_within_the_limit_and_one_of_61_is_not() -> None:
    PixelLimit().require(6000, 4000, kind="JPEG", packed=8_000_000)
    with pytest.raises(TooLarge, match="9504 x 6336 is more than 32,000,000 pixels") as caught:
        PixelLimit().require(9504, 6336, kind="JPEG", packed=30_000_000)
    assert caught.value.next_step == "give most_pixels=60217344 with the call"
    PixelLimit(61_000_000).require(9504, 6336, kind="JPEG", packed=30_000_000)


def test_few_bytes_stand_for_few_pixels_in_images_and_for_many_in_masks() -> None:
    bytes_of_all = MOST_PIXELS // PIXELS_PER_BYTE
    PixelLimit().require(8000, 4000, kind="PNG", packed=bytes_of_all)
    PixelLimit().require(8000, 4000, kind="PNG")
    with pytest.raises(TooLarge, match=f"in a file of {bytes_of_all - 1:,} bytes"):
        PixelLimit().require(8000, 4000, kind="PNG", packed=bytes_of_all - 1)
    PixelLimit().require(MOST_IN_FEW_BYTES // 2000, 2000, kind="PNG", packed=1)


def test_a_narrow_picture_counts_as_wide_as_networks_fill_it_up() -> None:
    PixelLimit().require(1, 1_000_000)
    with pytest.raises(TooLarge):
        PixelLimit().require(1, 1_000_001)


def test_the_scans_of_a_jpeg_are_limited_by_its_pixels() -> None:
    require_few_scans(200, 3_000_000)
    require_few_scans(10, 170_000_000)
    for scans, pixels in ((201, 100), (40, 32_000_000)):
        with pytest.raises(TooLarge, match="scans"):
            require_few_scans(scans, pixels)


def test_a_picture_beyond_the_limit_is_read_where_it_is_raised(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(flat_png(2000, 2500))
    with pytest.raises(FileFault, match="more than 4,000,000 pixels in a file of") as caught:
        read_image(path)
    assert "most_pixels=5000000" in caught.value.next_step
    with pytest.raises(FileFault):
        size_of(path, DEFAULT_READING, shown_as="")

    limit = PixelLimit(5_000_000)
    assert not read_image(path, limit=limit).any()
    assert size_of(path, DEFAULT_READING, shown_as="", limit=limit) == (2000, 2500)
    assert read_mask(path).shape == (2000, 2500)


@pytest.mark.parametrize("kind", ["array", "grey array", "Pillow image"])
def test_arrays_and_pillow_images_have_the_same_limit(kind: str) -> None:
    grey = np.broadcast_to(np.uint8(7), (5000, 7000))
    picture = {
        "array": np.broadcast_to(np.uint8(7), (5000, 7000, 3)),
        "grey array": grey,
        "Pillow image": Image.new("1", (7000, 5000)),
    }[kind]
    with pytest.raises(DataError, match="7000 x 5000 is more than 32,000,000 pixels"):
        decode(picture)


def test_a_data_file_raises_the_limit_and_lowers_it(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for kind, pixels in (("images", scene(40, 50)), ("masks", scene(40, 50)[..., 0] * 0)):
            folder = tmp_path / kind / split
            folder.mkdir(parents=True)
            (folder / f"{split}.png").write_bytes(png(pixels))
    head = "train: images/train\nval: images/val\nmasks_dir: masks\nnames: [road]\n"
    (tmp_path / "data.yaml").write_text(f"{head}most_pixels: 1999\n")
    with pytest.raises(FileFault, match="more than 1,999 pixels") as caught:
        open_data(tmp_path).sample("train", 0)
    assert caught.value.next_step == "write 'most_pixels: 2000' into data.yaml"

    (tmp_path / "data.yaml").write_text(f"{head}most_pixels: 2000\n")
    assert open_data(tmp_path).sample("train", 0).image.shape == (40, 50, 3)
    (tmp_path / "data.yaml").write_text(f"{head}most_pixels: 999999999999\n")
    with pytest.raises(DataError, match="most_pixels"):
        open_data(tmp_path)
