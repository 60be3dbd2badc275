"""The pictures of the README, from a finished run on the street scenes.

    python benchmarks/readme_pictures.py runs/demo

Writes docs/pictures/predictions.png (image, labels and the student's prediction of three test
scenes) and docs/pictures/student.svg.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from fasterseg.config import Recipe
from fasterseg.durable import durable_write
from fasterseg.network.predicting import load_model
from fasterseg.network.segmentation import png_bytes
from fasterseg.pipeline.opening import open_source
from fasterseg.reporting.drawing import draw_svg
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture

SCENES = (3, 17, 42)
GAP = 6
SCALE = 2


def main(folder: Path) -> None:
    """Write both pictures."""
    run = RunFolder(folder)
    recipe = Recipe.load(run.recipe)
    source = open_source(recipe)
    model = load_model(run.bundle("student"))
    palette = np.array([*source.label_space.colours], dtype=np.uint8)
    rows = []
    for index in SCENES:
        sample = source.sample(recipe.data.test_split, index)
        truth = np.zeros_like(sample.image)
        known = sample.labels != source.label_space.ignore
        truth[known] = palette[sample.labels[known]]
        rows.append(beside([sample.image, truth, model(sample.image).colours()]))
    whole = np.concatenate([part for row in rows for part in (row, gap(row))][:-1])
    picture = Image.fromarray(whole)
    size = (picture.width * SCALE, picture.height * SCALE)
    target = Path("docs/pictures")
    large = np.array(picture.resize(size, Image.Resampling.NEAREST))
    durable_write(target / "predictions.png", png_bytes(large))
    geometry = recipe.target.geometry(source.label_space.classes)
    drawing = draw_svg(Architecture.load(run.architecture("student")), geometry, title="student")
    durable_write(target / "student.svg", drawing.encode())


def beside(parts: list[np.ndarray]) -> np.ndarray:
    """Pictures of one height next to each other."""
    strip = np.full((parts[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    return np.concatenate([p for part in parts for p in (part, strip)][:-1], axis=1)


def gap(row: np.ndarray) -> np.ndarray:
    """A white strip below a row."""
    return np.full((GAP, row.shape[1], 3), 255, dtype=np.uint8)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
