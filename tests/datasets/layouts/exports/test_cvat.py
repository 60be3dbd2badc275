from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from told_faults import told
from tool_sets import CVAT_COLOURS, cvat_set, save, zipped

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

ReadsAs = Callable[..., DataSource]
SPLITS = {
    "Train": ["frame_000000", "frame_000001", "north/a b", "frame.with.dots"],
    "Validation": ["frame_000007", "south/deeper/a b"],
    "Test": ["frame_000009"],
}
CALLED = {"Train": "train", "Validation": "val", "Test": "test"}


def test_an_export_is_read_to_the_bit_with_the_tools_classes_and_colours(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = cvat_set(tmp_path / "export", SPLITS)

    source = reads_as(tmp_path / "export", {CALLED[split]: found for split, found in truth.items()})

    assert source.label_space.names == tuple(CVAT_COLOURS)
    assert source.label_space.colours == tuple(CVAT_COLOURS.values())
    report = check_data(tmp_path / "export")
    assert report.splits["train"].images == 4
    assert any("background is a class, as labelmap.txt has it" in note for note in report.notes)


def test_the_subset_default_is_the_one_split_and_is_called_train(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = cvat_set(tmp_path, {"default": ["a", "b"]})

    reads_as(tmp_path, {"train": truth["default"]})


def test_images_that_nobody_annotated_are_counted_and_left_out(
    tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = cvat_set(tmp_path, {"default": ["a", "b", "c", "d"]}, bare=["b", "d"])
    save(np.zeros((36, 64, 3), np.uint8), tmp_path / "JPEGImages" / "nowhere.png")

    source = reads_as(tmp_path, {"train": truth["default"]})

    assert source.files is not None
    notes = source.files.layout.notes
    assert "2 images are not annotated (no mask), and not used" in notes
    assert "1 image is in no list of a split, and not used" in notes


@pytest.mark.parametrize("layout", ["layout: cvat\n", ""])
def test_a_data_file_leaves_the_background_out(layout: str, tmp_path: Path) -> None:
    truth = cvat_set(tmp_path, {"default": ["a"]})["default"]["a"]
    (tmp_path / "data.yaml").write_text(f"{layout}background: ignore\n")

    source = open_data(tmp_path)

    assert source.label_space.names == tuple(CVAT_COLOURS)[1:]
    expected = np.where(truth == 0, 255, truth - 1)
    assert np.array_equal(source.sample("train", 0).labels, expected)


def test_a_data_file_chooses_classes_and_their_order(tmp_path: Path) -> None:
    truth = cvat_set(tmp_path, {"default": ["a"]})["default"]["a"]
    (tmp_path / "data.yaml").write_text("layout: cvat\nnames: [road, car]\n")
    names = list(CVAT_COLOURS)

    source = open_files(tmp_path)

    expected = np.full_like(truth, 255)
    expected[truth == names.index("road")], expected[truth == names.index("car")] = 0, 1
    assert np.array_equal(source.sample("train", 0).labels, expected)
    assert any("never counts: data.yaml leaves it out" in note for note in source.layout.notes)


def test_a_class_that_the_tool_does_not_know_is_refused(tmp_path: Path) -> None:
    cvat_set(tmp_path, {"default": ["a"]})
    (tmp_path / "data.yaml").write_text("layout: cvat\nnames: [rode, car]\n")

    with pytest.raises(DataError) as caught:
        open_data(tmp_path)

    assert caught.value.next_step == "did you mean 'road'?"


def test_masks_of_ids_are_those_of_the_lines(tmp_path: Path, reads_as: ReadsAs) -> None:
    truth = cvat_set(tmp_path, {"default": ["a", "b"]})["default"]
    for name, ids in truth.items():
        save(ids, tmp_path / "SegmentationClass" / f"{name}.png")

    source = reads_as(tmp_path, {"train": truth})

    assert source.label_space.colours == tuple(CVAT_COLOURS.values())


def test_a_label_map_without_colours_means_those_of_pascal_voc(tmp_path: Path) -> None:
    cvat_set(tmp_path, {"default": ["a"]})
    (tmp_path / "labelmap.txt").write_text("background:::\ncar:::\nroad:::\n")

    assert open_data(tmp_path).label_space.colours == ((0, 0, 0), (128, 0, 0), (0, 128, 0))


def test_ignored_pixels_never_count(tmp_path: Path) -> None:
    cvat_set(tmp_path, {"default": ["a"]})
    text = (tmp_path / "labelmap.txt").read_text().replace("sky:", "ignored:")
    (tmp_path / "labelmap.txt").write_text(text)

    source = open_data(tmp_path)

    assert "ignored" not in source.label_space.names
    assert (source.sample("train", 0).labels == 255).any()


def test_the_border_of_pascal_voc_never_counts(tmp_path: Path) -> None:
    cvat_set(tmp_path, {"default": ["a"]})
    path = tmp_path / "SegmentationClass" / "a.png"
    pixels = np.array(Image.open(path))
    pixels[5] = (224, 224, 192)
    save(pixels, path)

    labels = open_data(tmp_path).sample("train", 0).labels

    assert (labels[5] == 255).all()
    assert not (labels[6] == 255).any()


def test_an_export_without_its_images_says_how_to_get_them(tmp_path: Path) -> None:
    cvat_set(tmp_path / "whole", {"default": ["a"]})
    (tmp_path / "whole" / "JPEGImages").rename(tmp_path / "elsewhere")

    with pytest.raises(DataError) as caught:
        open_data(tmp_path / "whole")

    assert "Save images" in caught.value.next_step


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (":1,2,3::", "is no label:red,green,blue::"),
        ("verge:1,2::", "is no label:red,green,blue::"),
        ("verge:1,2,300::", "is no label:red,green,blue::"),
        ("car:1,2,3::", "names a label again"),
        ("grass:0,0,190::", "car and grass are both [0, 0, 190], and masks hold colours"),
    ],
)
def test_a_label_map_that_cannot_be_is_refused(line: str, why: str, tmp_path: Path) -> None:
    cvat_set(tmp_path, {"default": ["a"]})
    with (tmp_path / "labelmap.txt").open("a") as stream:
        stream.write(line + "\n")

    with pytest.raises(DataError) as caught:
        open_data(tmp_path)

    assert why in caught.value.why
    assert "labelmap.txt" in caught.value.where


def test_a_colour_that_the_label_map_lacks_is_settled_by_the_lines_that_are_told(
    tmp_path: Path,
) -> None:
    truth = cvat_set(tmp_path, {"default": ["a"]})["default"]["a"]
    text = (tmp_path / "labelmap.txt").read_text().replace("car:0,0,190::\n", "")
    (tmp_path / "labelmap.txt").write_text(text)

    with pytest.raises(DataError, match=told(FaultKind.UNKNOWN_LABEL)) as caught:
        check_data(tmp_path)

    lines = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(["layout: cvat", *lines, ""]))
    labels = open_data(tmp_path).sample("train", 0).labels
    assert np.array_equal(labels == 255, truth == list(CVAT_COLOURS).index("car"))


def test_a_line_of_a_list_that_names_no_image_is_a_fault(tmp_path: Path) -> None:
    cvat_set(tmp_path, {"default": ["a"]})
    (tmp_path / "ImageSets/Segmentation/default.txt").write_text("a\nlost\n")

    with pytest.raises(DataError, match=told(FaultKind.BAD_LIST)) as caught:
        open_data(tmp_path)

    assert "default.txt:2 (lost)" in caught.value.why


@pytest.mark.parametrize("above", ["", "photos"])
def test_the_zip_opens_as_the_tool_wrote_it(
    above: str, tmp_path: Path, reads_as: ReadsAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    truth = cvat_set(tmp_path / "export" / above, SPLITS)
    archive = zipped(tmp_path / "export", tmp_path / "task 7.zip")

    source = reads_as(archive, {CALLED[split]: found for split, found in truth.items()})

    assert source.name == "task 7"
