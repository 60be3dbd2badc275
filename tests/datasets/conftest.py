"""Small data sets on disk, made anew for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA_YAML = """\
train: images/train
val: images/val
masks_dir: masks
names: [road, car, sky]
"""

MakeFolder = Callable[..., Path]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """A function that writes images, masks and a data.yaml, and returns their folder."""

    def make(text: str = DATA_YAML, *, values: tuple[int, ...] = (0, 1, 2, 255)) -> Path:
        root = tmp_path / "data"
        generator = np.random.default_rng(0)
        for split, count in (("train", 6), ("val", 3)):
            (root / "images" / split).mkdir(parents=True)
            (root / "masks" / split).mkdir(parents=True)
            for index in range(count):
                image = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
                mask = generator.choice(np.array(values, dtype=np.uint8), (20, 30))
                Image.fromarray(image).save(root / "images" / split / f"{split}{index}.jpg")
                Image.fromarray(mask).save(root / "masks" / split / f"{split}{index}.png")
        (root / "data.yaml").write_text(text, encoding="utf-8")
        return root

    return make
