from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from held_sets import held_to, names_and_labels
from polygon_sets import NAMES, save_image, scenes, yolo_set
from told_faults import told

from fasterseg import caches
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.errors import DataError

SIZE = (40, 60)
GREY = np.full((*SIZE, 3), 90, dtype=np.uint8)
SQUARE = "0 0.1 0.125 0.35 0.125 0.35 0.5 0.1 0.5"  # 6..21 by 5..20
KEYS = "train: images/train\nnames: [car, road]\n"


def one(root: Path, text: str, keys: str = KEYS) -> Path:
    """A set of one image, whose text file holds these lines."""
    save_image(root / "images" / "train" / "a.png", GREY)
    (root / "labels" / "train").mkdir(parents=True, exist_ok=True)
    (root / "labels" / "train" / "a.txt").write_text(text)
    (root / "data.yaml").write_text(keys)
    return root


@pytest.mark.parametrize("by", ["ultralytics", "roboflow", "cvat"])
def test_street_scenes_load_by_one_command(by: str, tmp_path: Path) -> None:
    samples = scenes(2)
    second = "valid" if by == "roboflow" else "val"
    source = open_data(yolo_set(tmp_path, {"train": samples[:1], second: samples[1:]}, by=by))

    assert source.label_space.names == ("background", *NAMES)
    held_to(source, {"train": samples[:1], "val": samples[1:]}, ignored=0)
    assert check_data(tmp_path).splits["val"].images == 1


def test_the_smaller_outline_lies_over_the_larger_as_in_ultralytics_masks(tmp_path: Path) -> None:
    small = "1 0.15 0.2 0.2 0.2 0.2 0.3 0.15 0.3"
    for lines in ((small, SQUARE), (SQUARE, small)):
        found = names_and_labels(open_data(one(tmp_path, "\n".join(lines))))
        assert found["road"] == 4 * 5
        assert found["car"] == 16 * 16 - 4 * 5


def test_text_files_of_no_image_are_told(tmp_path: Path) -> None:
    one(tmp_path, SQUARE)
    folder = tmp_path / "labels" / "train"
    (folder / "classes.txt").write_text("car\nroad\n")
    assert "of no image" not in " ".join(open_files(tmp_path).layout.notes)

    (folder / "gone.txt").write_text(SQUARE)
    told = "1 text file is of no image of a split: labels/train/gone.txt"
    assert told in open_files(tmp_path).layout.notes


