"""Odd contents of the small files by which tools say what their masks mean."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tool_sets import (
    ade20k_set,
    cvat_set,
    mmsegmentation_set,
    paddle_set,
    roboflow_set,
    voc_set,
)

from fasterseg.datasets.layouts.known import LAYOUT_NAMES
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError, FastersegError

FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "labelmap": (lambda root: cvat_set(root, {"default": ["a"]}), "labelmap.txt"),
    "cvat's list": (
        lambda root: cvat_set(root, {"default": ["a"]}),
        "ImageSets/Segmentation/default.txt",
    ),
    "class names": (lambda root: voc_set(root, {"train": ["a"]}, names=["a"]), "class_names.txt"),
    "table": (lambda root: roboflow_set(root, {"train": 1}), "train/_classes.csv"),
    "pairs": (lambda root: paddle_set(root, {"train": ["a"]}), "train.txt"),
    "labels": (lambda root: paddle_set(root, {"train": ["a"]}), "labels.txt"),
    "objects": (lambda root: ade20k_set(root, {"training": 1}), "objectInfo150.txt"),
    "table of colours": (
        lambda root: mmsegmentation_set(root, {".": 1}, folders=("images", "masks")),
        "class_dict.csv",
    ),
    "mmsegmentation's names": (
        lambda root: mmsegmentation_set(root, {"train": 1}),
        "classes.txt",
    ),
}
# What is looked at only where it is an ordinary file.
OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "cvat's xml": (
        lambda root: mmsegmentation_set(root, {".": 1}, folders=("images", "masks")),
        "annotations.xml",
    ),
}
CONTENTS: dict[str, bytes] = {
    "nothing": b"",
    "a mark of UTF-8 alone": b"\xef\xbb\xbf",
    "no UTF-8": b"caf\xe9:1,2,3::\n",
    "UTF-16": "road:1,2,3::\n".encode("utf-16"),
    "nulls": bytes(1000),
    "an escape": b"# x\n\x1b[2J:1,2,3::\n0, \x1b[2J\n",
    "a turn": "a\u202eb:1,2,3::\n0, a\u202eb\n".encode(),
    "a line of blanks": b" " * 100_000 + b"x",
    "a line of commas": b"," * 100_000,
    "a line of tabs and dots": b".png\t" * 20_000,
    "a line of colons": b":" * 100_000,
    "an open quote": b'0, "' + b"x\n" * 1000,
    "100,000 lines of one": b"road:1,2,3::\n" * 100_000,
    "70,000 lines apart": b"".join(b"%d,n%d:1,2,3::\n" % (n, n) for n in range(70_000)),
    "70,000 rows apart": b"Pixel Value, Class\n"
    + b"".join(b"%d, n%d\n" % (n, n) for n in range(70_000)),
    "numbers that have no end": b"Pixel Value, Class\n" + b"9" * 10_000 + b", a\n",
    "colours without end": b"name,r,g,b\n" + b'"' + b"x\n" * 100_000,
    "70,000 colours": b"name,r,g,b\n"
    + b"".join(b"n%d,%d,%d,7\n" % (n, n % 256, n // 256) for n in range(70_000)),
    "numbers of colours that have no end": b"name,r,g,b\na," + b"9" * 10_000 + b",1,2\n",
    "a document type": b"<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'>]>\n<annotations><version>1.1</version>"
    b"<image id='0' name='&b;' width='9' height='9'/></annotations>",
    "XML that ends early": b"<annotations><version>1.1</version><image id='0' name='a' width='9'",
    "XML of another size": b"<annotations><version>1.1</version><image id='0' name='a' width='-9' "
    b"height='99999999999999999999'/></annotations>",
    "deep XML": b"<annotations><version>1.1</version>" + b"<a>" * 100_000,
    "XML of a step up": b"<annotations><version>1.1</version><image id='0' "
    b"name='../../../../etc/passwd' width='9' height='9'/></annotations>",
    "a step up": b"../../outside.jpg ../../outside.png\n../../outside\n",
    "the root": b"/etc/passwd /etc/passwd\n",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("file", [*FILES, *OTHERS])
def test_odd_contents_are_read_or_refused_in_a_sentence(
    file: str, content: str, tmp_path: Path
) -> None:
    make, name = (FILES | OTHERS)[file]
    make(tmp_path)
    (tmp_path / name).write_bytes(CONTENTS[content])

    try:
        open_data(tmp_path)
    except FastersegError as error:
        assert isinstance(error, DataError), error
        assert error.next_step


@pytest.mark.parametrize("file", FILES)
def test_what_is_no_file_or_lies_elsewhere_is_not_waited_for_nor_read(
    file: str, tmp_path: Path
) -> None:
    make, name = FILES[file]
    make(tmp_path / "set")
    path, outside = tmp_path / "set" / name, tmp_path / "outside.txt"
    outside.write_bytes(path.read_bytes() if path.exists() else b"road\n")
    special: list[Callable[[], object]] = [
        lambda: os.mkfifo(path),
        path.mkdir,
        lambda: path.symlink_to("/dev/zero"),
    ]
    for put in special:
        _clear(path)
        put()
        with contextlib.suppress(DataError):
            assert open_data(tmp_path / "set").splits()
    _clear(path)
    path.symlink_to(outside)
    with pytest.raises(DataError, match="lies outside"):
        open_data(tmp_path / "set")


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("layout", LAYOUT_NAMES[3:])
def test_a_layout_that_is_named_where_it_is_not_is_refused(layout: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_data(tmp_path, layout=layout)

    assert caught.value.next_step
