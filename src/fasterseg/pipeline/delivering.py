"""What a run hands over: each network exported, verified, scored, timed, and held to its budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.config import ContenderSettings, Promise, Recipe
from fasterseg.events import Progress, silent
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder

if TYPE_CHECKING:
    from fasterseg.datasets.source import DataSource
    from fasterseg.deploy.benchmark.measuring import Meter
    from fasterseg.latency.table import Target
    from fasterseg.pipeline.measuring import Deployed
    from fasterseg.searching.summary import SearchSummary


def deliver(
    recipe: Recipe,
    folder: RunFolder,
    contender: ContenderSettings,
    *,
    summary: SearchSummary,
    source: DataSource,
    target: Target,
    meter: Meter,
    progress: Progress = silent,
) -> NetworkResult:
    """Hand a contender's network over, and keep what came out as the run's result.

    A teacher has no budget to meet, so that its median will do.
    """
    from fasterseg.pipeline.measuring import deploy_bundle

    promise: Promise = recipe.promise if contender.role == "student" else "median"
    deployed = deploy_bundle(
        folder.bundle(contender.name),
        folder.exported(contender.name),
        meter=meter,
        target=target,
        source=source,
        split=recipe.data.test_split,
        promise=promise,
        progress=progress,
    )
    result = _result(recipe, folder, contender, summary, deployed, promise)
    result.save(folder.result(contender.name))
    return result


def is_settled(path: Path, *, split: str) -> bool:
    """Whether there is a result for that split which needs no further measurement."""
    if not path.exists():
        return False
    known = NetworkResult.load(path)
    return known.split == split and not known.shortfall()


def _result(
    recipe: Recipe,
    folder: RunFolder,
    contender: ContenderSettings,
    summary: SearchSummary,
    deployed: Deployed,
    promise: Promise,
) -> NetworkResult:
    from fasterseg.evaluation import EvaluationReport
    from fasterseg.pipeline.measuring import STEADY_WINDOWS

    split, latency = recipe.data.test_split, deployed.latency
    path = folder.score(contender.name, split, which="best")
    report = EvaluationReport.load(path)
    found = summary.contender(contender.name)
    assert found is not None
    return NetworkResult(
        name=contender.name,
        role=contender.role,
        mean_iou=report.mean_iou,
        exported_mean_iou=deployed.mean_iou,
        split=split,
        scored_at=report.resolution,
        timed_at="{}x{}".format(*recipe.target.size),
        budget_ms=found.budget_ms,
        predicted_ms=found.estimated_ms,
        measured_ms=latency.median_ms,
        measured_p95_ms=latency.p95_ms,
        pace=latency.pace,
        timed_digest=latency.digest,
        scored_digest=deployed.digest if deployed.mean_iou is not None else "",
        bundle=str(folder.bundle(contender.name)),
        promise=promise,
        quiet=promise == "median" or latency.steady_windows >= STEADY_WINDOWS,
        candidates_ms=tuple(
            p95_ms if promise == "p95" else median_ms for median_ms, p95_ms in found.candidates
        ),
    )
