from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from held_sets import held_to, names_and_labels
from PIL import Image, ImageDraw
from polygon_sets import NAMES, labelme_file, labelme_set, scenes, shape
from told_faults import told

from fasterseg import caches
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.errors import DataError

SIZE = (40, 60)
GREY = np.full((*SIZE, 3), 90, dtype=np.uint8)
SQUARE = [(5, 5), (20, 5), (20, 20), (5, 20)]


def one(root: Path, *shapes: dict[str, Any], name: str = "a", **more: Any) -> Path:
    """A folder with one image, whose file has these shapes."""
    labelme_file(root / f"{name}.json", shapes, SIZE, image=GREY, **more)
    return root


def labels(root: Path) -> np.ndarray:  # type: ignore[type-arg]
    return open_data(root).sample("train", 0).labels


@pytest.mark.parametrize("embedded", [False, True])
def test_street_scenes_as_labelme_writes_them_load_by_one_command(
    embedded: bool, tmp_path: Path
) -> None:
    samples = scenes(2)
    source = open_data(labelme_set(tmp_path, samples, embedded=embedded))

    assert source.label_space.names == ("_background_", *NAMES)
    held_to(source, {"train": samples}, ignored=source.label_space.ignore)
    assert check_data(tmp_path).splits["train"].images == 2


def test_later_shapes_lie_over_earlier_ones_as_in_labelmes_own_masks(tmp_path: Path) -> None:
    one(
        tmp_path,
        shape("road", [(0, 0), (59, 39)], "rectangle"),
        shape("car", SQUARE),
        shape("road", [(12, 12), (15, 12)], "circle"),
        shape("pole", [(40, 5), (40, 35), (55, 35)], "linestrip"),
        shape("pole", [(2, 30), (10, 30)], "line"),
        shape("sign", [(50, 10)], "point"),
        shape("car", [(25, 25), (35, 25), (35, 30), (25, 30)], "oriented_rectangle"),
        shape("__ignore__", [(0, 0), (3, 3)], "rectangle"),
        shape("_background_", [(56, 0), (59, 3)], "rectangle"),
    )
    expected = Image.new("L", SIZE[::-1], 3)  # car 1, pole 2, road 3, sign 4
    pen = ImageDraw.Draw(expected)
    pen.polygon(SQUARE, fill=1, outline=1)
    pen.ellipse((9, 9, 15, 15), fill=3, outline=3)
    pen.line([(40, 5), (40, 35), (55, 35)], fill=2, width=10, joint="curve")
    pen.line([(2, 30), (10, 30)], fill=2, width=10)
    pen.ellipse((45, 5, 55, 15), fill=4, outline=4)
    pen.rectangle((25, 25, 35, 30), fill=1, outline=1)
    pen.rectangle((0, 0, 3, 3), fill=255, outline=255)
    pen.rectangle((56, 0, 59, 3), fill=0, outline=0)

    assert np.array_equal(labels(tmp_path), np.asarray(expected))


def test_a_brushed_mask_lies_in_its_rectangle(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).random((11, 16)) < 0.5
    packed = io.BytesIO()
    Image.fromarray(bits.astype(np.uint8)).save(packed, "PNG")
    brushed = shape("car", [(5, 7), (20, 17)], "mask")
    brushed["mask"] = base64.b64encode(packed.getvalue()).decode()

    found = labels(one(tmp_path, brushed))

    assert np.array_equal(found[7:18, 5:21] == 1, bits)
    assert (found == 1).sum() == bits.sum()


def test_files_of_version_3_have_no_sizes_no_kinds_and_instances_in_their_names(
    tmp_path: Path,
) -> None:
    old = [
        {"label": name, "line_color": None, "fill_color": None, "points": points}
        for name, points in (("person-1", SQUARE), ("person-2", [[30, 5], [35, 5], [35, 30]]))
    ]
    labelme_file(tmp_path / "a.json", old, None, embedded=GREY, version="3.16.7")

    source = open_data(tmp_path)

    assert source.label_space.names == ("_background_", "person")
    assert [source.sample("train", 0).labels[row, col] for row, col in ((6, 6), (6, 32))] == [1, 1]


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("rectangle", [(5, 7), (20.4, 7), (20.4, 30), (5, 30)]),
        ("rectangle", [(20.4, 30), (5, 7), (20.4, 7), (5, 30)]),
        ("rectangle", [(12, 5), (20, 12), (12, 20), (5, 12)]),
        ("rotation", [(12, 5), (20, 12), (12, 20), (5, 12)]),
        ("quadrilateral", [(12, 5), (30, 12), (12, 20), (5, 12)]),
    ],
)
def test_rectangles_of_x_anylabeling_have_four_corners(
    kind: str, points: list[tuple[float, float]], tmp_path: Path
) -> None:
    upright = len({x for x, _ in points}) == 2
    known = shape("car", [(5, 7), (20.4, 30)], "rectangle") if upright else shape("car", points)

    found = labels(one(tmp_path / "own", shape("car", points, kind), version="2.4.4"))

    assert np.array_equal(found, labels(one(tmp_path / "known", known)))


