from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from made_up_source import MadeUpSource

from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.sample import Sample
from fasterseg.errors import DataError
from fasterseg.evaluation import (
    ConfusionMatrix,
    EvaluationReport,
    evaluate_predictor,
    position_baseline,
)

Ids = npt.NDArray[Any]


LABELS = LabelSpace.from_names(["road", "car", "sky"])


@dataclass(frozen=True)
class Maps(MadeUpSource):
    """A source of given label maps; images hold the labels in red."""

    maps: tuple[Ids, ...]
    label_space: LabelSpace = LABELS
    name: str = "maps"

    def splits(self) -> tuple[str, ...]:
        return ("test",)

    def length(self, split: str) -> int:
        return len(self.maps)

    def names(self, split: str) -> tuple[str, ...]:
        return tuple(f"map{index}" for index in range(len(self.maps)))

    def sample(self, split: str, index: int) -> Sample:
        labels = self.maps[index].astype(np.uint8)
        return Sample(np.repeat(labels[..., None], 3, axis=-1), labels, f"map{index}")

    def digest(self, split: str) -> str:
        return "sha256:none"


def perfect(image: Ids) -> Ids:
    return np.where(image[..., 0] == 255, 0, image[..., 0])


def random_pairs(count: int, classes: int) -> list[tuple[Ids, Ids]]:
    generator = np.random.default_rng(classes)
    pairs = []
    for _ in range(count):
        size = generator.integers(1, 24, 2)
        # Few classes in each image, so that some are absent from one map, or from both.
        some = generator.choice(classes, generator.integers(1, classes + 1), replace=False)
        truth = generator.choice(np.append(some, 255), size)
        wrong = generator.integers(0, classes, size)
        pairs.append((np.where(generator.random(size) < 0.5, truth % 255 % classes, wrong), truth))
    return pairs


EDGE_CASES: list[tuple[Ids, Ids]] = [
    (np.full((2, 3), 7), np.full((2, 3), 255)),
    (np.full((2, 3), 7), np.full((2, 3), 7)),
    (np.full((2, 3), 7), np.full((2, 3), 8)),
    (np.array([[0]]), np.array([[18]])),
    (np.array([[18]]), np.array([[0]])),
    (np.arange(19)[None], np.arange(19)[None]),
    (np.arange(19)[None], np.arange(19)[None, ::-1]),
    (np.zeros((1, 19), dtype=int), np.arange(19)[None]),
    (np.arange(19)[None], np.zeros((1, 19), dtype=int)),
    (np.arange(19)[None], np.array([[255] * 18 + [18]])),
    (np.array([[255, 3]]), np.array([[3, 3]])),
    (np.array([[255, 255]]), np.array([[5, 255]])),
]


def cityscapes_matrix(pairs: list[tuple[Ids, Ids]], folder: Path) -> tuple[Ids, list[float]]:
    """Counts and IoU as cityscapesScripts gives them, in train ids."""
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as oracle
    from cityscapesscripts.helpers.labels import trainId2label
    from PIL import Image

    to_raw = np.zeros(256, dtype=np.uint8)
    raw_of = [trainId2label[train_id].id for train_id in range(19)]
    to_raw[:19] = raw_of
    oracle.args.evalInstLevelScore = False
    oracle.args.evalPixelAccuracy = False
    oracle.args.avgClassSize = {}
    oracle.args.quiet = True
    oracle.args.JSONOutput = False
    matrix = oracle.generateMatrix(oracle.args)
    stats: dict[str, Any] = {}
    for predicted, truth in pairs:
        paths = (str(folder / "prediction.png"), str(folder / "truth.png"))
        for path, ids in zip(paths, (predicted, truth), strict=True):
            Image.fromarray(to_raw[ids]).save(path)
        oracle.evaluatePair(*paths, matrix, stats, stats, oracle.args)
    matrix = np.asarray(matrix)
    scores = [oracle.getIouScoreForLabel(raw, matrix, oracle.args) for raw in raw_of]
    return matrix[np.ix_(raw_of, [*raw_of, 0])], scores


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [40, pytest.param(500, marks=pytest.mark.slow)])
def test_confusion_equals_cityscapes_to_the_integer(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["oracle"])
    pairs = random_pairs(count, 19) + EDGE_CASES
    ours = ConfusionMatrix(19)
    for predicted, truth in pairs:
        ours.update(predicted, truth, ignore=255)

    theirs, scores = cityscapes_matrix(pairs, tmp_path)

    assert np.array_equal(ours.counts, theirs[:, :19])
    assert np.array_equal(ours.missed, theirs[:, 19])
    assert ours.missed.sum() == 2
    assert [float("nan") if v is None else v for v in ours.iou()] == pytest.approx(
        scores, abs=1e-12, nan_ok=True
    )


