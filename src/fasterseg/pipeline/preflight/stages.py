"""What each stage of a run needs: the one table, asked before the first of them begins.

A command cannot hold a run without naming the stages that it will do, and a stage is one only by
its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fasterseg.events import Progress, silent
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.data import (
    images_for_int8,
    images_to_score,
    images_to_search_with,
    images_to_train_on,
)
from fasterseg.pipeline.preflight.machine import (
    a_device,
    a_target,
    an_export,
    models_to_match,
    room_for_a_search,
    room_for_trainings,
)
from fasterseg.pipeline.preflight.networks import known_candidates
from fasterseg.pipeline.preflight.passes import (
    a_search_pass,
    a_training_pass,
    maps_to_search_on,
    maps_to_train_on,
)
from fasterseg.pipeline.preflight.starts import weights_to_start_with
from fasterseg.pipeline.preflight.teachers import a_teacher

Need = Callable[[Ahead], None]
"""Raises, in four parts, where something is missing."""

NEEDS: Mapping[str, tuple[Need, ...]] = {
    "check-data": (),
    "profile": (a_target, images_for_int8, models_to_match, an_export),
    "search": (
        images_to_search_with,
        a_device,
        known_candidates,
        models_to_match,
        maps_to_search_on,
        a_search_pass,
        room_for_a_search,
    ),
    "train": (
        images_to_train_on,
        a_device,
        weights_to_start_with,
        a_teacher,
        maps_to_train_on,
        a_training_pass,
        room_for_trainings,
    ),
    "evaluate": (images_to_score, a_device),
    "measure": (images_to_score, images_for_int8, a_target),
    "report": (),
}
"""What each stage needs of data, machine and networks."""

# The cheap before the dear: nobody waits for a pass to hear of a word that was mistyped.
_CHEAP: tuple[Need, ...] = (
    images_to_search_with,
    images_to_train_on,
    images_to_score,
    images_for_int8,
    a_device,
    a_target,
    known_candidates,
    models_to_match,
    weights_to_start_with,
    maps_to_search_on,
    maps_to_train_on,
    a_teacher,
)
_DEAR: tuple[Need, ...] = (
    room_for_a_search,
    room_for_trainings,
    a_training_pass,
    a_search_pass,
    an_export,
)


def needs_of(stages: Sequence[str], *, timed: bool = False) -> tuple[Need, ...]:
    """The needs of some stages, the cheap ones first; those alone for what is timed next."""
    wanted = {need for stage in stages for need in NEEDS[stage]}
    return tuple(need for need in (_CHEAP if timed else _CHEAP + _DEAR) if need in wanted)


def require(
    stages: Sequence[str],
    ahead: Ahead,
    *,
    timed: bool = False,
    progress: Progress = silent,
) -> None:
    """Raise the first failure of what the stages will need; see each need for what it raises.

    What is `timed` next, for a plan, goes through its passes and weighs the disk by itself.
    """
    needs = needs_of(stages, timed=timed)
    for done, need in enumerate(needs, start=1):
        need(ahead)
        progress(done, len(needs), need.__name__.replace("_", " "))
