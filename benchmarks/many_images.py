"""A data set of many images: what opening, checking and beginning a training take, and decoding.

    python benchmarks/many_images.py --images 100000 --folder /tmp/many
    python benchmarks/many_images.py --decoding

The first makes a tree of small pictures (64x32, JPEG, with PNG masks of 19 classes) in the folder,
which is used again where it is there, and prints a line for each thing that is done with it: the
seconds that passed, the processor's seconds, and the memory of the process after it.  What was
checked is kept in ``FOLDER/cache``.  ``--kept`` leaves out the check that reads everything.

The second decodes made-up street scenes of 1024x2048, PNG and JPEG, with their masks, on one core,
as a training does, and says how many cores keep one GPU busy that takes so many images a second
(``--rate``): on paper, from these figures alone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from fasterseg.config import AugmentationSettings
from fasterseg.datasets.batches.loading import TrainingBatches
from fasterseg.datasets.checking import check_data
from fasterseg.datasets.checking.sizes import image_sizes
from fasterseg.datasets.opening import open_data, open_files
from fasterseg.datasets.sources.files import FileSource
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.sources.splitting import halves_of
from fasterseg.datasets.street import StreetScenes
from fasterseg.learning.feeding import augmentation_of
from fasterseg.resources import resident_bytes

CLASSES = 19
SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}
IN_A_FOLDER = 1000

T = TypeVar("T")


def make_tree(root: Path, images: int) -> None:
    """Write a data set of so many small pictures, no two of them alike; a whole one is kept."""
    described = root / "data.yaml"
    if described.exists():
        return
    dice = np.random.default_rng(0)
    for split, share in SPLITS.items():
        for index in range(round(images * share)):
            below = Path(split) / f"{index // IN_A_FOLDER:03}"
            picture, mask = root / "images" / below, root / "masks" / below
            if index % IN_A_FOLDER == 0:
                picture.mkdir(parents=True, exist_ok=True)
                mask.mkdir(parents=True, exist_ok=True)
            colours = Image.fromarray(dice.integers(0, 256, (8, 16, 3), dtype=np.uint8))
            colours.resize((64, 32)).save(picture / f"{index:06}.jpg", quality=80)
            ids = dice.integers(0, CLASSES, (4, 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(ids).save(mask / f"{index:06}.png")
    lines = [f"{split}: images/{split}" for split in SPLITS]
    names = ", ".join(f"class {index}" for index in range(CLASSES))
    described.write_text("\n".join([*lines, "masks_dir: masks", f"names: [{names}]\n"]))


def lap(name: str, work: Callable[[], T]) -> T:
    """Do it, and print what it took."""
    start, busy = time.perf_counter(), time.process_time()
    found = work()
    took, used = time.perf_counter() - start, time.process_time() - busy
    memory = resident_bytes() / 1e6
    print(f"{name:34} {took:8.1f} s {used:8.1f} s of processor {memory:6.0f} MB", flush=True)
    return found


def first_batch(source: DataSource) -> None:
    """The first batch of a training, with the order of its first epoch."""
    crops = AugmentationSettings(crop_height=32, crop_width=64)
    batches = TrainingBatches(
        source, "train", augmentation=augmentation_of(crops), batch_size=8, seed=0
    )
    batches.batch(0)


def measure_tree(root: Path, images: int, *, kept: bool) -> None:
    """Print what each thing takes that is done with many images."""
    os.environ["FASTERSEG_CACHE"] = str(root / "cache")
    lap(f"making {images:,} images", lambda: make_tree(root, images))
    files: FileSource = lap("listing them", lambda: open_files(root / "data.yaml"))
    if not kept:
        lap("check-data, all read", lambda: check_data(files, remember=True, anew=True))
    lap("check-data, nothing changed", lambda: check_data(files, remember=True))
    source = lap("train: opening", lambda: open_data(root / "data.yaml"))
    for split in ("train", "val"):
        lap(f"train: digest of {split}", lambda split=split: source.digest(split))
    lap("train: sizes, known", lambda: image_sizes(source, SPLITS))
    lap("search: halves", lambda: halves_of(source, "train", 0))
    lap("train: first batch", lambda: first_batch(source))


def measure_decoding(rate: float, *, count: int = 8) -> None:
    """Print how many images a second one core reads, and how many cores a GPU needs."""
    scenes = StreetScenes(size=(1024, 2048), counts={"train": count, "val": 1, "test": 1}, seed=0)
    samples = [scenes.sample("train", index) for index in range(count)]
    crops = AugmentationSettings(crop_height=512, crop_width=1024)
    for form, settings in {"png": {}, "jpg": {"quality": 90}}.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for index, sample in enumerate(samples):
                for kind, pixels in (("images", sample.image), ("masks", sample.labels)):
                    path = root / kind / f"{index}.{form if kind == 'images' else 'png'}"
                    path.parent.mkdir(exist_ok=True)
                    Image.fromarray(pixels).save(path, **(settings if kind == "images" else {}))
            names = ", ".join(scenes.label_space.names)
            (root / "data.yaml").write_text(f"train: images\nmasks_dir: masks\nnames: [{names}]\n")
            source = open_data(root)
            read = seconds(lambda source=source: [source.sample("train", i) for i in range(count)])
            batches = TrainingBatches(
                source,
                "train",
                augmentation=augmentation_of(crops),
                batch_size=1,
                seed=0,
                memory_bytes=0,
            )
            fed = seconds(
                lambda batches=batches: [*islice(map(batches.batch, range(count)), count)]
            )
        cores = rate * fed / count
        print(
            f"{form}: {count / read:5.1f} images with masks a second and core; scaled, cropped to "
            f"512x1024 and normalised {count / fed:5.1f}; a GPU of {rate:g} images a second needs "
            f"{cores:.1f} cores"
        )


def seconds(work: Callable[[], object]) -> float:
    """The processor's seconds of the best of three times."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Measure what the words ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "many")
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--decoding", action="store_true")
    parser.add_argument("--rate", type=float, default=30.0)
    words = parser.parse_args()
    if words.decoding:
        measure_decoding(words.rate)
    else:
        measure_tree(words.folder, words.images, kept=words.kept)


if __name__ == "__main__":
    main()
