from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from told_faults import told

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]


def image(root: Path, name: str = "train/train0.jpg") -> Path:
    return root / "images" / name


def mask(root: Path, name: str = "train/train0.png") -> Path:
    return root / "masks" / name


def write_mask(path: Path, pixels: Any, **settings: Any) -> None:
    Image.fromarray(pixels).save(path, **settings)


def ids(value: int = 0, *, height: int = 20, dtype: Any = np.uint8) -> Any:
    return np.full((height, 30), value, dtype=dtype)


def with_unknown(value: int, dtype: Any = np.uint8) -> Any:
    pixels = ids(dtype=dtype)
    pixels[0, :7] = value
    return pixels


def link_out(root: Path) -> None:
    outside = root.parent / "secret.jpg"
    shutil.move(image(root), outside)
    image(root).symlink_to(outside)


def link_folder(root: Path) -> None:
    (root / "images" / "train" / "loop").symlink_to(root / "images", target_is_directory=True)


def strange_name(root: Path) -> None:
    name = os.fsencode(root / "images" / "train") + b"/caf\xe9.jpg"
    shutil.copy(image(root), name)


def list_of(*lines: str, end: str = "\n") -> Callable[[Path], None]:
    def mutate(root: Path) -> None:
        (root / "train.txt").write_bytes(end.join(lines).encode())
        text = (root / "data.yaml").read_text().replace("train: images/train", "train: train.txt")
        (root / "data.yaml").write_text(text)

    return mutate


def share_image(root: Path) -> None:
    pixels = np.asarray(Image.open(image(root)))
    Image.fromarray(pixels).save(image(root, "val/again.png"))
    shutil.copy(mask(root), mask(root, "val/again.png"))
    # Read the same, though the two files have no byte in common.
    Image.fromarray(pixels).save(image(root, "train/other.png"))
    image(root).unlink()
    mask(root).rename(mask(root, "train/other.png"))


def ignore_everything(root: Path) -> None:
    for path in (root / "masks" / "val").iterdir():
        write_mask(path, ids(255))


def empty_split(root: Path) -> None:
    for folder in ("images", "masks"):
        shutil.rmtree(root / folder / "val")
        (root / folder / "val").mkdir()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