@pytest.mark.parametrize("index", range(len(EDGE_CASES)))
@pytest.mark.filterwarnings("ignore")
def test_each_edge_case_equals_cityscapes(
    index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["oracle"])
    predicted, truth = EDGE_CASES[index]
    ours = ConfusionMatrix(19)
    ours.update(predicted, truth, ignore=255)

    theirs, scores = cityscapes_matrix([EDGE_CASES[index]], tmp_path)

    assert np.array_equal(np.hstack([ours.counts, ours.missed[:, None]]), theirs)
    assert [float("nan") if v is None else v for v in ours.iou()] == pytest.approx(
        scores, abs=1e-12, nan_ok=True
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("classes", [2, 5, 19])
def test_confusion_equals_torchmetrics_to_the_integer(classes: int) -> None:
    from torchmetrics.classification import MulticlassConfusionMatrix

    torch.use_deterministic_algorithms(False)
    theirs = MulticlassConfusionMatrix(classes, ignore_index=255)
    ours = ConfusionMatrix(classes)
    for predicted, truth in random_pairs(60, classes):
        ours.update(predicted, truth, ignore=255)
        theirs.update(torch.from_numpy(predicted), torch.from_numpy(truth))

    assert np.array_equal(ours.counts, theirs.compute().numpy())


def test_pixels_of_ignored_truth_never_count() -> None:
    matrix = ConfusionMatrix(3)

    matrix.update(np.array([[0, 1, 2]]), np.array([[0, 255, 255]]), ignore=255)

    assert matrix.counts.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_predicting_the_ignore_value_counts_against_the_true_class() -> None:
    matrix = ConfusionMatrix(2)

    matrix.update(np.array([[255, 0]]), np.array([[0, 0]]), ignore=255)

    assert matrix.iou() == (0.5, None)
    assert matrix.pixel_accuracy() == 0.5


def test_a_class_that_is_only_predicted_counts_as_zero_and_an_absent_one_is_none() -> None:
    matrix = ConfusionMatrix(3)

    matrix.update(np.array([[0, 1]]), np.array([[0, 0]]), ignore=255)

    assert matrix.iou() == (0.5, 0.0, None)
    assert matrix.mean_iou() == 0.25


def test_counts_do_not_wrap_beyond_32_bits() -> None:
    matrix = ConfusionMatrix(1)
    matrix.counts[0, 0] = 2**40

    matrix.update(np.zeros((3, 3), dtype=int), np.zeros((3, 3), dtype=int), ignore=255)

    assert matrix.pixels == 2**40 + 9


def test_merged_matrices_equal_one_over_all_images() -> None:
    one, two, both = (ConfusionMatrix(5) for _ in range(3))
    first, second = random_pairs(2, 5)
    one.update(*first, ignore=255)
    two.update(*second, ignore=255)
    both.update(*first, ignore=255)
    both.update(*second, ignore=255)

    one.merge(two)

    assert np.array_equal(one.counts, both.counts)


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [
        (np.array([[3]]), np.array([[0]])),
        (np.array([[-1]]), np.array([[0]])),
        (np.array([[0]]), np.array([[3]])),
        (np.array([[0.0]]), np.array([[0]])),
        (np.array([[0, 1]]), np.array([[0]])),
        (np.zeros((2, 2, 3), dtype=int), np.zeros((2, 2), dtype=int)),
    ],
)
def test_what_cannot_be_compared_is_refused(predicted: Ids, truth: Ids) -> None:
    with pytest.raises(DataError):
        ConfusionMatrix(3).update(predicted, truth, ignore=255)


