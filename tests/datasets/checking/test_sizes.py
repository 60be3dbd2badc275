"""The sizes that headers tell are those of the images as they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fasterseg.datasets.checking.sizes import image_sizes
from fasterseg.datasets.faults import FileFault
from fasterseg.datasets.opening import open_data


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_image_has_the_size_that_it_is_read_at(
    suffix: str, orientation: int, make_folder: Callable[..., Path]
) -> None:
    root = make_folder()
    tags = Image.Exif()
    tags[0x0112] = orientation
    for path in sorted(root.glob("images/train/*.jpg")):
        with Image.open(path) as image:
            image.load()
        path.unlink()
        image.save(path.with_suffix(suffix), exif=tags)
    source = open_data(root)
    assert source.files is not None
    read = source.files.image(source.files.pairs("train")[0]).shape[:2]
    assert dict(image_sizes(source, ["train"])) == {read: 6}


def test_a_picture_of_a_format_that_is_not_read_has_no_size(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder / "train").mkdir(parents=True)
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"
    (tmp_path / "images" / "train" / "a.png").write_bytes(postscript)
    Image.new("L", (10, 10)).save(tmp_path / "masks" / "train" / "a.png")
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [a, b, c]\n")

    with pytest.raises(FileFault, match="cannot be read"):
        image_sizes(open_data(tmp_path), ["train"])
