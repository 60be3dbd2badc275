"""The supernet as its search left it: kept for trainings that begin with its slices."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from fasterseg.artifacts import Artifact, digest_of_file
from fasterseg.errors import FileError
from fasterseg.runs import SupernetFolder
from fasterseg.searching.search import Search
from fasterseg.searching.start import SearchStart
from fasterseg.tensors import load_tensors, save_tensors


class KeptSupernet(Artifact):
    """What a supernet learned from, and the digest of the file that has its weights.

    `images` are all of the split's: weights learn from one half of them, and the architecture
    parameters that its samples follow from the other.
    """

    schema_tag: ClassVar[str] = "fasterseg/supernet/1"

    weights_digest: str
    classes: int
    data: str
    data_digest: str
    split: str
    images: int
    steps: int


def keep_supernet(search: Search, start: SearchStart, *, split: str, kept: SupernetFolder) -> None:
    """Keep a search's supernet once its steps are done: weights alone, half of a checkpoint.

    Where it is kept already nothing is written: the same steps give the same weights.
    """
    if kept.facts.exists():
        return
    supernet, settings = search.weights.supernet, search.task.settings
    save_tensors(kept.weights, supernet.state_dict())
    KeptSupernet(
        weights_digest=digest_of_file(kept.weights),
        classes=supernet.classes,
        data=start.data,
        data_digest=start.data_digest,
        split=split,
        images=len(start.weight_images) + len(start.architecture_images),
        steps=settings.pretrain_steps + settings.steps,
    ).save(kept.facts)


def kept_weights(kept: SupernetFolder) -> dict[str, Tensor]:
    """The weights of a kept supernet; raises `FileError` where they are not what was written."""
    facts = KeptSupernet.load(kept.facts)
    if digest_of_file(kept.weights) != facts.weights_digest:
        raise FileError(
            "the supernet was changed after it was kept",
            where=str(kept.weights),
            why=f"the file does not have the digest in {kept.facts.name}",
            next_step="restore the file from a backup, or train with --set student.start=fresh",
        )
    return load_tensors(kept.weights)