def test_tensors_are_taken_as_well_as_arrays() -> None:
    matrix = ConfusionMatrix(2)

    matrix.update(torch.tensor([[1, 0]]), torch.tensor([[1, 1]]), ignore=255)

    assert matrix.counts.tolist() == [[0, 0], [1, 1]]


def test_a_report_names_absent_classes_and_the_number_in_the_mean() -> None:
    source = Maps((np.array([[0, 1], [255, 1]]), np.array([[0, 0, 1]])))

    report = evaluate_predictor(perfect, source, "test")

    assert report.mean_iou == 1.0
    assert report.classes_in_mean == 2
    assert report.absent_classes == ("sky",)
    assert report.iou == {"road": 1.0, "car": 1.0, "sky": None}
    assert report.resolution == "1x3,2x2"
    assert "2 of 3 classes, absent: sky" in report.summary()


def test_the_mean_is_taken_over_all_pixels_and_not_over_images() -> None:
    source = Maps((np.array([[0]]), np.array([[0, 0, 1, 1]])))

    report = evaluate_predictor(lambda image: np.zeros(image.shape[:2], dtype=int), source, "test")

    assert report.mean_iou == pytest.approx((3 / 5 + 0) / 2)
    assert [score.mean_iou for score in report.image_scores] == [1.0, 0.25]
    assert report.worst_images(1)[0].name == "map1"


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    report = evaluate_predictor(perfect, Maps((np.array([[0, 1]]),)), "test")

    assert EvaluationReport.load(report.save(tmp_path / "metrics.json")) == report


def test_a_limit_scores_the_first_images_and_says_so() -> None:
    seen = []
    source = Maps((np.array([[0]]),) * 5)

    report = evaluate_predictor(
        perfect,
        source,
        "test",
        limit=2,
        progress=lambda done, total, _note: seen.append((done, total)),
    )

    assert (report.images, report.images_in_split) == (2, 5)
    assert seen == [(1, 2), (2, 2)]


def test_a_prediction_of_another_size_is_refused() -> None:
    with pytest.raises(DataError, match="size of its labels"):
        evaluate_predictor(lambda image: image[:1, :1, 0], Maps((np.zeros((4, 4)),)), "test")


def test_a_split_without_labelled_pixels_has_no_score() -> None:
    with pytest.raises(DataError, match="no labelled pixel"):
        evaluate_predictor(perfect, Maps((np.full((2, 2), 255),)), "test")


def test_the_position_baseline_knows_positions_only() -> None:
    low = np.array([[2, 2], [0, 0]])
    odd = np.array([[2, 2], [0, 1]])

    report = position_baseline(Maps((low, low, odd)), "test", "test")

    assert report.iou == {"road": 5 / 6, "car": 0.0, "sky": 1.0}
    assert report.subject == "position baseline"


def test_the_position_baseline_carries_over_to_other_sizes() -> None:
    small = np.array([[2, 2], [0, 255]])
    large = np.kron(np.array([[2, 2], [0, 0]]), np.ones((3, 5), dtype=int))

    @dataclass(frozen=True)
    class Two(Maps):
        def sample(self, split: str, index: int) -> Sample:
            return Maps.sample(Maps((small if split == "train" else large,)), split, 0)

    report = position_baseline(Two((small,)), "train", "test")

    # The place without a label gets the most frequent class, which is the sky here.
    assert report.iou["sky"] == 30 / 45
