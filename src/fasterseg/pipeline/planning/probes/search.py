"""Timing a search for a plan: a few steps of each kind in a fresh supernet, and its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from fasterseg.amounts import number_of
from fasterseg.config import Recipe
from fasterseg.datasets.sources.remembering import as_after_an_epoch
from fasterseg.errors import BudgetError, Diverged
from fasterseg.evaluation import evaluate_predictor
from fasterseg.events import Progress, silent
from fasterseg.forecasting.timings import SearchTiming, StepTiming
from fasterseg.forecasting.workload import Cost, Workload
from fasterseg.latency.table import Target
from fasterseg.learning.step_times import Step, endless, time_stage, time_steps
from fasterseg.network.network import Network
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.pipeline.opening import open_source
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.planning.probes.target import priced_table
from fasterseg.pipeline.scoring.candidate_scoring import CALIBRATED_TOGETHER, SubnetScoring
from fasterseg.pipeline.stages.searching import search_job
from fasterseg.resources import peak_bytes, reset_peak, resident_bytes
from fasterseg.runs import RunFolder
from fasterseg.runtime import memory_kept, set_threads
from fasterseg.searching.beginnings.beginning import agreed_start, data_of, task_of
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.derivation import derive, derive_within
from fasterseg.searching.landing.on_budget import AIM_HIGH, AIM_LOW, Tried
from fasterseg.searching.search import Search, SearchTask
from fasterseg.space.architecture import Architecture
from fasterseg.supernet.calibrating import recalibrate

LEAST_BATCHES = 3
SETTLING_SECONDS = 6.0
RUN_IMAGES = 2
"""Whole images of val that a subnet is run on, for the memory that it takes."""
CANDIDATE_IMAGES = 8
"""Images that a candidate is scored on."""


_PARTS = ("the supernet", "pre-training", "search", "a look at the budget", "scoring a subnet")


def probe_search(job: Job, folder: Path, progress: Progress) -> SearchTiming:
    """Steps of pre-training and search, deriving to a budget, and scoring one subnet."""

    def begins(part: int) -> None:
        progress(part, len(_PARTS), _PARTS[part])

    def steps_of(part: int) -> Step:
        return lambda done: progress(
            part, len(_PARTS), f"{_PARTS[part]}, {number_of(done, 'step')}"
        )

    begins(0)
    began = time.monotonic()
    task, data = _task(job, folder)
    device, seconds, base = task.device, job.seconds, resident_bytes()
    pretraining = Search.begin(task).pretraining()
    setup_seconds = time.monotonic() - began
    first = time_stage(
        pretraining, folder / "first", seconds=seconds, device=device, tell=steps_of(1)
    )
    del pretraining
    course = Search.begin(task).cosearch()
    second = time_stage(course, folder / "second", seconds=seconds, device=device, tell=steps_of(2))
    del course
    begins(3)
    control_seconds = _control_seconds(task, second.seconds)
    search = Search.begin(task)
    derive_seconds = _derive_seconds(search)
    reset_peak()
    begins(4)
    architecture, batches, batch_seconds = _scored_subnet(job, search, data)
    calibrated_seconds, scored_seconds = _candidate_seconds(architecture, search, data)
    return SearchTiming(
        base_bytes=base,
        setup_seconds=setup_seconds,
        pretraining=StepTiming.of(first),
        cosearch=StepTiming.of(second),
        control_seconds=control_seconds,
        derive_seconds=derive_seconds,
        subnet_macs=Cost.of(architecture, task.geometry).macs,
        batch_seconds=batch_seconds,
        settling_batches=batches,
        calibrated_seconds=calibrated_seconds,
        scored_seconds=scored_seconds,
        subnets_peak_bytes=peak_bytes(),
    )


def _task(job: Job, folder: Path) -> tuple[SearchTask, SearchData]:
    """The job's search in a folder of its own, any budget reachable, its latencies estimated."""
    assert job.target is not None
    recipe = reachable(job.recipe)
    source = as_after_an_epoch(open_source(recipe), recipe.data.train_split)
    set_threads(recipe.threads)
    work = Workload(recipe, source.label_space.classes, job.target)
    table = priced_table(Target.of(recipe.target, work.classes), work.specs, job.target.prices)

    def estimated(architecture: Architecture) -> Tried:
        latency_ms = work.estimate_ms(architecture)
        return Tried(latency_ms, latency_ms, latency_ms)

    run, device = RunFolder(folder), job.device
    search = search_job(recipe, run, source=source, table=table, device=device, measure=estimated)
    start = agreed_start(search, progress=silent)
    return task_of(search, start), data_of(search, start)


