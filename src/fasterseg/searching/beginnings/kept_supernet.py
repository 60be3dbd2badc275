"""The supernet as its search left it: kept for trainings that begin with its slices."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from fasterseg.artifacts import Artifact, digest_of_file
from fasterseg.checkpoints import load_checkpoint
from fasterseg.errors import FileError
from fasterseg.learning.states import part
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.stage_folders import SupernetFolder
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


def is_supernet_there(run: RunFolder) -> bool:
    """Whether a finished search's supernet is kept, or can be from the search's last checkpoint."""
    stepped = run.cosearch.stepped() or run.pretraining.stepped()
    return run.supernet.facts.is_file() or (run.search_summary.is_file() and stepped is not None)


def keep_supernet(run: RunFolder, *, split: str, classes: int) -> KeptSupernet:
    """What is kept of a search's supernet once its steps are done: its weights alone.

    They are taken out of the last checkpoint where that is not done yet, which is twice as large
    or more, and the search's own.  `split` is what it learned from.  Raises `FileError` where no
    checkpoint is whole.
    """
    kept = run.supernet
    if kept.facts.is_file():
        return KeptSupernet.load(kept.facts)
    first, second = (
        load_checkpoint(stage.checkpoints) for stage in (run.pretraining, run.cosearch)
    )
    last = second or first
    assert last is not None  # asked for behind the steps of a search, or where it is there
    save_tensors(kept.weights, part("supernet", last.tensors))
    start = SearchStart.load(run.search_began)
    facts = KeptSupernet(
        weights_digest=digest_of_file(kept.weights),
        classes=classes,
        data=start.data,
        data_digest=start.data_digest,
        split=split,
        images=len(start.weight_images) + len(start.architecture_images),
        steps=sum(one.step for one in (first, second) if one is not None),
    )
    facts.save(kept.facts)
    return facts


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
