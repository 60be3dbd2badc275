"""The stage of a run that searches."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.source import DataSource
from fasterseg.deploy.benchmark.on_target import network_measure
from fasterseg.events import warn_on_stderr
from fasterseg.latency.table import LatencyTable
from fasterseg.pipeline.candidate_scoring import candidate_scores
from fasterseg.pipeline.made import made_in
from fasterseg.pipeline.matching import match_of
from fasterseg.pipeline.opening import hold_run
from fasterseg.pipeline.profiling import profile_stage
from fasterseg.pipeline.subnets import subnet_scorer
from fasterseg.runs import RunFolder
from fasterseg.runtime import select_device, set_threads
from fasterseg.searching.beginning import SearchJob
from fasterseg.searching.data import SearchData
from fasterseg.searching.landing import Measure
from fasterseg.searching.procedure import Scorers, ScorersOf, search
from fasterseg.searching.search import Search
from fasterseg.searching.subnets import RANDOM_SUBNETS
from fasterseg.searching.summary import SearchSummary
from fasterseg.stages import Watch
from fasterseg.stopping import Show, heeding


def search_job(
    recipe: Recipe,
    run: RunFolder,
    *,
    source: DataSource,
    table: LatencyTable,
    device: str | None = None,
    measure: Measure | None = None,
) -> SearchJob:
    """The search of a recipe; whole networks are measured on the table's target."""
    return SearchJob(
        recipe,
        run,
        source,
        table,
        select_device(device or "auto"),
        measure or network_measure(table),
        made_in(run, recipe),
        match_of(recipe, table),
    )


def search_stage(
    job: SearchJob,
    watch: Watch,
    *,
    scorers_of: ScorersOf | None = None,
    random_subnets: int | None = None,
) -> SearchSummary:
    """Search, resumed where it stopped, or read what was found."""
    if job.run.search_summary.exists():
        return SearchSummary.load(job.run.search_summary)
    if watch.stop is not None:
        heard = heeding(job.measure, watch.stop, "Measuring whole networks")
        job = replace(job, measure=heard)
    count = RANDOM_SUBNETS if random_subnets is None else random_subnets
    scorers_of = scorers_of or partial(subnet_scorers, job.recipe)
    found = search(job, watch, scorers_of, random_subnets=count)
    for verdict in found.verdicts():
        warn_on_stderr(verdict)
    return found


def subnet_scorers(recipe: Recipe, begun: Search, data: SearchData) -> Scorers:
    """What scores the subnets of a search, each by as many images as the recipe says."""
    supernet, device, ranks = begun.weights.supernet, begun.task.device, begun.task.ranks
    candidates, finals = candidate_scores(supernet, data, device=device, ranks=ranks)
    batches = data.calibration()
    validation = subnet_scorer(recipe, supernet, data.source, batches, device=device, ranks=ranks)
    return Scorers(candidates, finals, validation)


def search_run(common: Common, show: Show) -> SearchSummary:
    """Open a run and search in it; a run without a latency table is profiled first."""
    with hold_run(common, ("profile", "search")) as ((recipe, run, source), stop):
        classes = source.label_space.classes
        table = profile_stage(recipe, run, classes=classes, show=show, stop=stop)
        set_threads(recipe.threads)
        job = search_job(recipe, run, source=source, table=table, device=common.device)
        return search_stage(job, Watch(run.root, show, stop))
