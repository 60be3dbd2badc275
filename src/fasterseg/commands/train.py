"""``fasterseg train``: train the networks that were found, teacher first, or a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

from cyclopts import Parameter

from fasterseg.console.named_teachers import Teachers, named_teachers
from fasterseg.console.options import Common, RunSize, SharedOptions
from fasterseg.paths import user_path

if TYPE_CHECKING:
    from fasterseg.commands.results import TrainResult


def train(
    *contenders: str,
    architecture: Annotated[
        Path | str,
        Parameter(help="An architecture's file, for the one contender that is named."),
    ] = "",
    teacher: Teachers = (),
    hours: Annotated[
        float | None, Parameter(help="Active hours of each training, in place of its steps.")
    ] = None,
    size: RunSize = "",
    **options: Unpack[SharedOptions],
) -> TrainResult:
    """Train the networks that the run's search found, or a hand-made one to compare them with.

    Of each, the best weights by the validation split, the last and the averaged ones are written
    into the run's folder as bundles.  The same command resumes a training that was stopped, whose
    exit code is 7.  2 for a training that diverged, with what to lower.

    Parameters
    ----------
    contenders
        Which of them; all of them when left out, teachers first. baseline:fast-scnn (likewise
        bisenet-v2, ddrnet-23-slim, enet, efficientnet-lite0 and efficientnet-lite2) trains that
        network as a student without a teacher; it needs no search. random:student:1 trains the
        first random architecture of that student's latency as it is trained, without a teacher
        unless --teacher or --set student.distillation_weight asks for one.

    Returns
    -------
    TrainResult
        The bundles, and how the trainings went.

    Examples
    --------
    fasterseg train student --run runs/photos --hours 2
    """
    from fasterseg.commands.results import TrainResult
    from fasterseg.console.progress import progress_for
    from fasterseg.pipeline.settings.recipes import not_held

    common = not_held(Common.of(options).with_size(size))
    from fasterseg.pipeline.stages.training import train_named

    trained = train_named(
        contenders,
        common,
        architecture=user_path(architecture, "--architecture") if architecture else None,
        teachers=named_teachers(teacher),
        hours=hours,
        show=progress_for(json=common.json),
    )
    return TrainResult(
        bundles={name: str(one.bundle) for name, one in trained.items()},
        reports={name: one.summary for name, one in trained.items()},
    )
