"""What is needed of the networks: maps that batch norm can normalise, and one pass through each.

Whether maps are large enough is asked of the very networks, built without numbers: every operator
down to the deepest map, in batches and crops as large as the run's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import nn

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.config import SearchSettings, TrainingSettings
from fasterseg.config.uses import Use
from fasterseg.datasets.batches.loading import require_shareable
from fasterseg.errors import UsageError
from fasterseg.network.description import NetworkDescription
from fasterseg.pipeline.preflight.ahead import Ahead, Section, TrainingAhead
from fasterseg.pipeline.preflight.dry_run import dry_run_search
from fasterseg.pipeline.preflight.networks import described, of_each_operator, unbuilt
from fasterseg.runtime import select_device
from fasterseg.space.widest import options_of
from fasterseg.training.data import TrainingData
from fasterseg.training.dry_run import dry_run
from fasterseg.training.task import TrainingTask

Where = Section | Literal["search.pretraining"]
Sizes = tuple[int, int, int]
"""Images of a batch, and the height and width of a crop."""

LARGEST_ADVICE = 1024
_TOO_SMALL = "more than 1 value per channel"  # as torch says it


def maps_to_search_on(ahead: Ahead) -> None:
    """Batch norm has two values at least everywhere in the supernet, and in what is cut out."""
    _require_maps(ahead, ahead.finalists)
    if Use.SUPERNET in ahead.made:
        return
    recipe = ahead.recipe
    every = [options_of(recipe.space, one) for one in recipe.contenders if one.is_searched]
    networks = [
        unbuilt(_network(ahead, architecture))
        for options in dict.fromkeys(every)
        for architecture in of_each_operator(ahead, options)
    ]
    settings, first, ranks = recipe.search, recipe.search.pretraining, ahead.count
    own = {"batch_size": first.batch_size, "augmentation": first.augmentation}
    pretraining = settings.model_copy(update=own)
    if settings.pretrain_steps and pretraining != settings:
        where: Where = "search.pretraining"
        _require_large_enough("pre-training", where, networks, pretraining, ranks=ranks)
    _require_large_enough("the search", "search", networks, settings, ranks=ranks)


def maps_to_train_on(ahead: Ahead) -> None:
    """Batch norm has two values at least everywhere in each network that is to be trained.

    A baseline says so itself, in its first pass.
    """
    _require_maps(ahead, ahead.trainings)


def _require_maps(ahead: Ahead, trainings: tuple[TrainingAhead, ...]) -> None:
    for training in trainings:
        if training.baseline:
            continue
        _require_large_enough(
            f"the training of {training.name}",
            training.section,
            [unbuilt(one) for one in _possible(ahead, training)],
            training.settings,
            ranks=ahead.count,
        )


def _network(ahead: Ahead, architecture: Any) -> NetworkDescription:
    return NetworkDescription(classes=ahead.source.label_space.classes, architecture=architecture)


def _possible(ahead: Ahead, training: TrainingAhead) -> Iterator[NetworkDescription]:
    """The network of a training; where it is open, one for each operator that it may have."""
    if training.options is None or training.architecture is not None:
        yield described(ahead, training)
        return
    for architecture in of_each_operator(ahead, training.options):
        yield _network(ahead, architecture)


def _require_large_enough(
    what: str,
    section: Where,
    networks: list[nn.Module],
    settings: SearchSettings | TrainingSettings,
    *,
    ranks: int,
) -> None:
    """Raise `UsageError` with sizes that will do, where a map is too small for batch norm.

    Or where a batch has fewer images than its ranks compute on at once.
    """
    parts = settings.accumulate
    require_shareable(settings.batch_size, ranks=ranks, parts=parts, where=f"{section}.batch_size")
    sizes = (settings.normalised_images(ranks=ranks), *settings.augmentation.crop)
    small = next((network for network in networks if not _fits(network, sizes)), None)
    if small is None:
        return
    count, height, width = sizes
    ways = []
    if _fits(small, (2, height, width)):
        ways.append(f"--set {section}.batch_size={2 * settings.batch_size // count}")
    larger = _larger_crop(small, sizes)
    if larger is not None:
        key = f"{section}.augmentation.crop"
        ways.append(f"--set {key}_height={larger[0]} --set {key}_width={larger[1]}")
    shared = f" of each of {ranks} processes" if ranks > 1 else ""
    shared += f" in {parts} parts" if parts > 1 else ""
    raise UsageError(
        f"{what} cannot learn from so small a batch: {count} of {height}x{width} pixels",
        where=f"{section}.batch_size {settings.batch_size}{shared}, "
        f"{section}.augmentation crop {height}x{width}",
        why="the network's deepest map has one pixel then, and batch norm takes two at least",
        next_step=", or ".join(ways),
    )


def _larger_crop(network: nn.Module, sizes: Sizes) -> tuple[int, int] | None:
    count, height, width = sizes
    while max(height, width) < LARGEST_ADVICE:
        height, width = 2 * height, 2 * width
        if _fits(network, (count, height, width)):
            return height, width
    return None


def _fits(network: Any, sizes: Sizes) -> bool:
    """Whether a network without numbers can be trained on batches of these sizes."""
    count, height, width = sizes
    try:
        with torch.no_grad():
            network.train().heads(torch.empty(count, 3, height, width, device="meta"))
    except ValueError as error:
        if _TOO_SMALL not in str(error):
            raise
        return False
    return True


def a_training_pass(ahead: Ahead) -> None:
    """The dearest network of each part of the recipe learns from one batch of noise."""
    data = TrainingData(
        ahead.source,
        train_split=ahead.recipe.data.trained_on,
        val_split=ahead.recipe.data.val_split,
    )
    for training in _one_of_each_kind(ahead.trainings):
        task = TrainingTask(
            name=training.name,
            description=described(ahead, training),
            data=data,
            settings=training.settings,
            seed=ahead.recipe.seed,
            device=select_device(ahead.device),
        )
        dry_run(task, ranks=ahead.count, baselines=BASELINES)


def _one_of_each_kind(trainings: tuple[TrainingAhead, ...]) -> Iterator[TrainingAhead]:
    """One training of those that differ in nothing but their names and budgets."""
    kinds: Mapping[object, TrainingAhead] = {
        (one.section, one.options, one.architecture, one.baseline): one for one in trainings
    }
    yield from kinds.values()


def a_search_pass(ahead: Ahead) -> None:
    """The supernet learns from one batch of noise, and so do architecture parameters."""
    if Use.SUPERNET not in ahead.made:
        dry_run_search(ahead)
