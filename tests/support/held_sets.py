"""Data sets that were made of street scenes, held against the scenes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
from polygon_sets import IGNORE, NAMES
from tracing import away_from_edges

from fasterseg.datasets.sample import LabelMap, Sample
from fasterseg.datasets.sources.source import DataSource

LEAST_EQUAL = 0.995
"""Of the pixels that have no other label within one pixel."""


def held_to(
    source: DataSource,
    splits: Mapping[str, Sequence[Sample]],
    *,
    ignored: int,
    least: float = LEAST_EQUAL,
    everywhere: bool = False,
) -> None:
    """Require a source's labels to be the scenes', by the names of classes.

    ``ignored`` is what the source has where a scene ignores; ``everywhere`` holds edges too.
    """
    for split, samples in splits.items():
        by_name = {sample.name: sample for sample in samples}
        assert source.length(split) == len(samples)
        for index, name in enumerate(source.names(split)):
            sample = by_name[PurePosixPath(name).name]
            found = source.sample(split, index)
            assert found.image.shape == sample.image.shape
            inside = away_from_edges(sample.labels) | everywhere
            equal = (found.labels == as_in(source, sample, ignored))[inside]
            assert equal.mean() >= least


def as_in(source: DataSource, sample: Sample, ignored: int) -> LabelMap:
    """A scene's labels by the ids that a source gives their classes."""
    wanted = np.full_like(sample.labels, ignored)
    for label, name in enumerate(NAMES):
        wanted[sample.labels == label] = source.label_space.names.index(name)
    assert IGNORE not in range(len(NAMES))
    return wanted


def names_and_labels(source: DataSource, split: str = "train", index: int = 0) -> dict[str, int]:
    """How many pixels of a sample each class has, those that it has none of left out."""
    labels = source.sample(split, index).labels
    counts = {name: int((labels == k).sum()) for k, name in enumerate(source.label_space.names)}
    return {name: count for name, count in counts.items() if count}
