"""Masks that were smoothed are told from masks of many classes."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.layouts.classes.voc_colours import voc_colour
from fasterseg.datasets.layouts.published.camvid_full import COLOURS
from fasterseg.datasets.masks.mask_reading import pack, packed
from fasterseg.datasets.masks.mask_values import counts_of
from fasterseg.datasets.masks.smoothed import STEP, main_colours
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

PALETTE = np.array([[0, 0, 0], [128, 64, 128], [0, 200, 40], [250, 250, 10]], np.uint8)
Colours = npt.NDArray[np.uint8]


def regions(palette: Colours, *, seed: int = 0, size: tuple[int, int] = (120, 160)) -> Colours:
    """Rectangles in the colours of a palette."""
    dice, labels = np.random.default_rng(seed), np.zeros(size, np.int64)
    for _ in range(3):
        for label in range(1, len(palette)):
            top, left = dice.integers(0, size[0] - 25), dice.integers(0, size[1] - 25)
            height, width = dice.integers(6, 25, 2)
            labels[top : top + height, left : left + width] = label
    return palette[labels]


def scaled(colours: Colours, how: Image.Resampling) -> Colours:
    image = Image.fromarray(colours)
    larger = image.resize((image.width * 3 // 2, image.height * 3 // 2), how)
    return np.asarray(larger)


def as_jpeg(colours: Colours) -> Colours:
    stream = io.BytesIO()
    Image.fromarray(colours).save(stream, "JPEG", quality=97)
    return np.asarray(Image.open(stream))


def main_of(colours: Colours) -> set[int]:
    return set(main_colours(counts_of(packed(colours))))


@pytest.mark.parametrize("how", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC], ids=str)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_scaled_mask_was_smoothed(how: Image.Resampling, count: int) -> None:
    for seed in range(5):
        plain = regions(PALETTE[:count], seed=seed)
        assert not main_of(plain)
        assert {pack((r, g, b)) for r, g, b in PALETTE[:count].tolist()} <= main_of(
            scaled(plain, how)
        )


def test_a_mask_that_was_a_jpeg_on_the_way_was_smoothed() -> None:
    assert main_of(as_jpeg(regions(PALETTE[:3])))


@pytest.mark.parametrize(
    "palette",
    [
        np.array([colour for of_class in COLOURS.values() for colour in of_class], np.uint8),
        np.array([voc_colour(label) for label in range(64)], np.uint8),
        np.random.default_rng(3).integers(0, 256, (150, 3), dtype=np.uint8),
        PALETTE,
    ],
    ids=["camvid", "voc", "any", "few"],
)
def test_masks_of_many_classes_were_not(palette: Colours) -> None:
    for seed in range(5):
        labels = np.random.default_rng(seed).zipf(1.6, (90, 120)).clip(1, len(palette)) - 1
        assert not main_of(palette[labels])
        assert not main_of(scaled(palette[labels], Image.Resampling.NEAREST))


def test_smoothed_masks_are_told_as_that_and_no_class_is_made_of_their_edges(
    tmp_path: Path,
) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for seed in range(6):
        colours = regions(PALETTE[:3], seed=seed, size=(40, 60))
        mask = Image.fromarray(scaled(colours, Image.Resampling.BILINEAR))
        mask.save(tmp_path / "masks" / f"{seed}.png")
        mask.save(tmp_path / "images" / f"{seed}.jpg")
    with pytest.raises(DataError) as caught:
        check_data(tmp_path)
    assert caught.value.next_step == STEP
    assert "more colours between them" in caught.value.why


def described(root: Path, suffix: str, pixels: list[Colours], *lines: str) -> Path:
    """Images, masks of these pixels in files of a type, and a data file."""
    for index, one in enumerate(pixels):
        for folder, end, shown in (("images", ".png", one), ("masks", suffix, one)):
            path = root / folder / f"{index}{end}"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(index).integers(0, 255, (*shown.shape[:2], 3))
            Image.fromarray(noise.astype(np.uint8) if folder == "images" else shown).save(path)
    (root / "data.yaml").write_text("\n".join(lines))
    return root


BINARY = ("names: [background, object]", "label_mapping: {0: 0, 255: 1}")
IN_COLOUR = ("names: [a, b, c, d]", f"palette: {PALETTE.tolist()}")
PLACES = ("train: images", "masks_dir: masks")


def shares_right(root: Path, truth: list[npt.NDArray[np.uint8]]) -> float:
    source = open_data(root)
    right = [
        (source.sample("train", index).labels == labels).mean()
        for index, labels in enumerate(truth)
    ]
    return float(np.mean(right))


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".png"])
@pytest.mark.parametrize("places", [PLACES, ("layout: pairs",)])
def test_smoothed_masks_of_ids_are_read_as_the_nearest(
    suffix: str, places: tuple[str, ...], tmp_path: Path
) -> None:
    grey = [regions(PALETTE[:2], seed=seed)[..., 1] for seed in range(3)]
    truth = [(one > 0).astype(np.uint8) for one in grey]
    pixels = [as_jpeg(one * np.uint8(255)) for one in truth]

    described(tmp_path, suffix, pixels, *places, *BINARY, "smoothed: true")

    assert shares_right(tmp_path, truth) > 0.99
    assert check_data(tmp_path).splits["train"].images == 3


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_smoothed_masks_of_colours_are_read_as_the_nearest(suffix: str, tmp_path: Path) -> None:
    plain = [regions(PALETTE, seed=seed) for seed in range(3)]
    truth = [(one[..., None, :] == PALETTE).all(axis=-1).argmax(axis=-1) for one in plain]

    described(
        tmp_path, suffix, [as_jpeg(one) for one in plain], *PLACES, *IN_COLOUR, "smoothed: true"
    )

    assert shares_right(tmp_path, truth) > 0.97


def test_a_data_file_has_to_say_that_masks_are_smoothed(tmp_path: Path) -> None:
    pixels = [regions(PALETTE[:2]) // 200 * 255]
    described(tmp_path, ".jpg", pixels, *PLACES, *BINARY)

    with pytest.raises(DataError, match="lossy format") as caught:
        check_data(tmp_path)
    assert "1 mask" in caught.value.what
    assert "smoothed: true" in caught.value.next_step


def test_undescribed_jpeg_masks_are_told_what_to_write(tmp_path: Path) -> None:
    described(tmp_path, ".jpg", [regions(PALETTE[:2]) // 200 * 255] * 2)
    (tmp_path / "data.yaml").unlink()

    with pytest.raises(DataError, match="nothing says what the masks mean") as caught:
        open_data(tmp_path)
    told = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(told))

    assert open_data(tmp_path).label_space.names == ("background", "object")


def test_a_photograph_is_no_smoothed_mask(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    described(tmp_path, ".jpg", [photo], *PLACES, *BINARY, "smoothed: true")

    with pytest.raises(DataError, match="of its pixels are far from all that is declared"):
        check_data(tmp_path)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("names: [class0, class1]",), "0 and 1 both mean something"),
        (("names: [a, b]", "palette: [[0, 0, 0], [9, 9, 9]]"), r"\[0, 0, 0\] and \[9, 9, 9\]"),
    ],
)
@pytest.mark.parametrize("places", [PLACES, ("layout: pairs",)])
def test_what_lies_near_together_cannot_be_told_apart(
    said: tuple[str, ...], why: str, places: tuple[str, ...], tmp_path: Path
) -> None:
    mask = PALETTE[[[0, 1]]] if "palette" in said[-1] else np.uint8([[0, 1]])
    described(tmp_path, ".png", [mask], *places, *said, "smoothed: true")

    with pytest.raises(DataError, match="cannot be told apart") as caught:
        open_data(tmp_path)
    assert re.search(why, caught.value.why)


def test_other_data_than_the_same_files_read_plainly(tmp_path: Path) -> None:
    mask = np.repeat(np.uint8([[0, 255]]), 40, axis=0).repeat(40, axis=1)
    described(tmp_path, ".png", [mask], *PLACES, *BINARY)
    plain = open_data(tmp_path)
    described(tmp_path, ".png", [mask], *PLACES, *BINARY, "smoothed: true")
    smoothed = open_data(tmp_path)

    assert plain.digest("train") != smoothed.digest("train")
    assert np.array_equal(plain.sample("train", 0).labels, smoothed.sample("train", 0).labels)


def test_jpeg_masks_of_a_class_each(tmp_path: Path) -> None:
    truth = np.zeros((40, 56), np.uint8)
    for number, of in enumerate(("car", "road"), start=1):
        bits = np.zeros((40, 56), np.uint8)
        bits[number * 10 : number * 10 + 8] = 255
        truth[bits > 0] = number
        for index in range(3):
            path = tmp_path / "masks" / of / f"{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(bits).save(path, quality=85)
    described(tmp_path / "none", ".png", [truth] * 3)
    (tmp_path / "none" / "images").rename(tmp_path / "images")
    shutil.rmtree(tmp_path / "none")
    (tmp_path / "data.yaml").write_text("layout: pairs\nsmoothed: true\n")

    assert open_data(tmp_path).label_space.names == ("background", "car", "road")
    assert shares_right(tmp_path, [truth] * 3) == 1.0
