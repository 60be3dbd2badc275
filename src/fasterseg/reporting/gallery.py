"""Pictures for the page: image, truth and predictions side by side, the worst images first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import LabelMap
from fasterseg.datasets.sources.source import DataSource
from fasterseg.evaluation import ConfusionMatrix, EvaluationReport, Predictor, labels_of
from fasterseg.reporting.pictures import Picture, largest_classes, map_of, painted, photograph

WORST, TYPICAL, BEST = 4, 2, 1
WHYS = ("among the best", "typical", "among the worst")
LEADING = 4


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """One image of the split with its truth and predictions; `why` it was chosen.

    `overlay` is the image with the labels of the network over it that chose the images.
    """

    name: str
    why: str
    pictures: tuple[Picture, ...]
    overlay: Picture


def choose_images(report: EvaluationReport) -> list[tuple[str, str]]:
    """Names of images to show and why: the worst, those around the median, the best."""
    ranked = [score.name for score in report.worst_images(len(report.image_scores))]
    middle = max(0, len(ranked) // 2 - TYPICAL // 2)
    best, typical, worst = WHYS
    chosen = [(name, worst) for name in ranked[:WORST]]
    chosen += [(name, typical) for name in ranked[middle : middle + TYPICAL]]
    chosen += [(name, best) for name in ranked[::-1][:BEST]]
    found: dict[str, str] = {}
    for name, why in chosen:
        found.setdefault(name, why)
    return list(found.items())


def leading(rows: Sequence[GalleryRow]) -> list[GalleryRow]:
    """The few rows that stand for all: the best, the typical, then the worst."""
    return sorted(rows, key=lambda row: WHYS.index(row.why))[:LEADING]


def gallery(
    report: EvaluationReport, source: DataSource, predictors: Mapping[str, Predictor], *, by: str
) -> list[GalleryRow]:
    """A row for each chosen image; each predictor's picture carries its IoU on that image.

    `by` is the predictor whose scores chose them.
    """
    index = {name: place for place, name in enumerate(source.names(report.split))}
    rows = []
    for name, why in choose_images(report):
        if name in index:
            sample, space = source.to_score(report.split, index[name]), source.label_space
            image = source.as_it_lies.sample(report.split, index[name]).image
            found = {who: labels_of(labels, sample) for who, labels in predictors.items()}
            figures = {who: _figure(labels, sample.labels, space) for who, labels in found.items()}
            pictures = (
                photograph("image", f"The image {name}", image),
                map_of("truth", sample.labels, space, name, ""),
                *(map_of(who, labels, space, name, figures[who]) for who, labels in found.items()),
            )
            mixed = image // 2 + painted(found[by], space) // 2
            text = f"{by}'s labels over {name}: {largest_classes(found[by], space)}"
            overlay = photograph(why, text, mixed, figures[by])
            rows.append(GalleryRow(name, why, pictures, overlay))
    return rows


def _figure(labels: LabelMap, truth: LabelMap, space: LabelSpace) -> str:
    matrix = ConfusionMatrix(space.classes)
    matrix.update(labels, truth, ignore=space.ignore)
    mean = matrix.mean_iou()
    return "no labelled pixel" if mean is None else f"mean IoU {100 * mean:.1f} %"
