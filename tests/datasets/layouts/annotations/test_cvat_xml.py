"""CVAT's own XML beside its images."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import numpy.typing as npt
import pytest
from tool_sets import save, scene, zipped
from tracing import run_lengths

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data
from fasterseg.errors import DataError

Labels = npt.NDArray[np.uint8]
HEIGHT, WIDTH = 40, 60
HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><labels>
<label><name>road</name><color>#33ddff</color></label>
<label><name>car</name><color>#ff0000</color></label>
</labels></task></meta>
"""


def image(
    name: str, *shapes: str, subset: str = "", size: tuple[int, int] = (HEIGHT, WIDTH)
) -> str:
    of = f" subset={quoteattr(subset)}" if subset else ""
    body = "\n".join(shapes)
    return (
        f'<image id="0" name={quoteattr(name)} width="{size[1]}" height="{size[0]}"{of}>'
        f"\n{body}\n</image>"
    )


def polygon(label: str, *points: tuple[float, float], z: int = 0) -> str:
    told = ";".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return f'<polygon label="{label}" source="manual" points="{told}" z_order="{z}"></polygon>'


def square(label: str, left: int, top: int, side: int = 10, *, z: int = 0) -> str:
    right, bottom = left + side - 1, top + side - 1
    return polygon(label, (left, top), (right, top), (right, bottom), (left, bottom), z=z)


def put(root: Path, *images: str, names: tuple[str, ...] = ("a.png",), head: str = HEAD) -> Path:
    for name in names:
        save(scene(1, (HEIGHT, WIDTH))[0], root / name)
    (root / "annotations.xml").write_text(f"{head}{''.join(images)}</annotations>")
    return root


def labels_of(root: Path) -> Labels:
    return np.asarray(open_data(root).sample("train", 0).labels)


def test_classes_are_those_of_the_task_in_its_order(tmp_path: Path) -> None:
    put(tmp_path, image("a.png", square("car", 5, 5), square("road", 30, 20)))

    source = open_data(tmp_path)

    assert source.label_space.names == ("background", "road", "car")
    labels = labels_of(tmp_path)
    assert (labels[5:15, 5:15] == 2).all()
    assert (labels[20:30, 30:40] == 1).all()
    assert (labels > 0).sum() == 200


@pytest.mark.parametrize("place", ["a.png", "images/a.png", "images/default/a.png"])
@pytest.mark.parametrize("written", ["a.png", "default/a.png", "C:\\data\\a.png"])
def test_images_are_found_where_cvat_puts_them(place: str, written: str, tmp_path: Path) -> None:
    put(tmp_path, image(written, square("car", 5, 5), subset="default"), names=(place,))

    assert open_data(tmp_path).length("train") == 1


def test_a_zip_as_it_was_downloaded(tmp_path: Path) -> None:
    put(tmp_path / "set", image("a.png", square("car", 5, 5)), names=("images/a.png",))

    assert (labels_of(zipped(tmp_path / "set", tmp_path / "set.zip")) == 2).sum() == 100


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        ('<box label="car" xtl="5" ytl="5" xbr="14" ybr="14"></box>', 100),
        ('<box label="car" xtl="10" ytl="10" xbr="29" ybr="19" rotation="90"></box>', 200),
        ('<ellipse label="car" cx="30" cy="20" rx="12" ry="6"></ellipse>', 226),
        ('<ellipse label="car" cx="30" cy="20" rx="12" ry="6" rotation="30"></ellipse>', 226),
    ],
)
def test_shapes_are_areas(shape: str, count: int, tmp_path: Path) -> None:
    put(tmp_path, image("a.png", shape))

    assert (labels_of(tmp_path) == 2).sum() == pytest.approx(count, rel=0.15)


def test_a_box_turned_by_a_quarter_lies_the_other_way(tmp_path: Path) -> None:
    shape = '<box label="car" xtl="10" ytl="15" xbr="29" ybr="20" rotation="90.0"></box>'
    put(tmp_path, image("a.png", shape))

    rows, columns = np.nonzero(labels_of(tmp_path))

    assert np.ptp(rows) > 15
    assert np.ptp(columns) < 9


def test_a_brushed_mask_is_its_runs_row_by_row(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).random((7, 9)) > 0.5
    runs = ", ".join(map(str, run_lengths(bits.T)))
    shape = f'<mask label="car" rle="{runs}" left="20" top="11" width="9" height="7"></mask>'
    put(tmp_path, image("a.png", shape))

    labels = labels_of(tmp_path)

    assert np.array_equal(labels[11:18, 20:29] == 2, bits)
    assert (labels > 0).sum() == bits.sum()


