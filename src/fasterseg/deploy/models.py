"""From the name of any model to its bundle, its network or its predictor, baselines included."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from fasterseg.baselines.catalogue import BASELINES, require_trained
from fasterseg.network import predicting
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.predicting import NetworkPredictor


def load_network(model: Path | str, *, auxiliary: bool = False) -> nn.Module:
    """The network of a bundle, in evaluation mode and float32.

    Its forward takes (batch, 3, height, width) normalised images to (batch, classes, height,
    width) logits; with `auxiliary` it returns the main logits and those of the auxiliary heads,
    by rising output stride, each at input size.
    Raises `UsageError` for an unknown name, with the nearest one, and for a baseline that was not
    trained; `FileError` for a bundle that is damaged.
    """
    require_trained(model)
    return predicting.load_network(model, auxiliary=auxiliary, baselines=BASELINES)


def load_model(model: Path | str, *, device: torch.device | None = None) -> NetworkPredictor:
    """The predictor of a bundle: image (path, array, Pillow image) to `Segmentation`.

    Raises as `load_network` does.
    """
    require_trained(model)
    return predicting.load_model(model, device=device, baselines=BASELINES)


def open_bundle(model: Path | str) -> ModelBundle:
    """The bundle that a model's name stands for; raises as `load_network` does."""
    require_trained(model)
    return predicting.open_bundle(model)
