"""How well label maps agree with the truth: integer confusion matrix, IoU, any predictor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from fasterseg.amounts import number_of
from fasterseg.artifacts import Artifact
from fasterseg.datasets.checking.contradictions import Contradiction, contradiction_in, worst_of
from fasterseg.datasets.pictures.bands import rows_at_a_time
from fasterseg.datasets.sample import Pixels, Sample
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.transforms import resize_labels
from fasterseg.errors import DataError
from fasterseg.events import Progress, silent

Predictor = Callable[[Pixels], npt.NDArray[Any]]


class LabelsAndLogits(NamedTuple):
    """What a network sees in an image: labels, and the logits that they come from.

    These are (classes, rows, columns) of any resolution, None where they are not at hand.
    """

    labels: npt.NDArray[Any]
    logits: npt.NDArray[np.float32] | None


Observer = Predictor | Callable[[Pixels], LabelsAndLogits]
"""A predictor, or one that tells too how sure it is."""

# The position baseline counts on a grid no finer than this.
_FINEST_GRID = (512, 512)


class ConfusionMatrix:
    """Pixel counts of truth (rows) against prediction (columns), in 64-bit integers.

    Pixels whose truth is the ignore value are dropped.  A prediction of the ignore value on a
    labelled pixel counts against the true class: it is kept apart, in ``missed``, as it is a
    false negative of the true class and no false positive of any.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts: npt.NDArray[np.int64] = np.zeros((classes, classes), dtype=np.int64)
        self.missed: npt.NDArray[np.int64] = np.zeros(classes, dtype=np.int64)

    def update(self, prediction: Any, labels: Any, *, ignore: int) -> None:
        """Add one image; raises DataError for unequal shapes and for ids that are no class."""
        truth = np.asarray(labels)
        predicted = np.asarray(prediction)
        _require_comparable(predicted, truth)
        for some in rows_at_a_time(*truth.shape):
            self._update(predicted[some], truth[some], ignore)

    def _update(self, predicted: npt.NDArray[Any], truth: npt.NDArray[Any], ignore: int) -> None:
        """Add some rows: their ids are widened to eight bytes, several times."""
        counts = truth != ignore
        rows = truth[counts].astype(np.int64)
        columns = predicted[counts].astype(np.int64)
        _require_ids(rows, self.classes, "label map")
        _require_ids(columns[columns != ignore], self.classes, "prediction")
        columns[columns == ignore] = self.classes
        width = self.classes + 1
        added = np.bincount(rows * width + columns, minlength=self.classes * width)
        table = added.reshape(self.classes, width)
        self.counts += table[:, : self.classes]
        self.missed += table[:, self.classes]

    def merge(self, other: ConfusionMatrix) -> None:
        """Add another matrix's counts."""
        self.counts += other.counts
        self.missed += other.missed

    @property
    def pixels(self) -> int:
        """Labelled pixels counted so far."""
        return int(self.counts.sum() + self.missed.sum())

    def iou(self) -> tuple[float | None, ...]:
        """Return each class's intersection over union; None where it is in neither map."""
        hits = np.diagonal(self.counts)
        union = self.counts.sum(axis=0) + self.counts.sum(axis=1) + self.missed - hits
        return tuple(
            int(hit) / int(whole) if whole else None for hit, whole in zip(hits, union, strict=True)
        )

    def mean_iou(self) -> float | None:
        """Return the mean over the classes that have an IoU; None where none has."""
        present = [value for value in self.iou() if value is not None]
        return sum(present) / len(present) if present else None

    def pixel_accuracy(self) -> float | None:
        """Return the share of labelled pixels that are right; None where there are none."""
        return int(np.trace(self.counts)) / self.pixels if self.pixels else None


