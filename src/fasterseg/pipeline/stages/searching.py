"""The stage of a run that searches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.benchmark.on_target import network_measure
from fasterseg.events import warn_on_stderr
from fasterseg.latency.table import LatencyTable
from fasterseg.learning.leading import Calls
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.learning.sharing import require_same_data
from fasterseg.pipeline.devices.matching import match_of, measures_beside
from fasterseg.pipeline.devices.remote import There, match_there
from fasterseg.pipeline.devices.rounds import rounds_of
from fasterseg.pipeline.opening import hold_run, open_source
from fasterseg.pipeline.scoring.candidate_scoring import candidate_scores
from fasterseg.pipeline.scoring.finalist_training import finalist_training
from fasterseg.pipeline.scoring.subnets import subnet_scorer
from fasterseg.pipeline.settings.made import made_in
from fasterseg.pipeline.stages.profiling import profile_stage
from fasterseg.pipeline.telling import found_latencies, told_of_run
from fasterseg.runs import RunFolder
from fasterseg.runtime import select_device, set_threads
from fasterseg.searching.beginnings.beginning import SearchGround, SearchJob, data_of, task_of
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.beginnings.sharing import ScorersOf, SearchOrder, shared_calls
from fasterseg.searching.landing.on_budget import Measure
from fasterseg.searching.landing.scores import Scorers
from fasterseg.searching.procedure import search
from fasterseg.searching.search import Search
from fasterseg.searching.selecting.subnets import RANDOM_SUBNETS
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.stages import Watch
from fasterseg.stopping import Show, StopRequest, with_stop_check


def search_job(
    recipe: Recipe,
    run: RunFolder,
    *,
    source: DataSource,
    table: LatencyTable,
    device: str | None = None,
    measure: Measure | None = None,
    ranks: Ranks = ALONE,
    stop: StopRequest | None = None,
) -> SearchJob:
    """The search of a recipe, led by this process where several `ranks` share it.

    Whole networks are measured on the table's target; where that is another host's, in rounds,
    which hear of a `stop`.
    """
    match, together = match_of(recipe, table), None
    beside: Mapping[str, Measure] = {}
    if recipe.target.is_here and measure is None:
        measure = network_measure(table, promise=recipe.promise)
        beside = measures_beside(recipe, run, table, alone=measure)
    elif measure is None:
        there = There(table, rounds_of(recipe.target, run, stop=stop))
        measure, together, match = there.estimate, there.networks, match_there(recipe, run)
    return SearchJob(
        recipe,
        source,
        table,
        select_device(device or "auto"),
        run,
        measure,
        made_in(run, recipe),
        match,
        together=together,
        beside=beside,
        ranks=ranks,
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
        where = "Measuring whole networks"
        beside = {name: with_stop_check(one, watch.stop, where) for name, one in job.beside.items()}
        job = replace(job, measure=with_stop_check(job.measure, watch.stop, where), beside=beside)
    count = RANDOM_SUBNETS if random_subnets is None else random_subnets
    scorers_of = scorers_of or partial(subnet_scorers, job.recipe)
    found = search(job, watch, scorers_of, random_subnets=count)
    for verdict in found.verdicts():
        warn_on_stderr(verdict)
    for latency in found_latencies(found):
        watch.hear(latency)
    return found


def subnet_scorers(recipe: Recipe, begun: Search, data: SearchData) -> Scorers:
    """What scores the subnets of a search, each by as many images as the recipe says."""
    supernet, device, ranks = begun.weights.supernet, begun.task.device, begun.task.ranks
    first, final = candidate_scores(supernet, data, device=device, ranks=ranks)
    finalists = finalist_training(recipe, data, final, device=device, ranks=ranks)
    batches = data.calibration()
    validation = subnet_scorer(recipe, supernet, data.source, batches, device=device, ranks=ranks)
    return Scorers(first.mean_iou, final.resampled_score, validation, finalists)


@contextmanager
def follow_search(ranks: Ranks, words: Mapping[str, Any]) -> Iterator[Calls]:
    """Build at a follower what its leader searches; raises `DataError` where its data are others.

    It needs the data, and no folder of the run: the table of the target's latencies is told.
    """
    told = SearchOrder.model_validate(words)
    recipe, start = told.recipe, told.start
    set_threads(recipe.threads)
    source = open_source(recipe)
    require_same_data(source, recipe.data.train_split, start.data_digest)
    ground = SearchGround(recipe, source, told.table, select_device(start.device), ranks=ranks)
    task = task_of(ground, start, class_weights=told.class_weights)
    yield shared_calls(task, data_of(ground, start), partial(subnet_scorers, recipe))


def search_run(common: Common, show: Show) -> SearchSummary:
    """Open a run and search in it; a run without a latency table is profiled first."""
    ranks = Ranks.here()
    with (
        hold_run(common, ("profile", "search"), ranks=ranks) as ((recipe, run, source), stop),
        told_of_run(common, recipe, run) as hear,
    ):
        classes = source.label_space.classes
        table = profile_stage(recipe, run, classes=classes, show=show, stop=stop)
        set_threads(recipe.threads)
        job = search_job(
            recipe,
            run,
            source=source,
            table=table,
            device=common.device,
            ranks=ranks,
            stop=stop,
        )
        return search_stage(job, Watch(run.root, show, stop, hear))
