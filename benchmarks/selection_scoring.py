"""How few images tell a supernet's subnets apart: rank correlation with a fuller scoring, and time.

A supernet is pre-trained on the built-in street scenes.  Random subnets of one estimated cost are
scored on the half of the images that its weights were not trained on: on few of them with their
statistics measured on few images of the other half, and on as many others with statistics measured
on many.  Printed is Spearman's rank correlation between the two, and the seconds of one subnet.

    python benchmarks/selection_scoring.py --steps 400 --subnets 48
    python benchmarks/selection_scoring.py --steps 80 --subnets 24 --height 64 --scenes 200
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from random import Random

import numpy as np
import torch

from fasterseg.config import Recipe
from fasterseg.datasets.sources.part import spread
from fasterseg.datasets.sources.splitting import halves_of
from fasterseg.datasets.street import StreetScenes
from fasterseg.evaluation import ConfusionMatrix
from fasterseg.pipeline.scoring.candidate_scoring import SubnetScoring
from fasterseg.searching.beginnings.data import SearchData
from fasterseg.searching.search import Search, SearchTask
from fasterseg.space.architecture import Architecture
from fasterseg.space.extremes import cheapest, dearest
from fasterseg.space.pricing import Pricing
from fasterseg.space.sampling import architectures_near

CALIBRATIONS, FULL = (8, 16, 32, 64), 512
IMAGES = (8, 16, 32, 64)
SEED = 0

Scores = Sequence[Sequence[ConfusionMatrix]]


@dataclass(frozen=True)
class Trained:
    """A pre-trained supernet, its data, and random subnets of one estimated cost."""

    search: Search
    data: SearchData
    subnets: tuple[Architecture, ...]

    def scored(self, calibration_images: int) -> tuple[Scores, float, float]:
        """Each subnet's matrices on the architectures' half; seconds of both parts of one."""
        supernet, indices = self.search.weights.supernet, self.data.halves[1]
        cpu = torch.device("cpu")
        part = {"calibration_images": calibration_images, "device": cpu}
        scoring = SubnetScoring.of(supernet, self.data, indices, **part)
        none = SubnetScoring.of(supernet, self.data, (), **part)
        scoring.matrices(self.subnets[0], "")  # reads the images
        began = time.process_time()
        for one in self.subnets[:8]:
            none.matrices(one, "")
        calibrating = (time.process_time() - began) / len(self.subnets[:8])
        began = time.process_time()
        found = [scoring.matrices(one, "") for one in self.subnets]
        whole = (time.process_time() - began) / len(self.subnets)
        return found, calibrating, (whole - calibrating) / len(indices)


def trained(steps: int, subnets: int, *, height: int, scenes: int) -> Trained:
    """Pre-train a supernet of dense kinds on so many scenes, twice as wide as high."""
    size = (height, 2 * height)
    settings = {"pretrain_steps": steps, "steps": 0, "batch_size": 8, "lr": 0.05}
    crop = {"crop_height": size[0], "crop_width": size[1], "scale_high": 1.25, "colour": 0.2}
    recipe = Recipe.model_validate(
        {
            "target": {"threads": 1, "height": size[0], "width": size[1]},
            "space": {
                "layers": 8,
                "expansions": [2, 4, 6],
                "stem_expansions": [3, 4],
                "fusion_expansions": [2, 4],
                "head_expansions": [2, 4],
                "branches": [32, 16],
            },
            "search": {**settings, "augmentation": crop, "precision": "float32"},
        }
    )
    source = StreetScenes(size=size, counts={"train": scenes, "val": 1})
    data = SearchData(source, "train", halves_of(source, "train", SEED), recipe.search, SEED)
    task = SearchTask(
        space=recipe.space,
        contenders=recipe.students(),
        settings=recipe.search,
        budgets_ms={},
        geometry=recipe.target.geometry(source.label_space.classes),
        cost_ms=lambda spec: spec.macs / 1e6,
        feed=data.feed,
        ignore=source.label_space.ignore,
        seed=SEED,
    )
    search = Search.begin(task)
    pretraining = search.pretraining()
    for step in range(steps):
        pretraining.step(step)
    options = search.contenders[0].options
    ends = (end(options, task.geometry, task.cost_ms) for end in (cheapest, dearest))
    low, high = map(task.pricing, ends)
    found = architectures_near(
        options,
        low + 0.25 * (high - low),
        estimate_ms=Pricing(task.geometry, task.cost_ms),
        generator=Random(SEED),
        count=subnets,
    )
    return Trained(search, data, found)


def mean_ious(scores: Scores, places: Sequence[int]) -> list[float]:
    """Each subnet's mean IoU over some of the images."""

    def added(whole: ConfusionMatrix, one: ConfusionMatrix) -> ConfusionMatrix:
        whole.merge(one)
        return whole

    return [
        reduce(added, (one[at] for at in places), ConfusionMatrix(one[0].classes)).mean_iou() or 0.0
        for one in scores
    ]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's."""
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--subnets", type=int, default=48)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--scenes", type=int, default=400)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    one = trained(wanted.steps, wanted.subnets, height=wanted.height, scenes=wanted.scenes)
    count = len(one.data.halves[1])
    chosen, others = range(0, count, 2), range(1, count, 2)
    fuller = mean_ious(one.scored(FULL)[0], others)
    print(
        f"{len(one.subnets)} subnets after {wanted.steps} steps, mean IoU on {len(others)} images:"
    )
    print(f"mean {np.mean(fuller):.4f}, s.d. {np.std(fuller):.4f}, best {max(fuller):.4f}")
    print("calibration images | rank correlation by scored images " + str(IMAGES) + " | seconds")
    for calibration in CALIBRATIONS:
        scores, calibrating, image = one.scored(calibration)
        told = []
        for images in IMAGES:
            found = mean_ious(scores, spread(chosen, images))
            told.append(f"{rank_correlation(found, fuller):.3f}")
        seconds = f"{calibrating:.3f} + {image:.4f} an image"
        print(f"{calibration:4d} | {'  '.join(told)} | {seconds}", flush=True)


if __name__ == "__main__":
    main()
