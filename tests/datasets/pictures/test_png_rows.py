"""PNG files that pack fewer rows than they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from zoo_encoders import HEIGHT, WIDTH, grey, png, scene

from fasterseg.datasets.decoding import read_image
from fasterseg.datasets.faults import FaultKind, FileFault
from fasterseg.datasets.masks.mask_reading import read_mask
from fasterseg.datasets.pictures.png_rows import has_all_rows


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize(("height", "width"), [(24, 40), (1, 1), (7, 13), (2, 300)])
def test_a_whole_png_has_all_its_rows(height: int, width: int, bits: int, interlaced: bool) -> None:
    values = scene(height, width)[..., 0] >> max(0, 8 - bits)

    assert has_all_rows(png(values, bits=bits, interlaced=interlaced))


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_of_one_row_more_lacks_it(interlaced: bool) -> None:
    values = grey()

    assert not has_all_rows(png(values, interlaced=interlaced, size=(HEIGHT + 1, WIDTH)))


@pytest.mark.parametrize("interlaced", [False, True])
def test_what_lacks_rows_is_refused_as_image_and_as_mask(interlaced: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(grey(), interlaced=interlaced, size=(HEIGHT + 1, WIDTH)))
    with pytest.raises(FileFault) as caught:
        read_image(path)
    assert caught.value.fault.kind is FaultKind.TRUNCATED_IMAGE

    with pytest.raises(FileFault) as caught:
        read_mask(path)
    assert caught.value.fault.kind is FaultKind.TRUNCATED_MASK


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_black_picture_is_whole(interlaced: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(np.zeros((HEIGHT, WIDTH), np.uint8), interlaced=interlaced))

    assert not read_image(path).any()
