"""CamVid in the layout of the SegNet tutorial: 11 classes, and 11 for unlabelled pixels."""

from __future__ import annotations

from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.masks.labelling import Labelling
from fasterseg.datasets.pairing.finding import Form, Place
from fasterseg.datasets.pairing.pairs import Tree, pair_folders
from fasterseg.datasets.sources.files import FileSource

_UNLABELLED = 11

LABELS = LabelSpace(
    names=(
        "Sky",
        "Building",
        "Pole",
        "Road",
        "Pavement",
        "Tree",
        "SignSymbol",
        "Fence",
        "Car",
        "Pedestrian",
        "Bicyclist",
    ),
    colours=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (60, 40, 222),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
)

# Frames are a second apart, and called by their recording: 0016E5_00390, Seq05VD_f00000.
RECORDINGS = "^[^_]+"

TERMS = "CamVid (Brostow, Fauqueur, Cipolla 2008): research use, CC BY-NC"


FORM = Form("train", "trainannot", apart=False)


def open_camvid(tree: Tree, place: Place) -> FileSource:
    """Return the splits that are there: train, val, test."""
    meaning = {label: label for label in range(LABELS.classes)}
    meaning |= {_UNLABELLED: LABELS.ignore, LABELS.ignore: LABELS.ignore}
    layout = Layout(
        name="camvid",
        root=tree.root,
        label_space=LABELS,
        labelling=Labelling(meaning, LABELS),
        terms=TERMS,
        recordings=RECORDINGS,
    )
    home = place.images.parent
    splits = [name for name in ("train", "val", "test") if (home / name).is_dir()]
    pairings = {split: pair_folders(tree, home / split, home / f"{split}annot") for split in splits}
    return FileSource(layout, pairings)
