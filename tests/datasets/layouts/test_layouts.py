from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from told_faults import told

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.layouts.published.cityscapes import LABELS, raw_meaning
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.errors import DataError, UsageError

Ids = npt.NDArray[Any]


def write(path: Path, pixels: Ids) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def picture(seed: int) -> Ids:
    return np.random.default_rng(seed).integers(0, 256, (8, 34, 3))


def row(values: range | list[int]) -> Ids:
    padded = [*values, *([255] * 34)][:34]
    return np.repeat(np.array([padded]), 8, axis=0)


def make_camvid(root: Path) -> Path:
    for seed, split in enumerate(("train", "val", "test")):
        for index in range(2):
            write(root / split / f"{split}{index}.png", picture(10 * seed + index))
            write(root / f"{split}annot" / f"{split}{index}.png", row(range(12)))
    return root


def make_cityscapes(root: Path, *, raw: bool = True, train_ids: bool = False) -> Path:
    for seed, (split, city) in enumerate((("train", "ulm"), ("val", "bonn"), ("test", "kiel"))):
        for index in range(2):
            frame = f"{city}_{index:06}_000019"
            write(
                root / "leftImg8bit" / split / city / f"{frame}_leftImg8bit.png",
                picture(10 * seed + index),
            )
            truth = root / "gtFine" / split / city
            if raw:
                ids = np.zeros((8, 34)) if split == "test" else row(range(34))
                write(truth / f"{frame}_gtFine_labelIds.png", ids)
            if train_ids:
                write(truth / f"{frame}_gtFine_labelTrainIds.png", row(range(19)))
            write(truth / f"{frame}_gtFine_color.png", picture(99))
            write(truth / f"{frame}_gtFine_instanceIds.png", row(range(34)))
            (truth / f"{frame}_gtFine_polygons.json").write_text("{}")
    return root


def make_bdd100k(root: Path, *, ending: str = "") -> Path:
    for seed, split in enumerate(("train", "val", "test")):
        for index in range(2):
            write(
                root / "images" / "10k" / split / f"{split}{index}.jpg", picture(10 * seed + index)
            )
            if split != "test":
                masks = root / "labels" / "sem_seg" / "masks" / split
                write(masks / f"{split}{index}{ending}.png", row(range(19)))
    return root


def test_camvid_is_recognised_and_its_unlabelled_pixels_are_ignored(tmp_path: Path) -> None:
    source = open_data(make_camvid(tmp_path))

    assert source.name == "camvid"
    assert source.splits() == ("train", "val", "test")
    assert source.label_space.names[8:] == ("Car", "Pedestrian", "Bicyclist")
    assert source.sample("train", 0).labels[0, :13].tolist() == [*range(11), 255, 255]
    assert "BY-NC" in source.terms
    assert check_data(tmp_path).splits["test"].images == 2


def test_camvid_with_a_label_of_12_is_refused(tmp_path: Path) -> None:
    write(make_camvid(tmp_path) / "valannot" / "val0.png", row([12]))

    with pytest.raises(DataError, match=told(FaultKind.UNKNOWN_LABEL)):
        check_data(tmp_path)


def test_cityscapes_raw_ids_are_mapped_as_its_own_scripts_map_them(tmp_path: Path) -> None:
    from cityscapesscripts.helpers.labels import labels as official

    source = open_data(make_cityscapes(tmp_path))

    assert source.name == "cityscapes"
    assert source.names("train") == ("ulm_000000_000019", "ulm_000001_000019")
    expected = [label.trainId for label in official if 0 <= label.id < 34]
    assert source.sample("train", 0).labels[0].tolist() == expected
    for label in official:
        if 0 <= label.trainId < 255:
            assert LABELS.names[label.trainId] == label.name
            assert LABELS.colours[label.trainId] == label.color
    assert raw_meaning()[255] == 255


def test_cityscapes_train_ids_are_accepted(tmp_path: Path) -> None:
    source = open_data(make_cityscapes(tmp_path, raw=False, train_ids=True))

    assert source.sample("val", 1).labels[0, :20].tolist() == [*range(19), 255]


def test_cityscapes_raw_ids_come_first_where_both_are_there(tmp_path: Path) -> None:
    source = open_files(make_cityscapes(tmp_path, train_ids=True))

    assert source.sample("val", 1).labels[0, 7] == 0
    assert source.layout.notes == ("masks hold raw label ids",)


def test_cityscapes_withheld_test_labels_are_no_fault(tmp_path: Path) -> None:
    report = check_data(make_cityscapes(tmp_path))

    assert report.splits["test"].labelled_pixels == 0
    assert report.splits["train"].class_pixels["bicycle"] == 16


def test_a_cityscapes_frame_without_its_mask_is_refused(tmp_path: Path) -> None:
    make_cityscapes(tmp_path)
    (tmp_path / "gtFine/train/ulm/ulm_000000_000019_gtFine_labelIds.png").unlink()

    with pytest.raises(DataError, match=told(FaultKind.UNPAIRED_IMAGE)):
        open_data(tmp_path)


