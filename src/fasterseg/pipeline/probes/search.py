"""Timing a search for a plan: a few steps of each kind in a fresh supernet, and its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fasterseg.config import Recipe
from fasterseg.errors import BudgetError, FastersegError
from fasterseg.events import silent
from fasterseg.forecasting.timings import SearchTiming
from fasterseg.forecasting.workload import Counted, Workload
from fasterseg.pipeline.probes.job import Job
from fasterseg.pipeline.probes.remembering import as_after_an_epoch
from fasterseg.pipeline.probes.steps import timed_steps
from fasterseg.pipeline.probes.target import priced_table
from fasterseg.resources import peak_bytes, reset_peak, resident_bytes
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture

if TYPE_CHECKING:
    import torch

    from fasterseg.searching.data import SearchData
    from fasterseg.searching.search import Search, SearchTask

LEAST_BATCHES = 3
SETTLING_SECONDS = 6.0
SCORED_IMAGES = 2


def probe_search(job: Job, folder: Path) -> SearchTiming:
    """Steps of pre-training and search, deriving to a budget, and scoring one subnet."""
    import fasterseg.searching.cosearch  # noqa: F401 (so that loading it is not timed)
    from fasterseg.searching.search import Search
    from fasterseg.searching.subnets import RANDOM_SUBNETS

    began = time.monotonic()
    task, data = _task(job, folder)
    base = resident_bytes()
    pretraining = Search.begin(task).pretraining()
    setup_seconds = time.monotonic() - began
    device, seconds = task.device, job.seconds
    first = timed_steps(pretraining, seconds=seconds, device=device, folder=folder / "first")
    del pretraining
    course = Search.begin(task).cosearch()
    second = timed_steps(course, seconds=seconds, device=device, folder=folder / "second")
    del course
    control_seconds = _control_seconds(task, second.seconds)
    search = Search.begin(task)
    derive_seconds = _derive_seconds(search)
    reset_peak()
    subnet = _subnet(job, search, data)
    return SearchTiming(
        base_bytes=base,
        setup_seconds=setup_seconds,
        pretraining=first,
        cosearch=second,
        control_seconds=control_seconds,
        derive_seconds=derive_seconds,
        subnet_macs=subnet.macs,
        batch_seconds=subnet.batch_seconds,
        settling_batches=subnet.batches,
        random_subnets=RANDOM_SUBNETS,
        subnets_peak_bytes=peak_bytes(),
    )


def _task(job: Job, folder: Path) -> tuple[SearchTask, SearchData]:
    """The job's search in a folder of its own, any budget reachable, its latencies estimated."""
    from fasterseg.latency.table import Target
    from fasterseg.pipeline.opening import open_source
    from fasterseg.pipeline.searching import search_job
    from fasterseg.runtime import set_threads
    from fasterseg.searching.beginning import agreed_plan, data_of, task_of

    assert job.target is not None
    recipe = reachable(job.recipe)
    source = as_after_an_epoch(open_source(recipe), recipe.data.train_split)
    classes = source.label_space.classes
    set_threads(recipe.threads)
    work = Workload(recipe, classes, job.target)
    table = priced_table(Target.of(recipe.target, classes), work.specs, job.target.prices)

    def estimated(architecture: Architecture) -> _Estimated:
        latency_ms = work.estimate_ms(architecture)
        return _Estimated(latency_ms, latency_ms)

    search = search_job(
        recipe,
        RunFolder(folder),
        source=source,
        table=table,
        device=job.device,
        measure=estimated,
    )
    plan = agreed_plan(search, progress=silent)
    return task_of(search, plan), data_of(search, plan)


@dataclass(frozen=True, slots=True)
class _Estimated:
    median_ms: float
    p95_ms: float


def reachable(recipe: Recipe) -> Recipe:
    """A recipe whose steps do not run out while they are timed, and whose budgets are reachable.

    Its search does not look at the budgets after its first step, and goes nowhere.
    """
    from fasterseg.learning.step_times import endless

    contenders = tuple(one.model_copy(update={"budget": None}) for one in recipe.contenders)
    return recipe.model_copy(
        update={
            "search": endless(recipe.search),
            "written_contenders": contenders,
            "budget": "halfway",
        }
    )


def _control_seconds(task: SearchTask, plain_seconds: float) -> float:
    """What a look at the budgets adds to a step, all contenders together."""
    from fasterseg.learning.step_times import time_steps
    from fasterseg.searching.search import Search

    looking = task.settings.model_copy(update={"control_every": 1})
    course = Search.begin(replace(task, settings=looking)).cosearch()
    times = time_steps(course.step, seconds=0.0, warmup_steps=1)
    return max(0.0, times.step_seconds - plain_seconds)


def _derive_seconds(search: Search) -> float:
    """Fitting the most probable architecture of the first student to its budget."""
    from fasterseg.searching.derivation import derive_within
    from fasterseg.searching.landing import AIM_HIGH, AIM_LOW

    students = [one for one in search.contenders if one.budget_ms is not None]
    if not students:
        return 0.0
    student = students[0]
    budget_ms = student.budget_ms or 0.0
    began = time.monotonic()
    with suppress(BudgetError):  # a small space has gaps; looking took its time all the same
        derive_within(
            student.options,
            student.parameters.probabilities(),
            search.latency.pricing,
            lowest_ms=AIM_LOW * budget_ms,
            highest_ms=AIM_HIGH * budget_ms,
        )
    return time.monotonic() - began


@dataclass(frozen=True, slots=True)
class _Subnet:
    macs: float
    batch_seconds: float
    batches: int


def _subnet(job: Job, search: Search, data: SearchData) -> _Subnet:
    """Calibrate one subnet as scoring does, and run it on a few images."""
    from fasterseg.evaluation import evaluate_predictor
    from fasterseg.network.network import Network
    from fasterseg.network.predicting import NetworkPredictor
    from fasterseg.searching.derivation import derive
    from fasterseg.supernet.calibrating import recalibrate

    contender, device = search.contenders[-1], search.task.device
    architecture = derive(contender.options, contender.parameters.probabilities())
    source = data.source
    network = search.weights.supernet.subnet(architecture, Network)
    feed = _Feed(data, device)
    began = time.monotonic()
    try:
        batches = recalibrate(network, feed.images(SETTLING_SECONDS))
    except FastersegError:  # not settled in so short a time: as many as are allowed
        batches = job.recipe.search.calibration_batches
    batch_seconds = (time.monotonic() - began) / max(1, feed.given)
    predictor = NetworkPredictor(
        network.eval(),
        label_space=source.label_space,
        normalisation=source.normalisation,
        device=device,
    )
    split = job.recipe.data.val_split
    evaluate_predictor(predictor.label_map, source, split, limit=SCORED_IMAGES)
    macs = Counted.of(architecture, search.task.geometry).macs
    return _Subnet(macs, batch_seconds, batches)


class _Feed:
    """Calibration batches for a while; counts those it gave."""

    def __init__(self, data: SearchData, device: torch.device) -> None:
        self.given = 0
        self._device = device
        self._batches = data.calibration()

    def images(self, seconds: float) -> Iterator[torch.Tensor]:
        """Images of batch after batch until the time is up, or there is no need for more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end or self.given < LEAST_BATCHES:
            yield self._batches.batch(self.given).images.to(self._device)
            self.given += 1