MUTATIONS: dict[str, tuple[FaultKind, Callable[[Path], Any]]] = {
    "mask missing": (FaultKind.UNPAIRED_IMAGE, lambda r: mask(r).unlink()),
    "image missing": (FaultKind.UNPAIRED_MASK, lambda r: image(r).unlink()),
    "all masks of a split missing": (
        FaultKind.MISSING_FOLDER,
        lambda r: shutil.rmtree(r / "masks" / "val"),
    ),
    "case differs": (
        FaultKind.CASE_MISMATCH,
        lambda r: mask(r).rename(mask(r, "train/Train0.png")),
    ),
    "two images of one name": (
        FaultKind.DUPLICATE_NAME,
        lambda r: shutil.copy(image(r), image(r, "train/train0.jpeg")),
    ),
    "two masks of one name": (
        FaultKind.DUPLICATE_NAME,
        lambda r: write_mask(mask(r, "train/train0.bmp"), ids()),
    ),
    "name is no text": (FaultKind.BAD_NAME, strange_name),
    "link out of the tree": (FaultKind.OUTSIDE, link_out),
    "link to a folder": (FaultKind.LINKED_FOLDER, link_folder),
    "image of a strange type": (
        FaultKind.UNSUPPORTED,
        lambda r: image(r).rename(image(r, "train/train0.gif")),
    ),
    "empty image": (FaultKind.UNREADABLE_IMAGE, lambda r: image(r).write_bytes(b"")),
    "text called image": (FaultKind.UNREADABLE_IMAGE, lambda r: image(r).write_text("hello")),
    "broken link": (
        FaultKind.UNREADABLE_IMAGE,
        lambda r: (image(r).unlink(), image(r).symlink_to(r / "nowhere.jpg")),
    ),
    "image cut short": (FaultKind.TRUNCATED_IMAGE, lambda r: cut(image(r))),
    "empty mask": (FaultKind.UNREADABLE_MASK, lambda r: mask(r).write_bytes(b"")),
    "mask cut short": (FaultKind.TRUNCATED_MASK, lambda r: cut(mask(r))),
    "jpeg mask": (
        FaultKind.LOSSY_MASK,
        lambda r: (mask(r).unlink(), write_mask(mask(r, "train/train0.jpg"), ids())),
    ),
    "jpeg mask called png": (
        FaultKind.LOSSY_MASK,
        lambda r: write_mask(mask(r), ids(), format="JPEG"),
    ),
    "colour mask": (
        FaultKind.COLOUR_MASK,
        lambda r: write_mask(mask(r), np.full((20, 30, 3), [9, 0, 0], dtype=np.uint8)),
    ),
    "unknown id": (FaultKind.UNKNOWN_LABEL, lambda r: write_mask(mask(r), with_unknown(7))),
    "instance ids": (
        FaultKind.UNKNOWN_LABEL,
        lambda r: write_mask(mask(r), with_unknown(26001, np.uint16)),
    ),
    "negative ids": (
        FaultKind.UNKNOWN_LABEL,
        lambda r: (
            mask(r).unlink(),
            write_mask(mask(r, "train/train0.tif"), with_unknown(-1, np.int32)),
        ),
    ),
    "mask too small": (FaultKind.SIZE_MISMATCH, lambda r: write_mask(mask(r), ids(height=19))),
    "mask turned": (
        FaultKind.SIZE_MISMATCH,
        lambda r: write_mask(mask(r), np.zeros((30, 20), dtype=np.uint8)),
    ),
    "image in two splits": (FaultKind.SHARED_IMAGE, share_image),
    "split all ignored": (FaultKind.UNLABELLED_SPLIT, ignore_everything),
    "split empty": (FaultKind.EMPTY_SPLIT, empty_split),
    "list leads out": (FaultKind.OUTSIDE, list_of("../data/images/train/train0.jpg")),
    "list is absolute": (FaultKind.OUTSIDE, list_of("/etc/hostname.jpg")),
    "list names nothing": (FaultKind.BAD_LIST, list_of("images/train/absent.jpg")),
    "list names twice": (
        FaultKind.DUPLICATE_NAME,
        list_of("images/train/train0.jpg", "images/train/train0.jpg"),
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_fault_of_a_tree_is_refused_by_its_name(name: str, make_folder: MakeFolder) -> None:
    root = make_folder()
    kind, mutate = MUTATIONS[name]
    check_data(root)
    mutate(root)

    with pytest.raises(DataError) as caught:
        check_data(root)

    error = caught.value
    assert error.exit_code == 3
    assert re.search(told(kind), error.why)
    assert re.search(told(kind), error.what) or "kinds" in error.what
    assert error.where
    assert error.next_step


def test_a_split_that_is_empty_by_another_fault_is_told_by_that_alone(
    make_folder: MakeFolder,
) -> None:
    root = make_folder()
    shutil.rmtree(root / "images" / "val")
    with pytest.raises(DataError) as caught:
        check_data(root)
    assert "missing" in caught.value.why
    assert "without one sample" not in caught.value.why


LISTING_FAULTS = ("mask missing", "case differs", "link out of the tree", "list leads out")


@pytest.mark.parametrize("name", LISTING_FAULTS)
def test_a_faulty_listing_is_not_opened_either(name: str, make_folder: MakeFolder) -> None:
    root = make_folder()
    MUTATIONS[name][1](root)

    with pytest.raises(DataError):
        open_data(root)


@pytest.mark.parametrize(
    "name", ["unknown id", "mask too small", "image cut short", "jpeg mask called png"]
)
def test_a_faulty_sample_is_refused_without_the_checker_too(
    name: str, make_folder: MakeFolder
) -> None:
    root = make_folder()
    kind, mutate = MUTATIONS[name]
    mutate(root)

    with pytest.raises(DataError, match=told(kind)):
        open_data(root).sample("train", 0)


def test_nothing_outside_of_the_tree_is_opened(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder()
    link_out(root)
    opened: list[str] = []
    really_open = io.open

    def watched(file: Any, *rest: Any, **named: Any) -> Any:
        opened.append(str(file))
        return really_open(file, *rest, **named)

    monkeypatch.setattr(io, "open", watched)

    with pytest.raises(DataError):
        check_data(root)

    assert opened
    assert all(Path(os.path.realpath(path)).is_relative_to(root.resolve()) for path in opened)


def test_files_outside_are_read_where_that_is_allowed(make_folder: MakeFolder) -> None:
    root = make_folder()
    link_out(root)

    assert check_data(root, outside=True).splits["train"].images == 6


def test_at_most_five_examples_are_shown_with_the_total(make_folder: MakeFolder) -> None:
    root = make_folder()
    for path in (root / "masks" / "train").iterdir():
        path.unlink()

    with pytest.raises(DataError) as caught:
        check_data(root)

    assert "6 images without a mask: " in caught.value.why
    assert caught.value.why.splitlines()[0].count(".jpg") == 5
    assert "and 1 more" in caught.value.why


def test_all_kinds_of_fault_are_told_at_once(make_folder: MakeFolder) -> None:
    root = make_folder()
    cut(image(root))
    write_mask(mask(root, "train/train1.png"), with_unknown(9))
    image(root, "val/val0.jpg").unlink()

    with pytest.raises(DataError) as caught:
        check_data(root)

    assert caught.value.what == "3 faults of 3 kinds"
    for kind in (FaultKind.TRUNCATED_IMAGE, FaultKind.UNKNOWN_LABEL, FaultKind.UNPAIRED_MASK):
        assert kind.format_count(1) in caught.value.why


def test_unknown_ids_are_told_with_pixels_and_files(make_folder: MakeFolder) -> None:
    root = make_folder()
    write_mask(mask(root), with_unknown(9))
    write_mask(mask(root, "train/train1.png"), with_unknown(9))

    with pytest.raises(DataError) as caught:
        check_data(root)

    assert "9 (14 pixels in 2 files)" in caught.value.why
    assert "masks/train/train0.png (9: 7 pixels)" in caught.value.why


BINARY = "train: images/train\nval: images/val\nmasks_dir: masks\nnames: [ground, thing]\n"


@pytest.mark.parametrize("values", [(0, 128, 255), (0, 127, 254), (0, 1, 7, 255)])
def test_as_many_ids_as_classes_are_these_by_the_line_that_is_proposed(
    values: tuple[int, ...], make_folder: MakeFolder
) -> None:
    root = make_folder(values=values)
    with pytest.raises(DataError, match=told(FaultKind.UNKNOWN_LABEL)) as caught:
        check_data(root)
    line = caught.value.next_step.splitlines()[-1].strip()
    assert line.endswith("# as many as there are classes, in their order")
    (root / "data.yaml").write_text((root / "data.yaml").read_text() + line)

    report = check_data(root).splits["train"]

    assert all(report.class_pixels.values())
    assert (report.ignored_pixels > 0) == (len(values) > 3)


@pytest.mark.parametrize("names", ["[ground, thing]", "[thing]", "[ground, thing, other]"])
def test_masks_of_0_and_255_are_ambiguous_and_either_line_settles_it(
    names: str, make_folder: MakeFolder
) -> None:
    text = BINARY.replace("[ground, thing]", names)
    root = make_folder(text, values=(0, 255))

    with pytest.raises(DataError) as caught:
        check_data(root)
    lines = caught.value.next_step.splitlines()[1:]

    assert caught.value.exit_code == 3
    assert caught.value.what == "9 masks that hold only 0 and 255"
    assert caught.value.why.count(".png") == 5
    assert "255 may be a class or what is ignored" in caught.value.next_step
    assert len(lines) == 2
    shares = []
    for line in lines:
        (root / "data.yaml").write_text(text + line.strip() + "\n")
        report = check_data(root).splits["train"]
        shares.append((report.ignored_pixels == 0, sum(report.class_pixels.values()) > 0))
    assert shares == [(True, True), (False, True)]


def test_a_background_that_is_ignored_leaves_the_object(make_folder: MakeFolder) -> None:
    report = check_data(make_folder(BINARY + "background: ignore\n", values=(0, 255)))

    assert report.splits["train"].class_pixels["ground"] == 0
    assert report.splits["train"].class_pixels["thing"] > 0
    assert report.splits["train"].ignored_pixels > 0


def test_the_object_of_a_single_name_gets_a_background_beside_it(make_folder: MakeFolder) -> None:
    text = BINARY.replace("[ground, thing]", "[thing]") + "background: class\n"

    source = open_data(make_folder(text, values=(0, 255)))

    assert source.label_space.names == ("background", "thing")
    assert set(np.unique(source.sample("train", 0).labels)) == {0, 1}


def test_1_and_255_cannot_both_mark_the_object(make_folder: MakeFolder) -> None:
    with pytest.raises(DataError, match="255 and 1"):
        check_data(make_folder(BINARY + "background: class\n", values=(0, 1, 255)))


def test_two_classes_and_an_ignore_value_are_not_ambiguous(make_folder: MakeFolder) -> None:
    assert check_data(make_folder(BINARY, values=(0, 1, 255))).splits["train"].images == 6


def test_a_report_holds_the_class_balance(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder(values=(0, 0, 0, 1, 255))
    seen: list[tuple[int, int]] = []

    report = check_data(root, progress=lambda done, total, _note: seen.append((done, total)))

    train = report.splits["train"]
    assert train.images == 6
    assert train.sizes == {"20x30": 6}
    assert train.labelled_pixels + train.ignored_pixels == 6 * 600
    assert train.class_shares()["road"] == pytest.approx(0.75, abs=0.05)
    assert "train has no pixel of sky" in report.notes
    assert seen == [(done, 9) for done in range(1, 10)]
    assert DataReport.load(report.save(tmp_path / "data.json")) == report
    assert any(line.startswith("road") for line in report.lines())


def test_the_built_in_scenes_pass() -> None:
    report = check_data(StreetScenes(size=(32, 64), counts={"train": 3, "val": 2}))

    assert report.splits["train"].images == 3
    assert report.splits["train"].labelled_pixels > 0


@pytest.mark.parametrize("tagged", [False, True])
def test_a_mask_on_its_side_is_put_down_to_a_tag_only_where_there_is_one(
    tagged: bool, make_folder: MakeFolder
) -> None:
    root = make_folder()
    image, mask = root / "images/train/train0.jpg", root / "masks/train/train0.png"
    tags = Image.Exif()
    tags[0x0112] = 6 if tagged else 1
    Image.open(image).save(image, exif=tags)
    if not tagged:
        Image.fromarray(np.asarray(Image.open(mask)).T.copy()).save(mask)
    for look in (lambda: check_data(root), lambda: open_data(root).sample("train", 0)):
        with pytest.raises(DataError, match="have its image's size") as caught:
            look()
        assert ("the image's orientation tag turns it" in caught.value.why) == tagged
        assert ("rows and columns changed places" in caught.value.why) != tagged
        assert ("exiftool -Orientation= " in caught.value.next_step) == tagged


def test_images_that_are_in_their_split_twice_are_noted(make_folder: MakeFolder) -> None:
    root = make_folder()
    shutil.copy(image(root), image(root, "train/copy.jpg"))
    shutil.copy(mask(root), mask(root, "train/copy.png"))

    assert "1 image is in its split more than once" in check_data(root).notes


@pytest.mark.parametrize("deep", [False, True])
def test_an_image_with_two_masks_that_differ_is_told_with_both(
    deep: bool, make_folder: MakeFolder
) -> None:
    root = make_folder()
    labels = np.array(Image.open(mask(root)))
    for name in ("copy", "other"):
        shutil.copy(image(root), image(root, f"train/{name}.jpg"))
        write_mask(mask(root, f"train/{name}.png"), labels.astype(np.uint16) if deep else labels)
    assert "2 images are in their split more than once" in check_data(root).notes
    write_mask(mask(root, "train/other.png"), np.where(labels == 2, 1, labels))

    (note,) = (note for note in check_data(root).notes if "more than once" in note)

    assert note.startswith("1 image is in its split more than once with masks that differ: ")
    assert "images/train/copy.jpg and images/train/other.jpg and images/train/train0.jpg" in note


def test_a_file_of_a_type_that_is_not_read_is_told_once(make_folder: MakeFolder) -> None:
    root = make_folder()
    for path, suffix in ((image(root), ".gif"), (mask(root, "train/train1.png"), ".npy")):
        path.rename(path.with_suffix(suffix))

    with pytest.raises(DataError) as caught:
        check_data(root)

    assert caught.value.what == "2 files of a type that is not read"
    assert caught.value.next_step == "convert them: images to JPEG or PNG, masks to PNG"


def test_notes_and_hidden_files_beside_the_pictures_do_no_harm(make_folder: MakeFolder) -> None:
    root = make_folder()
    image(root, "train/.DS_Store").write_bytes(b"x")
    image(root, "train/._train0.jpg").write_bytes(b"x")
    image(root, "train/notes.txt").write_text("x")

    assert check_data(root).splits["train"].images == 6


def test_a_recording_that_lies_in_two_splits_is_refused(make_folder: MakeFolder) -> None:
    root = make_folder()
    with (root / "data.yaml").open("a") as file:
        file.write("groups: '[0-9]$'\n")

    with pytest.raises(DataError, match="recordings that are in more than one split") as caught:
        check_data(root)

    message = str(caught.value)
    assert "0: train/train0 in train, val/val0 in val" in message or "train0 in train" in message
    assert "3 " in message, "of six in train, three are in val"


def test_recordings_of_one_split_each_pass(make_folder: MakeFolder) -> None:
    root = make_folder()
    with (root / "data.yaml").open("a") as file:
        file.write("groups: '(train|val)[0-9]$'\n")

    assert check_data(root).splits["train"].images == 6


@pytest.mark.parametrize("kind", FaultKind)
def test_a_fault_is_told_of_one_and_of_several(kind: FaultKind) -> None:
    assert kind.format_count(2) == f"2 {kind}"
    assert kind.single().partition(" ")[2] == kind.format_count(1).removeprefix("1 ") != str(kind)
