"""``fasterseg train``: train the networks that were found, teacher first, or a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Unpack

from cyclopts import Parameter

from fasterseg.artifacts import Artifact
from fasterseg.console.options import Common, SharedOptions
from fasterseg.console.progress import progress_for
from fasterseg.paths import given
from fasterseg.pipeline.recipes import not_held


class TrainResult(Artifact):
    """The bundles that were trained, each contender's best one, and how their training went."""

    schema_tag = "fasterseg/train-result/1"
    in_lines: ClassVar = ("reports",)

    bundles: dict[str, str]
    reports: dict[str, str]

    def describe(self) -> str:
        """Return each network's scores and where its bundle is."""
        return "\n".join(
            f"{self.reports[name]}\n  bundle: {path}" for name, path in self.bundles.items()
        )


def train(
    *contenders: str,
    architecture: Annotated[
        Path | str,
        Parameter(help="An architecture's file, for the one contender that is named."),
    ] = "",
    teacher: Annotated[
        str, Parameter(help="A trained model to learn from; the run's own teacher when left out.")
    ] = "",
    hours: Annotated[
        float | None, Parameter(help="Active hours of each training, in place of its steps.")
    ] = None,
    **options: Unpack[SharedOptions],
) -> TrainResult:
    """Train the networks that the run's search found, or a hand-made one to compare them with.

    Parameters
    ----------
    contenders
        Which of them; all of them when left out, teachers first. baseline:fast-scnn (likewise
        bisenet-v2, ddrnet-23-slim and enet) trains that network as a student without a teacher; it
        needs no search. random:student:1 trains the first random architecture of that student's
        latency as it is trained, without a teacher unless --teacher or
        --set student.distillation_weight asks for one.

    Returns
    -------
    TrainResult
        The bundles, and how the trainings went.
    """
    common = not_held(Common(**options))
    from fasterseg.pipeline.training import train_named

    trained = train_named(
        contenders,
        common,
        architecture=given(architecture, "--architecture") if architecture else None,
        teacher=teacher,
        hours=hours,
        show=progress_for(json=common.json),
    )
    return TrainResult(
        bundles={name: str(one.bundle) for name, one in trained.items()},
        reports={name: one.summary for name, one in trained.items()},
    )
