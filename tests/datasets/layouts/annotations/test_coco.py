from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from held_sets import held_to, names_and_labels
from polygon_sets import (
    NAMES,
    coco_content,
    cvat_coco,
    roboflow_coco,
    save_image,
    scenes,
    write_json,
)
from told_faults import told
from tracing import packed_lengths, run_lengths

from fasterseg import caches
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.errors import DataError
from fasterseg.foreign import json_lists

SIZE = (40, 60)
GREY = np.full((*SIZE, 3), 90, dtype=np.uint8)
SQUARE = [5.0, 5.0, 20.0, 5.0, 20.0, 20.0, 5.0, 20.0]
Annotation = dict[str, Any]


def annotation(segmentation: Any, category: Any = 1, **more: Any) -> Annotation:
    return {
        "id": 1,
        "image_id": 1,
        "category_id": category,
        "segmentation": segmentation,
        "bbox": [5, 5, 15, 15],
        "area": 225,
        "iscrowd": 0,
    } | more


def content(*annotations: Annotation, names: tuple[str, ...] = ("car", "road")) -> dict[str, Any]:
    """A file of one image."""
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}],
        "annotations": list(annotations),
        "categories": [{"id": k, "name": name} for k, name in enumerate(names, start=1)],
    }


def one(root: Path, file: Any, name: str = "annotations/instances_default.json") -> Path:
    save_image(root / "images" / "a.png", GREY)
    write_json(root / name, file)
    return root


def counts(root: Path) -> dict[str, int]:
    return names_and_labels(open_data(root))


@pytest.mark.parametrize("form", ["polygons", "counts", "packed"])
def test_street_scenes_as_cvat_writes_them_load_by_one_command(form: str, tmp_path: Path) -> None:
    samples = scenes(2)
    source = open_data(cvat_coco(tmp_path, samples, form=form))

    assert source.label_space.names == ("background", *NAMES)
    exactly = {"least": 1.0, "everywhere": True} if form != "polygons" else {}
    held_to(source, {"train": samples}, ignored=0, **exactly)
    assert check_data(tmp_path).splits["train"].images == 2


def test_street_scenes_as_roboflow_writes_them_load_by_one_command(tmp_path: Path) -> None:
    samples = scenes(3)
    splits = {"train": samples[:1], "valid": samples[1:2], "test": samples[2:]}
    source = open_files(roboflow_coco(tmp_path, splits))

    assert source.splits() == ("train", "val", "test")
    assert source.label_space.names == ("background", *NAMES)
    assert any("no class: streets" in note for note in source.layout.notes)
    held = {"train": samples[:1], "val": samples[1:2], "test": samples[2:]}
    held_to(source, held, ignored=0)


def test_coco_itself_has_folders_of_images_beside_its_annotations(tmp_path: Path) -> None:
    samples = scenes(2)
    ids = {name: 10 * k for k, name in enumerate(NAMES, start=1)}
    for split, sample in zip(("train", "val"), samples, strict=True):
        save_image(tmp_path / f"{split}2017" / f"{sample.name}.png", sample.image)
        file = tmp_path / "annotations" / f"instances_{split}2017.json"
        write_json(file, coco_content([sample], ids))
        write_json(file.with_name(f"person_keypoints_{split}2017.json"), content())

    source = open_files(tmp_path)

    held_to(source, {"train": samples[:1], "val": samples[1:]}, ignored=0)
    assert any("person_keypoints_val2017.json" in note for note in source.layout.notes)


def test_several_files_of_a_split_are_read_together_by_the_names_of_categories(
    tmp_path: Path,
) -> None:
    for name, ids in (("a", {1: "car", 2: "road"}), ("b", {1: "road", 5: "sign"})):
        save_image(tmp_path / "images" / f"{name}.png", GREY)
        file = content(annotation([SQUARE]))
        file["images"][0]["file_name"] = f"{name}.png"
        file["categories"] = [{"id": k, "name": of} for k, of in ids.items()]
        write_json(tmp_path / "annotations" / f"job_{name}.json", file)

    source = open_data(tmp_path)

    assert source.label_space.names == ("background", "car", "road", "sign")
    assert source.names("train") == ("a", "b")
    assert [names_and_labels(source, "train", k) for k in (0, 1)] == [
        {"background": 2400 - 256, "car": 256},
        {"background": 2400 - 256, "road": 256},
    ]