def test_a_number_behind_a_label_is_the_label_s_own_in_x_anylabeling(tmp_path: Path) -> None:
    one(tmp_path, shape("type-2", SQUARE), version="2.4.4")

    assert open_data(tmp_path).label_space.names == ("_background_", "type-2")


def test_classes_are_those_of_labels_txt_in_its_order(tmp_path: Path) -> None:
    one(tmp_path, shape("car", SQUARE))
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ntruck\ncar\n")

    assert names_and_labels(open_data(tmp_path)) == {"_background_": 2400 - 256, "car": 256}
    assert open_data(tmp_path).label_space.names == ("_background_", "truck", "car")


def test_a_class_that_labels_txt_does_not_list_is_told(tmp_path: Path) -> None:
    one(tmp_path, shape("bus", SQUARE))
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ncar\n")

    with pytest.raises(DataError, match=told(FaultKind.UNLISTED_CLASS)) as caught:
        open_data(tmp_path)

    assert "a.json ('bus')" in caught.value.why
    assert "labels.txt" in caught.value.next_step


def test_a_data_file_may_leave_the_background_out(tmp_path: Path) -> None:
    one(tmp_path, shape("car", SQUARE), shape("road", [(30, 5), (50, 5), (50, 30)]))
    (tmp_path / "data.yaml").write_text("layout: labelme\nbackground: ignore\ngroups: '(.)'\n")

    source = open_data(tmp_path)

    assert source.label_space.names == ("car", "road")
    assert names_and_labels(source)["car"] == 256
    assert source.sample("train", 0).labels[0, 0] == source.label_space.ignore


