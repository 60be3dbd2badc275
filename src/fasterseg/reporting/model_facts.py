"""What is told of one model, on its page and on its card for a hub: sentences from its facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import TYPE_CHECKING

from fasterseg.amounts import number_of
from fasterseg.evaluation import EvaluationReport
from fasterseg.network.card import Card, Score
from fasterseg.reporting.delivered import Command
from fasterseg.reporting.pictures import Picture
from fasterseg.reporting.results import NetworkResult
from fasterseg.reporting.wording import listed, percent
from fasterseg.space.blocks import Size

if TYPE_CHECKING:
    from fasterseg.network.description import NetworkDescription

FEWEST = 0.2
"""A class below this IoU is not to be relied on."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class Example:
    """An image, and the model's labels over it; `words` say what they are."""

    words: str
    image: Picture
    overlay: Picture


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """All that is known of one model.

    `called` is what commands call it, from `where`: a sentence's end, empty where any place will
    do.  `result` is what it came to in its run on `target`, `report` its score by class; None
    where there is none, and so is the `example`.
    """

    called: str
    where: str
    card: Card
    description: NetworkDescription
    size: Size
    files: tuple[tuple[str, str], ...]
    result: NetworkResult | None = None
    target: str = ""
    report: EvaluationReport | None = None
    example: Example | None = None


def told_latency(facts: ModelFacts) -> str:
    """How long it takes, on what; or how to know."""
    result = facts.result
    if result is None:
        return (
            "Not measured with this model: a latency belongs to a device and a runtime. "
            "fasterseg benchmark measures it on yours."
        )
    at = f" for images of {result.timed_at}" if result.timed_at else ""
    on = f" on {facts.target}" if facts.target else ""
    budget = "" if result.budget_ms is None else f" The budget was {result.budget_ms:.2f} ms."
    return (
        f"{result.measured_ms:.2f} ms{at} (median; 95th percentile "
        f"{result.measured_p95_ms:.2f} ms){on}, from the image in memory to its labels in memory."
        f"{budget}"
    )


def intended_use(facts: ModelFacts) -> list[str]:
    """What it is for, and what it is not for, in sentences."""
    training, classes = facts.card.training, facts.card.label_space.names
    sentences = [
        f"It labels each pixel of an image as one of {len(classes)} classes: {listed(classes)}.",
        "It is for images like those that it learned from: "
        f"{number_of(training.images, 'image')} of {training.data}/{training.split}, "
        f"at {facts.size}.",
        f"Terms of these data, which may bind its weights: {training.terms or 'not known'}.",
        "On images of other places, cameras or seasons nothing is known of it: score it on some of "
        "your own first.",
    ]
    weak = weak_names(facts.report)
    if weak:
        sentences.append(f"It is not to be relied on for {listed(weak)}.")
    sentences.append("Nobody's safety may depend on it alone.")
    return sentences


def weak_names(report: EvaluationReport | None) -> list[str]:
    """The classes that it hardly finds, with their IoU, the weakest first."""
    if report is None:
        return []
    found = sorted((iou, name) for name, iou in report.iou.items() if iou is not None)
    low = [f"{name} (IoU {percent(iou)})" for iou, name in found if iou < FEWEST]
    rest = len(low) - NAMED
    return [*low[:NAMED], *([f"{rest} more"] if rest > 0 else [])]


def told_score(score: Score) -> str:
    """A score with what it was taken on, in one line."""
    remark = f", {score.remark}" if score.remark else ""
    return (
        f"mean IoU {percent(score.mean_iou, 2)}, pixel accuracy {percent(score.pixel_accuracy, 2)} "
        f"on {number_of(score.images, 'image')} of {score.data}/{score.split} "
        f"at {score.resolution}, {score.classes_in_mean} classes{remark}"
    )


def commands_for(facts: ModelFacts) -> list[Command]:
    """What to type to use it; an image of one's own takes the place of photo.jpg."""
    model = quote(facts.called)
    return [
        Command("Segment a picture", f"fasterseg predict {model} photo.jpg --out predictions"),
        Command("Time it on this machine", f"fasterseg benchmark {model} --quick"),
        Command(
            "Write one file for a runtime without fasterseg",
            f"fasterseg export {model} --size {facts.size} --out {quote(_file_of(facts))}",
        ),
    ]


def python_for(facts: ModelFacts) -> Sequence[str]:
    """The same in Python, in lines."""
    return (
        "import fasterseg",
        "",
        f"model = fasterseg.load_model({facts.called!r})",
        'found = model("photo.jpg")  # a path, an array or a Pillow image',
        "print(found.shares())",
        'found.save("predictions", "photo")',
    )


def _file_of(facts: ModelFacts) -> str:
    return f"{facts.card.name}.onnx"
