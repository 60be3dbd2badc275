"""Whether an exported file does what the network does that it was made from.

Statements (whose weights, which classes, which normalisation, which size) are compared word for
word; then the file itself runs on real images, and its logits, its labels and its score are held
against those of the network in PyTorch, in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fasterseg.config import Precision
from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.sources.part import spread
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.transforms import resize_image, resize_labels
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.deploy.shipping.int8_search import Int8Evidence
from fasterseg.deploy.shipping.tails import tail_check
from fasterseg.deploy.shipping.verification_report import (
    TOLERANCES,
    Check,
    Tolerance,
    VerificationReport,
)
from fasterseg.errors import FastersegError
from fasterseg.evaluation import EvaluationReport, evaluate_predictor
from fasterseg.events import Progress, silent
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.network.tiling import LabelFunction, in_tiles, middle_of
from fasterseg.space.blocks import Size

# A graph of any size is asked for these besides the images' own: odd, wide and tall, and so small
# that the deepest maps have a single pixel.
OTHER_SIZES = (
    Size(97, 161),
    Size(31, 48),
    Size(128, 256),
    Size(225, 225),
    Size(1, 1),
    Size(321, 203),
    Size(256, 511),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """The image on which a file and its network differ most: both label maps of it, of one size."""

    image: Pixels
    wanted: npt.NDArray[Any]
    found: npt.NDArray[Any]

    @property
    def share(self) -> float:
        """Share of pixels whose labels differ."""
        return float((self.wanted != self.found).mean())


@dataclass(frozen=True)
class Subject:
    """What is verified, and what against.

    `expected` is the card that a faithful export has; `reference` is the network in PyTorch;
    `file` is where it lies, with what lies beside it.
    """

    session: Session
    card: ExportedCard
    expected: ExportedCard
    reference: NetworkPredictor
    name: str
    against: str
    file: Path | None = None

    def wanted(self, image: Pixels) -> npt.NDArray[Any]:
        """The network's labels of an image: resized and back, where the file does that itself."""
        size = self.card.working_size
        if not self.card.resizes or size is None:
            return self.reference.label_map(image)
        found = self.reference.label_map(resampled(image, size))
        return resize_labels(found, (image.shape[0], image.shape[1]))


@dataclass(frozen=True)
class Evidence:
    """The images that the file is run on, and the labelled split that it is scored on, if any.

    `int8` is what a network in int8 is made by, where that was asked for.
    """

    images: Sequence[Pixels]
    image_source: str
    source: DataSource | None = None
    split: str = ""
    int8: Int8Evidence | None = None


def evidence_of(source: DataSource, split: str, *, images: int) -> Evidence:
    """Images of a split at equal distances, all where there are no more; all are for the score.

    Of large images it is their middle: so much as a network is shown at once.
    """
    chosen = spread(range(source.length(split)), images)
    pictures = [middle_of(source.sample(split, index).image) for index in chosen]
    return Evidence(pictures, f"{source.name}/{split}", source, split)


def verify(
    subject: Subject, evidence: Evidence, *, progress: Progress = silent
) -> tuple[VerificationReport, Difference | None]:
    """Compare a file with its network; return the report and the worst image, if any differ."""
    facts = subject.session.facts()
    tolerance = tolerance_of(subject.card, facts["precision"])
    checks = list(statements(subject))
    tally = _Tally(tolerance)
    images = list(_at_sizes(evidence.images, subject.card.size))
    for index, image in enumerate(images):
        tally.add(subject, image)
        progress(index + 1, len(images), "images")
    checks += tally.checks()
    found, wanted = (None, None)
    if tally.fault is None:
        found, wanted = _scores(subject, evidence, progress)
    if found is not None and wanted is not None:
        checks.append(_score_check(found, wanted, tolerance))
    report = VerificationReport(
        subject=subject.name,
        against=subject.against,
        digest_of_file=subject.session.digest,
        facts=facts,
        images=len(images),
        image_source=evidence.image_source,
        sizes=tuple(dict.fromkeys(f"{i.shape[0]}x{i.shape[1]}" for i in images)),
        checks=tuple(checks),
        mean_iou=None if found is None else found.mean_iou,
        reference_mean_iou=None if wanted is None else wanted.mean_iou,
        split=evidence.split if found is not None else "",
        remark=_remark(subject, evidence) if found is None else "",
    )
    return report, tally.worst