def reachable(recipe: Recipe) -> Recipe:
    """A recipe whose steps do not run out while they are timed, and whose budgets are reachable.

    Its search does not look at the budgets after its first step, and goes nowhere.
    """
    contenders = tuple(one.model_copy(update={"budget": None}) for one in recipe.contenders)
    update = {"search": endless(recipe.search), "budget": "halfway"}
    return recipe.model_copy(update={**update, "written_contenders": contenders})


def _control_seconds(task: SearchTask, plain_seconds: float) -> float:
    """What a look at the budgets adds to a step, all contenders together."""
    looking = task.settings.model_copy(update={"control_every": 1})
    course = Search.begin(replace(task, settings=looking)).cosearch()
    times = time_steps(course.step, seconds=0.0, warmup_steps=1)
    return max(0.0, times.step_seconds - plain_seconds)


def _derive_seconds(search: Search) -> float:
    """Fitting the most probable architecture of the first student to its budget."""
    students = [one for one in search.contenders if one.budget_ms is not None]
    began = time.monotonic()
    for student in students[:1]:
        budget_ms = student.budget_ms or 0.0
        with suppress(BudgetError):  # a small space has gaps; looking took its time all the same
            derive_within(
                student.options,
                student.parameters.probabilities(),
                search.latency.pricing,
                lowest_ms=AIM_LOW * budget_ms,
                highest_ms=AIM_HIGH * budget_ms,
            )
    return time.monotonic() - began


def _scored_subnet(job: Job, search: Search, data: SearchData) -> tuple[Architecture, int, float]:
    """Calibrate one subnet as scoring does, and run it on a few images.

    Returns which it is, after how many batches its statistics were settled, and a batch's seconds.
    """
    contender, device, source = search.passes.contenders[-1], search.task.device, data.source
    architecture = derive(contender.options, contender.parameters.probabilities())
    network = search.weights.supernet.subnet(architecture, Network, owner=contender.name)
    known, given, began = data.calibration(), 0, time.monotonic()

    def images() -> Iterator[Tensor]:
        nonlocal given
        while time.monotonic() < began + SETTLING_SECONDS or given < LEAST_BATCHES:
            yield known.batch(given).images.to(device)
            given += 1

    try:
        batches = recalibrate(network, images())
    except Diverged:  # not settled in so short a time: as many as are allowed
        batches = job.recipe.search.calibration_batches
    batch_seconds = (time.monotonic() - began) / max(1, given)
    predictor = NetworkPredictor(
        network.eval(),
        label_space=source.label_space,
        normalisation=source.normalisation,
        device=device,
    )
    split = job.recipe.data.val_split
    evaluate_predictor(predictor.labels, source, split, limit=RUN_IMAGES)
    return architecture, batches, batch_seconds


def _candidate_seconds(
    architecture: Architecture, search: Search, data: SearchData
) -> tuple[float, float]:
    """What a candidate takes for each image that calibrates it, and for each that scores it.

    As in a selection, that is: the images are read before the first.
    """
    images = data.halves[1][:CANDIDATE_IMAGES]
    scoring = SubnetScoring.of(
        search.weights.supernet,
        data,
        images,
        calibration_images=CALIBRATED_TOGETHER,
        device=search.task.device,
    )
    scoring.mean_iou(architecture, "first")
    began = time.monotonic()
    with memory_kept():
        scoring.calibrated(architecture, "calibrated")
    calibrated = time.monotonic()
    scoring.mean_iou(architecture, "scored")
    calibrating, whole = calibrated - began, time.monotonic() - calibrated
    return calibrating / CALIBRATED_TOGETHER, max(0.0, whole - calibrating) / len(images)
