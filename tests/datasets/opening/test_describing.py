"""Keys of a data file: each does something wherever it stands, or is refused, or is named."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from advice import follow
from PIL import Image

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.data_report import DataReport
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.reading import _KEYS, FOREIGN_KEYS
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]

PLAIN = "train: images/train\nval: images/val\nnames: [road, car, sky]\n"
PALETTE = "palette: [[0, 0, 0], [255, 0, 0], [0, 255, 0]]\n"

# A value of each key, other than the one that it has anyway, that the plain folder opens with.
VALUES: dict[str, Any] = {
    "path": ".",
    "train": ["images/val"],
    "val": ["images/train"],
    "test": ["images/val"],
    "splits": "splits.csv",
    "images_dir": "images",
    "masks_dir": "masks",
    "names": ["a", "b", "c"],
    "nc": 3,
    "label_mapping": {9: 0},
    "layout": "folder",
    "format": "folder",
    "ignore": 254,
    "mask_suffix": "0",
    "image_suffix": "0",
    "mask_prefix": "t",
    "image_prefix": "t",
    "palette": [[0, 0, 0], [1, 1, 1], [2, 2, 2]],
    "smoothed": True,
    "reduce_zero_label": True,
    "background": "ignore",
    "channels": 1,
    "range": [0, 4095],
    "normalize": "imagenet",
    "groups": "^(.)",
    "class_weights": "auto",
    "most_pixels": 5000,
    "include": ["other.yaml"],
    "unlabelled": ["frames"],
    "unlabelled_every": 3,
    "terms": "ours alone",
}
# What says where to look, or is a check, leaves no trace where it agrees with the folder.
WITHOUT_TRACE = {"path", "layout", "format", "nc", "masks_dir", "images_dir"}


def test_a_data_file_may_name_a_test_alone_and_no_val_alone(make_folder: MakeFolder) -> None:
    root = make_folder("test: images/val\nnames: [road, car, sky]\n")
    assert open_data(root).splits() == ("test",)

    (root / "data.yaml").write_text("val: images/val\nnames: [road, car, sky]\n")
    with pytest.raises(DataError, match="no training split") as caught:
        open_data(root)
    assert "name test, and no val" in caught.value.why


def content_of(text: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def outcome(root: Path, content: dict[str, Any]) -> object:
    """The refusal, or all that a data file's keys can change about what is read."""
    (root / "splits.csv").write_text("split,image\n")
    (root / "data.yaml").write_text(yaml.safe_dump(content))
    try:
        source = open_files(root)
    except DataError as error:
        return str(error)
    own = source.layout
    # Of an included data set these count; the rest is that of the data set which includes it.
    parts = [
        (one.labelling.meaning, one.groups, one.how_read(), one.smoothed)
        for one in source.parts().values()
    ]
    seen = (parts, own.normalisation, own.class_weights, own.terms, own.notes)
    return (seen, dict(source.pairings), source.label_space, source.unlabelled, source.faults)


def test_every_key_has_a_value_here_that_is_not_the_one_it_has_anyway() -> None:
    assert set(VALUES) == set(_KEYS)
    assert all(value != DataFile.model_fields[key].default for key, value in VALUES.items())


def camvid(root: Path) -> dict[str, Any]:
    for split in ("train", "val"):
        (root / "images" / split).rename(root / split)
        (root / "masks" / split).rename(root / f"{split}annot")
    return {"layout": "camvid"}


def plain(root: Path) -> dict[str, Any]:
    return content_of(PLAIN)


def coloured(root: Path) -> dict[str, Any]:
    return content_of(PLAIN + PALETTE)


@pytest.mark.parametrize("key", sorted(set(VALUES) - WITHOUT_TRACE))
@pytest.mark.parametrize("situation", [plain, coloured, camvid])
def test_a_key_is_never_passed_over_in_silence(
    situation: Callable[[Path], dict[str, Any]], key: str, make_folder: MakeFolder
) -> None:
    root = make_folder()
    (root / "other.yaml").write_text(PLAIN)
    content = situation(root)
    before = outcome(root, content)

    assert outcome(root, content | {key: VALUES[key]}) != before


@pytest.mark.parametrize("key", sorted(set(VALUES) - WITHOUT_TRACE - {"include"}))
def test_a_key_of_an_included_file_is_never_passed_over_in_silence(
    key: str, make_folder: MakeFolder
) -> None:
    root = make_folder()
    content = content_of(PLAIN) | {"include": ["other.yaml"]}
    (root / "other.yaml").write_text(PLAIN)
    before = outcome(root, content)
    (root / "other.yaml").write_text(yaml.safe_dump(content_of(PLAIN) | {key: VALUES[key]}))

    assert outcome(root, content) != before


