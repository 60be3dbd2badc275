"""Pictures for the page: image, truth and predictions side by side, the worst images first."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import LabelMap, Pixels
from fasterseg.datasets.source import DataSource
from fasterseg.evaluation import ConfusionMatrix, EvaluationReport, Predictor

WORST, TYPICAL, BEST = 4, 2, 1
WIDEST = 512
UNLABELLED = (38, 38, 42)
_JPEG_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Picture:
    """An embedded picture: `source` is a data URI, `text` what it shows."""

    caption: str
    text: str
    source: str
    width: int
    height: int
    figure: str = ""


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """One image of the split with its truth and predictions; `why` it was chosen."""

    name: str
    why: str
    pictures: tuple[Picture, ...]


def choose_images(report: EvaluationReport) -> list[tuple[str, str]]:
    """Names of images to show and why: the worst, those around the median, the best."""
    ranked = [score.name for score in report.worst_images(len(report.image_scores))]
    middle = max(0, len(ranked) // 2 - TYPICAL // 2)
    chosen = [(name, "among the worst") for name in ranked[:WORST]]
    chosen += [(name, "typical") for name in ranked[middle : middle + TYPICAL]]
    chosen += [(name, "among the best") for name in ranked[::-1][:BEST]]
    found: dict[str, str] = {}
    for name, why in chosen:
        found.setdefault(name, why)
    return list(found.items())


def gallery(
    report: EvaluationReport, source: DataSource, predictors: Mapping[str, Predictor]
) -> list[GalleryRow]:
    """A row for each chosen image; each predictor's picture carries its IoU on that image."""
    index = {name: place for place, name in enumerate(source.names(report.split))}
    rows = []
    for name, why in choose_images(report):
        if name in index:
            sample = source.sample(report.split, index[name])
            pictures = (
                _photograph(sample.image, name),
                _map("truth", sample.labels, source.label_space, name, ""),
                *_predictions(sample.image, sample.labels, source.label_space, predictors, name),
            )
            rows.append(GalleryRow(name, why, pictures))
    return rows


def _predictions(
    image: Pixels,
    truth: LabelMap,
    space: LabelSpace,
    predictors: Mapping[str, Predictor],
    name: str,
) -> Iterator[Picture]:
    for who, predict in predictors.items():
        labels = np.asarray(predict(image))
        matrix = ConfusionMatrix(space.classes)
        matrix.update(labels, truth, ignore=space.ignore)
        mean = matrix.mean_iou()
        figure = "no labelled pixel" if mean is None else f"mean IoU {100 * mean:.1f} %"
        yield _map(who, labels, space, name, figure)


def painted(labels: npt.NDArray[np.integer], space: LabelSpace) -> Pixels:
    """Class ids in their colours; what has no class is dark."""
    palette = np.array([*space.colours, UNLABELLED], dtype=np.uint8)
    ids = np.where(labels < space.classes, labels, space.classes)
    colours: Pixels = palette[ids]
    return colours


def _photograph(image: Pixels, name: str) -> Picture:
    picture = _shrunk(Image.fromarray(image), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=_JPEG_QUALITY)
    source = _data_uri("jpeg", buffer.getvalue())
    return Picture("image", f"The image {name}", source, picture.width, picture.height)


def _map(who: str, labels: LabelMap, space: LabelSpace, name: str, figure: str) -> Picture:
    picture = _shrunk(Image.fromarray(painted(labels, space)), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    text = f"{who} for {name}: {_largest_classes(labels, space)}"
    source = _data_uri("png", buffer.getvalue())
    return Picture(who, text, source, picture.width, picture.height, figure)


def _largest_classes(labels: LabelMap, space: LabelSpace) -> str:
    counts = np.bincount(np.asarray(labels).ravel(), minlength=space.classes)[: space.classes]
    order = np.argsort(-counts, kind="stable")[:3]
    return ", ".join(
        f"{space.names[i]} {100 * counts[i] / labels.size:.0f} %" for i in order if counts[i]
    )


def _shrunk(picture: Image.Image, how: Image.Resampling) -> Image.Image:
    if picture.width <= WIDEST:
        return picture
    height = max(1, round(picture.height * WIDEST / picture.width))
    return picture.resize((WIDEST, height), how)


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
