"""Scoring subnets on the validation split: cut out, recalibrated until they settle, evaluated."""

from __future__ import annotations

from functools import partial

import torch

from fasterseg.config import Recipe
from fasterseg.datasets.batches.loading import TrainingBatches
from fasterseg.datasets.sources.part import PartOfSplit, spread
from fasterseg.datasets.sources.source import DataSource
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.network.network import Network
from fasterseg.pipeline.scoring.candidate_scoring import matrices_of
from fasterseg.searching.landing.scores import ResampledScore, ScoreResampled, resampled_score
from fasterseg.space.architecture import Architecture
from fasterseg.supernet.calibrating import recalibrate
from fasterseg.supernet.supernet import Supernet


def subnet_scorer(
    recipe: Recipe,
    supernet: Supernet,
    source: DataSource,
    batches: TrainingBatches,
    *,
    device: torch.device,
    ranks: Ranks = ALONE,
) -> ScoreResampled:
    """A function from a contender's architecture to its subnet's mean IoU on the validation split.

    Its images are spread over the split, as neighbours are alike, and scored with their own labels.
    The statistics are measured on training images until they settle; a subnet cannot be scored
    without that, since those it is cut out with are not numbers.  All `ranks` score it together.
    """
    split = recipe.data.val_split
    count = min(recipe.search.validation_images, source.length(split))
    scored = PartOfSplit(source, split, spread(range(source.length(split)), count))
    sample = partial(scored.to_score, split)

    def score(architecture: Architecture, name: str) -> ResampledScore:
        turns = ranks.share.turns(max(4, recipe.search.calibration_batches))
        images = (batches.batch(step).images.to(device) for step in turns)
        network = supernet.subnet(architecture, Network, owner=name)
        recalibrate(network, images, gather=ranks.all_gather_ragged)
        matrices = matrices_of(network, sample, count, scored, device=device, ranks=ranks)
        return resampled_score(matrices, seed=recipe.seed)

    return score