class ImageScore(BaseModel):
    """One image's own mean IoU (None where it has no labelled pixel)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    mean_iou: float | None


class EvaluationReport(Artifact):
    """A predictor's score on one split.  IoU values are shares of one, not percent.

    ``resolution`` is the labels' native size, ``HxW``, joined by commas where images differ;
    ``shown_at`` the one size that images were brought to, empty where they were seen at their own.
    ``missed`` counts, for each true class, labelled pixels for which the predictor gave no class.
    ``contradictions`` are places where the predictor is sure of another class than the mask; it
    told how sure it is on ``looked_at`` images.
    """

    schema_tag: ClassVar[str] = "fasterseg.evaluation-report/1"

    subject: str
    data: str
    data_digest: str
    split: str
    images: int
    images_in_split: int
    resolution: str
    shown_at: str = ""
    names: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    missed: tuple[int, ...]
    iou: dict[str, float | None]
    mean_iou: float
    classes_in_mean: int
    absent_classes: tuple[str, ...]
    pixel_accuracy: float
    image_scores: tuple[ImageScore, ...]
    looked_at: int = 0
    contradictions: tuple[Contradiction, ...] = ()

    def worst_images(self, count: int) -> tuple[ImageScore, ...]:
        """Return the images with the lowest mean IoU, worst first."""
        scored = [score for score in self.image_scores if score.mean_iou is not None]
        return tuple(sorted(scored, key=lambda score: (score.mean_iou, score.name))[:count])

    @property
    def seen(self) -> str:
        """The end of a sentence: at which size images were seen, where that is not their own."""
        return f", seen at {self.shown_at}" if self.shown_at not in ("", self.resolution) else ""

    def summary(self) -> str:
        """Return the score in one line, with the number of classes in the mean."""
        absent = f", absent: {', '.join(self.absent_classes)}" if self.absent_classes else ""
        return (
            f"mIoU {100 * self.mean_iou:.2f} % over {self.classes_in_mean} of {len(self.names)} "
            f"classes{absent} ({number_of(self.images, 'image')} of {self.split}, "
            f"{self.resolution}{self.seen})"
        )


class Tally:
    """What a predictor makes of some images of a split, whole and at native resolution."""

    def __init__(self, predictor: Observer, source: DataSource, split: str) -> None:
        self._predictor = predictor
        self._source = source
        self._split = split
        self.matrix = ConfusionMatrix(source.label_space.classes)
        self.scores: list[ImageScore] = []
        self.sizes: set[tuple[int, int]] = set()
        self.looked_at = 0
        self.contradictions: list[Contradiction] = []

    def add(self, index: int) -> None:
        """Score an image; raises DataError where a prediction's shape differs from the labels'."""
        sample = self._source.to_score(self._split, index)
        one, space = ConfusionMatrix(self.matrix.classes), self._source.label_space
        found = self._predictor(sample.image)
        seen = found if isinstance(found, LabelsAndLogits) else LabelsAndLogits(found, None)
        labels = as_labelled(seen.labels, sample)
        one.update(labels, sample.labels, ignore=space.ignore)
        if seen.logits is not None:
            self._doubt(seen.logits, sample)
        self.matrix.merge(one)
        self.scores.append(ImageScore(name=sample.name, mean_iou=one.mean_iou()))
        self.sizes.add((sample.labels.shape[0], sample.labels.shape[1]))

    def _doubt(self, logits: npt.NDArray[np.float32], sample: Sample) -> None:
        """Note where the mask is confidently contradicted."""
        space, self.looked_at = self._source.label_space, self.looked_at + 1
        found = contradiction_in(logits, sample.labels, space, image=sample.name)
        self.contradictions += [found] if found is not None else []

    def report(self, subject: str = "") -> EvaluationReport:
        """All of it as a report; raises DataError where there is no labelled pixel at all."""
        return _report(self, self._source, self._split, subject=subject)


def labels_of(predictor: Predictor, sample: Sample) -> npt.NDArray[Any]:
    """What a predictor makes of a sample to score, at the size of its labels."""
    return as_labelled(predictor(sample.image), sample)


def as_labelled(found: npt.NDArray[Any], sample: Sample) -> npt.NDArray[Any]:
    """A label map of a sample's image at the size of its labels.

    Where the image was brought to another size, each label is that of the nearest pixel.
    """
    found, (height, width) = np.asarray(found), sample.labels.shape
    if found.shape == sample.labels.shape or found.shape != sample.image.shape[:2]:
        return found
    return resize_labels(found, (height, width))


def images_of(source: DataSource, split: str, limit: int | None) -> int:
    """How many images are scored: all, or the first `limit` ones."""
    whole = source.length(split)
    return whole if limit is None else min(limit, whole)


def evaluate_predictor(
    predictor: Observer,
    source: DataSource,
    split: str,
    *,
    subject: str = "",
    progress: Progress = silent,
    limit: int | None = None,
) -> EvaluationReport:
    """Score a predictor on whole images, at the labels' native resolution.

    ``limit`` takes the first images only.  Raises DataError where a prediction's shape differs
    from the labels', or where there is no labelled pixel at all.
    """
    tally, total = Tally(predictor, source, split), images_of(source, split, limit)
    for index in range(total):
        tally.add(index)
        progress(index + 1, total, "")
    return tally.report(subject)


def _report(tally: Tally, source: DataSource, split: str, *, subject: str) -> EvaluationReport:
    matrix = tally.matrix
    mean_iou, accuracy = matrix.mean_iou(), matrix.pixel_accuracy()
    if mean_iou is None or accuracy is None:
        raise DataError(
            "there is no labelled pixel to score",
            where=f"{source.name}, {split}",
            why="every pixel of its masks is one that never counts",
            next_step="score another split, with --split or as the recipe's data.test_split",
        )
    names = source.label_space.names
    iou = dict(zip(names, matrix.iou(), strict=True))
    absent = tuple(name for name in names if iou[name] is None)
    return EvaluationReport(
        subject=subject,
        data=source.name,
        data_digest=source.digest(split),
        split=split,
        images=len(tally.scores),
        images_in_split=source.length(split),
        resolution=_resolution(tally.sizes),
        shown_at="" if source.working_size is None else "{}x{}".format(*source.working_size),
        names=names,
        confusion=tuple(tuple(row) for row in matrix.counts.tolist()),
        missed=tuple(matrix.missed.tolist()),
        iou=iou,
        mean_iou=mean_iou,
        classes_in_mean=len(names) - len(absent),
        absent_classes=absent,
        pixel_accuracy=accuracy,
        image_scores=tuple(tally.scores),
        looked_at=tally.looked_at,
        contradictions=worst_of(tally.contradictions),
    )


def _resolution(sizes: set[tuple[int, int]]) -> str:
    ordered = [f"{height}x{width}" for height, width in sorted(sizes)]
    shown = ordered[:5]
    return ",".join(shown) + (f" and {len(ordered) - 5} more" if len(ordered) > 5 else "")


def _require_comparable(predicted: npt.NDArray[Any], truth: npt.NDArray[Any]) -> None:
    if predicted.shape != truth.shape or truth.ndim != 2:
        raise DataError(
            "a prediction does not have the size of its labels",
            where=f"prediction {predicted.shape}, labels {truth.shape}",
            why="scores are taken at the labels' own resolution; nothing is resized here",
            next_step="give predictions of the labels' size",
        )
    if not np.issubdtype(predicted.dtype, np.integer):
        raise DataError(
            f"a prediction must hold integer class ids, not {predicted.dtype}",
            next_step="give the ids of the most probable classes",
        )


def _require_ids(ids: npt.NDArray[np.int64], classes: int, what: str) -> None:
    if ids.size and (ids.min() < 0 or ids.max() >= classes):
        strange = sorted(set(ids[(ids < 0) | (ids >= classes)].tolist()))
        raise DataError(
            f"the {what} holds ids that are no class",
            where=f"ids {', '.join(map(str, strange[:5]))} ({len(strange)} in all)",
            why="the predictor and the data set have different classes",
            next_step="score on the data set whose classes the predictor was made for",
        )


def position_baseline(source: DataSource, train_split: str, test_split: str) -> EvaluationReport:
    """Score what knows only a pixel's relative position: its most frequent class in training."""
    favourite = _favourite_classes(source, train_split)

    def predict(image: Pixels) -> npt.NDArray[Any]:
        rows = _cells(image.shape[0], favourite.shape[0])
        columns = _cells(image.shape[1], favourite.shape[1])
        return favourite[rows[:, None], columns]

    return evaluate_predictor(predict, source, test_split, subject="position baseline")


def _favourite_classes(source: DataSource, split: str) -> npt.NDArray[np.int64]:
    space = source.label_space
    height, width = source.sample(split, 0).labels.shape
    grid = (min(height, _FINEST_GRID[0]), min(width, _FINEST_GRID[1]))
    votes = np.zeros(grid[0] * grid[1] * space.classes, dtype=np.int64)
    for index in range(source.length(split)):
        labels = source.sample(split, index).labels
        rows = _cells(labels.shape[0], grid[0])[:, None] * grid[1]
        cells = rows + _cells(labels.shape[1], grid[1])
        keys = (cells * space.classes + labels)[labels != space.ignore]
        votes += np.bincount(keys, minlength=votes.size)
    table = votes.reshape(*grid, space.classes)
    favourite: npt.NDArray[np.int64] = table.argmax(axis=-1).astype(np.int64)
    # A place that no training image labels gets the most frequent class of all.
    favourite[~table.any(axis=-1)] = table.sum(axis=(0, 1)).argmax()
    return favourite


def _cells(extent: int, cells: int) -> npt.NDArray[np.int64]:
    places: npt.NDArray[np.int64] = np.arange(extent, dtype=np.int64) * cells // extent
    return places
