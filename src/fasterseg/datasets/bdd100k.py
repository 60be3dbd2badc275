"""BDD100K's 10k part: JPEG images and masks of Cityscapes train ids."""

from __future__ import annotations

from pathlib import Path

from fasterseg.datasets.cityscapes import LABELS, train_meaning
from fasterseg.datasets.files import FileSource
from fasterseg.datasets.labelling import Labelling
from fasterseg.datasets.layout import Layout
from fasterseg.datasets.pairing import Tree, keyed, pair_files, stem_below

TERMS = "BDD100K (Yu et al. 2020): see its licence"

_IMAGES = Path("images/10k")
_MASKS = Path("labels/sem_seg/masks")
# Early releases of the labels carry this ending.
_OLD_ENDING = "_train_id"


def is_bdd100k(root: Path) -> bool:
    """Whether a folder has ``images/10k`` beside ``labels/sem_seg/masks``."""
    return (root / _IMAGES).is_dir() and (root / _MASKS).is_dir()


def open_bdd100k(tree: Tree) -> FileSource:
    """Return train and val, and test where somebody has labels for it."""
    layout = Layout(
        name="bdd100k",
        root=tree.root,
        label_space=LABELS,
        labelling=Labelling(train_meaning(), LABELS),
        terms=TERMS,
        withheld=("test",),
        scored="val",
    )
    pairings = {}
    for split in ("train", "val", "test"):
        images, masks = tree.root / _IMAGES / split, tree.root / _MASKS / split
        if not images.is_dir() or (split == "test" and not masks.is_dir()):
            continue
        stems = keyed(tree.pictures(masks), stem_below(masks))
        renamed = {key.removesuffix(_OLD_ENDING): files for key, files in stems.items()}
        pairings[split] = pair_files(
            tree, keyed(tree.pictures(images), stem_below(images)), renamed
        )
    return FileSource(layout, pairings)
