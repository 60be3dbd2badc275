"""Cityscapes as it is unpacked: raw ``labelIds`` are mapped here, without a preparation script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.faults import FaultKind
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.masks.labelling import Labelling
from fasterseg.datasets.pairing.finding import Form, Place
from fasterseg.datasets.pairing.pairs import Pairing, Tree, keyed, pair_files
from fasterseg.datasets.sources.files import FileSource

# Train id is the place in this table: raw id, name, colour.
_CLASSES: tuple[tuple[int, str, tuple[int, int, int]], ...] = (
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
_HIGHEST_RAW_ID = 33

LABELS = LabelSpace(
    names=tuple(name for _, name, _ in _CLASSES),
    colours=tuple(colour for _, _, colour in _CLASSES),
)
TERMS = "Cityscapes (Cordts et al. 2016): non-commercial research use, see its licence"

FORM = Form("leftImg8bit", "gtFine")

_IMAGE_END = "_leftImg8bit"
_RAW_END = "_gtFine_labelIds"
_TRAIN_END = "_gtFine_labelTrainIds"


def raw_meaning() -> dict[int, int]:
    """Return the train id, or the ignore value, of every raw label id that Cityscapes defines."""
    meaning = dict.fromkeys(range(_HIGHEST_RAW_ID + 1), LABELS.ignore)
    meaning |= {raw: train_id for train_id, (raw, _, _) in enumerate(_CLASSES)}
    # A licence plate is -1, which an 8-bit file holds as 255.
    return meaning | {255: LABELS.ignore}


def train_meaning() -> dict[int, int]:
    """Return what train ids stand for: themselves, and 255 for what does not count."""
    return {label: label for label in range(LABELS.classes)} | {255: LABELS.ignore}


def open_cityscapes(tree: Tree, place: Place) -> FileSource:
    """Return the fine splits that are there; raw ids where any file has them, else train ids."""
    masks = place.masks
    raw = masks.rglob(f"*{_RAW_END}.png") if tree.reaches(masks) else iter(())
    has_raw = next(raw, None) is not None
    ending = _RAW_END if has_raw else _TRAIN_END
    layout = Layout(
        name="cityscapes",
        root=tree.root,
        label_space=LABELS,
        labelling=Labelling(raw_meaning() if has_raw else train_meaning(), LABELS),
        terms=TERMS,
        withheld=("test",),
        scored="val",
        notes=("masks hold raw label ids" if has_raw else "masks hold train ids",),
    )
    return FileSource(layout, _pairings(tree, place, ending))


def _pairings(tree: Tree, place: Place, ending: str) -> Mapping[str, Pairing]:
    images, masks = place.images, place.masks
    return {
        split: _told_of_missing(
            pair_files(
                tree,
                keyed(tree.pictures(images / split), lambda path: _frame(path, _IMAGE_END)),
                keyed(tree.pictures(masks / split), lambda path: _frame(path, ending)),
            ),
            tree,
            masks / split,
        )
        for split in ("train", "val", "test")
        if (images / split).is_dir() and (split != "test" or (masks / split).is_dir())
    }


def _told_of_missing(pairing: Pairing, tree: Tree, masks: Path) -> Pairing:
    """The pairs; where masks of another kind lie there alone, which ones are wanted."""
    if pairing.pairs or not tree.reaches(masks) or not any(masks.rglob("*_gtFine_*")):
        return pairing
    step = (
        f"put *{_RAW_END}.png there, which are in gtFine_trainvaltest.zip: colours, instances and "
        "polygons are not read"
    )
    bare = FaultKind.UNPAIRED_IMAGE
    told = (replace(one, next_step=step) if one.kind is bare else one for one in pairing.faults)
    return Pairing((), tuple(told))


def _frame(path: Path, ending: str) -> str | None:
    return path.stem.removesuffix(ending) if path.stem.endswith(ending) else None
