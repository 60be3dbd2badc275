"""What is needed of the weights that trainings begin with: a supernet's, or an encoder's file."""

from __future__ import annotations

from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.trainings.pretrained import read_encoder, wanted_weights
from fasterseg.pipeline.trainings.starting import (
    refuse_baseline,
    require_member,
    require_part,
    require_supernet,
)


def weights_to_start_with(ahead: Ahead) -> None:
    """Each training that begins with the supernet's slices has a supernet that has them.

    Where the search is done on the way, it will keep one.  Each encoder that begins with learned
    weights has these at hand.
    """
    for training in ahead.trainings:
        weights = wanted_weights(training.baseline, training.settings)
        if weights is not None:
            read_encoder(weights, role=training.section)
    waiting = ahead.searched and not ahead.run.search_summary.is_file()
    for training in ahead.trainings:
        if training.settings.start != "supernet":
            continue
        if training.baseline:
            refuse_baseline(training.baseline, role=training.section)
        if not waiting:
            require_supernet(ahead.run, name=training.name)
        require_part(ahead.recipe, training.name, owner=training.owner)
        if training.architecture is not None:
            require_member(
                ahead.recipe,
                training.architecture,
                classes=ahead.source.label_space.classes,
                name=training.name,
                owner=training.owner,
            )