def test_annotations_lie_over_one_another_in_the_order_of_the_file(tmp_path: Path) -> None:
    inner = [8.0, 8.0, 12.0, 8.0, 12.0, 12.0, 8.0, 12.0]
    crowd = np.zeros(SIZE, dtype=bool)
    crowd[18:30, 18:30] = True
    runs = {"size": list(SIZE), "counts": run_lengths(crowd)}
    file = content(
        annotation([inner], 2),
        annotation([SQUARE], 1),
        annotation(runs, 2, iscrowd=1),
        annotation([[30.0, 2.0, 40.0, 2.0, 40.0, 9.0], [50.0, 2.0, 55.0, 2.0, 55.0, 9.0]], 1),
    )

    source = open_data(one(tmp_path, file))

    found = source.sample("train", 0).labels
    assert [int(found[y, x]) for y, x in ((10, 10), (19, 19), (25, 25), (3, 38), (3, 54))] == [
        *(1, 2, 2, 1, 1)
    ]


def test_other_writers_put_outlines_and_run_lengths_a_little_otherwise(tmp_path: Path) -> None:
    bits = np.zeros(SIZE, dtype=bool)
    bits[30:, :10] = True
    packed = {"size": list(SIZE), "counts": packed_lengths(run_lengths(bits))}

    flat = counts(one(tmp_path / "flat", content(annotation(SQUARE))))
    mixed = counts(one(tmp_path / "mixed", content(annotation([packed, SQUARE]))))

    assert flat == {"background": 2400 - 256, "car": 256}
    assert mixed["car"] == 256 + 100


def test_categories_of_one_name_are_one_class_and_told(tmp_path: Path) -> None:
    one(tmp_path, content(annotation([SQUARE], 3), names=("car", "road", "car")))

    source = open_files(tmp_path)

    assert source.label_space.names == ("background", "car", "road")
    assert "categories of one name are one class, whatever their ids: car" in source.layout.notes


def test_a_category_called_background_is_what_no_shape_covers(tmp_path: Path) -> None:
    file = content(annotation([SQUARE], 2), names=("background", "car"))

    assert counts(one(tmp_path, file)) == {"background": 2400 - 256, "car": 256}
    assert open_data(tmp_path).label_space.names == ("background", "car")


def test_a_data_file_may_leave_the_background_out_or_some_classes(tmp_path: Path) -> None:
    one(tmp_path, content(annotation([SQUARE], 2), annotation([[40, 5, 50, 5, 50, 30]], 1)))
    (tmp_path / "data.yaml").write_text("layout: coco\nbackground: ignore\n")
    assert set(counts(tmp_path)) == {"car", "road"}

    (tmp_path / "data.yaml").write_text("layout: coco\nnames: [road]\n")
    assert counts(tmp_path) == {"road": 256}