def coarser(written: Precision, computed_in: str) -> Precision:
    """The coarser of the file's type and of those that the runtime computes in."""
    for precision in ("int8", "bfloat16", "float16"):
        if precision in (written, *computed_in.split("+")):
            return precision
    return "float32"


def tolerance_of(card: ExportedCard, computed_in: str) -> Tolerance:
    """How far a file may be from its network: in int8 so far as was said when it was made."""
    found = TOLERANCES[coarser(card.precision, computed_in)]
    made = card.quantisation
    return found if made is None else replace(found, mean_iou=made.max_drop, gains=True)


def statements(subject: Subject) -> Iterator[Check]:
    """What the file says of itself, against what a faithful export says."""
    card, expected = subject.card, subject.expected
    same = {
        "weights": (card.weights_digest, expected.weights_digest),
        "class names": (card.label_space.names, expected.label_space.names),
        "class colours": (card.label_space.colours, expected.label_space.colours),
        "ignore value": (card.label_space.ignore, expected.label_space.ignore),
        "mean": (card.mean, expected.mean),
        "deviation": (card.std, expected.std),
        "reading of images": (card.reading.describe(), expected.reading.describe()),
    }
    if (card.working_size, expected.working_size) != (None, None):
        same["working size"] = (card.working_size, expected.working_size)
        same["who resizes"] = (card.resizes, expected.resizes)
    if card.trained_on is not None and expected.trained_on is not None:
        same["trained on"] = (card.trained_on.whose, expected.trained_on.whose)
    for name, (found, wanted) in same.items():
        passed = found == wanted
        said = "the network's" if passed else _short(found)
        yield Check(name=name, passed=passed, found=said, allowed="" if passed else _short(wanted))
    if card.size is not None and expected.size is not None:
        found, wanted = (f"{s.height}x{s.width}" for s in (card.size, expected.size))
        yield Check(name="image size", passed=found == wanted, found=found, allowed=wanted)
    if subject.file is not None:
        yield tail_check(subject.file, card)
    if card.quantisation is not None:
        yield Check(name="in int8", passed=True, found=card.quantisation.describe(), allowed="")
    if not card.is_sealed:
        lacking = "none, as the file is of an earlier version: a damaged one may go unnoticed"
        yield Check(name="seal", passed=True, found=lacking, allowed="")