@pytest.mark.parametrize("ending", ["", "_train_id"])
def test_bdd100k_pairs_jpeg_with_png_and_leaves_the_unlabelled_test_out(
    ending: str, tmp_path: Path
) -> None:
    source = open_data(make_bdd100k(tmp_path, ending=ending))

    assert source.name == "bdd100k"
    assert source.splits() == ("train", "val")
    assert source.names("val") == ("val0", "val1")
    assert source.sample("val", 0).labels[0, :20].tolist() == [*range(19), 255]
    assert check_data(tmp_path).names[0] == "road"


def test_a_layout_can_be_named(tmp_path: Path) -> None:
    make_camvid(tmp_path)
    make_bdd100k(tmp_path)

    assert open_data(tmp_path, layout="bdd100k").name == "bdd100k"
    assert open_data(tmp_path, layout="camvid").name == "camvid"


def test_a_data_file_can_name_a_layout_and_a_place(tmp_path: Path) -> None:
    make_camvid(tmp_path / "elsewhere")
    (tmp_path / "data.yaml").write_text("path: elsewhere\nlayout: camvid\n")

    assert open_data(tmp_path / "data.yaml").name == "camvid"


def test_an_unknown_layout_is_a_wrong_option(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_data(make_camvid(tmp_path), layout="cityscape")

    assert caught.value.next_step == "did you mean 'cityscapes'?"


def test_a_folder_of_no_known_layout_asks_for_a_data_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_data(tmp_path)

    assert "data.yaml" in caught.value.next_step


def test_a_place_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such data set"):
        open_data(tmp_path / "nowhere")


def test_the_built_in_scenes_open_by_their_name() -> None:
    source = open_data("street", street_size=(32, 48), street_counts={"train": 2, "val": 1})

    assert source.length("train+val") == 3
    assert source.sample("train", 0).image.shape == (32, 48, 3)


def test_joined_splits_hold_each_sample_once(tmp_path: Path) -> None:
    source = open_data(make_camvid(tmp_path))

    assert source.length("train+val") == 4
    names = source.names("val + train")
    assert names == ("train/train0", "train/train1", "val/val0", "val/val1")
    for index, name in enumerate(names):
        joined = source.sample("train+val", index)
        split, plain = name.split("/")
        assert joined.name == name
        alone = source.sample(split, source.names(split).index(plain))
        assert np.array_equal(joined.image, alone.image)
    assert source.digest("train+val") == source.digest("val+train")
    assert source.digest("train+val") != source.digest("train")


@pytest.mark.parametrize("split", ["train+train", "train+nothing", "", "train+"])
def test_splits_that_cannot_be_joined_are_refused(split: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        open_data(make_camvid(tmp_path)).length(split)


@pytest.mark.parametrize("index", [-1, 4])
def test_an_index_outside_of_a_joined_split_is_refused(index: int, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        open_data(make_camvid(tmp_path)).sample("train+val", index)


def test_the_digest_sees_a_changed_byte_a_new_file_and_another_reading(tmp_path: Path) -> None:
    make_camvid(tmp_path)
    before = open_data(tmp_path).digest("train")
    assert open_data(tmp_path).digest("train") == before

    write(tmp_path / "trainannot" / "train0.png", row(range(11)))
    changed = open_data(tmp_path).digest("train")
    write(tmp_path / "train" / "more.png", picture(77))
    write(tmp_path / "trainannot" / "more.png", row(range(11)))

    assert len({before, changed, open_data(tmp_path).digest("train")}) == 3


def test_camvid_itself_is_whole_and_clean(camvid: Path) -> None:
    source = open_data(camvid)

    assert [source.length(split) for split in source.splits()] == [367, 101, 233]
    assert source.length("train+val") == 468
    sample = source.sample("test", 0)
    assert sample.image.shape == (360, 480, 3)
    assert set(np.unique(sample.labels)) <= {*range(11), 255}


@pytest.mark.slow
def test_camvid_passes_the_checker(camvid: Path) -> None:
    report = check_data(camvid)

    assert report.splits["train"].sizes == {"360x480": 367}
    assert report.splits["test"].class_shares()["Road"] == pytest.approx(0.2684, abs=1e-3)


def test_pictures_without_masks_are_told_where_they_lie(tmp_path: Path) -> None:
    for index in range(3):
        put_picture(tmp_path / "photos" / f"{index}.png", index)

    with pytest.raises(DataError, match=r"pictures lie in photos \(3 pictures\)") as caught:
        open_data(tmp_path)

    assert "train: photos" in caught.value.next_step


def test_masks_of_label_studio_alone_are_told_as_that(tmp_path: Path) -> None:
    for index in range(3):
        put_picture(tmp_path / f"task-{index}-annotation-7-by-1-tag-car-0.png", index)

    with pytest.raises(DataError, match="masks of Label Studio"):
        open_data(tmp_path)


def put_picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (20, 30, 3))
    Image.fromarray(noise.astype(np.uint8)).save(path)
