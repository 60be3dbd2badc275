"""Masks whose palettes give one id several colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from told_faults import told

from fasterseg import caches
from fasterseg.datasets.checking import check_data, checked_files
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]
Array = npt.NDArray[Any]
BLACK, RED, GREEN, BORDER = (0, 0, 0), (200, 0, 0), (0, 200, 0), (224, 224, 192)
SEVERAL = told(FaultKind.SEVERAL_COLOURS)


def painted(mask: Path, places: Sequence[int], colours: Sequence[tuple[int, ...]]) -> Array:
    """Give a mask a palette in which id k stands at places[k]; return its colours' ids."""
    ids = np.array(Image.open(mask))
    table = np.full(256, 255, np.uint8)
    table[: len(places)] = places
    image = Image.fromarray(table[ids]).convert("P")
    palette = np.zeros((256, 3), np.uint8)
    palette[255] = BORDER
    palette[: len(colours)] = colours
    image.putpalette(palette.tobytes())
    image.save(mask)
    return ids


def numbered_anew(root: Path) -> dict[str, Array]:
    """Masks in three colours, which every third numbers in another order; what they mean."""
    truth = {}
    for index, mask in enumerate(sorted(root.glob("masks/*/*.png"))):
        swapped = index % 3 == 0
        places = (0, 2, 1) if swapped else (0, 1, 2)
        colours = (BLACK, GREEN, RED) if swapped else (BLACK, RED, GREEN)
        truth[mask.stem] = painted(mask, places, colours)
    return truth


def refusal(root: Path) -> DataError:
    with pytest.raises(DataError, match=SEVERAL) as caught:
        check_data(root)
    return caught.value


def test_palettes_that_agree_where_they_are_used_pass(make_folder: MakeFolder) -> None:
    root = make_folder()
    for index, mask in enumerate(sorted(root.glob("masks/*/*.png"))):
        painted(mask, (0, 1, 2), (BLACK, RED, GREEN, (index, 9, 9)))
    assert not [note for note in check_data(root).notes if "colour" in note]


def test_an_id_of_several_colours_is_told_with_the_masks(make_folder: MakeFolder) -> None:
    root = make_folder()
    numbered_anew(root)
    error = refusal(root)
    assert error.what == "2 ids that have several colours in the palettes of masks"
    assert "id 1 ([200, 0, 0] in 6 masks" in error.why
    assert "[0, 200, 0] in 3 masks, as in that of images/train/train0.jpg" in error.why


@pytest.mark.parametrize("described", [True, False])
def test_colours_count_by_the_line_that_is_proposed(
    described: bool, make_folder: MakeFolder
) -> None:
    root = make_folder(values=(0, 1, 2))
    truth = numbered_anew(root)
    data = root / "data.yaml"
    lines = [data.read_text()] if described else ["layout: pairs"]
    if not described:
        data.unlink()
    lines += [
        line.strip()
        for line in refusal(root).next_step.splitlines()[1:]
        if "label_mapping" not in line
    ]
    data.write_text("\n".join(lines))
    check_data(root)
    source = open_data(root)
    for index, name in enumerate(source.names("train")):
        assert np.array_equal(source.sample("train", index).labels, truth[Path(name).name])


@pytest.mark.parametrize("key", ["", "label_mapping: {7: 1}", "reduce_zero_label: true"])
def test_ids_count_by_the_line_that_is_proposed(key: str, make_folder: MakeFolder) -> None:
    root = make_folder()
    numbered_anew(root)
    data = root / "data.yaml"
    plain = data.read_text()
    data.write_text(f"{plain}{key}\n")
    before = open_data(root).sample("train", 0).labels
    step = refusal(root).next_step
    (line,) = (line.strip() for line in step.splitlines() if "label_mapping: {0" in line)
    assert (f"in place of {key.partition(':')[0]}" in step) == bool(key)
    data.write_text(f"{plain}{line}\n")
    check_data(root)
    assert np.array_equal(open_data(root).sample("train", 0).labels, before)


def test_what_never_counts_may_have_any_colour(make_folder: MakeFolder) -> None:
    root = make_folder()
    for index, mask in enumerate(sorted(root.glob("masks/*/*.png"))):
        painted(mask, (0, 1, 2), (BLACK, RED, GREEN))
        image = Image.open(mask)
        image.putpalette(np.concatenate([[BLACK, RED, GREEN], np.full((253, 3), index)]).ravel())
        image.save(mask)
    check_data(root)


def test_palettes_of_greys_that_are_the_ids_say_nothing(make_folder: MakeFolder) -> None:
    root = make_folder()
    for index, mask in enumerate(sorted(root.glob("masks/*/*.png"))):
        if index % 2:
            painted(mask, (0, 1, 2), (BLACK, RED, GREEN))
        else:
            Image.open(mask).convert("P").save(mask)
    check_data(root)


def test_colours_are_known_of_masks_that_are_not_read_again(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checked_files, "LEAST_PAIRS", 1)
    monkeypatch.setattr(caches, "SETTLED_S", 0.0)
    root = make_folder()
    masks = sorted(root.glob("masks/*/*.png"))
    for mask in masks:
        painted(mask, (0, 1, 2), (BLACK, RED, GREEN))
    check_data(root, remember=True)
    painted(masks[0], (0, 1, 2), (BLACK, GREEN, RED))
    with pytest.raises(DataError, match=SEVERAL):
        check_data(root, remember=True)
