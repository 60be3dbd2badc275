"""Runs of seconds: what a recipe computes for hours, cut short in this one place.

Commands and Python are run as they are written down; only what their recipes come to is changed,
after it was read and judged as it stands.  Whether a budget is met, a network learns or a latency
is steady does not come out here, and stages, files and exit codes do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tiny_benchmark import TINY

from fasterseg.config import Recipe, build_recipe
from fasterseg.deploy.benchmark import entry, on_target
from fasterseg.deploy.benchmark.peak import Peak
from fasterseg.forecasting.timings import AnyPart
from fasterseg.foreign.strict_json import load_json
from fasterseg.pipeline.models import benchmarking
from fasterseg.pipeline.planning import plan as planning
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.planning.probing import answer_job
from fasterseg.pipeline.settings import recipes
from fasterseg.pipeline.setup import setting_up
from fasterseg.searching import procedure

ROOMY = "1000ms"
LARGEST = {"height": 128, "width": 256}
SPACE = {
    "layers": 2,
    "operators": ["conv", "zoomed_conv"],
    "expansions": [1, 2],
    "stem_expansions": [1],
    "head_expansions": [1],
    "branches": [16, 8],
}
PROFILE = {"warmup_runs": 1, "runs": 3, "seconds_per_block": 0.001, "calibration_networks": 4}
CROPS = {"crop_height": 32, "crop_width": 64, "scale_low": 1.0, "scale_high": 1.0}
STEPS = {"hours": None, "batch_size": 2, "checkpoint_every": 1, "precision": "float32"}
TRAINING = {**STEPS, "steps": 2, "evaluate_every": 2, "warmup_steps": 0, "accumulate": 1}
SEARCH = {
    **STEPS,
    "pretrain_steps": 2,
    "steps": 2,
    "control_every": 1,
    "control": {"window": None},
    "calibration_batches": 200,
    "validation_images": 2,
    "random_widths": 1,
    "selection": {"candidates": 3, "finalists": 1, "images": 2, "calibration_images": 8},
}


def shortened(recipe: Recipe) -> Recipe:
    """The recipe with few steps, a small space, few scenes, and this machine in a GPU's place."""
    content = recipe.content()
    content |= {"threads": 1, "promise": "median", "space": SPACE, "profile": PROFILE}
    if isinstance(content["budget"], str):
        content["budget"] = ROOMY
    kept = ("name", "role", "budget", "architecture")
    content["contenders"] = [{key: one[key] for key in kept} for one in content["contenders"]]
    content["data"] |= {"workers": 0}
    content["data"]["street"] |= {**LARGEST, "train": 8, "val": 2, "test": 2}
    content["target"] = _target(content)
    for name, told in (("search", SEARCH), ("training", TRAINING)):
        content[name] = _with(content[name], told)
    for role in ("teacher", "student"):
        content[role] = _with(content[role], {key: TRAINING[key] for key in TRAINING})
    return Recipe.model_validate(content)


def _target(content: dict[str, Any]) -> dict[str, Any]:
    target = {**content["target"], "device": "cpu", "precision": "float32", "threads": 1}
    if target["backend"] == "tensorrt":
        target["backend"] = "onnxruntime"
    if content["data"]["size"] is None:
        for side, most in LARGEST.items():
            if target[side] is not None:
                target[side] = min(target[side], most)
    return target


def _with(section: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """A section of learning with other numbers, and small crops wherever it has any."""
    found = {**section, **told, "augmentation": _cropped(section.get("augmentation", {}))}
    if "pretraining" in found:
        before = {key: value for key, value in found["pretraining"].items() if key != "batch_size"}
        if "augmentation" in before:
            before["augmentation"] = _cropped(before["augmentation"])
        found["pretraining"] = before
    return found


def _cropped(augmentation: dict[str, Any]) -> dict[str, Any]:
    """Small crops; a list of scales would go before the range that they have."""
    return {**{key: augmentation[key] for key in augmentation if key != "scales"}, **CROPS}


def _built(path: Path | None = None, **how: Any) -> Recipe:
    return shortened(build_recipe(path, **how))


def _probed_here(kind: type[AnyPart], job: Job, folder: Path, **_: object) -> AnyPart:
    """What a plan times, of the short recipe, in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    short = job.model_copy(update={"recipe": shortened(job.recipe), "seconds": 0.01})
    told = answer_job(short.model_dump_json(by_alias=True), str(folder.absolute()), "")
    return kind.model_validate(load_json(told))


@contextmanager
def short_runs() -> Iterator[None]:
    """Inside of this every command and function takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "build_recipe", _built)
        patch.setattr(planning, "probed", _probed_here)
        patch.setattr(setting_up, "probed", _probed_here)
        for name, value in {"WINDOWS": 3, "WINDOW_SECONDS": 0.01, "ATTEMPTS": 1}.items():
            patch.setattr(on_target, name, value)
        patch.setitem(procedure.search.__kwdefaults__, "random_subnets", 1)
        patch.setattr(benchmarking, "QUICK", TINY)
        patch.setattr(benchmarking, "HEADLINE", TINY)
        patch.setattr(entry, "convolution_peak", lambda *, threads: Peak(50.0, f"{threads}"))
        yield
