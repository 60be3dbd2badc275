from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tool_sets import STREET, palette_of_voc, save, voc_set, zipped

from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

ReadsAs = Callable[..., DataSource]
OF_VOC = {"train": ["2007_000032", "2007_000039"], "val": ["2007_000033"]}
OWN = {"train": ["a b", "c"], "val": ["d"]}
NAMES = ("_background_", *STREET)


def notes_of(source: DataSource) -> str:
    assert source.files is not None
    return "\n".join(source.files.layout.notes)


def test_voc_itself_is_read_to_the_bit_and_its_borders_never_count(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = voc_set(tmp_path / "VOCdevkit" / "VOC2012", OF_VOC)

    source = reads_as(tmp_path, truth)

    assert source.label_space.names[:3] == ("background", "aeroplane", "bicycle")
    assert source.label_space.classes == 21
    assert [v for colour in source.label_space.colours for v in colour] == palette_of_voc()[:63]
    assert source.scored == "val"
    assert "trainval names images of other lists again, and is no split" in notes_of(source)
    assert "1 image is in no list of a split, and not used" in notes_of(source)


def test_classes_are_those_of_the_file_that_a_converter_writes(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = voc_set(tmp_path / "set", OWN, names=NAMES)

    source = reads_as(zipped(tmp_path / "set", tmp_path / "set.zip"), truth)

    assert source.label_space.names == NAMES
    assert "_background_ is a class" in notes_of(source)


def test_older_converters_keep_their_masks_in_another_folder(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = voc_set(tmp_path, OWN, names=NAMES)
    (tmp_path / "SegmentationClass").rename(tmp_path / "SegmentationClassPNG")
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "SegmentationClass" / "c.npy").write_bytes(b"x")

    reads_as(tmp_path, truth)


def test_masks_in_the_colours_of_voc_are_read_as_its_ids(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = voc_set(tmp_path, OWN, names=NAMES)
    for path in (tmp_path / "SegmentationClass").iterdir():
        Image.open(path).convert("RGB").save(path)

    reads_as(tmp_path, truth)


def test_without_names_classes_are_called_by_their_ids_and_that_is_told(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = voc_set(tmp_path, OWN)

    source = reads_as(tmp_path, truth)

    assert source.label_space.names == tuple(f"class{label}" for label in range(10))
    assert "name them in a data.yaml, with layout: voc and names" in notes_of(source)


def test_a_data_file_names_the_classes_that_no_file_names(tmp_path: Path) -> None:
    truth = voc_set(tmp_path, OWN)
    (tmp_path / "data.yaml").write_text(f"layout: voc\nnames: [nothing, {', '.join(STREET)}]\n")

    source = open_files(tmp_path)

    assert source.label_space.names == ("nothing", *STREET)
    assert np.array_equal(source.sample("val", 0).labels, truth["val"]["d"])


def test_a_list_of_images_that_nobody_labelled_is_no_split(tmp_path: Path) -> None:
    voc_set(tmp_path, OF_VOC)
    (tmp_path / "ImageSets/Segmentation/test.txt").write_text("of_another_task\n")

    source = open_data(tmp_path)

    assert source.splits() == ("train", "val")
    assert "test: no image has a mask, and none is used" in notes_of(source)


def test_masks_of_0_and_255_alone_are_not_guessed_at(tmp_path: Path) -> None:
    voc_set(tmp_path, OWN)
    for path in (tmp_path / "SegmentationClass").iterdir():
        ids = np.zeros((36, 64), np.uint8)
        ids[9:20, 9:20] = 255
        save(ids, path)

    with pytest.raises(DataError, match="nothing says what the masks mean") as caught:
        open_data(tmp_path)

    lines = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(lines))
    labels = open_data(tmp_path).sample("val", 0).labels
    assert labels[0, 0] == 0
    assert labels[10, 10] == 1


def test_a_class_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    voc_set(tmp_path, OWN, names=("a", "b", "a"))

    with pytest.raises(DataError, match="two classes have one name"):
        open_data(tmp_path)


@pytest.mark.parametrize(
    "line",
    ["{}.jpg", "JPEGImages/{}.jpg", "/JPEGImages/{0}.jpg /SegmentationClass/{0}.png"],
)
def test_lists_may_name_files(line: str, tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = voc_set(tmp_path, OWN, names=NAMES)
    for split, stems in OWN.items():
        text = "".join(line.format(stem) + "\n" for stem in stems)
        (tmp_path / "ImageSets" / "Segmentation" / f"{split}.txt").write_text(text)

    reads_as(tmp_path, truth)
