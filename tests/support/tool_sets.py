"""Street scenes in the forms in which labelling tools and training kits write data sets.

Written from the tools' own exporters, with nothing of the readers in `datasets.layouts`: each maker
paints masks by itself, and returns the label ids that every image must be read as.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.street import StreetScenes

Ids = npt.NDArray[np.uint8]
Truth = Mapping[str, Mapping[str, Ids]]
"""Label ids by split and name."""

STREET = ("sky", "road", "pavement", "building", "vegetation", "car", "pedestrian", "pole", "sign")
SIZE = (36, 64)


def scene(index: int, size: tuple[int, int] = SIZE) -> tuple[Ids, Ids]:
    """An image and its nine classes' ids, 0 to 8."""
    found = StreetScenes(size=size, counts={"train": index + 1}).sample("train", index)
    return found.image, found.labels.astype(np.uint8)


def with_unlabelled(labels: Ids) -> Ids:
    """Classes 1 to 9, and 0 at the top and in a corner, which nobody labelled."""
    found = labels + 1
    found[:3] = 0
    found[-9:, -11:] = 0
    return np.asarray(found, dtype=np.uint8)


def save(pixels: Ids, path: Path) -> None:
    """Write a picture, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    how = {"quality": 92} if path.suffix == ".jpg" else {}
    Image.fromarray(pixels).save(path, **how)


def zipped(folder: Path, archive: Path, *, deflated: bool = True) -> Path:
    """All files of a folder in a zip, as Python's own module writes it."""
    method = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(archive, "w", method) as out:
        for path in sorted(folder.rglob("*")):
            out.write(path, path.relative_to(folder))
    return archive


def png(pixels: Ids) -> bytes:
    """A picture's file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


CVAT_COLOURS = {
    "background": (0, 0, 0),
    "building": (110, 104, 100),
    "car": (0, 0, 190),
    "pavement": (244, 35, 232),
    "pedestrian": (220, 20, 60),
    "pole": (255, 170, 60),
    "road": (128, 64, 128),
    "sign": (250, 230, 40),
    "sky": (70, 130, 180),
    "vegetation": (107, 142, 35),
}


def cvat_set(
    root: Path,
    splits: Mapping[str, Sequence[str]],
    *,
    bare: Sequence[str] = (),
    size: tuple[int, int] = SIZE,
) -> Truth:
    """What CVAT writes as "Segmentation mask 1.1": ``bare`` are images that nobody annotated.

    Names may have folders and blanks.  Splits are called as in CVAT: Train, Validation, default.
    """
    colours = np.array(list(CVAT_COLOURS.values()), np.uint8)
    order = np.array([0, *(list(CVAT_COLOURS).index(name) for name in STREET)], np.uint8)
    truth: dict[str, dict[str, Ids]] = {}
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    index = 0
    for split, names in splits.items():
        truth[split] = {}
        for name in names:
            image, labels = scene(index, size)
            index += 1
            save(image, root / "JPEGImages" / f"{name}.jpg")
            if name in bare:
                continue
            ids = order[with_unlabelled(labels)]
            save(colours[ids], root / "SegmentationClass" / f"{name}.png")
            save(colours[(ids > 0).astype(int)], root / "SegmentationObject" / f"{name}.png")
            truth[split][name] = ids
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
    lines = [f"{name}:{','.join(map(str, colour))}::" for name, colour in CVAT_COLOURS.items()]
    (root / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *lines, ""]))
    return truth


def palette_of_voc() -> list[int]:
    """Pascal VOC's 256 colours, as its development kit makes them."""
    found = []
    for label in range(256):
        colour = [0, 0, 0]
        for place in range(8):
            for channel in range(3):
                colour[channel] |= ((label >> (3 * place + channel)) & 1) << (7 - place)
        found += colour
    return found


def save_palette(ids: Ids, path: Path) -> None:
    """Write a mask with VOC's palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(ids)
    picture.putpalette(palette_of_voc())
    picture.save(path)


def bordered(ids: Ids) -> Ids:
    """Ids with 255 where two classes meet, as VOC's masks have it."""
    found = ids.copy()
    found[:, 1:][ids[:, 1:] != ids[:, :-1]] = 255
    found[1:][ids[1:] != ids[:-1]] = 255
    return found


