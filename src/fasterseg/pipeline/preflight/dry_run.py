"""One pass of a search forwards and backwards, over noise, in a supernet that is thrown away."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fasterseg.config import PretrainingSettings, SearchSettings
from fasterseg.datasets.batches.loading import Batch
from fasterseg.layers.units import Take, taken_frozen
from fasterseg.learning.losses import OhemSettings
from fasterseg.learning.noise_batch import noise_batch
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.runtime import select_device
from fasterseg.searching.search import supernet_of
from fasterseg.searching.steps.contenders import make_contenders
from fasterseg.searching.steps.passes import passes_of
from fasterseg.searching.steps.weights import Objective, WeightTraining, search_numerics
from fasterseg.space.options import Options
from fasterseg.supernet.relaxation import Relaxation


def dry_run_search(ahead: Ahead) -> None:
    """A weight pass and an architecture pass, as the first step of the search has them.

    They are done on what one rank has of a batch.  Nothing is kept, and no budget plays a part: the
    target need not be measured yet.
    """
    recipe, settings = ahead.recipe, ahead.recipe.search
    device = select_device(ahead.device)
    searched = tuple(one for one in recipe.contenders if one.is_searched)
    contenders = make_contenders(recipe.space, searched, {}, seed=recipe.seed)
    passes = passes_of(settings, contenders, seed=recipe.seed)
    weights = _weights(ahead, {one.name: one.options for one in contenders}, device)
    classes = ahead.source.label_space.classes

    def noise(own: SearchSettings | PretrainingSettings) -> Batch:
        whole = settings.model_copy(update={"batch_size": own.batch_size})
        images, stride = whole.images_alone(ranks=ahead.count), settings.label_stride
        size = {"batch_size": images, "classes": classes, "label_stride": stride}
        return noise_batch(own.augmentation, **size, device=device)

    def learn(batch: Batch, relaxation: Relaxation, take: Take) -> None:
        for loss in weights.objective.parts(weights.supernet, batch, relaxation, take=take):
            loss.backward(retain_graph=settings.accumulate > 1)

    learn(noise(settings.pretraining), next(passes.pretraining(0)), weights.gradients.take)
    batch = noise(settings)
    for contender in contenders:
        learn(batch, passes.architecture(contender, 0, temperature=1.0), taken_frozen)


def _weights(ahead: Ahead, options: Mapping[str, Options], device: torch.device) -> WeightTraining:
    """A supernet of random weights; its classes count alike."""

    settings, space = ahead.recipe.search, ahead.source.label_space
    with torch.random.fork_rng(devices=[]):
        supernet = supernet_of(ahead.recipe.space, settings, options, classes=space.classes)
    objective = Objective(
        space.ignore,
        settings.auxiliary_weight,
        OhemSettings(settings.ohem_threshold, settings.ohem_kept_fraction),
        search_numerics(settings, device),
        accumulate=settings.accumulate,
    )
    return WeightTraining(supernet.to(device), objective, settings, stage="search")
