"""A search on a made-up target, put together as the command does it, in a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from fasterseg.callbacks import Listener, ignore_event
from fasterseg.config import Recipe
from fasterseg.datasets.street import StreetScenes
from fasterseg.events import Progress, silent
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.models import ModelComparison
from fasterseg.latency.table import Entry, LatencyTable, Target
from fasterseg.learning.ranks import ALONE, Ranks
from fasterseg.pipeline.settings.made import made_in
from fasterseg.pipeline.stages.searching import search_stage
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import SearchJob
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.landing.scores import ResampledScore, Scorers
from fasterseg.searching.search import Search
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.stages import Watch

CPU = torch.device("cpu")
HEIGHT, WIDTH = 32, 64
COUNTS = {"train": 6, "val": 1, "test": 1}
CROP = {"crop_height": 32, "crop_width": 32}
RECIPE = Recipe.model_validate(
    {
        "budget": "halfway",
        "target": {"threads": 1, "height": HEIGHT, "width": WIDTH},
        "space": {
            "layers": 3,
            "operators": ["skip", "conv"],
            "expansions": [1, 2],
            "stem_expansions": [1],
            "head_expansions": [1],
            "branches": [16, 8],
        },
        "data": {"street": {"height": HEIGHT, "width": WIDTH, **COUNTS}},
        "contenders": [
            {
                "name": "teacher",
                "role": "teacher",
                "stem_expansion": 1,
                "head_expansion": 1,
                "operators": ["conv"],
            },
            {"name": "student", "role": "student", "stem_expansion": 1, "head_expansion": 1},
        ],
        "search": {
            "pretrain_steps": 15,
            "steps": 15,
            "batch_size": 2,
            "random_widths": 1,
            # The student runs to the fastest network, so that a guard has something to say.
            "penalty_strength": 1e4,
            "architecture_lr": 0.1,
            "control_gain": 0.1,
            "control_every": 2,
            "checkpoint_every": 3,
            "augmentation": CROP,
            "selection": {"candidates": 1},
        },
    }
)


def search_job_in(
    folder: Path,
    device: torch.device = CPU,
    *,
    recipe: Recipe = RECIPE,
    ratio: float = 1.0,
    ranks: Ranks = ALONE,
) -> SearchJob:
    """A search on a made-up target: a block takes as many milliseconds as its mega-MACs.

    A whole network measures `ratio` times what the table says.
    """
    source = StreetScenes(size=(HEIGHT, WIDTH), counts=COUNTS)
    classes = source.label_space.classes
    geometry = Geometry(Size(HEIGHT, WIDTH), classes)
    options = [Options.of(recipe.space, contender) for contender in recipe.contenders]
    table = LatencyTable(
        target=Target.of(recipe.target, classes),
        conditions={},
        entries={
            spec.key: Entry(median_ms=0.01 + spec.macs / 1e6, spread_ms=0.0, runs=1)
            for spec in specs_of(options, geometry)
        },
    )

    def measure(architecture: Architecture) -> Any:
        latency_ms = ratio * table.estimate_ms(wire(architecture, geometry).timed_specs())
        return SimpleNamespace(median_ms=latency_ms, p95_ms=latency_ms)

    run = RunFolder(folder)
    made = made_in(run, recipe)
    return SearchJob(recipe, source, table, device, run, measure, made, match_made_up, ranks=ranks)


def match_made_up(name: str, architecture: Architecture) -> ModelComparison:
    """As long as the model that a student is to match, whatever it is."""
    return ModelComparison(model="made-up", ratio=1.0, low=0.9, high=1.1, rounds=9, quiet_rounds=8)


@contextmanager
def unseen(title: str, *, total: int, unit: str = "steps") -> Iterator[Progress]:
    """A progress display that shows nothing."""
    yield silent


def scored_alike(_search: Search, _data: SearchData) -> Scorers:
    """Made-up scores of the subnets, which come after all that can be resumed."""
    half = ResampledScore(0.5)
    return Scorers(candidates=lambda *_: 0.5, finals=lambda *_: half, validation=lambda *_: half)


def search_in(
    folder: Path, *, recipe: Recipe = RECIPE, hear: Listener = ignore_event
) -> SearchSummary:
    """Search in a folder to the end, unseen, with made-up scores; what it came to."""
    job, watch = search_job_in(folder, recipe=recipe), Watch(folder, unseen, hear=hear)
    return search_stage(job, watch, scorers_of=scored_alike, random_subnets=0)
