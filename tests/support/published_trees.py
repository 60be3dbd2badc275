"""Data sets as they are published, made up: their folders, names, sizes and
masks, four images a split.

Every split's pictures show the same few shapes in the colours of their classes, so that something
can be learnt from them.  ``size`` makes them smaller where a test has no time.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.layouts.published.camvid_full import COLOURS
from fasterseg.datasets.layouts.published.cityscapes import LABELS, raw_meaning

Ids = npt.NDArray[np.uint8]

CITYSCAPES_SIZE, BDD100K_SIZE, CAMVID_SIZE = (1024, 2048), (720, 1280), (720, 960)

CITYSCAPES_FRAMES = {
    "train": (
        "aachen_000000_000019",
        "aachen_000001_000019",
        "hanover_000000_000164",
        "zurich_000121_000019",
    ),
    "val": (
        "frankfurt_000000_000294",
        "frankfurt_000001_005543",
        "lindau_000000_000019",
        "munster_000173_000019",
    ),
    "test": (
        "berlin_000000_000019",
        "berlin_000543_000019",
        "bielefeld_000000_000321",
        "munich_000397_000019",
    ),
}
BDD100K_NAMES = {
    "train": (
        "0004a4c0-d4dff0ad",
        "00054602-3bf57337",
        "00067cfb-5443fe39",
        "00067cfb-5adfaaa7",
    ),
    "val": ("7d06fefd-f7be05a6", "7d128593-0ccfea4c", "7d15b18b-1e0d6e3f", "7d209219-ccdc1a09"),
    "test": ("ac517380-00000000", "ac5ab3fc-00000000", "ac6d4f42-00000000", "ac9e09fb-00000000"),
}
CAMVID_NAMES = {
    "train": ("0001TP_006690", "0006R0_f00930", "0016E5_00390", "0016E5_08640"),
    "val": ("0016E5_07959", "0016E5_07961", "0016E5_07963", "0016E5_08159"),
    "test": ("0001TP_008550", "Seq05VD_f00000", "Seq05VD_f00030", "Seq05VD_f05100"),
}


def cityscapes_tree(root: Path, *, size: tuple[int, int] = CITYSCAPES_SIZE) -> Path:
    """``leftImg8bit`` and ``gtFine`` with raw ids; as published, masks of test hold no class."""
    raw_ids = [raw for raw, label in raw_meaning().items() if label < LABELS.classes]
    for split, frames in CITYSCAPES_FRAMES.items():
        for frame in frames:
            city, labels = frame.partition("_")[0], classes_of(frame, size, LABELS.classes)
            picture = pictured(labels, LABELS.colours, frame)
            save(picture, root / f"leftImg8bit/{split}/{city}/{frame}_leftImg8bit.png")
            ids = np.array(raw_ids, dtype=np.uint8)[labels]
            # The car's own bonnet, and the border of what is rectified.
            ids[-size[0] // 32 :], ids[:, :4] = 1, 2
            truth = np.full_like(ids, 3) if split == "test" else ids
            masks = root / f"gtFine/{split}/{city}"
            save(truth, masks / f"{frame}_gtFine_labelIds.png")
            save(np.zeros_like(ids), masks / f"{frame}_gtFine_instanceIds.png")
            (masks / f"{frame}_gtFine_polygons.json").write_text("{}")
    return root


def bdd100k_tree(root: Path, *, size: tuple[int, int] = BDD100K_SIZE, early: bool = False) -> Path:
    """JPEG images and masks of train ids; test has no masks.  ``early`` is the first release."""
    images, masks = (
        ("seg/images", "seg/labels") if early else ("images/10k", "labels/sem_seg/masks")
    )
    for split, names in BDD100K_NAMES.items():
        for name in names:
            labels = classes_of(name, size, LABELS.classes)
            save(pictured(labels, LABELS.colours, name), root / images / split / f"{name}.jpg")
            if split != "test":
                labels[-size[0] // 32 :] = 255
                ending = "_train_id" if early else ""
                save(labels, root / masks / split / f"{name}{ending}.png")
    return root


def camvid_full_tree(
    root: Path, *, size: tuple[int, int] = CAMVID_SIZE, lists: bool = False
) -> Path:
    """Images and masks of 32 colours; ``lists`` adds SegNet's three."""
    palette = np.array([*COLOURS.values()], dtype=np.uint8)
    for split, names in CAMVID_NAMES.items():
        for name in names:
            labels = classes_of(name, size, len(palette))
            picture = pictured(labels, palette.tolist(), name)
            save(picture, root / "701_StillsRaw_full" / f"{name}.png")
            save(palette[labels], root / "LabeledApproved_full" / f"{name}_L.png")
        if lists:
            home = "/SegNet/CamVid"
            lines = [f"{home}/{split}/{n}.png {home}/{split}annot/{n}.png" for n in names]
            (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    told = [f"{red} {green} {blue}\t{name}" for name, (red, green, blue) in COLOURS.items()]
    (root / "label_colors.txt").write_text("\n".join(told) + "\n")
    return root


def classes_of(name: str, size: tuple[int, int], classes: int) -> Ids:
    """Class ids of blocks, each of the classes somewhere: ground, sky, and things between."""
    height, width = size
    dice = np.random.default_rng(zlib.crc32(name.encode()))
    rows, columns = max(4, height // 64), max(8, width // 64)
    blocks = np.sort(dice.permutation(np.resize(np.arange(classes), rows * columns)))
    blocks = blocks.reshape(rows, columns).astype(np.uint8)
    down = np.arange(height) * rows // height
    across = np.arange(width) * columns // width
    return np.roll(blocks, int(dice.integers(columns)), axis=1)[np.ix_(down, across)]


def pictured(labels: Ids, colours: Sequence[Any], name: str) -> Ids:
    """A picture of the labels: their colours, a little lighter or darker."""
    shade = np.random.default_rng(zlib.crc32(name.encode())).integers(-20, 21)
    palette = np.clip(np.array(colours, dtype=np.int16) + shade, 0, 255).astype(np.uint8)
    return palette[labels]


def save(pixels: Ids, path: Path) -> None:
    """Write a picture, in folders made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"compress_level": 1} if path.suffix == ".png" else {"quality": 90}
    Image.fromarray(pixels).save(path, **settings)  # type: ignore[arg-type]