def test_what_lies_above_is_drawn_later(tmp_path: Path) -> None:
    above = square("road", 5, 5, z=3), square("car", 5, 5), square("car", 5, 5, z=-1)
    put(tmp_path / "z", image("a.png", *above))
    put(tmp_path / "order", image("a.png", square("road", 5, 5), square("car", 5, 5)))

    assert set(np.unique(labels_of(tmp_path / "z"))) == {0, 1}
    assert set(np.unique(labels_of(tmp_path / "order"))) == {0, 2}


@pytest.mark.parametrize("by", ["subset", "folder"])
def test_subsets_are_splits(by: str, tmp_path: Path) -> None:
    splits = {"Train": ("train", 2), "Validation": ("val", 1), "Test": ("test", 1)}
    images, names = [], []
    for subset, (_, count) in splits.items():
        for index in range(count):
            place = f"{subset}/{index}.png" if by == "folder" else f"{subset}{index}.png"
            names.append(f"images/{place}")
            images.append(
                image(place, square("car", 3, 3), subset=subset if by == "subset" else "")
            )
    put(tmp_path, *images, names=tuple(names))

    source = open_data(tmp_path)

    assert {split: source.length(split) for split in source.splits()} == dict(splits.values())


def test_what_is_no_area_or_has_no_shape_is_told(tmp_path: Path) -> None:
    line = '<polyline label="car" points="1,1;9,9"></polyline>'
    put(
        tmp_path,
        image("a.png", square("car", 5, 5), line),
        image("b.png"),
        names=("a.png", "b.png", "c.png"),
    )

    notes = open_data(tmp_path).files.layout.notes

    for told in ("1 polyline: no areas", "1 image without any shape", "1 image listed in no XML"):
        assert any(told in note for note in notes), told


def test_a_mask_changes_with_its_shapes_alone(tmp_path: Path) -> None:
    put(tmp_path, image("a.png", square("car", 5, 5)))
    before = open_data(tmp_path).digest("train")
    put(tmp_path, image("a.png", square("car", 5, 5)) + "\n")
    same = open_data(tmp_path).digest("train")
    put(tmp_path, image("a.png", square("car", 6, 5)))

    assert before == same
    assert open_data(tmp_path).digest("train") != before


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (polygon("car", (1, 1), (2, 2)), "a polygon of 2 points"),
        ('<polygon label="car" points="a,b;1,2"></polygon>', "polygon of 'car'"),
        ('<box label="car" xtl="1" ytl="nan" xbr="2" ybr="3"></box>', "box of 'car'"),
        ('<box label="car" xtl="1" xbr="2" ybr="3"></box>', "ytl is no number"),
        ('<ellipse label="car" cx="1e9" cy="1" rx="1" ry="1"></ellipse>', "ellipse of 'car'"),
        ('<mask label="car" rle="1, 2" left="0" top="0" width="9" height="9"></mask>', "3 pixels"),
        ('<mask label="car" rle="1, x" left="0" top="0" width="9" height="9"></mask>', "no counts"),
        ('<mask label="car" rle="1" left="0.5" top="0" width="1" height="1"></mask>', "left is"),
    ],
)
def test_a_shape_that_cannot_be_drawn_is_told(shape: str, why: str, tmp_path: Path) -> None:
    put(tmp_path, image("a.png", shape))

    with pytest.raises(DataError, match=r"annotations\.xml \(a\.png\)") as caught:
        check_data(tmp_path)
    assert why in str(caught.value)


def test_images_that_are_not_there_or_of_another_size_are_told(tmp_path: Path) -> None:
    put(tmp_path, image("a.png", size=(50, 50)), image("lost.png"))

    with pytest.raises(DataError) as caught:
        check_data(tmp_path)
    assert "names lost.png" in str(caught.value)
    assert "the file has it as 50x50" in str(caught.value)


def test_a_track_of_a_video_is_told(tmp_path: Path) -> None:
    put(tmp_path, '<track id="0" label="car"></track>')

    with pytest.raises(DataError, match="it is of a video"):
        open_data(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_a_document_type_is_refused_however_it_is_written(encoding: str, tmp_path: Path) -> None:
    put(tmp_path, image("a.png"))
    bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]>'
    text = HEAD.replace("?>\n", f"?>\n<!-- <annotations><version> -->{bomb}\n")
    (tmp_path / "annotations.xml").write_bytes(f"{text}</annotations>".encode(encoding))

    with pytest.raises(DataError):
        open_data(tmp_path)


@pytest.mark.parametrize("deep", ["", "export/"])
def test_several_tasks_are_one_data_set(deep: str, tmp_path: Path) -> None:
    for task in ("task 1", "task 2"):
        home = tmp_path / f"{deep}{task}"
        put(home, image("a.png", square("car", 5, 5)), names=("images/a.png",))

    assert open_data(tmp_path).names("train") == tuple(
        f"{deep}task {number}/images/a" for number in (1, 2)
    )
