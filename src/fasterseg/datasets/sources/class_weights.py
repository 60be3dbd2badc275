"""What each class counts in the loss."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import UsageError

_COUNTED_MASKS = 200


def class_weights_of(
    source: DataSource,
    split: str,
    wanted: Literal["data", "none", "auto"] | tuple[float, ...] = "data",
) -> tuple[float, ...]:
    """Return what each class counts in the loss; empty where all count the same.

    `wanted` ``data`` is what the source's ``data.yaml`` says.  ``auto`` weighs by
    1 / ln(1.02 + share of pixels) (ENet, Paszke et al. 2016), scaled to a mean of one over the
    classes that there are, from at most 200 masks spread over the split.  Raises `UsageError` for
    numbers that are more or fewer than the classes.
    """
    chosen = source.class_weights if wanted == "data" else wanted
    if chosen in (None, "none"):
        return ()
    if isinstance(chosen, tuple):
        return _one_for_each(chosen, source)
    return _balancing_weights(source, split)


def _one_for_each(weights: tuple[float, ...], source: DataSource) -> tuple[float, ...]:
    space = source.label_space
    if len(weights) != space.classes:
        raise UsageError(
            "class_weights must have one number for each class",
            where=source.name,
            why=f"there are {len(weights)}, and the classes are {', '.join(space.names)}",
            next_step=f"give {space.classes} numbers, or auto",
        )
    return weights


def _balancing_weights(source: DataSource, split: str) -> tuple[float, ...]:
    space, total = source.label_space, source.length(split)
    counts = np.zeros(space.classes, dtype=np.int64)
    for index in range(0, total, max(1, -(-total // _COUNTED_MASKS))):
        labels = source.sample(split, index).labels
        counts += np.bincount(labels[labels != space.ignore], minlength=space.classes)
    shares = counts / max(1, counts.sum())
    weights = 1 / np.log(1.02 + shares)
    weights /= weights[counts > 0].mean() if counts.any() else 1.0
    return tuple(float(weight) for weight in np.where(counts > 0, weights, 1.0))
