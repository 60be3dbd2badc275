"""Timings that nobody took, round enough to check a forecast by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fasterseg.config import ContenderSettings, Recipe, SearchSpace, TargetSettings
from fasterseg.config.distillation_use import keeps_answers
from fasterseg.forecasting.pricing import Prices
from fasterseg.forecasting.timings import (
    AnswersTiming,
    DataTiming,
    DeliveryTiming,
    ModelTiming,
    NetworkTiming,
    SearchTiming,
    StepTiming,
    TargetTiming,
    Timings,
    TrainingTiming,
)
from fasterseg.forecasting.workload import Cost, Workload
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.options import Options
from fasterseg.space.pricing import Pricing

MB = 1_000_000
CLASSES = 11
PRICES = Prices(per_mac_ms=1e-7, per_byte_ms=1e-7, per_block_ms=0.01)
LOWEST_MS, HIGHEST_MS = 4.0, 16.0
MODEL_MS = 5.0  # of any model that a budget names
Find = Callable[[Options, Geometry, Prices], Architecture]


def recipe_of(**changes: Any) -> Recipe:
    """A teacher and a student in a small space at 64x128; keywords replace whole sections.

    Crops that are left out are of 128x256.
    """
    known: dict[str, Any] = {
        "name": "made-up",
        "budget": "10ms",
        "promise": "median",
        "data": {"source": "street", "test_split": "test"},
        "target": TargetSettings(height=64, width=128),
        "space": SearchSpace(
            layers=4, expansions=(2, 4), stem_expansions=(2, 4), head_expansions=(2, 4)
        ),
        "contenders": (
            ContenderSettings(name="teacher", role="teacher", stem_expansion=4, head_expansion=4),
            ContenderSettings(name="student", role="student", stem_expansion=2, head_expansion=2),
        ),
        "search": {
            "pretrain_steps": 100,
            "steps": 50,
            "checkpoint_every": 40,
            "selection": {"candidates": 1},
        },
        "teacher": {"steps": 1000, "evaluate_every": 500, "checkpoint_every": 100},
        "student": {"steps": 2000, "evaluate_every": 1000, "checkpoint_every": 100},
    }
    recipe = Recipe.model_validate({**known, **changes})
    return recipe.model_copy(
        update={
            name: _with_crops(getattr(recipe, name)) for name in ("search", "teacher", "student")
        }
    )


def _with_crops(settings: Any) -> Any:
    crops = settings.augmentation
    sides = {
        "crop_height": crops.crop_height or 128,
        "crop_width": crops.crop_width or 256,
    }
    return settings.model_copy(update={"augmentation": crops.model_copy(update=sides)})


def target_timing(recipe: Recipe) -> TargetTiming:
    """A target on which the ends of the student's options take 4 and 16 ms."""
    geometry = recipe.target.geometry(CLASSES)

    def network(find: Find, options: Options, latency_ms: float) -> NetworkTiming:
        found = find(options, geometry, PRICES)
        return NetworkTiming(
            architecture=found,
            macs=wire(found, geometry).macs,
            estimate_ms=Pricing(geometry, PRICES)(found),
            median_ms=latency_ms,
            p95_ms=1.1 * latency_ms,
        )

    ends = {}
    for student in recipe.students():
        options = Options.of(recipe.space, student)
        ends[student.name] = (
            network(cheapest, options, LOWEST_MS),
            network(dearest, options, HIGHEST_MS),
        )
    return TargetTiming(
        base_bytes=200 * MB,
        prices=PRICES,
        call_seconds=0.02,
        open_seconds=0.5,
        sampling_seconds=0.25,
        ends=ends,
        models={
            model: ModelTiming(median_ms=MODEL_MS, p95_ms=1.1 * MODEL_MS)
            for model in recipe.models_to_match
        },
        attempts=1.0,
        network_bytes=10 * MB,
        peak_bytes=700 * MB,
        left_bytes=500 * MB,
    )


def step_timing(seconds: float, **changes: int) -> StepTiming:
    """A step of so many seconds."""
    known = {"timed": 5, "peak_bytes": 1300 * MB, "save_seconds": 0.5, "checkpoint_bytes": 10 * MB}
    return StepTiming.model_validate({"seconds": seconds, **known, **changes})


def training_timing(macs: float, step: StepTiming, *, image_seconds: float) -> TrainingTiming:
    """A training of a network of so many multiply-adds for each pixel."""
    return TrainingTiming(
        base_bytes=300 * MB,
        macs=macs,
        setup_seconds=2.0,
        step=step,
        image_seconds=image_seconds,
        scoring_peak_bytes=600 * MB,
        weight_bytes=4 * MB,
    )


def timings_of(recipe: Recipe) -> tuple[Timings, Workload]:
    """Timings of a recipe and its workload."""
    target = target_timing(recipe)
    work = Workload(recipe, CLASSES, target)
    options = Options.of(recipe.space, recipe.contenders[-1])
    ends = [find(options, work.geometry, PRICES) for find in (cheapest, dearest)]
    low, high = (Cost.of(one, work.geometry).macs for one in ends)
    teachers = [one.cost.macs for one in work.networks if one.contender.role == "teacher"]
    delivered = Cost.of(ends[1], work.geometry)
    students = bool(recipe.students())
    timings = Timings(
        data=DataTiming(
            classes=CLASSES,
            train=360,
            trained_on=360,
            asked=360,
            val=100,
            val_is_seen=False,
            test=200,
            checked=660,
            check_seconds=0.005,
            sample_seconds=0.01,
            digest_seconds=0.7,
            sample_bytes=1000,
            kept_bytes=150_000,
            peak_bytes=90 * MB,
        ),
        target=target,
        search=SearchTiming(
            base_bytes=300 * MB,
            setup_seconds=3.0,
            pretraining=step_timing(1.0),
            cosearch=step_timing(2.0, peak_bytes=1500 * MB),
            control_seconds=0.5,
            derive_seconds=0.1,
            subnet_macs=low,
            batch_seconds=0.1,
            settling_batches=40,
            calibrated_seconds=0.01,
            scored_seconds=0.02,
            subnets_peak_bytes=800 * MB,
        ),
        teacher=next(
            (training_timing(one, step_timing(0.4), image_seconds=0.2) for one in teachers), None
        ),
        narrow=(
            training_timing(low, step_timing(0.1, peak_bytes=500 * MB), image_seconds=0.04)
            if students
            else None
        ),
        wide=(
            training_timing(high, step_timing(0.3, peak_bytes=900 * MB), image_seconds=0.12)
            if students
            else None
        ),
        delivery=DeliveryTiming(
            export_seconds=6.0,
            verified_images=16,
            file_bytes=4 * MB,
            peak_bytes=1000 * MB,
        ),
        blocks=delivered.blocks,
        parameters=delivered.parameters,
        answers=(
            AnswersTiming(image_seconds=0.49, image_bytes=24_000, peak_bytes=800 * MB)
            if keeps_answers(recipe)
            else None
        ),
    )
    return timings, work
