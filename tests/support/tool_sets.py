"""Street scenes in the forms in which labelling tools and training kits write data sets.

Written from the tools' own exporters, with nothing of the readers in `datasets.tools`: each maker
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


def cvat_set(root: Path, splits: Mapping[str, Sequence[str]], *, bare: Sequence[str] = ()) -> Truth:
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
            image, labels = scene(index)
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
