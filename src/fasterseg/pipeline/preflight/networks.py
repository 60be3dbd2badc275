"""The networks that a run will train, as far as they are known before it: without any weights."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.network.description import NetworkDescription
from fasterseg.pipeline.preflight.ahead import Ahead, TrainingAhead
from fasterseg.pipeline.trainings.starting import built_supernet
from fasterseg.searching.selecting.choosing import known_networks
from fasterseg.space.architecture import Architecture
from fasterseg.space.choices import INPUT_SCALE
from fasterseg.space.extremes import dearest
from fasterseg.space.kinds import KINDS
from fasterseg.space.options import Options


def known_candidates(ahead: Ahead) -> None:
    """Raise where a network that a selection begins with is not there, or is none."""
    known_networks(ahead.recipe.search.selection)


def heaviest(ahead: Ahead, options: Options) -> Architecture:
    """The network with the most multiply-adds that the options allow."""
    return dearest(options, ahead.geometry, lambda spec: spec.macs)


def of_each_operator(ahead: Ahead, options: Options) -> Iterator[Architecture]:
    """A network down to the deepest map for each kind of block that the options allow.

    One with each set of branches, at the smallest input scale, where all maps are smallest.
    """
    scale = options.choices.get(INPUT_SCALE, ())[-1:]
    for kind in options.kinds:
        if not KINDS[kind].passes:
            for variant in options.keeping(kind).variants:
                if variant.choices.get(INPUT_SCALE, ()) == scale:
                    yield heaviest(ahead, variant)


def described(ahead: Ahead, training: TrainingAhead) -> NetworkDescription:
    """What a training builds: its own network, or the dearest that it may turn out to be."""
    classes = ahead.source.label_space.classes
    if training.baseline:
        return NetworkDescription(classes=classes, baseline=training.baseline)
    architecture = training.architecture
    if architecture is None:
        assert training.options is not None
        architecture = heaviest(ahead, training.options)
    return NetworkDescription(classes=classes, architecture=architecture)


def unbuilt(description: NetworkDescription) -> nn.Module:
    """A network that has shapes, and no numbers."""
    with torch.device("meta"):
        return description.build(baselines=BASELINES)


def numbers_of(ahead: Ahead, training: TrainingAhead) -> int:
    """How many numbers a training's network has, the most that it may have where it is open."""
    return _count_of(unbuilt(described(ahead, training)))


def numbers_of_supernet(ahead: Ahead) -> int:
    """How many numbers the supernet of a run's search has."""
    with torch.device("meta"):
        return _count_of(built_supernet(ahead.recipe, classes=ahead.source.label_space.classes))


def _count_of(network: nn.Module) -> int:
    return sum(tensor.numel() for tensor in network.state_dict().values())