class _Tally:
    """Differences over the images that were run."""

    def __init__(self, tolerance: Tolerance) -> None:
        self.tolerance = tolerance
        self.pixels = self.equal = 0
        self.largest: float | None = None
        self.worst: Difference | None = None
        self.fault: str | None = None

    def add(self, subject: Subject, image: Pixels) -> None:
        """Run one image through both."""
        if self.fault is not None:
            return
        wanted = subject.wanted(image)
        try:
            found, logits = subject.session.labels_and_logits(image)
        except Exception as error:  # a runtime raises what it likes for a graph of another size
            reason = error.why or error.what if isinstance(error, FastersegError) else str(error)
            self.fault = (
                f"{image.shape[0]}x{image.shape[1]}: {reason.strip().splitlines()[0][:200]}"
            )
            return
        if found.shape != wanted.shape:
            self.fault = f"labels are {found.shape}, not {wanted.shape}"
            return
        self.pixels += wanted.size
        self.equal += int((found == wanted).sum())
        difference = Difference(image, wanted, found)
        if difference.share > (0.0 if self.worst is None else self.worst.share):
            self.worst = difference
        if logits is not None:
            self._compare(logits, subject.reference.logits(image, subject.session.output))

    def _compare(self, found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> None:
        if found.shape != wanted.shape:
            self.fault = f"logits are {found.shape}, not {wanted.shape}"
            return
        spread = float(wanted.max() - wanted.min()) or 1.0
        largest = float(np.abs(found.astype(np.float64) - wanted).max()) / spread
        # A logit that is no number differs infinitely.
        largest = largest if np.isfinite(largest) else float("inf")
        self.largest = max(self.largest or 0.0, largest)

    def checks(self) -> Iterator[Check]:
        """What the images showed."""
        if self.fault is not None:
            yield Check(name="runs", passed=False, found=self.fault, allowed="")
            return
        if self.largest is not None:
            yield Check(
                name="logits, largest difference over their range",
                passed=self.largest <= self.tolerance.logits,
                found=f"{self.largest:.2e}",
                allowed=f"{self.tolerance.logits:.0e}",
            )
        share = self.equal / max(self.pixels, 1)
        yield Check(
            name="labels, share of equal pixels",
            passed=share >= self.tolerance.labels,
            found=f"{100 * share:.4f} %",
            allowed=f"{100 * self.tolerance.labels:.2f} %",
        )


def _remark(subject: Subject, evidence: Evidence) -> str:
    """Why there is no score."""
    if evidence.source is None:
        return "not scored: no labelled data was named"
    if evidence.source.label_space.names != subject.card.label_space.names:
        return f"not scored: {evidence.source.name} has other classes"
    size = subject.card.size
    if size is not None:
        return f"not scored: not all images of {evidence.split} are {size.height}x{size.width}"
    return "not scored"


def _scores(
    subject: Subject, evidence: Evidence, progress: Progress
) -> tuple[EvaluationReport | None, EvaluationReport | None]:
    """The file's score and the network's on the labelled split; None where it does not fit."""
    source, split = evidence.source, evidence.split
    if source is None or not fits(source, split, subject.card):
        return None, None

    def score(name: str, predictor: LabelFunction) -> EvaluationReport:
        def told(done: int, total: int, _note: str) -> None:
            progress(done, total, name)

        return evaluate_predictor(predictor, source, split, subject=name, progress=told)

    whole = subject.card.size is not None or subject.card.resizes
    return (
        score(subject.name, _as_it_takes_them(subject.session.run, whole=whole)),
        score(subject.against, _as_it_takes_them(subject.wanted, whole=whole)),
    )


def _as_it_takes_them(predictor: LabelFunction, *, whole: bool) -> LabelFunction:
    """Whole images where a file takes one size or makes it, else large ones in tiles."""
    return predictor if whole else lambda image: in_tiles(predictor, image)


def fits(source: DataSource, split: str, card: ExportedCard) -> bool:
    """Whether a split has the file's classes, and images of a size that it takes."""
    if source.label_space.names != card.label_space.names:
        return False
    return card.size is None or all(
        source.image_size(split, index) == tuple(card.size) for index in range(source.length(split))
    )


def _score_check(found: EvaluationReport, wanted: EvaluationReport, tolerance: Tolerance) -> Check:
    lost = 100 * (wanted.mean_iou - found.mean_iou)
    points = lost if tolerance.gains else abs(lost)
    return Check(
        name=f"mIoU on {found.split} ({found.images} images)",
        passed=points <= tolerance.mean_iou,
        found=f"{100 * found.mean_iou:.2f} %, the network {100 * wanted.mean_iou:.2f} %",
        allowed=f"{tolerance.mean_iou} points {'lost' if tolerance.gains else 'apart'}",
    )


def _at_sizes(images: Sequence[Pixels], size: Size | None) -> Iterator[Pixels]:
    """The images at the file's size; where it takes any, at their own, and at all other sizes."""
    if size is not None:
        yield from (at_size(image, size) for image in images)
        return
    for index in range(max(len(images), len(OTHER_SIZES)) if images else 0):
        if index < len(images):
            yield images[index]
        yield at_size(images[index % len(images)], OTHER_SIZES[index % len(OTHER_SIZES)])


def at_size(image: Pixels, size: Size) -> Pixels:
    """An image resized to a size, if it does not have it."""
    if image.shape[:2] == tuple(size):
        return image
    return resize_image(image, size)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
