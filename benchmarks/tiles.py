"""What tiles cost: a model's score on large images seen whole, and in overlapping tiles.

Large images are mosaics of a data set's test images at their own size, and single ones enlarged.
Prints, for each kind, mean IoU and pixel accuracy in percent against the labels, and how many of
the labels of the whole image the tiles give, by how much of a tile's surroundings it sees.

    python benchmarks/tiles.py --data camvid --model camvid-8ms
"""

from __future__ import annotations

import argparse
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.runtimes.models import load_model
from fasterseg.evaluation import ConfusionMatrix
from fasterseg.network import tiling

CONTEXTS = (64, 128, 256)
# Rows and columns of photographs, and by how much each is enlarged.
MOSAICS = ((4, 4, 1), (5, 6, 1), (1, 1, 4), (1, 1, 6))
MOSAICS_OF_A_KIND = 4


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--data", default="camvid")
    words.add_argument("--model", default="camvid-8ms")
    asked = words.parse_args()
    model, source = load_model(asked.model), open_data(asked.data)
    for rows, columns, times in MOSAICS:
        scores: dict[str, ConfusionMatrix] = {}
        equal: dict[str, list[float]] = {}
        for number in range(MOSAICS_OF_A_KIND):
            image, labels = mosaic(source, rows, columns, times, number)
            whole = model.label_map(image)
            found: dict[str, npt.NDArray[np.generic]] = {"whole": whole}
            for context in CONTEXTS:
                with patch.object(tiling, "CONTEXT", context):
                    found[str(context)] = tiling.in_tiles(model.label_map, image)
            for name, map_ in found.items():
                matrix = scores.setdefault(name, ConfusionMatrix(source.label_space.classes))
                matrix.update(map_, labels, ignore=source.label_space.ignore)
                equal.setdefault(name, []).append(float((map_ == whole).mean()))
        print(f"{image.shape[0]}x{image.shape[1]}, {rows * columns} photographs:")
        for name, matrix in scores.items():
            iou, accuracy = matrix.mean_iou() or 0.0, matrix.pixel_accuracy() or 0.0
            print(
                f"  {name:>5}: {100 * iou:.2f} % mIoU, {100 * accuracy:.2f} % of pixels, "
                f"{100 * float(np.mean(equal[name])):.1f} % as whole",
                flush=True,
            )


def mosaic(
    source: DataSource, rows: int, columns: int, times: int, number: int
) -> tuple[Pixels, LabelMap]:
    """Some test images, enlarged, side by side and one above the other, with their labels."""
    total = source.length("test")
    samples = [
        source.sample("test", (53 * number + 7 * place) % total) for place in range(rows * columns)
    ]
    images = [enlarged(sample.image, times, Image.Resampling.BILINEAR) for sample in samples]
    labels = [enlarged(sample.labels, times, Image.Resampling.NEAREST) for sample in samples]
    return joined(images, rows), joined(labels, rows)


def enlarged(
    values: npt.NDArray[np.generic], times: int, how: Image.Resampling
) -> npt.NDArray[np.uint8]:
    """An image or a label map, so many times as high and as wide."""
    height, width = values.shape[:2]
    return np.asarray(Image.fromarray(values).resize((width * times, height * times), how))


def joined(parts: list[npt.NDArray[np.uint8]], rows: int) -> npt.NDArray[np.uint8]:
    """Parts of one size as one array, row by row."""
    columns = len(parts) // rows
    return np.vstack([np.hstack(parts[row * columns :][:columns]) for row in range(rows)])


if __name__ == "__main__":
    main()