def voc_set(root: Path, splits: Mapping[str, Sequence[str]], *, names: Sequence[str] = ()) -> Truth:
    """The folders of Pascal VOC, with a list of train and val together; other tools' names file."""
    truth: dict[str, dict[str, Ids]] = {}
    lists = root / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    index = 0
    for split, stems in splits.items():
        truth[split] = {}
        for stem in stems:
            image, labels = scene(index)
            index += 1
            ids = bordered(with_unlabelled(labels))
            save(image, root / "JPEGImages" / f"{stem}.jpg")
            save_palette(ids, root / "SegmentationClass" / f"{stem}.png")
            save_palette((ids > 0).astype(np.uint8), root / "SegmentationObject" / f"{stem}.png")
            truth[split][stem] = ids
        (lists / f"{split}.txt").write_text("\n".join(stems) + "\n")
    both = [*splits.get("train", ()), *splits.get("val", ())]
    (lists / "trainval.txt").write_text("\n".join(both) + "\n")
    save(scene(90)[0], root / "JPEGImages" / "of_another_task.jpg")
    if names:
        (root / "class_names.txt").write_text("\n".join(names))
    return truth


def roboflow_set(root: Path, splits: Mapping[str, int]) -> Truth:
    """An export of Roboflow, "Semantic Segmentation Masks", with the files that it adds."""
    truth: dict[str, dict[str, Ids]] = {}
    index = 0
    table = ["Pixel Value, Class", "0, background", *(f"{i}, {n}" for i, n in enumerate(STREET, 1))]
    for split, count in splits.items():
        truth[split] = {}
        for _ in range(count):
            image, labels = scene(index)
            name = f"photo-{index}_jpg.rf.{index:032x}"
            index += 1
            ids = with_unlabelled(labels)
            save(image, root / split / f"{name}.jpg")
            save(ids, root / split / f"{name}_mask.png")
            truth[split][name] = ids
        (root / split / "_classes.csv").write_text("\n".join(table) + "\n")
    for name in ("README.dataset.txt", "README.roboflow.txt"):
        (root / name).write_text("# street > 2026-01-01\nhttps://example.org\n")
    return truth


def paddle_set(
    root: Path,
    splits: Mapping[str, Sequence[str]],
    *,
    separator: str = " ",
    lists: str = "{}.txt",
    names: Sequence[str] = STREET,
) -> Truth:
    """PaddleSeg's lists of an image and a mask to a line, and labels.txt."""
    truth: dict[str, dict[str, Ids]] = {}
    index = 0
    for split, stems in splits.items():
        truth[split], lines = {}, []
        for stem in stems:
            image, labels = scene(index)
            index += 1
            labels[:2] = 255
            save(image, root / "images" / f"{stem}.jpg")
            save_palette(labels, root / "annotations" / f"{stem}_gt.png")
            lines.append(f"images/{stem}.jpg{separator}annotations/{stem}_gt.png")
            truth[split][f"images/{stem}"] = labels
        (root / lists.format(split)).write_text("\n".join(lines) + "\n")
    if names:
        (root / "labels.txt").write_text("\n".join(names) + "\n")
    return truth


ADE_NAMES = ("wall", "building, edifice", "sky", "floor, flooring", "tree", "road, route", "bed")
ADE_NAMES += ("windowpane, window", "screen door, screen", "screen, silver screen")


def ade20k_set(root: Path, counts: Mapping[str, int]) -> Truth:
    """ADEChallengeData2016: 0 unlabelled, ids from 1, and the object information of its kit."""
    truth: dict[str, dict[str, Ids]] = {}
    index = 0
    for split, count in counts.items():
        truth[split] = {}
        for number in range(count):
            image, labels = scene(index)
            index += 1
            ids = with_unlabelled(labels)
            name = f"ADE_{split[:5].removesuffix('i')}_{number + 1:08}"
            save(image, root / "images" / split / f"{name}.jpg")
            save(ids, root / "annotations" / split / f"{name}.png")
            truth[split][name] = np.where(ids == 0, 255, ids - 1).astype(np.uint8)
    rows = [f"{i:<4}\t0.0{i}\t1{i}\t{i}\t{name:<40}" for i, name in enumerate(ADE_NAMES, 1)]
    (root / "objectInfo150.txt").write_text("\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows, ""]))
    (root / "sceneCategories.txt").write_text("ADE_train_00000001 airport_terminal\n")
    return truth


def mmsegmentation_set(
    root: Path,
    counts: Mapping[str, int],
    *,
    folders: tuple[str, str] = ("img_dir", "ann_dir"),
    ending: str = "",
    zero: bool = False,
) -> Truth:
    """MMSegmentation's folders; with ``zero``, 0 is what reduce_zero_label leaves out."""
    truth: dict[str, dict[str, Ids]] = {}
    index = 0
    for split, count in counts.items():
        truth[split] = {}
        for number in range(count):
            image, labels = scene(index)
            index += 1
            ids = with_unlabelled(labels) if zero else labels
            save(image, root / folders[0] / split / f"{number:03}.jpg")
            save(ids, root / folders[1] / split / f"{number:03}{ending}.png")
            truth[split][f"{number:03}"] = np.where(ids == 0, 255, ids - 1) if zero else ids
    return truth
