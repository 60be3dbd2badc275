"""Scoring subnets on the validation split: cut out, recalibrated until they settle, evaluated."""

from __future__ import annotations

import torch

from fasterseg.config import Recipe
from fasterseg.datasets.loading import TrainingBatches
from fasterseg.datasets.source import DataSource
from fasterseg.network.network import Network
from fasterseg.pipeline.candidate_scoring import matrices_of
from fasterseg.searching.scores import Redrawn, ScoreRedrawn, redrawn
from fasterseg.space.architecture import Architecture
from fasterseg.supernet.supernet import Supernet


def subnet_scorer(
    recipe: Recipe,
    supernet: Supernet,
    source: DataSource,
    batches: TrainingBatches,
    *,
    device: torch.device,
) -> ScoreRedrawn:
    """A function from an architecture to its subnet's mean IoU on the validation split.

    The statistics are measured on training images until they settle; a subnet cannot be scored
    without that, since those it is cut out with are not numbers.
    """
    split = recipe.data.val_split
    scored = range(min(recipe.search.validation_images, source.length(split)))

    def score(architecture: Architecture) -> Redrawn:
        count = max(4, recipe.search.calibration_batches)
        images = (batches.batch(step).images.to(device) for step in range(count))
        network = supernet.subnet(architecture, Network, images=images)
        samples = (source.sample(split, index) for index in scored)
        return redrawn(matrices_of(network, samples, source, device=device), seed=recipe.seed)

    return score
