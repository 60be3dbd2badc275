"""Scoring subnets of a supernet: cut out, recalibrated, then evaluated like any network."""

from __future__ import annotations

import torch

from fasterseg.config import Recipe
from fasterseg.datasets.loading import TrainingBatches
from fasterseg.datasets.source import DataSource
from fasterseg.evaluation import evaluate_predictor
from fasterseg.network.network import Network
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.searching.subnets import Score
from fasterseg.space.architecture import Architecture
from fasterseg.supernet.supernet import Supernet


def subnet_scorer(
    recipe: Recipe,
    supernet: Supernet,
    source: DataSource,
    batches: TrainingBatches,
    *,
    device: torch.device,
    scored: DataSource | None = None,
    split: str | None = None,
) -> Score:
    """A function from an architecture to its subnet's mean IoU.

    It is scored on the validation split, unless other images are named.

    The statistics are measured on training images until they settle; a subnet cannot be scored
    without that, since those it is cut out with are not numbers.
    """

    def score(architecture: Architecture) -> float:
        count = max(4, recipe.search.calibration_batches)
        images = (batches.batch(step).images.to(device) for step in range(count))
        predictor = NetworkPredictor(
            supernet.subnet(architecture, Network, images=images),
            label_space=source.label_space,
            normalisation=source.normalisation,
            device=device,
        )
        report = evaluate_predictor(
            predictor.label_map,
            scored or source,
            split or recipe.data.val_split,
            limit=recipe.search.validation_images,
        )
        return report.mean_iou

    return score