def test_a_key_that_a_named_layout_says_itself_is_refused_and_can_be_taken_out(
    make_folder: MakeFolder,
) -> None:
    root = make_folder()
    content = camvid(root) | {"train": "train", "ignore": 0}
    (root / "data.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(DataError) as caught:
        open_data(root)
    assert "train, ignore" in caught.value.what

    follow(caught.value, root / "data.yaml")

    assert open_data(root).name == "camvid"


def test_a_named_layout_may_have_its_names_said_again(make_folder: MakeFolder) -> None:
    root = make_folder()
    content = camvid(root)
    names = list(open_data(root, layout="camvid").label_space.names)
    (root / "data.yaml").write_text(yaml.safe_dump(content | {"names": names, "nc": 11}))

    assert open_data(root).label_space.names == tuple(names)


def test_a_layout_whose_folders_are_not_there_does_not_fit(make_folder: MakeFolder) -> None:
    root = make_folder()
    (root / "data.yaml").unlink()

    with pytest.raises(DataError, match="does not fit"):
        check_data(root, layout="camvid")


FOREIGN = {
    "roboflow": "roboflow:\n  workspace: w\n  project: p\n  version: 1\n",
    "flip_idx": "flip_idx: [0, 2, 1]\n",
    "kpt_shape": "kpt_shape: [17, 3]\n",
    "label_studio": "label_studio:\n  project: {id: 3}\n",
    "download": "download: https://example.org/data.zip\n",
}


@pytest.mark.parametrize("key", FOREIGN)
def test_what_other_tools_write_into_a_data_file_is_passed_over_and_named(
    key: str, make_folder: MakeFolder
) -> None:
    report = check_data(make_folder(PLAIN + FOREIGN[key]))

    assert any(key in note and "passed over" in note for note in report.notes)


def test_all_that_is_passed_over_is_one_note(make_folder: MakeFolder) -> None:
    text = PLAIN + FOREIGN["roboflow"] + FOREIGN["flip_idx"]

    (note,) = open_files(make_folder(text)).layout.notes

    assert note.startswith("roboflow, flip_idx in the data file are passed over")


@pytest.mark.parametrize("key", ["mask_dir", "name", "label_map", "ignore_index", "class_weight"])
@pytest.mark.parametrize("value", ["x", "{a: 1}"])
def test_a_typing_error_is_no_foreign_key(key: str, value: str, make_folder: MakeFolder) -> None:
    with pytest.raises(DataError) as caught:
        open_data(make_folder(f"{PLAIN}{key}: {value}\n"))

    assert "did you mean" in caught.value.next_step


def test_a_key_like_none_of_ours_is_refused_without_a_guess(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN + "xylophone: 3\n")
    with pytest.raises(DataError) as caught:
        open_data(root)
    assert "did you mean" not in str(caught.value)
    assert "masks_dir" in caught.value.why


def test_no_foreign_key_is_spelled_like_one_of_ours() -> None:
    assert [key for key in FOREIGN_KEYS if get_close_matches(key, _KEYS, cutoff=0.75)] == []


def test_the_notes_of_the_file_cannot_be_written_into_it(make_folder: MakeFolder) -> None:
    with pytest.raises(DataError, match="no key 'passed_over'"):
        open_data(make_folder(PLAIN + "passed_over: [x]\n"))


def test_four_channels_are_refused_with_what_to_write(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN + "channels: 4\n")
    with pytest.raises(DataError) as caught:
        open_data(root)
    assert "channels: 3" in caught.value.next_step
    (root / "data.yaml").write_text(PLAIN + "channels: 3\n")

    assert isinstance(check_data(root), DataReport)


IMPOSSIBLE = {
    "surrogate": 'names: ["a\\ud800", b, c]',
    "null in a path": 'masks_dir: "a\\0b"',
    "long name": f"masks_dir: {'x' * 300}",
    "long path": f"val: {'/'.join(['x' * 200] * 30)}",
    "deep normalize": "normalize: [[1, 2, [3]], [1, 1, 1]]",
    "huge normalize": f"normalize: [[1{'0' * 400}, 0, 0], [1, 1, 1]]",
    "null normalize": "normalize: [[~, 0, 0], [1, 1, 1]]",
    "huge id": f"label_mapping: {{1{'0' * 20}: 0}}",
    "huge target": f"label_mapping: {{1: 1{'0' * 20}}}",
    "digits": f"nc: {'1' * 5000}",
    "date": "terms: 2020-99-99",
    "brackets": f"groups: '{'(' * 500}{')' * 500}'",
    "look-ahead": "groups: '(?=a)b'",
    "back reference": "groups: '(a)b\\1'",
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_value_that_nothing_can_hold_is_refused(name: str, make_folder: MakeFolder) -> None:
    line = IMPOSSIBLE[name]
    kept = [one for one in PLAIN.splitlines() if not line.startswith(one.partition(":")[0])]

    with pytest.raises(DataError) as caught:
        open_data(make_folder("\n".join([*kept, line, ""])))

    assert caught.value.next_step


def test_groups_that_no_name_has_are_refused(make_folder: MakeFolder) -> None:
    with pytest.raises(DataError, match="groups is found in no image's name") as caught:
        open_data(make_folder(PLAIN + "groups: '^(seq[0-9]+)_'\n"))

    assert caught.value.where.endswith("data.yaml, groups")
    assert "train0" in caught.value.why


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("class_weights: [1, x, 1]", "class_weights.1"),
        ("label_mapping: {7: road}", "label_mapping.7"),
        ("palette: {road: 3}", "palette"),
        ("train: {a: b}", "train"),
    ],
)
def test_a_fault_in_a_value_is_told_by_the_keys_of_the_file_alone(
    line: str, place: str, make_folder: MakeFolder
) -> None:
    content = {**content_of(PLAIN), **content_of(line)}

    with pytest.raises(DataError) as caught:
        open_data(make_folder(yaml.safe_dump(content)))

    assert caught.value.what == f"the key {place!r} is wrong"


def test_grey_masks_among_coloured_ones_pass(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN + PALETTE, values=(0, 1, 2))
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], dtype=np.uint8)
    for path in (root / "masks").rglob("*.png"):
        Image.fromarray(colours[np.asarray(Image.open(path))]).save(path)
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(root / "masks" / "train" / "train0.png")

    assert check_data(root).splits["train"].class_images["road"] == 6


def test_masks_of_ids_in_three_equal_channels_pass(make_folder: MakeFolder) -> None:
    root = make_folder(PLAIN)
    before = check_data(root).splits
    for path in (root / "masks").rglob("*.png"):
        Image.open(path).convert("RGB").save(path)

    assert check_data(root).splits == before
