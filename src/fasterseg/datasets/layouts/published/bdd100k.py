"""BDD100K's 10k part: JPEG images and masks of Cityscapes train ids."""

from __future__ import annotations

from fasterseg.datasets.data_files.layout import Layout
from fasterseg.datasets.layouts.published.cityscapes import LABELS, train_meaning
from fasterseg.datasets.masks.labelling import Labelling
from fasterseg.datasets.pairing.finding import Form, Place
from fasterseg.datasets.pairing.pairs import Tree, keyed, pair_files, stem_below
from fasterseg.datasets.sources.files import FileSource

TERMS = "BDD100K (Yu et al. 2020): see its licence"

FORM = Form("images/10k", "labels/sem_seg/masks")
EARLY_FORM = Form("seg/images", "seg/labels")
"""As the data set was first released, and as the paper's authors had it."""

# Early releases of the labels carry this ending.
_OLD_ENDING = "_train_id"


def open_bdd100k(tree: Tree, place: Place) -> FileSource:
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
        images, masks = place.images / split, place.masks / split
        if not images.is_dir() or (split == "test" and not masks.is_dir()):
            continue
        stems = keyed(tree.pictures(masks), stem_below(masks))
        renamed = {key.removesuffix(_OLD_ENDING): files for key, files in stems.items()}
        pairings[split] = pair_files(
            tree, keyed(tree.pictures(images), stem_below(images)), renamed
        )
    return FileSource(layout, pairings)