def test_images_without_annotations_sizes_or_lists_are_told(tmp_path: Path) -> None:
    file = content(annotation([SQUARE]))
    file["images"] = [{"id": 1, "file_name": "a.png", "height": 0, "width": 0}]
    file["images"].append({"id": 2, "file_name": "sub/b.png", "height": SIZE[0], "width": SIZE[1]})
    save_image(tmp_path / "images" / "sub" / "b.png", GREY // 2)
    save_image(tmp_path / "images" / "c.png", GREY // 3)

    source = open_files(one(tmp_path, file))

    assert source.names("train") == ("a", "sub/b")
    assert "1 image without any annotation" in " ".join(source.layout.notes)
    assert "1 image listed in no JSON file" in " ".join(source.layout.notes)
    assert names_and_labels(source)["car"] == 256


def test_names_of_label_studio_are_found_by_their_last_part(tmp_path: Path) -> None:
    for name in ("..\\\\..\\\\media\\\\upload\\\\1\\\\a.png", "/label-studio/data/a.png"):
        file = content(annotation([SQUARE]))
        file["images"][0]["file_name"] = name.replace("\\\\", "\\")
        one(tmp_path, file, "result.json")

        assert open_files(tmp_path).pairs("train")[0].image == tmp_path / "images" / "a.png"


BAD_SHAPES = [
    ([SQUARE[:4]], "a polygon of 2 points"),
    ([SQUARE[:7]], "7 numbers"),
    ([[1e12, *SQUARE[1:]]], "1e+12 is no place"),
    ([[1e400, *SQUARE[1:]]], ""),
    ([[100.0, 1, 120, 1, 120, 9]], "outside of the image"),
    (["x"], "no list of numbers"),
    ([[True] * 6], "no list of numbers"),
    ({"size": [*SIZE], "counts": [5]}, "run lengths of 5 pixels"),
    ({"size": [*SIZE], "counts": "1" * 99}, "run lengths"),
    ({"size": [*SIZE], "counts": "ü"}, "holds no bits"),
    ({"size": [2, 2], "counts": [4]}, "an image of [2, 2]"),
    ({"size": [*SIZE]}, "without counts"),
    ({"counts": [2400]}, "an image of None"),
]


@pytest.mark.parametrize(("bad", "why"), BAD_SHAPES)
def test_an_annotation_that_cannot_be_drawn_is_told_by_image_and_id(
    bad: Any, why: str, tmp_path: Path
) -> None:
    one(tmp_path, content(annotation([SQUARE]), annotation(bad, id=77)))

    kind = FaultKind.BAD_SHAPE if why else FaultKind.BAD_LABELS
    with pytest.raises(DataError, match=kind.format_count(1)) as caught:
        open_data(tmp_path)

    assert "annotations/instances_default.json" in caught.value.why
    assert why in caught.value.why
    assert "annotation 77" in caught.value.why or not why


def file_with(**changes: Any) -> dict[str, Any]:
    return content(annotation([SQUARE])) | changes


BAD_FILES: list[tuple[Any, FaultKind, str]] = [
    (content(annotation([])), FaultKind.BOX, "1 of 1 annotations have no outline"),
    (content(annotation([SQUARE], 9)), FaultKind.UNLISTED_CLASS, "category_id 9"),
    (content(annotation([SQUARE], image_id=5)), FaultKind.LOST_IMAGE, "image_id 5"),
    (content(annotation([SQUARE], image_id=[5])), FaultKind.BAD_LABELS, "without image_id"),
    (content(5), FaultKind.BAD_LABELS, "without image_id"),  # type: ignore[arg-type]
    (file_with(images=content()["images"] * 2), FaultKind.BAD_LABELS, "the id 1 is there twice"),
    (
        file_with(categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]),
        FaultKind.BAD_LABELS,
        "categories: the id 1",
    ),
    (file_with(categories=[{"id": 1}]), FaultKind.BAD_LABELS, "name"),
    (file_with(images=[{"id": 1, "height": 5}]), FaultKind.BAD_LABELS, "file_name"),
    (
        file_with(images=[{"id": 1, "file_name": "a\0.png"}]),
        FaultKind.BAD_LABELS,
        "file_name",
    ),
    (
        file_with(images=[{"id": 1, "file_name": "a.png", "height": 10**6, "width": 5}]),
        FaultKind.BAD_LABELS,
        "height",
    ),
    (
        file_with(images=[{"id": 1, "file_name": "a.png", "height": 60000, "width": 60000}]),
        FaultKind.LARGE_MASK,
        "more than",
    ),
    (file_with(images=[{"id": 1, "file_name": "b.png"}]), FaultKind.LOST_IMAGE, "names b.png"),
    (
        file_with(images=[{"id": 1, "file_name": "../../../../etc/passwd"}]),
        FaultKind.LOST_IMAGE,
        "etc/passwd",
    ),
    (file_with(annotations={"a": 1}), FaultKind.BAD_LABELS, "'annotations' is no list"),
]


@pytest.mark.parametrize(("file", "kind", "why"), BAD_FILES)
def test_a_file_that_does_not_fit_together_is_told(
    file: Any, kind: FaultKind, why: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        open_data(one(tmp_path, file))

    assert re.search(told(kind), f"{caught.value.what} {caught.value.why}")
    assert why in caught.value.why
    assert caught.value.next_step


def test_a_file_that_is_cut_short_is_told(tmp_path: Path) -> None:
    one(tmp_path, content(annotation([SQUARE])))
    file = tmp_path / "annotations" / "instances_default.json"
    file.write_text(file.read_text()[:-30])

    with pytest.raises(DataError, match=told(FaultKind.BAD_LABELS)):
        open_data(tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    one(tmp_path / "data", content(annotation([SQUARE])))
    image = tmp_path / "data" / "images" / "a.png"
    image.rename(tmp_path / "a.png")
    image.symlink_to(tmp_path / "a.png")

    with pytest.raises(DataError, match=told(FaultKind.OUTSIDE)):
        open_data(tmp_path / "data")
    assert open_data(tmp_path / "data", outside=True).length("train") == 1


def test_an_image_of_another_size_than_its_file_says_is_told(tmp_path: Path) -> None:
    one(tmp_path, content(annotation([SQUARE])))
    save_image(tmp_path / "images" / "a.png", GREY[:20])

    with pytest.raises(DataError, match=told(FaultKind.SIZE_MISMATCH)) as caught:
        check_data(tmp_path)

    assert "instances_default.json (images/a.png) (mask 40x60" in caught.value.why


def test_two_images_of_one_name_are_told(tmp_path: Path) -> None:
    file = content(annotation([SQUARE]))
    file["images"].append(file["images"][0] | {"id": 2, "file_name": "a.jpg"})
    save_image(tmp_path / "images" / "a.jpg", GREY)

    with pytest.raises(DataError, match=told(FaultKind.DUPLICATE_NAME)):
        open_data(one(tmp_path, file))


@pytest.fixture
def readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read whole, in caches of their own."""
    from fasterseg.datasets.layouts.annotations import coco, coco_file

    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "caches"))
    monkeypatch.setattr(caches, "SETTLED_S", 0.0)
    read: list[Path] = []

    def listen(path: Path, shown: str) -> coco_file.CocoFile:
        read.append(path)
        return coco_file.read_coco(path, shown)

    monkeypatch.setattr(coco, "read_coco", listen)
    return read


def test_a_file_is_read_once_and_again_when_masks_are_gone(
    tmp_path: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one(tmp_path / "data", content(annotation([SQUARE])))
    before = open_data(tmp_path / "data").digest("train")
    assert len(readings) == 1

    assert open_data(tmp_path / "data").digest("train") == before
    assert len(readings) == 1
    for mask in (tmp_path / "caches" / "drawn").rglob("*.png"):
        mask.unlink()
    assert counts(tmp_path / "data") == {"background": 2400 - 256, "car": 256}
    assert len(readings) == 2


def test_of_a_file_that_changed_only_what_changed_is_drawn(
    tmp_path: Path, readings: list[Path]
) -> None:
    file = content(annotation([SQUARE]), annotation([SQUARE], image_id=2))
    file["images"].append(file["images"][0] | {"id": 2, "file_name": "b.png"})
    save_image(tmp_path / "data" / "images" / "b.png", GREY)
    source = open_files(one(tmp_path / "data", file))
    before = {pair.name: pair.mask.name for pair in source.pairs("train")}
    file["annotations"][1]["segmentation"] = [[8.0, *SQUARE[1:]]]

    source = open_files(one(tmp_path / "data", file))

    after = {pair.name: pair.mask.name for pair in source.pairs("train")}
    assert len(readings) == 2
    assert after["a"] == before["a"]
    assert after["b"] != before["b"]
    assert source.digest("train")


def test_progress_is_told_while_masks_are_drawn(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    one(tmp_path, content(annotation([SQUARE])))

    open_data(tmp_path, progress=lambda *step: told.append(step))

    assert (1, 1, "drawing masks") in told
    assert any("instances_default.json" in note for _, _, note in told)


def test_a_large_file_is_never_in_memory_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lists, "_STEP_BYTES", 1000)
    many = [annotation([SQUARE], id=k) for k in range(500)]
    longest = 0
    more: Callable[..., bool] = json_lists._Window._more

    def look(window: Any, size: int) -> bool:
        nonlocal longest
        found = more(window, size)
        longest = max(longest, len(window._text))
        return found

    monkeypatch.setattr(json_lists._Window, "_more", look)
    open_data(one(tmp_path, content(*many)))

    size = (tmp_path / "annotations" / "instances_default.json").stat().st_size
    assert size > 60_000
    assert longest < 5000


@pytest.mark.parametrize("place", ["images", "annotations"])
@pytest.mark.parametrize("key", ["image", "category"])
def test_ids_that_are_numbers_may_be_text_in_one_of_two_places(
    key: str, place: str, tmp_path: Path
) -> None:
    file = content(annotation([SQUARE]))
    if place == "annotations":
        file["annotations"][0][f"{key}_id"] = "1"
    else:
        file["images" if key == "image" else "categories"][0]["id"] = "1"

    assert counts(one(tmp_path, file))["car"] == 256


def test_ids_of_files_may_be_text(tmp_path: Path) -> None:
    file = content(annotation([SQUARE], "x", image_id="1"))
    file["images"][0]["id"] = "1"
    file["categories"] = [{"id": "x", "name": "car"}, {"id": 2, "name": "road"}]

    assert json.dumps(file)
    assert counts(one(tmp_path, file))["car"] == 256
