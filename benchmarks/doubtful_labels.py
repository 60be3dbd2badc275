"""How many wrong masks scoring finds, and what looking for them costs.

``python benchmarks/doubtful_labels.py RUN``: the run's student scores its test split, once as it
lies and once with 20 masks in which a part of the largest class is labelled as a rarer one.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fasterseg.config import Recipe
from fasterseg.datasets.checking.contradictions import Contradiction, worst_of
from fasterseg.datasets.sample import Sample
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.runtimes.models import load_model
from fasterseg.evaluation import Observer, Tally
from fasterseg.pipeline.opening import open_source
from fasterseg.runs import RunFolder
from fasterseg.runtime import set_threads

SPOILT = 20


class Spoilt:
    """The data, in some of whose masks a part of the largest class is labelled as another."""

    def __init__(self, source: DataSource, spoilt: set[int], wrong: int) -> None:
        self._source, self._spoilt, self._wrong = source, spoilt, wrong
        self.places: dict[str, tuple[slice, slice]] = {}

    def __getattr__(self, name: str) -> Any:
        """All else is as it lies."""
        return getattr(self._source, name)

    def to_score(self, split: str, index: int) -> Sample:
        """The sample as it is scored, spoilt or not."""
        sample = self._source.to_score(split, index)
        if index not in self._spoilt:
            return sample
        labels, classes = sample.labels.copy(), self._source.label_space.classes
        largest = int(np.bincount(labels[labels < classes], minlength=classes).argmax())
        rows, columns = np.nonzero(labels == largest)
        (height, width), middle = labels.shape, (int(np.median(rows)), int(np.median(columns)))
        place = (
            slice(max(0, middle[0] - height // 6), middle[0] + height // 6),
            slice(max(0, middle[1] - width // 8), middle[1] + width // 8),
        )
        part = labels[place]
        part[part == largest] = self._wrong
        self.places[sample.name] = place
        return replace(sample, labels=labels)


def scored(observer: Observer, source: DataSource, split: str) -> tuple[Tally, float]:
    """The whole split scored, and the seconds of processor that it took."""
    begun, tally = time.process_time(), Tally(observer, source, split)
    for index in range(source.length(split)):
        tally.add(index)
    return tally, time.process_time() - begun


def meets(found: Contradiction, place: tuple[slice, slice]) -> bool:
    """Whether a box and a place have a pixel in common."""
    rows, columns = place
    tall = found.top < rows.stop and found.bottom > rows.start
    return tall and found.left < columns.stop and found.right > columns.start


def main() -> int:
    """Print what was found and what it cost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="a finished run")
    parser.add_argument("--label-as", default="pedestrian", help="the class of the wrong parts")
    asked = parser.parse_args()
    set_threads(1)
    run = RunFolder(asked.run)
    recipe = Recipe.load(run.recipe)
    source, split = open_source(recipe), recipe.data.test_split
    model = load_model(run.bundle(recipe.students()[0].name), threads=1)
    _, plain = scored(model.labels, source, split)
    clean, looking = scored(model.labels_and_logits, source, split)
    images = source.length(split)
    print(f"{images} images: {plain:.2f} s of processor, {looking:.2f} s with looking")
    print(f"as they lie: {len(clean.contradictions)} masks contradicted")
    chosen = np.random.default_rng(0).choice(images, min(SPOILT, images), replace=False)
    wrong = source.label_space.names.index(asked.label_as)
    spoilt = Spoilt(source, set(chosen.tolist()), wrong)
    tally, _ = scored(model.labels_and_logits, spoilt, split)  # type: ignore[arg-type]
    told = [one for one in worst_of(tally.contradictions) if one.image in spoilt.places]
    right = sum(meets(one, spoilt.places[one.image]) for one in told)
    print(f"{len(chosen)} spoilt: {len(told)} among those told, {right} with the place itself")
    return 0


if __name__ == "__main__":
    sys.exit(main())