def test_folders_of_splits_are_splits_and_other_folders_are_recordings(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        one(tmp_path / "a" / split, shape("car", SQUARE), name=split)
    for camera in ("left", "right"):
        one(tmp_path / "b" / camera, shape("car", SQUARE))

    divided, whole = open_data(tmp_path / "a"), open_data(tmp_path / "b")

    assert {split: divided.names(split) for split in divided.splits()} == {
        "train": ("train",),
        "val": ("valid",),
        "test": ("test",),
    }
    assert {split: whole.names(split) for split in whole.splits()} == {
        "train": ("left/a", "right/a")
    }


def test_images_may_lie_in_a_folder_beside_named_as_windows_does(tmp_path: Path) -> None:
    one(tmp_path / "labels", shape("car", SQUARE))
    file = tmp_path / "labels" / "a.json"
    (tmp_path / "images").mkdir()
    file.with_suffix(".png").rename(tmp_path / "images" / "b.png")
    file.write_text(file.read_text().replace('"a.png"', '"..\\\\images\\\\b.png"'))

    assert open_files(tmp_path).pairs("train")[0].image == tmp_path / "images" / "b.png"


def test_what_is_not_annotated_is_told_and_not_used(tmp_path: Path) -> None:
    one(tmp_path, shape("car", SQUARE))
    one(tmp_path, name="empty")
    Image.fromarray(GREY).save(tmp_path / "more.png")
    (tmp_path / "settings.json").write_text('{"a": 1}')

    source = open_files(tmp_path)
    notes = " ".join(source.layout.notes)

    assert source.names("train") == ("a", "empty")
    assert "1 file without any shape" in notes
    assert "1 image without a JSON file" in notes
    assert "1 JSON file of something else" in notes


BAD_SHAPES = [
    (shape("car", SQUARE[:2]), "a polygon of 2 points"),
    (shape("car", [(1e9, 1), *SQUARE]), "1e+09 is no place"),
    (shape("car", [(70, 1), (90, 1), (90, 9)]), "outside of the image"),
    (shape("car", SQUARE, "circle"), "a circle of 4 points"),
    (shape("car", SQUARE, "cube"), "the type 'cube'"),
    (shape("car", SQUARE[:2], "mask"), "its mask is no picture"),
    ({**shape("car", SQUARE[:2], "mask"), "mask": "aGVsbG8="}, "its mask is no picture"),
    ({**shape("car", SQUARE[:2], "mask"), "mask": "é"}, "its mask is no picture"),
]


@pytest.mark.parametrize(("bad", "why"), BAD_SHAPES)
def test_a_shape_that_cannot_be_drawn_is_told_by_file_and_place(
    bad: dict[str, Any], why: str, tmp_path: Path
) -> None:
    one(tmp_path, shape("car", SQUARE), bad)

    with pytest.raises(DataError, match=FaultKind.BAD_SHAPE.format_count(1)) as caught:
        open_data(tmp_path)

    assert "a.json (shape 2, 'car'" in caught.value.why
    assert why in caught.value.why
    assert caught.value.next_step
    one(tmp_path, shape("car", SQUARE), name="good")
    with pytest.raises(DataError, match="^" + FaultKind.BAD_SHAPE.format_count(1)):
        check_data(tmp_path)


BAD_FILES = [
    ("{", "Expecting"),
    ('{"shapes": 5, "points": 1}', "shapes"),
    ('{"shapes": [{"label": "car", "points": [[NaN, 1]]}]}', "NaN"),
    ('{"shapes": [{"label": "car", "points": [[1]]}]}', "points"),
    ('{"shapes": [{"points": [[1, 2]]}]}', "label"),
    ('{"shapes": [], "points": ' + "[" * 5000 + "}", "nested|Expecting"),
    ('{"shapes": [], "shapes": [], "points": 1}', "written twice"),
    ('{"shapes": [], "imageHeight": 99999999, "imageWidth": 5, "points": 1}', "imageHeight"),
    ('{"shapes": [], "imagePath": "a\\u0000b", "points": 1}', "null"),
]


@pytest.mark.parametrize(("text", "why"), BAD_FILES)
def test_a_file_that_is_none_of_labelmes_is_told(text: str, why: str, tmp_path: Path) -> None:
    one(tmp_path, shape("car", SQUARE))
    (tmp_path / "b.json").write_text(text if '"shapes"' in text else '{"shapes" "points"' + text)

    with pytest.raises(DataError, match=FaultKind.BAD_LABELS.format_count(1)) as caught:
        open_data(tmp_path)

    assert "b.json" in caught.value.why
    assert any(word in caught.value.why for word in why.split("|"))


@pytest.mark.parametrize("name", ["gone.png", "../../../etc/hosts", "/etc/hosts", "x" * 5000, ""])
def test_an_image_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    one(tmp_path, shape("car", SQUARE))
    one(tmp_path, shape("car", SQUARE), name="b")
    file = tmp_path / "b.json"
    file.with_suffix(".png").unlink()
    file.write_text(file.read_text().replace('"b.png"', json.dumps(name)))

    with pytest.raises(DataError, match=FaultKind.LOST_IMAGE.format_count(1)) as caught:
        open_data(tmp_path)

    assert "b.json" in caught.value.why


def test_an_image_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    one(tmp_path / "data", shape("car", SQUARE))
    file = tmp_path / "data" / "a.json"
    file.with_suffix(".png").rename(tmp_path / "a.png")
    file.write_text(file.read_text().replace('"a.png"', '"../a.png"'))

    with pytest.raises(DataError, match=told(FaultKind.OUTSIDE)):
        open_data(tmp_path / "data")
    assert open_data(tmp_path / "data", outside=True).length("train") == 1


def test_an_image_of_another_size_than_its_file_says_is_told(tmp_path: Path) -> None:
    one(tmp_path, shape("car", SQUARE))
    Image.fromarray(GREY[:20]).save(tmp_path / "a.png")

    with pytest.raises(DataError, match=told(FaultKind.SIZE_MISMATCH)) as caught:
        check_data(tmp_path)

    assert "a.json (a.png) (mask 40x60, image 20x60)" in caught.value.why


def test_digests_depend_on_the_shapes_and_not_on_the_drawn_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(tmp_path / "data", shape("car", SQUARE))
    before = open_data(tmp_path / "data").digest("train")
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "elsewhere"))
    assert open_data(tmp_path / "data").digest("train") == before

    one(tmp_path / "data", shape("car", [*SQUARE[:3], (6, 20)]))

    assert open_data(tmp_path / "data").digest("train") != before


def test_a_file_that_did_not_change_is_not_read_again_and_one_that_did_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "caches"))
    monkeypatch.setattr(caches, "SETTLED_S", 0.0)
    for name in "ab":
        one(tmp_path / "data", shape("car", SQUARE), name=name)
    open_data(tmp_path / "data")
    read: list[str] = []
    monkeypatch.setattr(
        "fasterseg.datasets.layouts.annotations.labelme.parse_labelme",
        _listening(read, "fasterseg.datasets.layouts.annotations.labelme_file"),
    )

    assert open_data(tmp_path / "data").length("train") == 2
    assert read == []
    one(tmp_path / "data", shape("car", SQUARE[:3]), name="b")
    found = open_data(tmp_path / "data").sample("train", 1).labels

    assert set(read) == {"b.json"}
    assert 0 < (found == 1).sum() < 256


def _listening(read: list[str], module: str) -> Any:
    from importlib import import_module

    parse = import_module(module).parse_labelme

    def listen(data: bytes, shown: str) -> Any:
        read.append(shown)
        return parse(data, shown)

    return listen
