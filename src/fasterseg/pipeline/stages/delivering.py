"""What a run hands over: each network exported, verified, scored, timed, and held to its budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.config import ContenderSettings, Promise, Recipe
from fasterseg.console.options import IMAGES
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.benchmark.measuring import Meter, NetworkLatency
from fasterseg.deploy.benchmark.on_target import STEADY_WINDOWS, latency_of
from fasterseg.deploy.shipping.deploying import deploy
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.deploy.shipping.verification import evidence_of
from fasterseg.evaluation import EvaluationReport
from fasterseg.events import Progress, silent
from fasterseg.latency.table import Target
from fasterseg.pipeline.devices.matching import against_model, at_pace_of_model
from fasterseg.pipeline.models.verifying import int8_evidence_of
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from fasterseg.runtime import threads_kept
from fasterseg.searching.summaries.summary import SearchSummary


@dataclass(frozen=True, slots=True)
class Scored:
    """The digest of what was scored, and its score where it has one."""

    digest: str
    mean_iou: float | None


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
    """Hand a contender's network over, and keep what came out as the run's result."""
    promise = _promise(recipe, contender)
    origin = origin_of(str(folder.bundle(contender.name)))
    evidence = evidence_of(source, recipe.data.test_split, images=IMAGES)
    if target.precision == "int8":
        evidence = replace(evidence, int8=int8_evidence_of(recipe, source))
    with threads_kept():
        deployed = deploy(
            origin,
            evidence,
            target,
            folder.exported(contender.name),
            backend=meter.backend,
            progress=progress,
        )
        latency = latency_of(meter, deployed.session, target.geometry, promise=promise)
        against = against_model(recipe, contender.name, deployed.session, target, meter)
        latency = at_pace_of_model(latency, against, folder)
    scored = Scored(deployed.session.digest, deployed.mean_iou)
    result = result_of(recipe, folder, contender, summary, latency, scored=scored)
    result = result.model_copy(update={"against": against})
    result.save(folder.result(contender.name))
    return result


def _promise(recipe: Recipe, contender: ContenderSettings) -> Promise:
    """What is promised of a contender: a teacher has no budget to meet, so its median will do."""
    return recipe.promise if contender.role == "student" else "median"


def is_settled(path: Path, *, split: str) -> bool:
    """Whether there is a result for that split which needs no further measurement."""
    if not path.exists():
        return False
    known = NetworkResult.load(path)
    return known.split == split and not known.shortfall()


def result_of(
    recipe: Recipe,
    folder: RunFolder,
    contender: ContenderSettings,
    summary: SearchSummary,
    latency: NetworkLatency,
    *,
    scored: Scored,
) -> NetworkResult:
    """What a contender's network came to, as it was deployed and measured.

    The search knows nothing of a baseline, and so there is no budget, and nothing was predicted.
    """
    split, promise = recipe.data.test_split, _promise(recipe, contender)
    path = folder.score(contender.name, split, which="best")
    report = EvaluationReport.load(path)
    found = summary.contender(contender.name)
    return NetworkResult(
        name=contender.name,
        role=contender.role,
        mean_iou=report.mean_iou,
        exported_mean_iou=scored.mean_iou,
        split=split,
        scored_at=report.resolution,
        shown_at=report.shown_at,
        timed_at="{}x{}".format(*recipe.target.size),
        budget_ms=None if found is None else found.budget_ms,
        matched="" if found is None else found.matched,
        predicted_ms=None if found is None else found.estimated_ms,
        measured_ms=latency.median_ms,
        measured_p95_ms=latency.p95_ms,
        pace=latency.pace,
        timed_digest=latency.digest,
        scored_digest=scored.digest if scored.mean_iou is not None else "",
        bundle=str(folder.bundle(contender.name)),
        promise=promise,
        quiet=promise == "median" or latency.steady_windows >= STEADY_WINDOWS,
        steady=latency.steady_windows >= STEADY_WINDOWS,
        candidates_ms=tuple(
            p95_ms if promise == "p95" else median_ms
            for median_ms, p95_ms in (() if found is None else found.candidates)
        ),
    )
