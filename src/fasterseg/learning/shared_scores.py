"""Scores that several processes take together: each has its images, counts are summed."""

from __future__ import annotations

import math

import numpy as np
import torch

from fasterseg.datasets.checking.contradictions import Contradiction
from fasterseg.datasets.sources.source import DataSource
from fasterseg.evaluation import (
    EvaluationReport,
    ImageScore,
    Observer,
    Tally,
    evaluate_predictor,
    images_of,
)
from fasterseg.events import Progress, silent
from fasterseg.learning.ranks import Ranks


def evaluate_shared(
    predictor: Observer,
    source: DataSource,
    split: str,
    *,
    ranks: Ranks,
    subject: str = "",
    progress: Progress = silent,
    limit: int | None = None,
) -> EvaluationReport:
    """`evaluate_predictor` by all ranks: image ``i`` is that of rank ``i`` modulo their number.

    All of them get the same report, which is that of one process.  What one rank raises, all do,
    after the image at hand.
    """
    if ranks.alone:
        return evaluate_predictor(
            predictor, source, split, subject=subject, progress=progress, limit=limit
        )
    tally, total = Tally(predictor, source, split), images_of(source, split, limit)
    for first in range(0, total, ranks.count):
        with ranks.all_or_none():
            if first + ranks.rank < total:
                tally.add(first + ranks.rank)
            progress(min(first + ranks.count, total), total, "")
    _sum_up(tally, ranks, names=source.names(split)[:total])
    return tally.report(subject)


def _sum_up(tally: Tally, ranks: Ranks, *, names: tuple[str, ...]) -> None:
    """Make a rank's tally that of all; whole numbers stay whole, images come in their order."""
    matrix = tally.matrix
    summed = np.array(
        ranks.total(*matrix.counts.flatten().tolist(), *matrix.missed.tolist()), dtype=np.int64
    )
    matrix.counts = summed[: matrix.counts.size].reshape(matrix.counts.shape)
    matrix.missed = summed[matrix.counts.size :]
    # An image without a labelled pixel has no score: NaN, which no other has.
    own = [math.nan if one.mean_iou is None else one.mean_iou for one in tally.scores]
    shares = ranks.all_gather_ragged(torch.tensor(own, dtype=torch.float64))
    scores = {
        rank + turn * ranks.count: score
        for rank, share in enumerate(shares)
        for turn, score in enumerate(share.tolist())
    }
    tally.scores = [
        ImageScore(name=name, mean_iou=None if math.isnan(scores[index]) else scores[index])
        for index, name in enumerate(names)
    ]
    (tally.looked_at,) = ranks.total(tally.looked_at)
    found = ranks.all_gather_values([one.model_dump(mode="json") for one in tally.contradictions])
    tally.contradictions = [Contradiction(**one) for share in found for one in share]
    sizes = ranks.all_gather_ragged(
        torch.tensor(sorted(tally.sizes), dtype=torch.int64).reshape(-1, 2)
    )
    tally.sizes = {(height, width) for share in sizes for height, width in share.tolist()}