def test_an_image_without_a_text_file_or_with_an_empty_one_is_background(tmp_path: Path) -> None:
    one(tmp_path, SQUARE)
    for name, text in (("b", None), ("c", "\n")):
        save_image(tmp_path / "images" / "train" / f"{name}.png", GREY // (2 + (name == "c")))
        if text is not None:
            (tmp_path / "labels" / "train" / f"{name}.txt").write_text(text)

    source = open_files(tmp_path)

    assert [names_and_labels(source, "train", k) for k in (1, 2)] == [{"background": 2400}] * 2
    assert "1 image without a text file" in " ".join(source.layout.notes)
    assert check_data(tmp_path).splits["train"].images == 3


def test_a_class_called_background_is_what_no_shape_covers(tmp_path: Path) -> None:
    one(tmp_path, "1" + SQUARE[1:], KEYS.replace("car, road", "Background, car"))

    assert names_and_labels(open_data(tmp_path)) == {"Background": 2400 - 256, "car": 256}


def test_a_data_file_may_leave_the_background_out(tmp_path: Path) -> None:
    one(tmp_path, SQUARE, KEYS + "background: ignore\ngroups: '(.)'\n")

    source = open_data(tmp_path)

    assert source.label_space.names == ("car", "road")
    assert names_and_labels(source) == {"car": 256}


def test_ids_from_1_are_answered_with_lines_that_are_read(tmp_path: Path) -> None:
    one(tmp_path, "2" + SQUARE[1:], "train: images/train\nnames: {1: car, 2: road}\n")

    with pytest.raises(DataError, match="the ids of classes are 0, 1, 2") as caught:
        open_data(tmp_path)

    answer = [line.strip() for line in caught.value.next_step.splitlines()[1:]]
    (tmp_path / "data.yaml").write_text("\n".join(["train: images/train", *answer]))
    assert names_and_labels(open_data(tmp_path)) == {"background": 2400 - 256, "road": 256}


def test_a_mapping_leads_from_numbers_to_names_or_to_what_never_counts(tmp_path: Path) -> None:
    small = "7 0.15 0.2 0.2 0.2 0.2 0.3 0.15 0.3"
    mapping = "label_mapping: {5: 1, 7: 0}\n"
    one(tmp_path, f"5{SQUARE[1:]}\n{small}", KEYS + mapping)
    assert names_and_labels(open_data(tmp_path)) == {"background": 2144, "car": 20, "road": 236}

    (tmp_path / "data.yaml").write_text(KEYS + mapping.replace("7: 0", "7: ignore_label"))
    source = open_data(tmp_path)
    assert names_and_labels(source) == {"background": 2144, "road": 236}

    (tmp_path / "data.yaml").write_text(KEYS + "label_mapping: {5: 1}\n")
    with pytest.raises(DataError, match="class 7 of 2 names"):
        open_data(tmp_path)


@pytest.mark.parametrize("said", ["", "masks_dir: masks\n"])
def test_masks_go_before_text_files(said: str, tmp_path: Path) -> None:
    one(tmp_path, SQUARE, KEYS + said)
    (tmp_path / "masks" / "train").mkdir(parents=True)
    save_image(tmp_path / "masks" / "train" / "a.png", np.ones(SIZE, dtype=np.uint8))

    assert names_and_labels(open_data(tmp_path)) == {"road": 2400}


BAD = [
    ("0 0.5 0.5 0.2 0.2", FaultKind.BOX, "a box"),
    ("0 0.1 0.1 0.2 0.2 0.3", FaultKind.BAD_SHAPE, "5 numbers"),
    ("0 0.1 0.1", FaultKind.BAD_SHAPE, "a polygon of 1 point"),
    ("0", FaultKind.BAD_SHAPE, "a polygon of 0 points"),
    ("0 nan 0.1 0.2 0.2 0.3 0.1", FaultKind.BAD_SHAPE, "fractions"),
    ("0 1e999 0.1 0.2 0.2 0.3 0.1", FaultKind.BAD_SHAPE, "fractions"),
    ("0 100 0.1 0.2 0.2 0.3 0.1", FaultKind.BAD_SHAPE, "fractions"),
    ("car 0.1 0.1 0.2 0.2 0.3 0.1", FaultKind.BAD_SHAPE, "no line of numbers"),
    ("0.5 0.1 0.1 0.2 0.2 0.3 0.1", FaultKind.BAD_SHAPE, "0.5 is no class"),
    ("inf 0.1 0.1 0.2 0.2 0.3 0.1", FaultKind.BAD_SHAPE, "inf is no class"),
    ("nan 0.1 0.1 0.2 0.2 0.3 0.1", FaultKind.BAD_SHAPE, "nan is no class"),
    ("2 0.1 0.1 0.2 0.2 0.3 0.1", FaultKind.UNLISTED_CLASS, "class 2 of 2 names"),
    ("-1 0.1 0.1 0.2 0.2 0.3 0.1", FaultKind.UNLISTED_CLASS, "class -1 of 2 names"),
    ("\0\1\2 \x1b[2J", FaultKind.BAD_SHAPE, "no line of numbers"),
]


@pytest.mark.parametrize(("line", "kind", "why"), BAD)
def test_a_line_that_is_no_outline_is_told_by_its_number(
    line: str, kind: FaultKind, why: str, tmp_path: Path
) -> None:
    one(tmp_path, f"{SQUARE}\n{line}\n")

    with pytest.raises(DataError, match=kind.format_count(1)) as caught:
        open_data(tmp_path)

    assert "labels/train/a.txt:2" in caught.value.why
    assert why in caught.value.why
    assert caught.value.next_step


def test_what_rounding_puts_outside_is_drawn_at_the_edge(tmp_path: Path) -> None:
    one(tmp_path, "0 -0.004 0 1.004 0 1.0 1.0 0 1.002")

    assert names_and_labels(open_data(tmp_path)) == {"car": 2400}


def test_a_list_that_leads_outside_or_nowhere_is_told(tmp_path: Path) -> None:
    one(tmp_path / "data", SQUARE, KEYS.replace("images/train", "train.txt"))
    save_image(tmp_path / "b.png", GREY)
    lines = "images/train/a.png\n../b.png\nimages/train/c.png\n/etc/hosts\n"
    (tmp_path / "data" / "train.txt").write_text(lines)

    with pytest.raises(DataError) as caught:
        open_data(tmp_path / "data")

    assert FaultKind.OUTSIDE.format_count(1) in caught.value.why
    assert "2 lines of list files that name no image" in caught.value.why


def test_a_text_file_that_is_a_link_to_elsewhere_is_not_read(tmp_path: Path) -> None:
    one(tmp_path / "data", SQUARE)
    file = tmp_path / "data" / "labels" / "train" / "a.txt"
    file.rename(tmp_path / "a.txt")
    file.symlink_to(tmp_path / "a.txt")

    with pytest.raises(DataError, match=told(FaultKind.OUTSIDE)):
        open_data(tmp_path / "data")


def test_a_folder_without_masks_and_without_text_files_says_what_may_lie_there(
    tmp_path: Path,
) -> None:
    one(tmp_path, SQUARE)
    (tmp_path / "labels" / "train" / "a.txt").unlink()

    with pytest.raises(DataError, match="no masks") as caught:
        open_data(tmp_path)

    assert "labels" in caught.value.why
    (tmp_path / "data.yaml").write_text("layout: yolo\n" + KEYS)
    assert names_and_labels(open_data(tmp_path)) == {"background": 2400}


def test_an_image_or_text_that_changed_is_read_again_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "caches"))
    monkeypatch.setattr(caches, "SETTLED_S", 0.0)
    data = one(tmp_path / "data", SQUARE)
    before = open_data(data).digest("train")
    with monkeypatch.context() as closed:
        closed.setattr("fasterseg.datasets.layouts.annotations.drawn_set.size_of", None)
        assert open_data(data).digest("train") == before

    save_image(data / "images" / "train" / "a.png", np.tile(GREY, (2, 2, 1)))
    assert names_and_labels(open_data(data))["car"] == 31 * 31
    (data / "labels" / "train" / "a.txt").write_text("")
    assert names_and_labels(open_data(data)) == {"background": 9600}
